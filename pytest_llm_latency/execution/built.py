"""Requests that are built and can be sent again: identical ones are built once."""

import time
from collections.abc import Callable, Iterator

from pytest_llm_latency.execution.exchange import WireRequest

KEPT = 256


class BuiltRequests:
    """Keeps the last ``KEPT`` requests by what they were built from, each as long as it is good."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._requests: dict[str, tuple[WireRequest, float]] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[WireRequest]:
        return (request for request, _ in self._requests.values())

    def find(self, identity: str) -> WireRequest | None:
        """Return what was built for this and is still good."""
        request, good_until_s = self._requests.get(identity, (None, 0.0))
        return request if self._now_s() < good_until_s else None

    def keep(self, identity: str, request: WireRequest, *, keeps_s: float) -> None:
        """Keep a request for so many seconds; the oldest goes where there are too many."""
        self._requests.pop(identity, None)
        if len(self._requests) >= KEPT:
            self._requests.pop(next(iter(self._requests)))
        self._requests[identity] = (request, self._now_s() + keeps_s)

    def clear(self) -> None:
        """Forget all."""
        self._requests.clear()
