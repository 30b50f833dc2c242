"""A plan and a body become recordings under a load, on a clock that jumps."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.errors import BodyError, ProviderError, RequestFailedError, UnknownModelError
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.executor import Company, Progress, measure
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.execution.recorder import ITERATION, Recorder
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.model import Failure
from pytest_llm_latency.units import nanoseconds, seconds

START_NS = nanoseconds(1000)


class Bench:
    """A measuring whose ``n``-th request takes ``seconds(n)``; ``seconds`` may return a failure instead."""

    def __init__(self, takes: Callable[[int], float | Failure] = lambda _: 1.0, **plan: Any) -> None:
        self.clock = FakeClock(START_NS)
        self.client = FakeClient(lambda _, number: answer(takes(number)), self.clock)
        self.plan = nouns.plan(**{"warmup": 0, "requests": 4, "load": load.closed(1)} | plan)
        self.recorder = Recorder(self.plan, self.client)
        self.progress = Progress()
        self.under_way = self.most_under_way = 0

    async def call(self) -> None:
        """Be the plainest body, and count how many run at once."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.recorder.call("Hi")
        finally:
            self.under_way -= 1

    async def run(self, body: Callable[[], Awaitable[object]] | None = None) -> None:
        """Measure."""
        await measure(self.plan, body or self.call, self.clock, self.progress)

    @property
    def entries(self) -> list[Entry]:
        """What was recorded."""
        return list(self.recorder.spool.read())

    def starts_s(self) -> list[float]:
        """When each request started, in seconds after the beginning."""
        return sorted(since(entry.recording.stamps.started) for entry in self.entries)


def answer(takes: float | Failure) -> Answer:
    """Return the fake's answer."""
    if isinstance(takes, Failure):
        return Answer(ttft_s=1.0, failure=takes)
    return Answer(ttft_s=takes)


def since(moment_ns: int) -> float:
    """Return seconds after the clock's start."""
    return seconds(moment_ns - START_NS)


REFUSED = Failure(error_class="HTTP429", message="slow down", phase="provider")


async def test_a_closed_loop_keeps_its_users_busy_and_never_has_more() -> None:
    """Seven requests of a second by three users take three seconds."""
    bench = Bench(requests=7, load=load.closed(3))
    await bench.run()
    assert bench.starts_s() == [0, 0, 0, 1, 1, 1, 2]
    assert bench.most_under_way == 3
    assert since(bench.clock.now_ns()) == 3


async def test_users_that_begin_together_leave_the_loop_to_others_in_between() -> None:
    """A thousand that begin in one turn would blind it for a tenth of a second, and join what arrives meanwhile."""
    bench, turns, begun = Bench(requests=5, load=load.closed(5)), 0, list[int]()
    progress = bench.progress
    loop = asyncio.get_running_loop()

    def count() -> None:
        nonlocal turns
        turns += 1
        if not progress.complete:
            loop.call_soon(count)

    async def body() -> None:
        begun.append(turns)
        await bench.call()

    count()
    await bench.run(body)
    assert len(begun) == len(set(begun)) == 5
    assert bench.starts_s() == [0] * 5


async def test_a_burst_leaves_the_loop_to_others_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real clock does not wait for a moment that has passed."""
    bench, begun, read = Bench(requests=5, load=load.burst(5, every=60)), list[int](), list[int]()

    async def passed(_: int) -> None:
        pass

    async def body() -> None:
        begun.append(len(read))
        asyncio.get_running_loop().call_soon(read.append, 1)
        await bench.call()

    monkeypatch.setattr(bench.clock, "sleep_until", passed)
    await bench.run(body)
    assert begun == [0, 1, 2, 3, 4]


async def test_a_user_of_a_closed_loop_does_not_wait_for_the_others() -> None:
    """While one answer takes three seconds, the other user has three of one second."""
    bench = Bench(lambda number: 3.0 if number == 0 else 1.0, load=load.closed(2))
    await bench.run()
    assert bench.starts_s() == [0, 0, 1, 2]


@pytest.mark.parametrize("takes_s", [0.01, 30.0])
async def test_a_constant_rate_starts_as_planned_however_slow_the_answers_are(takes_s: float) -> None:
    """An open loop never waits, and each first request carries its planned start."""
    bench = Bench(lambda _: takes_s, requests=5, load=load.constant(4))
    await bench.run()
    assert bench.starts_s() == [0, 0.25, 0.5, 0.75, 1.0]
    scheduled = [entry.recording.stamps.scheduled for entry in bench.entries]
    assert sorted(map(since, map(int, filter(None, scheduled)))) == bench.starts_s()


async def test_an_open_loop_that_was_held_up_starts_what_is_due_at_once_and_is_on_time_again() -> None:
    """Moments are absolute, so that a delay is caught up with and recorded, and never handed on."""
    bench = Bench(requests=7, load=load.constant(4))

    async def body() -> None:
        iteration = ITERATION.get()
        assert iteration is not None
        if iteration.index == 1:
            bench.clock._now_ns += nanoseconds(1.1)  # slow work in a body holds every other one up
        await bench.call()

    await bench.run(body)
    assert bench.starts_s() == [0, 1.35, 1.35, 1.35, 1.35, 1.35, 1.5]
    stamps = [entry.recording.stamps for entry in bench.entries]
    late = sorted((since(each.scheduled), seconds(each.started - each.scheduled)) for each in stamps if each.scheduled)
    assert late == [(0, 0), (0.25, 1.1), (0.5, 0.85), (0.75, 0.6), (1.0, 0.35), (1.25, 0.1), (1.5, 0)]


@pytest.mark.parametrize(
    "shape",
    [load.poisson(3, seed=5), load.ramp(1, 5, 2), load.burst(2, 1), load.stages((1, 2), (4, 1))],
    ids=lambda shape: str(shape.shape),
)
@pytest.mark.parametrize("takes_s", [0.01, 30.0])
async def test_every_open_shape_starts_as_planned_however_slow_the_answers_are(shape: Any, takes_s: float) -> None:
    """What was planned and what was done stand beside each other."""
    bench = Bench(lambda _: takes_s, requests=load.total(shape) or 5, load=shape)
    await bench.run()
    planned = list(load.schedule(shape, bench.plan.requests).offsets_s)
    assert bench.starts_s() == pytest.approx(planned)
    assert sorted(since(entry.recording.stamps.scheduled or 0) for entry in bench.entries) == pytest.approx(planned)


@pytest.mark.parametrize("shape", [load.closed(2), load.constant(2)])
async def test_the_ramp_in_goes_over_into_the_measured_iterations_and_does_not_count(shape: Any) -> None:
    """Nothing waits between them; the measured phase begins with its first iteration."""
    bench = Bench(warmup=1, ramp_in=3, requests=4, load=shape)
    await bench.run()
    phases = {entry.iteration: entry.phase for entry in bench.entries}
    assert phases == dict.fromkeys(range(4), "warmup") | dict.fromkeys(range(4, 8), "measure")
    assert bench.progress.began_ns is not None
    starts = {entry.iteration: since(entry.recording.stamps.started) for entry in bench.entries}
    assert since(bench.progress.began_ns) == starts[4]
    expected = [1, 1, 2, 2, 3, 3, 4] if shape.shape == "closed" else [1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert [starts[index] for index in range(1, 8)] == expected
    assert bench.progress.complete


async def test_a_body_that_fails_in_the_ramp_in_has_not_failed_a_measured_iteration() -> None:
    """As in the warm-up."""
    bench = Bench(ramp_in=2, requests=2)

    async def body() -> None:
        await bench.call()
        iteration = ITERATION.get()
        assert iteration is not None
        assert iteration.index >= 2

    await bench.run(body)
    assert bench.progress.failures == {}


async def test_a_closed_loop_plans_no_starts() -> None:
    """What waits for the last answer has no schedule to be late for."""
    bench = Bench()
    await bench.run()
    assert {entry.recording.stamps.scheduled for entry in bench.entries} == {None}


@pytest.mark.parametrize("shape", [load.closed(2), load.constant(10)])
async def test_the_warm_up_has_the_same_load_and_ends_before_the_measuring_begins(shape: Any) -> None:
    """The measured phase begins when the last answer of the warm-up is there."""
    bench = Bench(warmup=3, requests=2, load=shape)
    await bench.run()
    began = bench.progress.began_ns
    assert began is not None
    phases = {entry.iteration: entry.phase for entry in bench.entries}
    assert phases == {0: "warmup", 1: "warmup", 2: "warmup", 3: "measure", 4: "measure"}
    for entry in bench.entries:
        stamps = entry.recording.stamps
        assert stamps.closed is not None
        assert stamps.closed <= began if entry.phase == "warmup" else stamps.started >= began
    assert bench.progress.complete
    assert bench.progress.done == 5
    assert bench.progress.ended_ns == bench.clock.now_ns()


async def test_an_assertion_that_fails_is_a_failed_iteration_and_the_run_goes_on() -> None:
    """The reason is the assertion's first line; nothing is dropped."""
    bench = Bench(warmup=1, requests=3)

    async def body() -> None:
        await bench.call()
        iteration = ITERATION.get()
        assert iteration is not None
        if iteration.index in {0, 2}:
            raise AssertionError("the answer is empty\nand more")

    await bench.run(body)
    assert bench.progress.failures == {
        2: Failure(error_class="AssertionError", message="the answer is empty", phase="assertion")
    }
    assert len(bench.entries) == 4
    assert bench.progress.complete


async def test_a_failure_without_a_text_is_named_by_its_class() -> None:
    """``assert x`` outside of pytest's rewriting has no message."""
    bench = Bench(requests=1)

    async def body() -> None:
        await bench.call()
        raise AssertionError

    await bench.run(body)
    assert bench.progress.failures[0].message == "AssertionError"


async def test_a_failed_request_is_a_failed_iteration_of_the_provider() -> None:
    """Every one of them, from the first on."""
    bench = Bench(lambda _: REFUSED, requests=2)
    await bench.run()
    assert {failure.phase for failure in bench.progress.failures.values()} == {"provider"}
    assert sorted(bench.progress.failures) == [0, 1]
    assert "HTTP429: slow down" in bench.progress.failures[0].message
    assert len(bench.entries) == 2


async def test_a_body_may_catch_the_failure_of_a_request() -> None:
    """Then the iteration has not failed; the request stays what it was."""
    bench = Bench(lambda _: REFUSED, requests=1)

    async def body() -> None:
        with pytest.raises(RequestFailedError):
            await bench.call()

    await bench.run(body)
    assert bench.progress.failures == {}
    assert bench.entries[0].recording.status == "error"


async def test_a_body_that_never_calls_is_an_error_that_says_so() -> None:
    """Nothing was measured."""

    async def body() -> None:
        await asyncio.sleep(0)

    with pytest.raises(BodyError, match=r"without calling llm.*await llm"):
        await Bench().run(body)


async def test_a_body_that_raises_at_once_raises_just_that() -> None:
    """The first execution before any call is not load, it is a bug; it runs no further."""
    tries = []

    async def body() -> None:
        tries.append(1)
        raise ZeroDivisionError("in the body")

    with pytest.raises(ZeroDivisionError, match="in the body"):
        await Bench(requests=50).run(body)
    assert len(tries) == 1


async def test_a_body_that_raises_before_its_call_later_on_is_a_failed_iteration() -> None:
    """Once a call was made, the body is known to work."""
    bench = Bench(requests=3)

    async def body() -> None:
        iteration = ITERATION.get()
        assert iteration is not None
        if iteration.index == 1:
            raise LookupError("no data")
        await bench.call()

    await bench.run(body)
    assert bench.progress.failures == {1: Failure(error_class="LookupError", message="no data", phase="assertion")}
    assert len(bench.entries) == 2


async def test_what_no_further_iteration_would_mend_stops_the_run() -> None:
    """A model that is not known stays unknown; the others under way are cancelled."""
    bench = Bench(requests=20, load=load.closed(4))

    async def body() -> None:
        await bench.call()
        if len(bench.client.requests) > 8:
            raise UnknownModelError("litellm does not know it")

    with pytest.raises(UnknownModelError, match="does not know"):
        await bench.run(body)
    assert bench.under_way == 0
    assert not bench.progress.complete
    assert bench.progress.ended_ns is not None
    assert 4 <= len(bench.entries) < 20


@pytest.mark.parametrize("shape", [load.closed(2), load.constant(2)])
async def test_a_cancelled_run_keeps_what_was_measured(shape: Any) -> None:
    """What was recorded stays readable, and the end is stamped."""
    bench = Bench(requests=100, load=shape)
    task = asyncio.create_task(bench.run())
    await bench.clock.sleep_until(START_NS + nanoseconds(3.5))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not bench.progress.complete
    assert bench.progress.began_ns == START_NS
    assert bench.progress.ended_ns is not None
    assert 4 <= len(bench.entries) <= 8
    assert bench.under_way == 0
    assert bench.progress.failures == {}


async def test_the_calls_of_a_body_belong_to_its_own_iteration() -> None:
    """Iterations that overlap do not mix."""
    bench = Bench(lambda number: 1.0 + number / 10, requests=4, load=load.closed(4))

    async def body() -> None:
        iteration = ITERATION.get()
        assert iteration is not None
        for _ in range(2):
            await bench.recorder.call(f"iteration {iteration.index}")

    await bench.run(body)
    for entry in bench.entries:
        assert entry.recording.request.messages[0]["content"] == f"iteration {entry.iteration}"
    steps = sorted((entry.iteration, str(entry.step)) for entry in bench.entries)
    assert steps == [(index, step) for index in range(4) for step in ("None", "call 2")]


async def test_only_the_first_call_of_an_iteration_was_planned() -> None:
    """Also where a body makes its calls side by side."""
    bench = Bench(requests=2, load=load.constant(1))

    async def body() -> None:
        await asyncio.gather(bench.recorder.call("one", name="one"), bench.recorder.call("two", name="two"))

    await bench.run(body)
    planned = {(entry.iteration, entry.step): entry.recording.stamps.scheduled for entry in bench.entries}
    assert planned == {(0, "one"): START_NS, (0, "two"): None, (1, "one"): START_NS + nanoseconds(1), (1, "two"): None}


async def test_the_iteration_ends_with_the_body() -> None:
    """Nothing is left in the context of whoever ran the load."""
    await Bench().run()
    assert ITERATION.get() is None


async def test_no_warm_up_is_fine() -> None:
    """The measuring begins at once."""
    bench = Bench(requests=1)
    await bench.run()
    assert bench.progress.began_ns == START_NS
    assert dataclasses.asdict(bench.entries[0].recording.request)["deadline_s"] == bench.plan.timeout_s


async def test_a_key_in_the_error_of_a_body_stays_out_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the body's own may put it there."""
    monkeypatch.setenv("JUDGE_API_KEY", "unrecognisable/of+a=gateway")
    bench = Bench(requests=2)

    async def body() -> None:
        await bench.call()
        raise ValueError("refused: unrecognisable/of+a=gateway and sk-proj-abcDEF1234567890\nand more")

    await bench.run(body)
    assert {failure.message for failure in bench.progress.failures.values()} == {"refused: *** and ***"}


async def test_a_body_that_fails_alike_in_every_warm_up_is_not_run_on() -> None:
    """Its requests would cost money and tell nothing; its own error is what a reader needs."""
    bench = Bench(warmup=3)

    async def body() -> None:
        await bench.call()
        raise AttributeError("'Reply' object has no attribute 'txt'")

    with pytest.raises(AttributeError, match="txt"):
        await bench.run(body)
    assert len(bench.client.requests) == 3
    assert bench.progress.began_ns is None


async def test_a_provider_that_refuses_every_warm_up_is_not_asked_on() -> None:
    """One message, without the frames of the plugin."""
    bench = Bench(lambda _: Failure(error_class="HTTP401", message="HTTP 401: bad key", phase="provider"), warmup=2)
    with pytest.raises(ProviderError, match=r"each of the 2 warm-up requests failed.*HTTP 401: bad key"):
        await bench.run()
    assert len(bench.client.requests) == 2


@pytest.mark.parametrize(("warmup", "messages"), [(1, ["a", "a"]), (2, ["a", "b"])])
async def test_failures_that_may_be_chance_do_not_stop_the_measuring(warmup: int, messages: list[str]) -> None:
    """A single one, or several that differ."""
    bench = Bench(warmup=warmup, requests=3)
    left = iter(messages[:warmup])

    async def body() -> None:
        await bench.call()
        message = next(left, None)
        if message is not None:
            raise ValueError(message)

    await bench.run(body)
    assert bench.progress.complete
    assert bench.progress.failures == {}


@pytest.mark.parametrize("shape", [load.closed(6), load.poisson("3/s", 5)], ids=["closed", "open"])
async def test_those_who_divide_a_load_run_together_what_one_would(shape: Any) -> None:
    """The same iterations with the same prompts, at the same moments of an open load."""
    plan = {"requests": 41, "warmup": 2, "load": shape}
    alone = Bench(**plan)
    await alone.run()
    found = []
    for position in range(4):
        bench = Bench(**plan)

        async def agreed() -> int:
            return START_NS + nanoseconds(5)

        company = Company(share=load.Share(position=position, count=4), meet=agreed)
        await measure(bench.plan, bench.call, bench.clock, bench.progress, company)
        assert bench.progress.complete
        assert bench.progress.skew_ns == 0
        assert {entry.phase for entry in bench.entries} == {"warmup", "measure"}
        found += [entry for entry in bench.entries if entry.phase == "measure"]
    expected = [entry for entry in alone.entries if entry.phase == "measure"]
    assert sorted(entry.iteration for entry in found) == sorted(entry.iteration for entry in expected)
    if shape.shape != "closed":
        offsets = load.schedule(shape, 41).offsets_s
        for entry in found:
            assert since(entry.recording.stamps.scheduled or 0) == pytest.approx(5 + offsets[entry.iteration - 2])


async def test_a_process_without_a_share_meets_the_others_and_sends_nothing() -> None:
    """Two users cannot be divided by four."""
    bench = Bench(requests=6, warmup=2, load=load.closed(2))
    met = []

    async def agreed() -> int:
        met.append(bench.clock.now_ns())
        return START_NS

    await measure(
        bench.plan, bench.call, bench.clock, bench.progress, Company(share=load.Share(position=3, count=4), meet=agreed)
    )
    assert met == [START_NS]
    assert (bench.entries, bench.progress.complete, bench.progress.began_ns) == ([], True, None)
