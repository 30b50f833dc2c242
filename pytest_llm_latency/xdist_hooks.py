"""xdist's hooks: what the controller tells its workers, and what it hears of them."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_llm_latency.errors import LatencyError, SettingsError, WireError
from pytest_llm_latency.options import BY_NAME, Settings
from pytest_llm_latency.workers import words

if TYPE_CHECKING:
    from pytest_llm_latency.attendance import Attendance
    from pytest_llm_latency.conductor import Conductor
    from pytest_llm_latency.execution.executor import Progress
    from pytest_llm_latency.measuring import Outcome
    from pytest_llm_latency.office import Office
    from pytest_llm_latency.origin import Origin
    from pytest_llm_latency.session import Collecting
    from pytest_llm_latency.workers.link import Link
    from pytest_llm_latency.workers.scheduling import GangScheduling, Node

    class Head(Protocol):
        """What the crew needs of the process that pytest was called in."""

        attendance: Attendance

        @property
        def origin(self) -> Origin:
            """Where the runs come from."""

        @property
        def collecting(self) -> Collecting:
            """What takes in the outcomes."""

        def api_bases(self) -> dict[str, str] | None:
            """Return where each provider is simulated, ``None`` where the real ones are asked."""


_SESSION, _BASES, _OFFICE = "llm_latency_session", "llm_latency_api_bases", "llm_latency_office"
_REGION = "llm_latency_region"


def origin_of(root: Path, settings: Settings, given: Mapping[str, Any] | None) -> "Origin":
    """Return where the runs of this process come from; ``given`` is what a worker was told, ``None`` in others."""
    from pytest_llm_latency.origin import Origin, new_session_id, own_region  # noqa: PLC0415  (no worker that collects)

    return Origin(
        session_id=new_session_id() if given is None else given[_SESSION],
        root=root,
        settings=settings,
        worker=None if given is None else given["workerid"],
        controller_region=own_region() if given is None else given[_REGION],
    )


def linked(given: Mapping[str, Any]) -> "Link":
    """Return a worker's connection to its controller; raises ``ChannelError`` where that cannot be reached."""
    from pytest_llm_latency.workers.link import Link  # noqa: PLC0415  (only a worker needs it)

    host, port = given[_OFFICE]["address"]
    return Link(given["workerid"], (host, port), given[_OFFICE]["token"])


def tell_collected(link: "Link", tests: Sequence[str]) -> None:
    """Tell the controller of a gang which latency tests there are, before xdist hears that the collection is over."""
    for begin in range(0, len(tests), words.TESTS_AT_ONCE):
        link.ask(words.COLLECTED, {"tests": list(tests[begin : begin + words.TESTS_AT_ONCE])}).result()


class Crew:
    """The workers of a session, seen from pytest's own process; without xdist none of the hooks is called."""

    def __init__(self, config: pytest.Config, head: "Head") -> None:
        from pytest_llm_latency.live import Live  # noqa: PLC0415  (no worker needs it)

        self._config = config
        self._head = head
        self._conductor: Conductor | None = None
        self.live = Live(None)
        self._office: Office | None = None
        self._failures = 0
        if config.getoption("dist", "no") == "each":
            raise SettingsError(
                "--dist=each would measure each latency test several times at once and keep one of the results: "
                "leave it out, so that the workers measure together."
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Find the stream that pytest writes to, while nothing captures it."""
        from pytest_llm_latency.live import Live  # noqa: PLC0415  (the same)

        self.live = Live(self._config.pluginmanager.getplugin("terminalreporter"))

    def showing(self, test_id: str, progress: "Progress") -> AbstractContextManager[None]:
        """Show how far a benchmark is that this process measures by itself."""
        from pytest_llm_latency.report.live import of_progress  # noqa: PLC0415  (the same)

        began_s = time.monotonic()
        return self.live.showing(lambda: of_progress(test_id, progress, began_s))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: list[Any]) -> None:
        """Refuse what workers on other hosts could not do, before one of them is started."""
        from pytest_llm_latency.workers import hosts  # noqa: PLC0415  (only with workers)

        settings = self._head.origin.settings
        named = "listen" in settings.explicit or settings["listen"] != BY_NAME["listen"].default
        try:
            hosts.check_address(specs, settings["listen"], named=named)
            hosts.check_arguments(specs, list(map(str, config.invocation_params.args)))
        except LatencyError as error:
            raise pytest.UsageError(f"llm-latency: {error}") from None
        asked = bool(config.getoption("rsyncdir", None) or config.getini("rsyncdirs"))
        hosts.copy_nothing(getattr(config.pluginmanager.get_plugin("dsession"), "nodemanager", None), asked=asked)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: "Node") -> None:
        """Tell a worker which session it belongs to, where its simulator is, and how to reach this process."""
        node.workerinput[_SESSION] = self._head.origin.session_id
        try:
            node.workerinput[_REGION] = self._head.origin.controller_region
            node.workerinput[_BASES] = self._head.api_bases()
            if self._head.origin.settings["workers"] == "gang":
                self._gang().start(node)
            node.workerinput[_OFFICE] = self._opened(node.workerinput["workercount"]).given
        except LatencyError as error:
            raise pytest.UsageError(f"llm-latency: {error}") from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: "Node", error: object) -> None:
        """Take over what a worker has collected, so that a lost result is noticed."""
        expected = getattr(node, "workeroutput", {}).get("llm_latency_expected", ())
        self._head.attendance.expected = self._head.attendance.expected or tuple(expected)
        if self._conductor is not None:
            self._conductor.down(node, error)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> "GangScheduling | None":
        """Have the workers of a gang run each latency test together, and leave the others to xdist."""
        if self._head.origin.settings["workers"] != "gang":
            return None
        from pytest_llm_latency.workers.scheduling import GangScheduling  # noqa: PLC0415  (only with workers)

        others = config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", remove_plugins=[self])
        return GangScheduling(lambda: others(config=config, log=log), self._gang())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Let no further test begin after as many failures as --maxfail allows."""
        most = self._config.getvalue("maxfail")
        self._failures += report.failed
        if self._conductor is not None and most and report.failed and self._failures >= most:
            self._conductor.stop(f"stopping after {self._failures} failures")

    def pytest_internalerror(self, excrepr: object) -> None:
        """Fail the session where a worker could not send a report: xdist drops the report and may pass without it."""
        reason = str(excrepr).strip().rpartition("\n")[2].lstrip("E ")
        self._head.attendance.note(
            WireError(
                f"an internal error ended the work of a process, and with it reports of tests ({reason}): look for it "
                "above. A value on a report must be a plain number or text, not one of an enumeration or of NumPy."
            )
        )

    def close(self) -> dict[str, list[pytest.TestReport]]:
        """Hear the workers no more; return the reports of the tests whose verdicts the others decide."""
        if self._office is not None:
            self._office.close()
        self.live.close()
        if self._conductor is None:
            return {}
        return {
            test: [self._report(node, data) for data in found] for test, (node, found) in self._conductor.held.items()
        }

    def stopped_by(self, end: BaseException) -> bool:
        """Whether xdist ended the session because of failures, which looks like an interruption by a person."""
        return (
            type(end).__module__ == "xdist.dsession" and bool(self._config.getvalue("maxfail")) and self._failures > 0
        )

    def _report(self, node: "Node", data: dict[str, Any]) -> pytest.TestReport:
        report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
        report.user_properties = [(name, value) for name, value in report.user_properties]
        report.node = node
        made: pytest.TestReport = report
        return made

    def _receive(self, outcome: "Outcome") -> None:
        self._head.collecting.receive(outcome)

    def _opened(self, workers: int) -> "Office":
        if self._office is None:
            from pytest_llm_latency.office import Office  # noqa: PLC0415  (only with workers)

            self._office = Office(self._head.origin, self._conductor, workers)
        return self._office

    def _gang(self) -> "Conductor":
        if self._conductor is None:
            from pytest_llm_latency.conductor import Conductor  # noqa: PLC0415  (only with workers)

            head = self._head
            self._conductor = Conductor(head.origin, head.attendance, self.live, self._receive)
        return self._conductor
