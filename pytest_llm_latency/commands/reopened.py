"""A stored session as it was, or judged again against other runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import artefacts, profiles
from pytest_llm_latency.commands import selection
from pytest_llm_latency.commands.sides import StoredRun
from pytest_llm_latency.errors import StorageError, UsageError
from pytest_llm_latency.model import Notice, Result, Run, Session
from pytest_llm_latency.options import OPTIONS, resolve
from pytest_llm_latency.storage.results import Manifest, StoredSession, StoredTest, read_session

if TYPE_CHECKING:
    from pytest_llm_latency.model import Columns, Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Against(StoredSession):
    """A session whose tests are judged against other runs than its own."""

    before: Mapping[str, tuple[Run, ...]]

    def baseline_columns(self, test: StoredTest) -> "tuple[Columns, ...]":
        """Return by column the runs that the test is judged against now."""
        from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

        return by_column.decode(samples.encode(self.before[test.test_id]), Path("--against"))

    def baseline_past(self, test: StoredTest) -> "tuple[Past, ...]":  # noqa: ARG002  (the stored session's)
        """Nothing: what was accepted before the session is not the history of other runs."""
        return ()


def chosen(stored: StoredSession, expression: str) -> StoredSession:
    """Return a session as if it had been of the tests that ``-k`` selects; raise ``UsageError`` where it has none."""
    selects, manifest = selection.parse(expression), stored.manifest
    tests = tuple(test for test in stored.tests if selects(test.test_id))
    if manifest is None or not tests:
        names = ", ".join(test.test_id for test in stored.tests)
        raise UsageError(f"-k {expression!r} matches no test of {stored.folder}: choose among {names}.")
    expected = tuple(test_id for test_id in manifest.expected if selects(test_id))
    closed = None if manifest.closed is None else replace(manifest.closed, expected=expected)
    return replace(stored, tests=tests, manifest=replace(manifest, tests=tests, expected=expected, closed=closed))


def session(stored: StoredSession) -> Session:
    """Return the session with what it said of its tests; raise ``StorageError`` where that is not stored."""
    return _session(stored, [stored.result(test) for test in stored.tests])


def _session(stored: StoredSession, results: Sequence[Result]) -> Session:
    manifest = stored.manifest
    if manifest is None or (manifest.closed is None and not results):
        raise StorageError(f"{stored.folder} holds no session that measured something: name another one.")
    ordered = artefacts.in_order(results, manifest.expected)
    return _unfinished(manifest, ordered) if manifest.closed is None else replace(manifest.closed, results=ordered)


def _unfinished(manifest: Manifest, results: tuple[Result, ...]) -> Session:
    message = "the session did not come to its end: this is what it had measured until then. Run it again."
    return Session(
        id=manifest.session_id,
        started_at=manifest.started_at,
        duration_s=math.fsum(result.duration_s for result in results),
        interrupted=True,
        expected=manifest.expected,
        results=results,
        environment=results[0].environment,
        settings={},
        warnings=(Notice(code="unfinished", message=message),),
        problems=(),
    )


def against(stored: StoredSession, before: Sequence[StoredRun]) -> tuple[Session, Against]:
    """Return the session as it would have judged with these accepted runs, by the settings that it had.

    Raises ``UsageError`` where they have no test in common.
    """
    from pytest_llm_latency import pairs  # noqa: PLC0415  (the statistics are slow to import)

    values = _values(stored)
    now = [run for test in stored.tests for run in stored.runs(test)]
    trusted = pairs.trusted([each.run for each in before], values)
    found = pairs.pair(trusted.runs, now, trusted.refused)
    if len(found.only_now) == len({run.test_id for run in now}):
        raise UsageError(
            f"the session and --against have no test in common: the session has {', '.join(found.only_now)}, --against "
            f"has {', '.join(found.only_before) or 'none'}. Name runs of the same suite."
        )
    judged = _session(stored, pairs.judge_pairs(found.pairs, values))
    chosen = {each.run.test_id: each.baseline for each in found.pairs}
    return (
        replace(judged, warnings=(*judged.warnings, *found.notices)),
        Against(folder=stored.folder, manifest=stored.manifest, tests=stored.tests, before=chosen),
    )


def lone(path: Path, before: Sequence[StoredRun]) -> tuple[Session, Against]:
    """Return the run of a file that belongs to no session, judged by the usual settings beside other runs.

    Raises ``UsageError`` for a file of several runs.
    """
    stored = read_session(path)
    runs = [run for test in stored.tests for run in stored.runs(test)]
    if len(runs) != 1:
        raise UsageError(f"{path} holds {len(runs)} runs: name the file of one, or a session.")
    values = resolve(lambda _: None, lambda _: None, Path.cwd()).values
    found = profiles.judged(runs[0], [each.run for each in before], values)
    found = replace(found, result=replace(found.result, folders={"run": str(path)}))
    beside = {runs[0].test_id: found.before}
    return profiles.session(found), Against(folder=stored.folder, manifest=None, tests=stored.tests, before=beside)


def _values(stored: StoredSession) -> dict[str, Any]:
    """Return the options' values of the session. Each plan has its own thresholds; nothing is accepted now."""
    closed = None if stored.manifest is None else stored.manifest.closed
    stated = {} if closed is None else closed.settings
    defaults = {option.name: option.default for option in OPTIONS}
    return {**defaults, **stated, "tolerance": None, "error-limit": None, "accept": False}
