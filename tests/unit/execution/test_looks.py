"""An adaptive run is looked at between parts of its load, and ends where a look says so."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.executor import Company, Progress, measure
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.execution.recorder import ITERATION, Recorder
from pytest_llm_latency.model import MEASURE, Load, Notice
from pytest_llm_latency.units import nanoseconds, seconds

START_NS = nanoseconds(1000)
CLEAR = Notice(code="settled", message="the verdict is clear")
LOADS = (load.closed(8), load.constant(4), load.poisson(4), load.burst(10, every=2.0))


class Bench:
    """A measuring whose requests take a second and whose looks take ten; ``ends_at`` is the look that ends it."""

    def __init__(self, shape: Load, *, ends_at: int | None = None, **plan: Any) -> None:
        self.clock = FakeClock(START_NS)
        self.plan = nouns.plan(**{"warmup": 0, "requests": 240, "adaptive": True, "load": shape} | plan)
        self.recorder = Recorder(self.plan, FakeClient(lambda *_: Answer(ttft_s=1.0), self.clock))
        self.progress = Progress()
        self.looks: list[tuple[int, int]] = []
        self.watched: list[bool] = []
        self.under_way = 0
        self.iterations: list[int] = []
        self._ends_at = ends_at

    async def body(self) -> None:
        """Send one request."""
        iteration = ITERATION.get()
        assert iteration is not None
        self.iterations.append(iteration.index)
        self.under_way += 1
        await self.recorder.call("Hi")
        self.under_way -= 1

    async def look(self, measured: int) -> Notice | None:
        """Note what is under way, and take a while."""
        self.looks.append((measured, self.under_way))
        self.watched.append(self.progress.watch._task is not None)
        self.clock._now_ns += nanoseconds(10)
        return CLEAR if measured == self._ends_at else None

    async def run(self, body: Callable[[], Awaitable[object]] | None = None) -> None:
        """Measure."""
        await measure(self.plan, body or self.body, self.clock, self.progress, Company(look=self.look))

    def starts_s(self) -> list[float]:
        """When each request started, in seconds after the beginning."""
        return sorted(seconds(entry.recording.stamps.started - START_NS) for entry in self.recorder.spool.read())


@pytest.mark.parametrize("shape", LOADS, ids=load.describe)
async def test_a_run_is_looked_at_while_nothing_is_under_way(shape: Load) -> None:
    """And goes on with the iteration that follows; each is begun once, in order."""
    bench = Bench(shape)
    await bench.run()
    assert bench.looks == [(60, 0), (120, 0)]
    assert bench.iterations == list(range(240))
    assert bench.progress.complete
    assert bench.progress.settled is None
    assert seconds(bench.progress.looking_ns) == 20
    assert bench.watched == [False, False]  # judging holds the event loop up, which is no fault of the run


@pytest.mark.parametrize("shape", LOADS, ids=load.describe)
async def test_a_run_that_is_settled_ends_there_and_is_complete(shape: Load) -> None:
    """No request is sent after the look."""
    bench = Bench(shape, ends_at=120)
    await bench.run()
    assert bench.iterations == list(range(120))
    assert bench.progress.settled is CLEAR
    assert bench.progress.complete
    assert bench.progress.stopped is None


async def test_an_open_load_goes_on_as_if_the_look_had_taken_no_time() -> None:
    """Its next start is due at once, and none after it is late for the look."""
    bench = Bench(load.constant(4))
    await bench.run()
    starts = bench.starts_s()
    assert starts[59:62] == [14.75, 25.75, 26.0]
    assert starts[119:122] == [40.5, 51.5, 51.75]


async def test_warm_up_and_ramp_in_come_before_the_first_part_alone() -> None:
    """Neither counts at a look."""
    bench = Bench(load.closed(8), ends_at=60, warmup=3, ramp_in=5)
    await bench.run()
    assert bench.iterations == list(range(68))
    assert sum(entry.phase == MEASURE for entry in bench.recorder.spool.read()) == 60


async def test_nothing_is_asked_where_the_plan_is_not_adaptive_or_nobody_answers() -> None:
    """The load is then one part, as ever."""
    fixed = Bench(load.closed(8), adaptive=False)
    await fixed.run()
    alone = Bench(load.closed(8))
    await measure(alone.plan, alone.body, alone.clock, alone.progress)
    assert fixed.looks == alone.looks == []
    assert fixed.starts_s() == alone.starts_s()


async def test_a_run_that_was_stopped_is_not_looked_at() -> None:
    """What stopped it is the reason that stands."""
    bench = Bench(load.closed(1))

    async def body() -> None:
        await bench.body()
        if len(bench.iterations) == 60:
            bench.progress.stopped = Notice(code="budget", message="used up")

    await bench.run(body)
    assert bench.looks == []
    assert not bench.progress.complete
