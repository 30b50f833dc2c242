"""A worker's leave to send in one lane: what has come, who waits for it, and what is asked for ahead."""

import asyncio
import math
import threading
from collections import deque
from contextlib import suppress

from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.sharing import kinds
from pytest_llm_latency.execution.sharing.messages import Controller, Grant, Lane, Returned, Want
from pytest_llm_latency.units import seconds
from pytest_llm_latency.wire import to_builtins

AHEAD_S = 0.05  # what is expected to be sent within so long is asked for ahead
_WEIGHT = 0.2  # of the newest gap between two requests in their mean


class Stock:
    """One lane of one worker; benchmarks wait in their event loop, and what comes is put in by another thread."""

    def __init__(self, number: int, lane: Lane, controller: Controller, clock: Clock) -> None:
        self._number = number
        self._lane: Lane | None = lane
        self._controller = controller
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: deque[int] = deque()
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._ended: BaseException | None = None
        self._asked = 0
        self._most = 0
        self._tokens = 0.0
        self._gap_s = math.inf
        self._last_ns: int | None = None

    @property
    def idle(self) -> int:
        """How many requests could go at once."""
        return len(self._kept)

    async def take(self, tokens: float) -> tuple[int, bool]:
        """Return the number of a request that may be sent now, and whether it had to be waited for.

        Raises what the lane was ended with.
        """
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._tokens = tokens
            self._note_gap()
            if self._kept:
                number, future = self._kept.popleft(), None
            else:
                number, future = 0, asyncio.get_running_loop().create_future()
                self._waiting.append(future)
            want = self._want_of(future)
        self._send(want)
        return (number, False) if future is None else (await self._come(future), True)

    def put(self, grant: Grant) -> None:
        """Take in what may be sent; called in another thread than the benchmark's."""
        spare: list[int] = []
        with self._lock:
            self._most, self._asked = grant.most, grant.ahead
            for number in grant.requests:
                if self._waiting:
                    self._hand_over(self._waiting.popleft(), number)
                else:
                    self._kept.append(number)
            spare = self._above(self._most if self._ended is None else 0)
        self._return(spare)

    def limit(self, most: int) -> None:
        """Keep at most so many for later, and give back the others."""
        with self._lock:
            self._most, self._asked = most, 0
            spare = self._above(most)
        self._return(spare)

    def end(self, reason: BaseException) -> None:
        """Let nobody go any more; who waits gets the reason."""
        with self._lock:
            self._ended = self._ended or reason
            waiting, self._waiting = list(self._waiting), deque()
            spare = self._above(0)
            for future in waiting:
                with suppress(RuntimeError):  # its event loop has ended
                    future.get_loop().call_soon_threadsafe(_fail, future, reason)
        self._return(spare)

    async def _come(self, future: "asyncio.Future[int]") -> int:
        try:
            return await future
        except asyncio.CancelledError:
            with self._lock:
                waiting = future in self._waiting
                if waiting:
                    self._waiting.remove(future)
            if waiting:
                self._send(self._want(waiting=-1, ahead=0))
            elif not future.cancelled() and future.exception() is None:
                self._return([future.result()])
            raise

    def _hand_over(self, future: "asyncio.Future[int]", number: int) -> None:
        try:
            future.get_loop().call_soon_threadsafe(self._arrive, future, number)
        except RuntimeError:  # its event loop has ended
            self._kept.append(number)

    def _arrive(self, future: "asyncio.Future[int]", number: int) -> None:
        if future.cancelled():  # between the grant and this turn of the loop
            self._return([number])
        else:
            future.set_result(number)

    def _note_gap(self) -> None:
        now_ns = self._clock.now_ns()
        if self._last_ns is not None:
            gap_s = seconds(now_ns - self._last_ns)
            self._gap_s = gap_s if math.isinf(self._gap_s) else self._gap_s + _WEIGHT * (gap_s - self._gap_s)
        self._last_ns = now_ns

    def _want_of(self, waiting: "asyncio.Future[int] | None") -> Want | None:
        """Return what to ask for: a request that waits takes the place of one that was asked for ahead."""
        before = self._asked
        if waiting is not None:
            self._asked = max(0, self._asked - 1)
        soon = self._most if self._gap_s <= 0 else max(1, math.ceil(min(self._most, AHEAD_S / self._gap_s)))
        expected, here = min(self._most, soon), len(self._kept) + self._asked
        if here <= expected // 2:
            self._asked += expected - here
        ahead = self._asked - before
        return self._want(waiting=int(waiting is not None), ahead=ahead) if waiting is not None or ahead else None

    def _want(self, *, waiting: int, ahead: int) -> Want:
        lane, self._lane = self._lane, None  # it is said once
        return Want(number=self._number, lane=lane, waiting=waiting, ahead=ahead, tokens=self._tokens)

    def _above(self, most: int) -> list[int]:
        return [self._kept.pop() for _ in range(len(self._kept) - most)]

    def _send(self, want: Want | None) -> None:
        if want is not None:
            self._controller.send(kinds.WANT, to_builtins(want))

    def _return(self, numbers: list[int]) -> None:
        if numbers:
            self._controller.send(kinds.RETURN, to_builtins(Returned(requests=tuple(numbers))))


def _fail(future: "asyncio.Future[int]", reason: BaseException) -> None:
    if not future.done():
        future.set_exception(reason)
