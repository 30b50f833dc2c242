"""The hooks that act only with ``--llm-latency``: one object for each process of a session."""

import functools
import inspect
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol  # not public; the only way to run a test and hold its reports

from pytest_llm_latency import latency_tests, planning, preparing
from pytest_llm_latency.attendance import Attendance
from pytest_llm_latency.errors import LatencyError
from pytest_llm_latency.options import Settings
from pytest_llm_latency.planning import Plans, is_latency_test
from pytest_llm_latency.xdist_hooks import Crew, linked, origin_of, tell_collected

if TYPE_CHECKING:
    from pytest_llm_latency.benchmark import AsyncCaller, Benchmark, SyncCaller
    from pytest_llm_latency.measuring import Measuring
    from pytest_llm_latency.member import Member
    from pytest_llm_latency.origin import Origin
    from pytest_llm_latency.parts import Test
    from pytest_llm_latency.session import Closing, Collecting
    from pytest_llm_latency.simulator.process import SimulatorProcess

# Attributes of a report: whether it may turn red at the end, and the outcome in exact builtins.
_UNDECIDED, _PAYLOAD = "llm_latency_undecided", "llm_latency_outcome"
_CALLER: "pytest.StashKey[AsyncCaller | SyncCaller]" = pytest.StashKey()
_OUTCOME: pytest.StashKey[dict[str, Any]] = pytest.StashKey()


class Active:
    """One process of a session that measures: the only one, the controller, or a worker."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self.settings = settings
        self._given: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._plans = Plans((), settings)
        self._measuring: Measuring | None = None
        self._simulator: SimulatorProcess | None = None
        self._closing: Closing | None = None
        self._held: dict[str, list[pytest.TestReport]] = {}
        self.attendance = Attendance()
        self._crew = None if self._given else Crew(config, self)
        if self._crew is not None:
            config.pluginmanager.register(self._crew, "llm_latency_crew")
            preparing.check_environment(settings)
        preparing.check_files(settings)
        self._link = None if self._given is None else linked(self._given)

    def pytest_sessionstart(self) -> None:
        """Prove, before anything is measured, that results and baselines can be written."""
        if self._given is not None or self._config.getoption("collectonly"):
            return
        from pytest_llm_latency import publishing  # noqa: PLC0415  (no worker needs it)

        try:
            preparing.check_folders(self.settings)
            publishing.check(self.origin)
        except LatencyError as error:
            raise pytest.UsageError(f"llm-latency: {error}") from None

    def pytest_report_header(self) -> str | None:
        """Say what is measured against what; workers are asked too, and nobody reads what they say."""
        return latency_tests.header(self.origin) if self._given is None else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse what the authors of latency tests wrote wrongly, in one usage error; a worker fails such a test."""
        wrong = Plans(items, self.settings).wrong if self._given is None else {}
        if wrong:
            raise pytest.UsageError(f"llm-latency: wrong latency tests\n{planning.told(wrong)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which latency tests the run has to report on; the controller hears it before it hands out tests."""
        self._plans = Plans(session.items, self.settings)
        if self._plans.tests and self._given is None:
            self.attendance.expected = self._plans.tests
        if self._link is not None and self._in_gang and not self._config.getoption("collectonly"):
            tell_collected(self._link, self._plans.tests)

    @functools.cached_property
    def origin(self) -> "Origin":
        """Where the runs of this process come from."""
        return origin_of(self._config.rootpath, self.settings, self._given)

    # Each test.

    def caller(self, item: pytest.Item) -> "AsyncCaller | SyncCaller":
        """Return what a test gets as ``llm``; it works while the test's body is measured."""
        from pytest_llm_latency.benchmark import AsyncCaller, SyncCaller  # noqa: PLC0415  (only a measuring process)

        kind = AsyncCaller if inspect.iscoroutinefunction(getattr(item, "obj", None)) else SyncCaller
        item.stash[_CALLER] = kind()
        return item.stash[_CALLER]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Hold the reports of a test back whose verdict needs the other tests' p values; pass on all others."""
        if not is_latency_test(item) or (self._given is not None and not self._in_gang):
            return None
        if self._member is not None:
            self._member.protocol(item, nextitem)
            return True
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if any(getattr(report, _UNDECIDED, False) for report in reports):
            self._held[item.nodeid] = reports
            for report in reports:
                self._collect(report)
        else:
            self._log(reports)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run the body of a latency test under its load, then judge it."""
        if not isinstance(item, pytest.Function) or not is_latency_test(item):
            return (yield)
        with latency_tests.as_failures():
            benchmark, test = self._begin(item)
            body = item.obj
            item.obj = latency_tests.driver(benchmark, body)
            try:
                with self._crew.showing(item.nodeid, benchmark.progress) if self._crew else nullcontext():
                    outcome = yield
            except KeyboardInterrupt:
                self._keep(benchmark, test)
                raise
            finally:
                item.obj = body
            self._end(item, benchmark, test)
        return outcome

    def _begin(self, item: pytest.Function) -> "tuple[Benchmark, Test]":
        from pytest_llm_latency.benchmark import Benchmark  # noqa: PLC0415  (only a measuring process needs it)
        from pytest_llm_latency.parts import Test  # noqa: PLC0415  (the same)

        prepared = planning.prepared(item, self.settings)
        file, line, _ = item.location
        test = Test(id=item.nodeid, file=file, line=None if line is None else line + 1)
        self._judging().prepare(test)
        client = self._judging().client(prepared.plan, item.nodeid)
        benchmark = Benchmark(prepared.plan, client, item.stash[_CALLER], prepared.source)
        if self._member is not None:
            benchmark.company = self._member.arrive(prepared.plan, benchmark.progress)
        self._judging().attend(benchmark, test, None if self._member is None else self._member.look)
        return benchmark, test

    def _end(self, item: pytest.Function, benchmark: "Benchmark", test: "Test") -> None:
        if self._member is not None:
            result = self._member.done(self._judging().part(benchmark, test))
            if result is not None:
                latency_tests.tell(item, result)
            return
        outcome = self._judging().conclude(benchmark, test)
        item.stash[_OUTCOME] = outcome.pack()
        latency_tests.tell(item, outcome.result)

    def _keep(self, benchmark: "Benchmark", test: "Test") -> None:
        """Store what an interrupted benchmark has measured; a worker's goes with the worker."""
        if benchmark.progress.began_ns is not None and self._given is None:
            self.collecting.receive(self._judging().conclude(benchmark, test))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the outcome travel on the report of the call."""
        report = yield
        if call.when == "call" and _OUTCOME in item.stash:
            setattr(report, _PAYLOAD, item.stash[_OUTCOME])
            setattr(report, _UNDECIDED, report.passed and item.stash[_OUTCOME]["undecided"])
            del item.stash[_OUTCOME]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what arrives, in the process that collects."""
        if self._given is None:
            self._collect(report)

    def _collect(self, report: pytest.TestReport) -> None:
        packed = report.__dict__.pop(_PAYLOAD, None)
        if packed is not None:
            from pytest_llm_latency.measuring import Outcome  # noqa: PLC0415  (only where something was measured)

            self.collecting.receive(Outcome.unpack(packed))
        elif not report.passed:
            (self.attendance.skipped if report.skipped else self.attendance.failed).add(report.nodeid)

    # After the tests.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Close the session; what must fail late is reported while that still decides the exit code."""
        if self._given is not None or self._config.getoption("collectonly"):
            return (yield)
        if self._plans:
            self.collecting.begin()
        try:
            finished = yield
        except (KeyboardInterrupt, pytest.exit.Exception) as end:
            interrupted = self._crew is None or not self._crew.stopped_by(end)
            self._close(interrupted=interrupted, stopped_early=True)
            raise
        except pytest.Session.Failed:  # -x and --maxfail
            self._close(interrupted=False, stopped_early=True)
            raise
        self._close(interrupted=False, stopped_early=bool(session.shouldstop or session.shouldfail))
        return finished

    @functools.cached_property
    def collecting(self) -> "Collecting":
        """What takes in the outcomes, in the process that does."""
        from pytest_llm_latency.session import Collecting  # noqa: PLC0415  (no worker needs it)

        return Collecting(self.origin, self.attendance, narrowed=latency_tests.is_narrowed(self._config))

    def _close(self, *, interrupted: bool, stopped_early: bool) -> None:
        from pytest_llm_latency.session import Ending  # noqa: PLC0415  (only the process that collects)

        if self._crew is not None:
            self._held.update(self._crew.close())
        self._closing = self.collecting.close(Ending(interrupted=interrupted, stopped_early=stopped_early))
        results = {result.test_id: result for result in self._closing.session.results}
        late = {each.test_id: each for each in self._closing.late}
        for test_id, reports in self._held.items():
            if test_id in late:
                latency_tests.turn_red(reports, late.pop(test_id), results[test_id])
            self._log(reports)
        self._log([latency_tests.late_report(each) for each in late.values()])

    def _log(self, reports: Sequence[pytest.TestReport]) -> None:
        for report in reports:
            self._config.hook.pytest_runtest_logreport(report=report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the section of the session."""
        closing = self._closing
        if closing is None or not (closing.session.results or closing.session.expected):
            return
        from pytest_llm_latency.report import screen  # noqa: PLC0415  (only where something was measured)

        writer = terminalreporter._tw  # noqa: SLF001  (pytest has no public name for the width)
        terminalreporter.section("llm latency")
        screen.write(writer, closing.session, verbosity=self._config.get_verbosity(), artefacts=closing.artefacts)
        screen.write_plain(writer, self.collecting.publishing.printed)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop measuring and the simulator; a worker says what it has collected."""
        for running in (self._measuring, self._simulator, self._crew):
            if running is not None:
                running.close()
        if self._member is not None:
            self._member.close(session.shouldfail or session.shouldstop)
        if self._link is not None:
            self._link.close()
        if self._given is not None:
            self._config.workeroutput["llm_latency_expected"] = list(self._plans.tests)  # type: ignore[attr-defined]

    @property
    def _in_gang(self) -> bool:
        """Whether this is a worker that measures each test together with the others."""
        return self._link is not None and self.settings["workers"] == "gang"

    @functools.cached_property
    def _member(self) -> "Member | None":
        if self._link is None or not self._in_gang:
            return None
        from pytest_llm_latency.member import Member  # noqa: PLC0415  (with the first latency test)

        return Member(self._link, self._plans)

    def _judging(self) -> "Measuring":
        from pytest_llm_latency.measuring import Measuring  # noqa: PLC0415  (the same)

        if self._measuring is None:
            bases = self._given["llm_latency_api_bases"] if self._given else self.api_bases()
            self._measuring = Measuring(self.origin, self._plans.compared, bases, self._link)
        return self._measuring

    def api_bases(self) -> dict[str, str] | None:
        """Return where the embedded simulator stands in for each provider, ``None`` without it."""
        if not self.settings["simulate"]:
            return None
        self._simulator = self._simulator or preparing.start_simulator(self.settings)
        return self._simulator.api_bases
