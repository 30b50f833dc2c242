"""A benchmark drives bodies: coroutines in the running loop, functions in threads, each in its own iteration."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.benchmark import AsyncCaller, Benchmark, SyncCaller
from pytest_llm_latency.errors import BodyError
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.execution.sampling import Collected, Place
from pytest_llm_latency.model import Load, Plan
from pytest_llm_latency.prompts import Input, Listed

NOWHERE = Place(worker="gw1", host=None, region="eu")
PATIENCE_S = 20.0


def planned(requests: int, shape: Load, warmup: int = 0) -> Plan:
    """Return the plan of so many requests."""
    return dataclasses.replace(nouns.plan(), requests=requests, warmup=warmup, load=shape)


def client(answer: Callable[[int], Answer] = lambda _: Answer(ttft_s=0.0)) -> FakeClient:
    """Return a client that answers at once."""
    return FakeClient(lambda _, number: answer(number), MonotonicClock())


def measured(benchmark: Benchmark) -> Collected:
    """Return what the benchmark has recorded."""
    return benchmark.collect(NOWHERE)


class Crowd:
    """Counts who is inside at once, and lets the first ``size`` wait for each other."""

    def __init__(self, size: int) -> None:
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(size)

    def visit(self) -> None:
        """Enter, wait until ``size`` are inside, leave."""
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._barrier.wait(PATIENCE_S)
        with self._lock:
            self._inside -= 1


def test_threads_reach_the_concurrency_and_never_pass_it() -> None:
    """Four at once, three times over: the barrier opens only for all four."""
    crowd, llm = Crowd(4), SyncCaller()

    def body() -> None:
        crowd.visit()
        llm("hi")

    benchmark = Benchmark(planned(12, load.closed(4)), client(), llm)
    benchmark.run_in_threads(body)
    assert crowd.most == 4
    assert benchmark.progress.complete
    assert sorted(sample.iteration for sample in measured(benchmark).samples) == list(range(12))


def test_arrivals_at_a_rate_have_a_thread_each() -> None:
    """None of them waits for another's answer: all six are inside at once."""
    crowd, llm = Crowd(6), SyncCaller()

    def body() -> None:
        crowd.visit()
        llm("hi")

    benchmark = Benchmark(planned(6, load.constant(1000)), client(), llm)
    benchmark.run_in_threads(body)
    assert crowd.most == 6
    assert len(measured(benchmark).samples) == 6


@pytest.mark.parametrize("prompt", ["one", ({"role": "user", "content": "one"},)])
def test_a_body_reads_its_iterations_prompt(prompt: Any) -> None:
    """Messages are a list of its own, to which it may add."""
    llm, seen = SyncCaller(), []

    def body() -> None:
        seen.append(llm.prompt)
        if isinstance(llm.prompt, list):
            llm.prompt.append({"role": "user", "content": "two"})
        llm()

    source = Listed(name=None, inputs=(Input(prompt=prompt, max_tokens=None),), seed=None)
    benchmark = Benchmark(planned(2, load.closed(1)), client(), llm, source)
    benchmark.run_in_threads(body)
    assert seen == [prompt if isinstance(prompt, str) else [*prompt]] * 2
    [conditions] = measured(benchmark).conditions
    assert conditions.prompts.endswith(f"source {source.digest}")


def test_every_prompt_is_drawn_before_the_first_request() -> None:
    """What it costs to shuffle or generate them is no delay of a measured one."""
    llm, drawn = SyncCaller(), []

    class Drawn:
        """Notes which inputs are asked for, and when."""

        description = digest = "drawn"

        def input(self, position: int) -> Input:
            """Return any."""
            drawn.append((position, len(sender.requests)))
            return Input(prompt=f"prompt {position}", max_tokens=None)

    sender = client()
    plan = dataclasses.replace(planned(2, load.closed(1), warmup=2), ramp_in=1)
    Benchmark(plan, sender, llm, Drawn()).run_in_threads(lambda: llm())  # noqa: PLW0108  (called as users do)
    assert drawn[:5] == [(position, 0) for position in range(-2, 3)]
    asked = [request.messages[0]["content"] for request in sender.requests]
    assert asked == [f"prompt {position}" for position in range(-2, 3)]


def test_a_call_of_a_thread_belongs_to_the_iteration_of_its_body() -> None:
    """Two calls of each, whoever came between; warm-up is marked as such."""
    llm = SyncCaller()

    def body() -> None:
        llm("one")
        llm("two")

    benchmark = Benchmark(planned(6, load.closed(3), warmup=3), client(), llm)
    benchmark.run_in_threads(body)
    samples = measured(benchmark).samples
    assert len(samples) == 18
    for iteration in range(9):
        own = [sample for sample in samples if sample.iteration == iteration]
        assert [sample.step for sample in own] == [None, "call 2"]
        assert {sample.phase for sample in own} == {"warmup" if iteration < 3 else "measure"}
    assert {(sample.worker, sample.region) for sample in samples} == {("gw1", "eu")}


async def test_a_coroutine_runs_in_the_loop_that_is_running() -> None:
    """As its fixtures do."""
    llm, loops = AsyncCaller(), set()

    async def body() -> None:
        loops.add(asyncio.get_running_loop())
        assert (await llm("hi")).text

    benchmark = Benchmark(planned(3, load.closed(2)), client(), llm)
    await benchmark.run(body)
    assert loops == {asyncio.get_running_loop()}
    assert len(measured(benchmark).samples) == 3


async def test_a_caller_outside_of_a_benchmark_says_so() -> None:
    """Before it is bound."""
    with pytest.raises(BodyError, match="called while nothing is measured"):
        await AsyncCaller()("hi")
    with pytest.raises(BodyError, match="called while nothing is measured"):
        SyncCaller()("hi")


def test_a_caller_is_unbound_after_its_benchmark_however_that_ended() -> None:
    """A fixture's teardown cannot add to a run that is over."""
    llm = SyncCaller()

    def body() -> None:
        raise OSError("no database")

    benchmark = Benchmark(planned(3, load.closed(1)), client(), llm)
    with pytest.raises(OSError, match="no database"):
        benchmark.run_in_threads(body)
    with pytest.raises(BodyError, match="called while nothing is measured"):
        llm("hi")
    assert not benchmark.progress.complete


def test_a_failed_iteration_is_on_its_last_request() -> None:
    """With the class and the message of what the body raised; the others stay sound."""
    llm = SyncCaller()
    numbers = iter(range(10))

    def body() -> None:
        number = next(numbers)
        llm("one")
        llm("two")
        if number == 2:
            raise ValueError("the second line\nis not shown")

    benchmark = Benchmark(planned(4, load.closed(1)), client(), llm)
    benchmark.run_in_threads(body)
    failed = [sample for sample in measured(benchmark).samples if sample.status != "ok"]
    assert [(sample.iteration, sample.step) for sample in failed] == [(2, "call 2")]
    assert failed[0].failure is not None
    assert (failed[0].failure.error_class, failed[0].failure.message) == ("ValueError", "the second line")


def test_no_thread_is_left_after_a_benchmark_that_was_cut_off() -> None:
    """A body that leaves by an outcome of pytest ends the others."""
    llm, started = SyncCaller(), threading.Event()

    def body() -> None:
        if started.is_set():
            pytest.skip("not here")
        started.set()
        llm("hi")

    benchmark = Benchmark(planned(50, load.closed(3)), client(), llm)
    with pytest.raises(pytest.skip.Exception, match="not here"):
        benchmark.run_in_threads(body)
    assert [thread for thread in threading.enumerate() if thread.name.startswith("llm-latency")] == []
