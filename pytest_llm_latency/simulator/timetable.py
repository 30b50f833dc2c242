"""One timer for everything that is due: cheaper than a timer of the event loop for each piece."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from pytest_llm_latency.units import seconds

Action = Callable[[], None]

_AT_ONCE = 256  # so many actions at most before sockets are read again


class Timetable:
    """Calls each action when it is due; stamps are nanoseconds of the monotonic clock, which is the loop's too."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[int, int, Action]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.Handle | None = None
        self._timer_ns = 0
        self._is_waking = False

    def at(self, due_ns: int, action: Action) -> None:
        """Call an action at a stamp, or as soon as possible after it; in order of their stamps."""
        heapq.heappush(self._due, (due_ns, next(self._numbers), action))
        if not self._is_waking and (self._timer is None or due_ns < self._timer_ns):
            self._set_timer()

    def clear(self) -> None:
        """Forget all actions."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = self._due[0][0]
        self._timer = self._loop.call_at(seconds(self._timer_ns), self._wake)

    def _wake(self) -> None:
        due, self._timer, self._is_waking = self._due, None, True
        try:
            for _ in range(_AT_ONCE):
                if not due or due[0][0] > time.monotonic_ns():
                    break
                heapq.heappop(due)[2]()
        finally:
            self._is_waking = False
            if due:
                self._set_timer()
