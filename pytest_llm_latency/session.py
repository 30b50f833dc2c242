"""The collecting side of a session: takes in outcomes as they come, stores them, and says the last word.

Only this side writes. It knows nothing of pytest: what must turn red after the fact is returned.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_llm_latency import artefacts
from pytest_llm_latency.attendance import Attendance
from pytest_llm_latency.errors import LatencyError, StorageError
from pytest_llm_latency.measuring import Outcome, read_accepted
from pytest_llm_latency.model import Environment, Notice, Result, Session
from pytest_llm_latency.options import stated
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.publishing import Publishing
from pytest_llm_latency.storage import accepted, atomic, results


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How pytest's own session ended: whether a person cut it off, and whether some tests had no turn.

    An interrupted session has always stopped early.
    """

    interrupted: bool
    stopped_early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A test that has to fail although its own report has passed, and why."""

    test_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a session came to: the report's noun, what must fail late, and the files that were written."""

    session: Session
    late: tuple[Late, ...]
    artefacts: tuple[tuple[str, str], ...]


class Collecting:
    """Stores each outcome as it arrives and closes the session."""

    def __init__(self, origin: Origin, attendance: Attendance, *, narrowed: bool) -> None:
        self._origin = origin
        self._attendance = attendance
        self._narrowed = narrowed
        self._results: dict[str, Result] = {}
        self._files: dict[str, str] = {}
        self._kept: Mapping[str, str] = {}
        self._duration_s = 0.0
        self.publishing = Publishing(origin)

    @property
    def _folder(self) -> Path:
        folder: Path = self._origin.settings["results"]
        return folder

    @property
    def _runs(self) -> Path:
        return self._folder / "runs" / self._origin.session_id

    @functools.cached_property
    def _environment(self) -> Environment:
        return self._origin.surroundings()

    def begin(self) -> None:
        """Take away what a CI would show of an earlier session, when it is known that this one measures."""
        with self._noting_problems():
            self.publishing.clear()

    def receive(self, outcome: Outcome) -> None:
        """Take in one outcome; what cannot be stored is said at the end and fails the session."""
        self.begin()
        result = outcome.result
        self._results[result.test_id] = result
        try:
            path = results.write_run(self._folder, outcome.run)
            results.write_result(self._folder, outcome.run, result)
            self._files[result.test_id] = path.name
            results.write_manifest(self._folder, self._manifest(None))
        except StorageError as error:
            self._attendance.note(error)

    def close(self, ending: Ending) -> Closing:
        """Judge the session as a whole, accept what it measured where that is asked for, and write the reports.

        The baselines are kept first, because the reports show them as they were. The manifest is the
        last: a session that has it whole can be reported again.
        """
        self._duration_s = self._attendance.duration_s
        late: list[Late] = []
        written: list[tuple[str, str]] = []
        with self._noting_problems():
            late.extend(self._reconsidered())
        lost = list(self._lost(ending))
        due = not ending.stopped_early and bool(self._attendance.awaited)
        if self._results or due:
            with self._noting_problems():
                self._keep_baselines()
            if self._results and self._origin.settings["accept"] and not ending.stopped_early:
                with self._noting_problems():
                    written.append(("baselines", self._accept()))
            with self._noting_problems():
                evidence = artefacts.StoredEvidence(self._stored)
                written = [*self.publishing.publish(self._session(ending, lost), evidence), *written]
            written = [*self._write_reports(ending, lost), *written]
        session = self._session(ending, lost)
        if self._results or due:
            with self._noting_problems():
                results.write_manifest(self._folder, self._manifest(session))
                results.prune_runs(self._folder, rendered=artefacts.rendered())
        late += lost
        late += [Late(test_id="llm-latency", message=str(problem)) for problem in self._attendance.problems]
        return Closing(session=session, late=tuple(late), artefacts=tuple(written))

    @contextmanager
    def _noting_problems(self) -> Iterator[None]:
        """Let the rest go on after an error that a user can mend; it fails the session at the end."""
        try:
            yield
        except LatencyError as error:
            self._attendance.note(error)

    def _reconsidered(self) -> Iterator[Late]:
        """Judge again the tests that the p values of the others may turn red."""
        if not self._results:
            return
        from pytest_llm_latency import judge  # noqa: PLC0415  (the statistics are slow to import)

        everything = list(self._results.values())
        undecided = judge.undecided(
            everything, judge.session_policy(self._origin.settings.values, 0, self._origin.folders).gate
        )
        if not undecided:
            return
        known = read_accepted(self._origin, {each.test_id: each.plan.compared for each in everything})
        stored = {test.test_id: test for test in self._tests()}
        for test_id in undecided:
            if test_id not in self._files:  # it could not be stored, which fails the session anyway
                continue
            policy = judge.knowing(known.policy, [each for each in everything if each.test_id != test_id])
            run = self._stored.runs(stored[test_id])[0]
            result = judge.judge(run, known.baselines.get(test_id), policy, known.noise)
            was_green = not self._results[test_id].fails
            self._results[test_id] = result
            results.write_result(self._folder, run, result)
            if result.fails and was_green:
                yield Late(test_id=test_id, message=_failure(result))

    @property
    def _stored(self) -> results.StoredSession:
        return results.StoredSession(folder=self._runs, manifest=None, tests=self._tests())

    def _lost(self, ending: Ending) -> Iterator[Late]:
        if ending.interrupted or ending.stopped_early:
            return
        for test_id in self._attendance.expected:
            if test_id not in self._results and test_id not in self._attendance.failed | self._attendance.skipped:
                yield Late(
                    test_id=test_id,
                    message="the result of this latency test was lost: it was collected and never arrived, so "
                    "nothing is known of it. Run it again; if it is lost again, run it without workers (-n 0).",
                )

    def _session(self, ending: Ending, lost: Sequence[Late]) -> Session:
        settings = self._origin.settings
        return Session(
            id=self._origin.session_id,
            started_at=self._attendance.started_at,
            duration_s=self._duration_s,
            interrupted=ending.interrupted,
            expected=tuple(
                each
                for each in self._attendance.expected
                if each not in self._attendance.skipped or each in self._results
            ),
            results=artefacts.in_order(self._results.values(), self._attendance.expected),
            environment=self._environment,
            settings=stated(settings.values),
            warnings=self._warnings(ending),
            problems=(*(f"{each.test_id}: {each.message}" for each in lost), *map(str, self._attendance.problems)),
        )

    def _warnings(self, ending: Ending) -> tuple[Notice, ...]:
        if ending.interrupted:
            code = "interrupted"
            message = "the session was interrupted: what was measured is kept, and nothing was accepted."
        elif ending.stopped_early and self._origin.settings["accept"]:
            code = "not_accepted"
            message = (
                "the session stopped early, so that nothing was accepted: run it to its end, or accept what was "
                "measured with 'llm-latency baseline accept'."
            )
        elif self._with_two_sides and self._origin.settings["accept"]:
            code = "not_accepted"
            message = (
                f"runs with two sides are no baselines, so that nothing was accepted of "
                f"{', '.join(self._with_two_sides)}: measure without ab to accept."
            )
        else:
            return ()
        return (Notice(code=code, message=message),)

    def _manifest(self, closed: Session | None) -> results.Manifest:
        return results.Manifest(
            session_id=self._origin.session_id,
            started_at=self._attendance.started_at,
            environment=self._origin.settings.environment,
            interrupted=closed is not None and closed.interrupted,
            narrowed=self._narrowed,
            expected=self._attendance.expected,
            tests=self._tests(),
            closed=None if closed is None else dataclasses.replace(closed, results=()),
        )

    def _tests(self) -> tuple[results.StoredTest, ...]:
        from pytest_llm_latency.metrics import METRICS  # noqa: PLC0415  (only a session with results needs it)

        return tuple(
            results.StoredTest(
                test_id=test_id,
                file=file,
                status=self._results[test_id].status,
                fails=self._results[test_id].fails,
                moved=any(
                    each.metric in METRICS and each.verdict.status in {"regressed", "improved"}
                    for each in self._results[test_id].comparisons
                ),
                baseline=self._kept.get(test_id),
            )
            for test_id, file in self._files.items()
        )

    def _keep_baselines(self) -> None:
        settings = self._origin.settings
        compared = [test_id for test_id in self._files if self._results[test_id].plan.ab is None]
        self._kept = accepted.keep(self._folder, (settings["baselines"], settings.environment), compared)
        results.write_manifest(self._folder, self._manifest(None))

    def _write_reports(self, ending: Ending, lost: Sequence[Late]) -> list[tuple[str, str]]:
        """Write each file and return its title and path; a later one tells what went wrong with those before."""
        written = []
        for each in artefacts.ARTEFACTS:
            with self._noting_problems():
                path = self._folder / each.path
                atomic.replace_bytes(path, each.render(self._session(ending, lost), self._stored))
                written.append((each.title, self._origin.shown(path)))
        return written

    @property
    def _with_two_sides(self) -> list[str]:
        return [test_id for test_id, result in self._results.items() if result.plan.ab is not None]

    def _accept(self) -> str:
        from pytest_llm_latency.storage import acceptance  # noqa: PLC0415  (pyarrow is slow to import)

        settings = self._origin.settings
        session = results.read_session(self._runs)
        alone = [test for test in session.tests if test.test_id not in self._with_two_sides]
        runs = [run for test in alone for run in session.runs(test)]
        terms = acceptance.Acceptance(
            accepted=datetime.now(UTC).date().isoformat(),
            reason=settings["reason"],
            commit=None,
            verdicts={result.run_id: result.status for result in self._results.values()},
            moved=frozenset(self._results[test.test_id].run_id for test in session.tests if test.moved),
            keep=settings["keep"],
        )
        changes = acceptance.accept(settings["baselines"], runs, terms)
        return f"{self._origin.shown(settings['baselines'])} ({len(changes)} accepted)"


def _failure(result: Result) -> str:
    from pytest_llm_latency.report.terminal import failure_message  # noqa: PLC0415  (only a failure needs it)

    return failure_message(result)
