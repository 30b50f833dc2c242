"""The one clock: monotonic nanoseconds, and sleeping until a moment of it."""

import asyncio
import heapq
import time
from typing import Protocol

from pytest_llm_latency.units import seconds


class Clock(Protocol):
    """The seam between the executor and time."""

    def now_ns(self) -> int:
        """Return the present in nanoseconds of a clock that never goes back."""

    async def sleep_until(self, moment_ns: int) -> None:
        """Return once ``now_ns()`` has reached ``moment_ns``."""


class MonotonicClock:
    """The clock of the operating system."""

    def now_ns(self) -> int:
        """Return ``time.monotonic_ns()``."""
        return time.monotonic_ns()

    async def sleep_until(self, moment_ns: int) -> None:
        """Sleep towards the absolute moment, so that sleeps never add up."""
        while (left_ns := moment_ns - time.monotonic_ns()) > 0:  # noqa: ASYNC110  (time is what is awaited)
            await asyncio.sleep(seconds(left_ns))


class FakeClock:
    """A clock that jumps to the next sleeper's moment when every task waits; for tests without waiting."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = 0
        self._driver: asyncio.Task[None] | None = None

    def now_ns(self) -> int:
        """Return the moment that the clock stands at."""
        return self._now_ns

    async def sleep_until(self, moment_ns: int) -> None:
        """Wait for the clock to jump to the moment."""
        if moment_ns <= self._now_ns:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (moment_ns, self._order, wake))
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._jump())
        await wake

    async def _jump(self) -> None:
        while self._sleepers:
            for _ in range(20):  # let every other task run until it waits
                await asyncio.sleep(0)
            moment_ns, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():  # a cancelled sleeper moves no clock
                self._now_ns = max(self._now_ns, moment_ns)
                wake.set_result(None)
