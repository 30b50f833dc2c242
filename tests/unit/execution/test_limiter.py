"""Waiting for limits, on a clock that jumps."""

import asyncio

import pytest

from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.limiter import LocalLimiter
from pytest_llm_latency.execution.pacing import Answered, Claim
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Pacing
from pytest_llm_latency.units import nanoseconds, seconds


def claim(key: str = "k", *, requests_per_minute: float | None = 60, until_s: float | None = None) -> Claim:
    """Return a claim under a limit of requests."""
    pacing = Pacing(requests_per_minute=requests_per_minute, tokens_per_minute=None, max_concurrency=None)
    until_ns = None if until_s is None else nanoseconds(until_s)
    return Claim(key=key, tokens=0.0, pacing=pacing, until_ns=until_ns)


def waited_s(limiter: LocalLimiter, clock: FakeClock, *claims: Claim) -> list[float | None]:
    """Let the claims queue up at once and return how long each waited."""

    async def acquire(one: Claim) -> float | None:
        admission = await limiter.acquire(one)
        assert admission is not None
        assert admission.at_ns == clock.now_ns()
        return None if admission.waited_ns is None else seconds(admission.waited_ns)

    async def all_at_once() -> list[float | None]:
        return await asyncio.gather(*map(acquire, claims))

    return asyncio.run(all_at_once())


def test_requests_go_in_the_order_in_which_they_came() -> None:
    """And each knows how long it waited."""
    clock = FakeClock()
    assert waited_s(LocalLimiter(clock), clock, *[claim()] * 4) == pytest.approx([0, 1, 2, 3], abs=1e-6)


def test_each_key_has_limits_of_its_own() -> None:
    """Another model or account is not held."""
    clock = FakeClock()
    claims = [claim("a"), claim("b"), claim("a"), claim("c", requests_per_minute=None)]
    assert waited_s(LocalLimiter(clock), clock, *claims) == [0, 0, pytest.approx(1), None]


def test_a_limit_outlives_the_event_loop_of_a_benchmark() -> None:
    """The next benchmark goes on where the last one ended."""
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    waited_s(limiter, clock, *[claim()] * 3)
    assert waited_s(limiter, clock, *[claim()] * 3) == pytest.approx([1, 2, 3], abs=1e-6)


def test_waiting_for_others_of_the_same_account_is_waiting() -> None:
    """It has come after them."""
    clock = FakeClock()
    claims = [claim(), claim(), claim(requests_per_minute=None)]
    assert waited_s(LocalLimiter(clock), clock, *claims) == pytest.approx([0, 1, 1], abs=1e-6)


def test_each_of_several_processes_has_its_part() -> None:
    """Half of one a second is one every two seconds."""
    clock = FakeClock()
    assert waited_s(LocalLimiter(clock, share=0.5), clock, claim(), claim()) == pytest.approx([0, 2], abs=1e-6)


async def test_nobody_waits_past_the_moment_at_which_it_would_be_too_late() -> None:
    """Those behind it in the queue neither."""
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    results = await asyncio.gather(*[limiter.acquire(claim(until_s=1.5)) for _ in range(4)])
    assert [result is not None for result in results] == [True, True, False, False]
    assert clock.now_ns() == nanoseconds(1.5)


async def test_a_claim_that_is_given_up_leaves_its_turn_to_the_next() -> None:
    """It has taken nothing from the limit."""
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    await limiter.acquire(claim())
    given_up = asyncio.create_task(limiter.acquire(claim()))
    following = asyncio.create_task(limiter.acquire(claim()))
    await asyncio.sleep(0)
    given_up.cancel()
    admission = await following
    assert admission is not None
    assert seconds(admission.at_ns) == pytest.approx(1, abs=1e-6)


async def test_a_wait_that_is_of_no_use_stops_the_measuring() -> None:
    """With the reason and what to do."""
    clock = FakeClock()
    limiter = LocalLimiter(clock)
    admission = await limiter.acquire(claim(requests_per_minute=None))
    assert admission is not None
    refusal = Answered(http_status=429, headers=(("retry-after", "7200"),), at_ns=0, tokens=None, dollars=None)
    limiter.learn(admission, refusal)
    with pytest.raises(StopMeasuring) as stop:
        await limiter.acquire(claim(requests_per_minute=None))
    assert stop.value.notice.code == "rate_limit"
    assert stop.value.notice.message == (
        "the provider lets the next request through only after 7200 s. "
        "Check the quota of the key, lower the load, or measure later."
    )
    assert clock.now_ns() == 0
