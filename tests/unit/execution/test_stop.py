"""How a run ends early: nothing further starts, what is under way finishes, and the run says why."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.executor import Progress, measure
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.execution.limiter import LocalLimiter
from pytest_llm_latency.execution.recorder import Recorder
from pytest_llm_latency.execution.session_limits import SessionLimits
from pytest_llm_latency.execution.stop import StopMeasuring, holds_stop
from pytest_llm_latency.model import Notice
from pytest_llm_latency.plan import DEFAULT_BUDGET
from pytest_llm_latency.units import seconds

NOTICE = Notice(code="budget", message="no more")


class Run:
    """A measuring of requests that take a second each, with a budget of requests."""

    def __init__(self, allowed: int, **plan: Any) -> None:
        self.clock = FakeClock()
        values = {
            "warmup": 0,
            "requests": 20,
            "load": load.closed(3),
            "budget": replace(DEFAULT_BUDGET, requests=allowed),
        }
        self.plan = nouns.plan(**values | plan)
        client = FakeClient(lambda *_: Answer(ttft_s=1.0), self.clock)
        limits = SessionLimits(DEFAULT_BUDGET, LocalLimiter(self.clock), self.clock)
        self.recorder = Recorder(self.plan, limits.client(client, self.plan))
        self.progress = Progress()

    async def run(self, body: Callable[[], Awaitable[object]] | None = None) -> None:
        """Measure."""

        async def plain() -> None:
            await self.recorder.call("Hi")

        await measure(self.plan, body or plain, self.clock, self.progress)

    def statuses(self) -> list[str]:
        """Return how each request that was sent ended."""
        return [entry.recording.status for entry in self.recorder.spool.read()]


@pytest.mark.parametrize("shape", [load.closed(3), load.constant(10)])
async def test_a_budget_ends_a_run_with_what_it_has(shape: Any) -> None:
    """Every request that was sent is whole, and none of the others is a failure."""
    run = Run(7, load=shape)
    await run.run()
    assert run.statuses() == ["ok"] * 7
    assert run.progress.failures == {}
    assert not run.progress.complete
    assert run.progress.stopped is not None
    assert run.progress.stopped.message.startswith("the test's budget of 7 requests allows no further request")
    assert run.progress.ended_ns is not None
    assert run.progress.done < run.plan.requests


async def test_a_budget_that_ends_in_the_warm_up_begins_no_measuring() -> None:
    """Nothing was measured, and the run says why."""
    run = Run(2, warmup=5)
    await run.run()
    assert (run.progress.began_ns, run.progress.ended_ns) == (None, None)
    assert run.progress.stopped is not None
    assert not run.progress.complete


async def test_an_open_load_starts_nothing_after_the_stop() -> None:
    """Its later starts are not waited for."""
    run = Run(2, requests=1_000, load=load.constant(2))
    await run.run()
    assert seconds(run.clock.now_ns()) <= 2
    assert len(run.statuses()) == 2


async def test_a_body_of_several_calls_may_be_cut_off_between_them() -> None:
    """The first one is kept, and no failure is made up for the second."""
    run = Run(3, load=load.closed(1))

    async def body() -> None:
        await run.recorder.call("one")
        await run.recorder.call("two", name="second")

    await run.run(body)
    steps = [entry.step for entry in run.recorder.spool.read()]
    assert steps == [None, "second", None]
    assert run.progress.failures == {}


async def test_a_body_that_sends_at_once_is_stopped_when_what_is_under_way_has_finished() -> None:
    """A task group cancels what is beside the one that was not let go."""
    run = Run(3, load=load.closed(1))

    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(run.recorder.call("Hi", name=name))

    await run.run(body)
    assert run.statuses() == ["ok"] * 3
    assert run.progress.failures == {}
    assert run.progress.stopped is not None


async def test_a_body_that_takes_the_stop_for_an_answer_fails_nothing() -> None:
    """``gather`` can return what was raised."""
    run = Run(3, load=load.closed(1))

    async def body() -> None:
        answers = await asyncio.gather(*[run.recorder.call("Hi") for _ in range(2)], return_exceptions=True)
        assert all(answer.text for answer in answers)  # type: ignore[union-attr]  (it is what such a body does)

    await run.run(body)
    assert run.progress.failures == {}
    assert run.progress.stopped is not None


async def test_a_group_without_a_stop_is_no_stop() -> None:
    """It goes up, as before."""
    run = Run(3, load=load.closed(1))

    async def body() -> None:
        await run.recorder.call("Hi")
        raise BaseExceptionGroup("several", [GeneratorExit()])

    with pytest.raises(BaseExceptionGroup):
        await run.run(body)


def test_a_stop_is_found_within_groups() -> None:
    """However deep."""
    stop = StopMeasuring(NOTICE)
    assert holds_stop(stop)
    assert holds_stop(BaseExceptionGroup("outer", [ValueError(), BaseExceptionGroup("inner", [stop])]))
    assert not holds_stop(BaseExceptionGroup("outer", [ValueError(), GeneratorExit()]))
    assert not holds_stop(KeyboardInterrupt())
    assert not isinstance(stop, Exception)
