"""The results folder: what each session measured, kept so that nothing is measured again.

::

    .llm-latency/
        .gitignore                      results do not belong in version control
        results.json, samples.parquet, report/index.html    the last session's
        accepted/<hash>.parquet         baselines that the sessions were judged against
        runs/<session id>/
            <test>-<hash>.parquet       one a benchmark, written when it was measured
            <test>-<hash>.msgpack       what was said of it
            session.json                the manifest, rewritten after each benchmark
"""

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import interleaving
from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, StorageError, UsageError, WireError
from pytest_llm_latency.model import Result, Run, Session, VerdictStatus
from pytest_llm_latency.storage import accepted, atomic
from pytest_llm_latency.storage.names import slug
from pytest_llm_latency.wire import from_builtins, to_builtins

if TYPE_CHECKING:
    from pytest_llm_latency.model import Columns, Past

FORMAT = 2
DEFAULT_FOLDER = Path(".llm-latency")
DEFAULT_KEEP = 20

_MANIFEST = "session.json"
_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTest:
    """One test of a session: its file beside the manifest, and its verdict once it has one.

    ``moved`` says that a compared figure got worse or better than the baseline's: the run is on
    another level, whatever limits and errors say of it. ``baseline`` is the hash of the accepted
    runs that it was judged against, once they are kept.
    """

    test_id: str
    file: str
    status: VerdictStatus | None
    fails: bool | None
    moved: bool
    baseline: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a session was and which tests it has measured.

    ``expected`` are the ids of the latency tests that were collected and selected. ``narrowed`` is
    whether the user had asked for a part of the suite, so that an absent test says nothing.
    ``started_at`` is in UTC: sessions are ordered by it. ``closed`` is the session at its end without
    its results, which stand beside their runs; ``None`` where it has not come to its end.
    """

    session_id: str
    started_at: str
    environment: str
    interrupted: bool
    narrowed: bool
    expected: tuple[str, ...]
    tests: tuple[StoredTest, ...]
    closed: Session | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as it lies in its folder; ``manifest`` is ``None`` for a lone Parquet file."""

    folder: Path
    manifest: Manifest | None
    tests: tuple[StoredTest, ...]

    def runs(self, test: StoredTest) -> tuple[Run, ...]:
        """Read the runs of one of the tests."""
        from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

        return samples.read_runs(self.folder / test.file)

    def columns(self, test: StoredTest) -> "tuple[Columns, ...]":
        """Read the same by column."""
        from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

        path = self.folder / test.file
        return by_column.decode(samples.read_bytes(path), path)

    def sides(self, test: StoredTest) -> "tuple[Columns, ...]":
        """Read by column the two sides of a run that measured both, what stood in for the baseline first."""
        from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

        (run,) = self.runs(test)
        return by_column.decode(samples.encode(interleaving.split(run)), self.folder / test.file)

    def result(self, test: StoredTest) -> Result:
        """Read what was said of one of the tests; raise ``StorageError`` where that is not stored."""
        from pytest_llm_latency.storage import judged  # noqa: PLC0415  (msgpack is only needed here)

        return judged.read((self.folder / test.file).with_suffix(judged.SUFFIX))

    def baseline_columns(self, test: StoredTest) -> "tuple[Columns, ...]":
        """Read by column the accepted runs that one of the tests was judged against; empty where there were none."""
        return () if test.baseline is None else accepted.read(self._results_folder, test.baseline)

    def baseline_past(self, test: StoredTest) -> "tuple[Past, ...]":
        """Read what is left of the runs that were accepted before those."""
        return () if test.baseline is None else accepted.past(self._results_folder, test.baseline)

    def has_baseline(self, test: StoredTest) -> bool:
        """Say whether the accepted runs of a test lie where they were kept; also where there were none."""
        return test.baseline is None or accepted.place(self._results_folder, test.baseline).is_file()

    @property
    def _results_folder(self) -> Path:
        return self.folder.absolute().parent.parent


def write_run(folder: Path, run: Run) -> Path:
    """Store one measured benchmark in the results folder and return its path."""
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    path = _session_folder(folder, run.session_id) / f"{slug(run.test_id)}.parquet"
    samples.write_runs(path, [run])
    return path


def write_result(folder: Path, run: Run, result: Result) -> None:
    """Store what was said of a benchmark beside its run."""
    from pytest_llm_latency.storage import judged  # noqa: PLC0415  (msgpack is only needed here)

    judged.write(_session_folder(folder, run.session_id) / f"{slug(run.test_id)}{judged.SUFFIX}", result)


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Store or replace the manifest of a session in the results folder and return its path."""
    path = _session_folder(folder, manifest.session_id) / _MANIFEST
    content = {"format": FORMAT, **to_builtins(manifest)}
    atomic.replace_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
    return path


def read_session(path: Path) -> StoredSession:
    """Return the session of a session folder, or the part of it that one Parquet file holds."""
    folder = path.parent if path.is_file() else path
    manifest = _read_manifest(folder / _MANIFEST) if (folder / _MANIFEST).exists() else None
    if path.is_file() and path.name != _MANIFEST:
        known = () if manifest is None else tuple(test for test in manifest.tests if test.file == path.name)
        return StoredSession(folder=folder, manifest=manifest if known else None, tests=known or _lone(path))
    if manifest is None:
        raise StorageError(f"{path} holds no session: name a folder with a {_MANIFEST}, or one Parquet file.")
    return StoredSession(folder=folder, manifest=manifest, tests=manifest.tests)


def is_session(folder: Path) -> bool:
    """Return whether a folder is that of one session: it has a manifest."""
    return (folder / _MANIFEST).is_file()


def latest(folder: Path) -> Path:
    """Return the folder of the session that started last; a session that measured nothing does not count."""
    measured = [path for path, manifest in _in_order(map(_session, _manifests(folder))) if manifest.tests]
    if not measured:
        raise StorageError(f"{folder} holds no run yet: run 'pytest --llm-latency' first.")
    return measured[-1]


def prune_runs(folder: Path, keep: int = DEFAULT_KEEP, *, rendered: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Remove all but the last ``keep`` sessions, and what only they named, and return what was removed.

    Only runs beside a manifest are removed, so that a folder of the user's stays whole. A manifest
    that cannot be read is left for ``latest`` to report: cleaning up never fails a session for it.
    ``rendered`` are the files, below a session's folder, that it may have been reported in again.
    """
    if keep < 1:
        raise UsageError(f"the number of sessions to keep is {keep}: it must be at least 1.")
    sessions = []
    for path in _manifests(folder):
        with contextlib.suppress(StorageError):
            sessions.append(_session(path))
    ordered = _in_order(sessions)
    old = [path for path, _ in ordered][:-keep]
    if len(sessions) == len(_manifests(folder)):  # else nobody knows what the unreadable one names
        accepted.prune(folder, [each.baseline for _, kept in ordered[-keep:] for each in kept.tests if each.baseline])
    again = tuple(rendered)
    for path in old:
        # The manifest goes last: a removal that was cut off is taken up by the next one.
        stored = [each for ending in ("parquet", "msgpack") for each in sorted(path.glob(f"*.{ending}"))]
        for each in (*stored, *(path / name for name in again), *atomic.leftovers(path), path / _MANIFEST):
            atomic.remove(each)
        for emptied in (*{(path / name).parent for name in again} - {path}, path):
            if emptied.is_dir() and not any(emptied.iterdir()):
                emptied.rmdir()
    return tuple(old)


def _session_folder(folder: Path, session_id: str) -> Path:
    if not _SAFE.fullmatch(session_id):
        raise UsageError(f"the session id {session_id!r} is no folder name: use letters, digits, '.', '_' and '-'.")
    path = folder / "runs" / session_id
    if not path.is_dir():
        atomic.check_writable(path)
    return path


def _manifests(folder: Path) -> list[Path]:
    return [path for path in (folder / "runs").glob(f"*/{_MANIFEST}") if path.is_file()]


def _session(manifest: Path) -> tuple[Path, Manifest]:
    return manifest.parent, _read_manifest(manifest)


def _in_order(sessions: Iterable[tuple[Path, Manifest]]) -> list[tuple[Path, Manifest]]:
    return sorted(sessions, key=lambda each: (each[1].started_at, each[0].name))


def _read_manifest(path: Path) -> Manifest:
    remedy = "remove its folder, or name another run"
    try:
        data = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
        if data["format"] > FORMAT:
            raise NewerVersionError(
                f"{path} has format {data['format']} and this version reads up to {FORMAT}: upgrade pytest-llm-latency."
            )
        manifest = from_builtins(Manifest, data if data["format"] == FORMAT else _upgraded(data))
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error
    except (ValueError, LookupError, TypeError, RecursionError, WireError) as error:
        raise CorruptFileError(f"{path} is damaged ({str(error).rstrip('.')}): {remedy}.") from error
    if any(Path(test.file).name != test.file or not test.file for test in manifest.tests):
        raise CorruptFileError(f"{path} names a file outside of its folder: {remedy}.")
    return manifest


def _upgraded(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest of format 1 with what that did not say."""
    return {**data, "closed": None, "tests": [{**each, "baseline": None} for each in data["tests"]]}


def _refuse_constant(name: str) -> Any:  # noqa: ANN401  (the shape that json asks for)
    raise ValueError(f"{name} is no number in JSON")


def _lone(path: Path) -> tuple[StoredTest, ...]:
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    runs = samples.read_runs(path)
    ids = dict.fromkeys(run.test_id for run in runs)
    return tuple(
        StoredTest(test_id=each, file=path.name, status=None, fails=None, moved=False, baseline=None) for each in ids
    )
