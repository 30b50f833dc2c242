"""What ``A`` and ``B`` of ``llm-latency compare`` stand for: the stored runs that a path or a pattern names."""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_llm_latency.commands import naming
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.model import Run, VerdictStatus
from pytest_llm_latency.storage import baselines, lock, results

KINDS = "a results folder, a session's folder, a baselines folder, a Parquet file of a run, or a pattern of these"
RESULTS = (".json", ".jsonl", ".csv")  # what LLM-Test-Bench writes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run, where it lies (a session's folder or a Parquet file), and its verdict where one is stored."""

    run: Run
    path: Path
    status: VerdictStatus | None


def read(name: str, text: str) -> tuple[StoredRun, ...]:
    """Return the runs that ``text`` names, each once, in the order in which they were measured.

    A results folder stands for its last session. Raises ``UsageError``, which calls the side
    ``name``, where nothing is there, and ``StorageError`` for what cannot be read.
    """
    found: dict[str, StoredRun] = {}
    for path in _paths(name, text):
        for each in _stored(name, path):
            found.setdefault(each.run.id, each)
    return tuple(sorted(found.values(), key=lambda each: (each.run.started_at, each.run.id)))


def of(name: str, text: str, folder: Path) -> tuple[StoredRun, ...]:
    """Return the runs that ``text`` names as ``read`` does, or as a session of the results ``folder`` is named."""
    report = Path(text).is_file() and Path(text).suffix == ".json"
    known = text == naming.LAST or report or results.is_session(folder / "runs" / text)
    return read(name, str(naming.session(text, folder)) if known else text)


def read_both(before: str, now: str) -> tuple[tuple[StoredRun, ...], tuple[StoredRun, ...]]:
    """Return the runs that ``A`` and ``B`` name; where one names results of LLM-Test-Bench, as these would say them."""
    files = [_result_files(text) for text in (before, now)]
    if not any(files):
        return read("A", before), read("B", now)
    from pytest_llm_latency.testbench import comparing, rows, stored, stored_result  # noqa: PLC0415  (only for such)

    given: list[Sequence[stored_result.Result]] = []
    places: dict[str, Path] = {}
    for name, text, own in zip(("A", "B"), (before, now), files, strict=True):
        runs = () if own else read(name, text)
        places |= {each.run.id: each.path for each in runs} | {str(path.absolute()): path for path in own}
        measured = rows.of_runs([each.run for each in runs])
        given.append([each for path in own for each in stored.read(path)] or list(map(stored_result.of_row, measured)))
    earlier, later = (
        tuple(StoredRun(run=run, path=places[run.file], status=None) for run in side)
        for side in comparing.sides(*given)
    )
    return earlier, later


def _result_files(text: str) -> list[Path]:
    found = [Path(text)] if not glob.has_magic(text) else [Path(each) for each in sorted(glob.glob(text))]  # noqa: PTH207  (it may be absolute)
    return [path for path in found if path.suffix.lower() in RESULTS and path.is_file()]


def _paths(name: str, text: str) -> Sequence[Path]:
    try:
        path = Path(text).expanduser()
        if path.exists():
            return [path]
    except (OSError, RuntimeError) as error:  # no permission, too long, the home of nobody
        raise UsageError(f"{name} ({text}) cannot be looked up ({error}): name {KINDS}.") from error
    matches = [Path(each) for each in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  (it may be absolute)
    # A pattern such as runs/* may match what lies beside runs.
    fit = [each for each in matches if each.suffix == ".parquet" or (each.is_dir() and _holds_runs(each))]
    if not fit:
        what = "does not exist" if not glob.has_magic(text) else "matches no stored run"
        raise UsageError(f"{name} ({text}) {what}: name {KINDS}.")
    return fit


def _holds_runs(folder: Path) -> bool:
    return (
        results.is_session(folder)
        or bool(_sessions(folder / "runs") or _sessions(folder))
        or (folder / lock.NAME).is_file()
        or bool(baselines.environments(folder))
        or any(folder.glob("*.parquet"))
    )


def _sessions(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.glob("*")) if results.is_session(each)]


def _stored(name: str, path: Path) -> Iterator[StoredRun]:
    if path.is_file():
        yield from _of_session(path)
    elif not _holds_runs(path):
        raise UsageError(f"{name} ({path}) holds no stored run: name {KINDS}.")
    elif results.is_session(path):
        yield from _of_session(path)
    elif _sessions(path / "runs"):
        yield from _of_session(results.latest(path))
    elif _sessions(path):
        for session in _sessions(path):
            yield from _of_session(session)
    elif (path / lock.NAME).is_file() or baselines.environments(path):
        yield from _of_baselines(name, path)
    else:
        for file in sorted(path.glob("*.parquet")):
            yield from _of_session(file)


def _of_session(path: Path) -> Iterator[StoredRun]:
    session = results.read_session(path)
    for test in session.tests:
        for run in session.runs(test):
            yield StoredRun(run=run, path=path, status=test.status)


def _of_baselines(name: str, path: Path) -> Iterator[StoredRun]:
    """Read what the locks of an environment vouch for; a folder of several environments is ambiguous."""
    folder = path
    if not (path / lock.NAME).is_file():
        labels = baselines.environments(path)
        if len(labels) > 1:
            raise UsageError(
                f"{name} ({path}) has the baselines of several environments: name one of "
                f"{', '.join(str(path / label) for label in labels)}."
            )
        folder = path / labels[0]
    whole = folder.absolute()
    for entry in baselines.entries(whole.parent, whole.name):
        for run in baselines.find(whole.parent, whole.name, entry.test_id):
            yield StoredRun(run=run, path=baselines.place(folder.parent, whole.name, entry.test_id), status=None)
