"""Waits until a request may be sent."""

import asyncio
from typing import Protocol

from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.pacing import Admission, Answered, Claim, Pace
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Notice


class Limiter(Protocol):
    """The seam between requests and their limits; one that serves several processes can stand in."""

    async def acquire(self, claim: Claim) -> Admission | None:
        """Return when the request may be sent; ``None`` when that is not so by ``until_ns``.

        Raises ``StopMeasuring`` when waiting is of no use.
        """

    def learn(self, admission: Admission, answered: Answered | None) -> None:
        """Take note of an answer; ``None`` says that the request was never sent."""

    def close(self) -> None:
        """Take note that the benchmark has ended."""


class LocalLimiter:
    """Waits for the limits of one process; first come, first served.

    ``share`` is this process's part of every limit, where several measure at once.
    """

    def __init__(self, clock: Clock, *, share: float = 1.0) -> None:
        self._clock = clock
        self._share = share
        self._paces: dict[str, Pace] = {}
        self._queues: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Lock]] = {}

    async def acquire(self, claim: Claim) -> Admission | None:
        """See ``Limiter``."""
        pace = self._paces.get(claim.key)
        if pace is None:
            pace = self._paces[claim.key] = Pace(claim.key, self._share)
        queue, arrived_ns = self._queue(claim.key), self._clock.now_ns()
        held = queue.locked()
        async with queue:
            while (now_ns := self._clock.now_ns()) < (ready_ns := pace.ready_ns(claim, now_ns)):
                held = True
                if (reason := pace.hopeless(claim, now_ns)) is not None:
                    raise StopMeasuring(_refused(reason))
                if claim.until_ns is not None and now_ns >= claim.until_ns:
                    return None
                await self._clock.sleep_until(ready_ns if claim.until_ns is None else min(ready_ns, claim.until_ns))
            waited_ns = now_ns - arrived_ns if held else 0 if pace.limits(claim, now_ns) else None
            return pace.admit(claim, now_ns, waited_ns)

    def learn(self, admission: Admission, answered: Answered | None) -> None:
        """See ``Limiter``."""
        pace, now_ns = self._paces[admission.claim.key], self._clock.now_ns()
        if answered is None:
            pace.give_back(admission, now_ns)
        else:
            pace.learn(admission, answered, now_ns)

    def close(self) -> None:
        """See ``Limiter``; the limits go on."""

    def hold(self, key: str, until_ns: int) -> None:
        """Let nothing go before a moment that another process has learned of."""
        if key in self._paces:
            self._paces[key].hold(until_ns)

    def held_until_ns(self, key: str) -> int:
        """Return the moment before which the provider wants nothing."""
        return self._paces[key].held_until_ns

    def _queue(self, key: str) -> asyncio.Lock:
        """Return the queue of a key in this event loop; each benchmark has a loop of its own."""
        loop = asyncio.get_running_loop()
        known = self._queues.get(key)
        if known is None or known[0] is not loop:
            known = self._queues[key] = (loop, asyncio.Lock())
        return known[1]


def _refused(reason: str) -> Notice:
    return Notice(
        code="rate_limit",
        message=f"the provider {reason}. Check the quota of the key, lower the load, or measure later.",
    )
