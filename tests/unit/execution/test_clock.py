"""The clock that measures, and the one that jumps."""

import asyncio
import time

from pytest_llm_latency.execution.clock import FakeClock, MonotonicClock


async def test_the_fake_clock_jumps_to_each_sleepers_moment_in_order() -> None:
    """Nobody waits."""
    clock, seen = FakeClock(5), []

    async def sleeper(moment: int) -> None:
        await clock.sleep_until(moment)
        seen.append((moment, clock.now_ns()))

    await asyncio.gather(*(sleeper(moment) for moment in (10**12, 7, 10**15, 7)))
    assert seen == [(7, 7), (7, 7), (10**12, 10**12), (10**15, 10**15)]
    assert clock.now_ns() == 10**15


async def test_the_fake_clock_does_not_go_back() -> None:
    """A moment of the past is no wait."""
    clock = FakeClock(100)
    await clock.sleep_until(40)
    assert clock.now_ns() == 100


async def test_a_cancelled_sleeper_moves_no_clock() -> None:
    """Nobody waits for its moment any more."""
    clock = FakeClock()
    sleeper = asyncio.create_task(clock.sleep_until(1000))
    await asyncio.sleep(0)
    sleeper.cancel()
    await clock.sleep_until(10)
    for _ in range(50):
        await asyncio.sleep(0)
    assert clock.now_ns() == 10


async def test_the_real_clock_returns_no_earlier_than_asked() -> None:
    """And at once for a moment of the past."""
    clock = MonotonicClock()
    due = time.monotonic_ns() + 2_000_000
    await clock.sleep_until(due)
    assert clock.now_ns() >= due
    await clock.sleep_until(0)
