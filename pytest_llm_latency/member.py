"""A worker of a gang: measures its share of each test when the others do, and reports what it is told to."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol  # not public; the only way to run a test and hold its reports

from pytest_llm_latency import load as loads
from pytest_llm_latency.errors import ChannelError
from pytest_llm_latency.model import LOST, Notice, Plan, Result
from pytest_llm_latency.wire import from_builtins, to_builtins
from pytest_llm_latency.workers import channel, clocks, words
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.link import Link

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_llm_latency.execution.executor import Company, Look, Progress
    from pytest_llm_latency.parts import Part

PATIENCE_S = 600.0  # in which a worker must get on while others wait for it, beside its requests' own deadlines
_PIECE_BYTES = 1 << 20
_MOST_TIMES = 2_000  # that the controller is told of at once


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One execution of a test: what the controller has said of it so far."""

    test: str
    progress: "Progress | None" = None
    off: bool = False
    own: bool = True
    undecided: bool = False
    halted: Notice | None = None
    told: int = 0


class Member:
    """This worker in its gang."""

    def __init__(self, link: Link, plans: Mapping[str, Plan]) -> None:
        self._attempt: _Attempt | None = None
        self._plans: Mapping[str, Plan] | None = plans  # until the controller has been told of them
        self._offset = clocks.SAME_CLOCK
        self._link = link
        self._link.pulse = self._pulse
        self._link.hear(words.HALT, self._on_halt)

    # The session.

    def close(self, stopped: object) -> None:
        """Take leave of the gang; ``stopped`` is why pytest's session runs no further test, if so."""
        with suppress(ChannelError):  # the controller is gone, or has given this worker up
            self._link.ask(words.BYE, {"stopped": str(stopped) if stopped else None}).result()

    # One test.

    def protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a test, again where a worker was lost, and report it where that falls to this worker."""
        told: Mapping[str, Any] = {"again": True}
        reports: list[pytest.TestReport] = []
        while told["again"]:
            attempt = self._attempt = _Attempt(test=item.nodeid)
            known, sections = list(item.user_properties), list(item._report_sections)  # noqa: SLF001  (they add up)
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            own = attempt.own and any(report.failed for report in reports)
            try:
                told = self._ask(words.LEAVE, {"test": item.nodeid, "own": own}).result().body
            except ChannelError as error:
                told = {"again": False, "report": own, "stop": str(error)}
            if told["again"]:
                item.user_properties[:], item._report_sections[:] = known, sections  # noqa: SLF001  (the same)
        self._attempt = None
        if told["stop"]:
            item.session.shouldstop = told["stop"]
        self._report(item, reports, attempt, told)

    def _report(
        self, item: pytest.Item, reports: list[pytest.TestReport], attempt: _Attempt, told: Mapping[str, Any]
    ) -> None:
        if not told["report"]:  # a teardown of its own that failed is this worker's to say
            reports = [report for report in reports if report.failed and report.when == "teardown"]
        elif attempt.undecided and all(report.passed for report in reports) and self._hold(item, reports):
            return
        if not reports:
            return
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _hold(self, item: pytest.Item, reports: Sequence[pytest.TestReport]) -> bool:
        """Have the controller keep the reports until all tests are known; say whether it does."""
        hook = item.config.hook
        data = [hook.pytest_report_to_serializable(config=item.config, report=report) for report in reports]
        try:
            self._link.ask(words.HELD, {"test": item.nodeid, "reports": data}).result()
        except (TypeError, ValueError, ChannelError):  # a plugin has put something on it that does not travel so
            return False
        return True

    def arrive(self, plan: Plan, progress: "Progress") -> "Company":
        """Wait for the others, and return this worker's share and how it meets them.

        What is measured then counts in ``progress``, which the controller sees and may stop.
        """
        from pytest_llm_latency.execution.executor import Company  # noqa: PLC0415  (only a process that measures needs it)

        self._tell_plans()
        offsets = loads.schedule(plan.load, plan.ramp_in + plan.requests).offsets_s
        patience_s = PATIENCE_S + plan.timeout_s + max(offsets)
        self._offset = clocks.compare(self._link)
        self._link.send(words.OFFSET, self._offset.said)
        told = self._told(self._ask(words.ARRIVE, {"test": self._test, "patience_s": patience_s}).result())
        if self._attempt is not None:
            self._attempt.progress = progress
            progress.stopped = self._attempt.halted
        return Company(share=loads.Share(position=told["position"], count=told["count"]), meet=self._meet)

    def _tell_plans(self) -> None:
        """Say once with what each test is compared; whoever judges one of them must know it of all."""
        told = [] if self._plans is None else [(test, to_builtins(plan.compared)) for test, plan in self._plans.items()]
        self._plans = None
        for begin in range(0, len(told), words.TESTS_AT_ONCE):
            self._link.send(words.COMPARED, {"tests": dict(told[begin : begin + words.TESTS_AT_ONCE])})

    async def _meet(self) -> int:
        answer = await asyncio.wrap_future(self._ask(words.MEET, {"test": self._test}))
        if "off" in answer.body and answer.body["keep"] and self._attempt is not None and self._attempt.progress:
            self._attempt.progress.stopped = _stopped(answer.body["off"])
            return 0
        moment: int = self._told(answer)["begin_ns"]
        return moment

    def look(self, part: "Callable[[], Part]") -> "Look":
        """Return what asks the controller, at a look, whether what all have measured so far is enough."""

        async def look(_: int) -> Notice | None:
            told = self._told(await asyncio.wrap_future(self._hand_over(words.LOOK, part())))
            return None if told["settled"] is None else from_builtins(Notice, told["settled"])

        return look

    def _hand_over(self, kind: str, part: "Part") -> "Future[Message]":
        from pytest_llm_latency.parts import pack  # noqa: PLC0415  (only a process that measures needs it)

        body, data = pack(replace(part, worker=clocks.placed(part.worker, self._offset)))
        for begin in range(0, len(data), _PIECE_BYTES):
            self._link.send(words.PART, {"test": self._test}, data[begin : begin + _PIECE_BYTES])
        return self._ask(kind, {"test": self._test, "part": body})

    def done(self, part: "Part") -> Result | None:
        """Hand over what was measured; return the result of all where this worker has to report it."""
        told = self._told(self._hand_over(words.DONE, part).result())
        if told.get("error"):
            pytest.fail(told["error"], pytrace=False)
        if told.get("verdict") is None:
            return None
        if self._attempt is not None:
            self._attempt.undecided = told["verdict"]["undecided"]
        return from_builtins(Result, told["verdict"]["result"])

    @property
    def _test(self) -> str:
        return "" if self._attempt is None else self._attempt.test

    def _ask(self, kind: str, body: Mapping[str, Any]) -> "Future[Message]":
        return self._link.ask(kind, body)

    def _told(self, answer: Message) -> Mapping[str, Any]:
        """Return what was answered; fail the test where it is off, which this worker may have to say."""
        body = answer.body
        if "off" not in body:
            return body
        if self._attempt is not None:
            self._attempt.off, self._attempt.own = True, body["own"]
        pytest.fail(body["off"] or "the test ended on another worker before it could be measured there.", pytrace=False)

    # In the link's thread.

    def _on_halt(self, message: Message) -> None:
        attempt = self._attempt
        if attempt is not None and message.body["test"] == attempt.test:
            attempt.halted = _stopped("it cannot be measured to its end")
            if attempt.progress is not None:
                attempt.progress.stopped = attempt.progress.stopped or attempt.halted

    def _pulse(self) -> Message:
        attempt = self._attempt
        if attempt is None or attempt.progress is None:
            return Message(kind=channel.ALIVE, body={})
        progress = attempt.progress
        took_s = progress.tally.took_s[attempt.told :][-_MOST_TIMES:].tolist()
        attempt.told = len(progress.tally.took_s)
        tally = progress.tally
        body = {"test": attempt.test, "done": progress.done, "planned": progress.planned, "errors": tally.errors}
        cost = {"cost_usd": tally.cost_usd, "cost_known": tally.cost_known}
        return Message(kind=words.PROGRESS, body=body | cost | {"took_s": took_s})


def _stopped(why: str) -> Notice:
    return Notice(code=LOST, message=why)
