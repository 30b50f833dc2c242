"""Python's garbage collector while something is measured: kept short, and its pauses timed."""

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep what is alive now out of garbage collection, so that collections in the run are short.

    Where somebody else keeps things out already, it stays with those: they could not be let go of apart.
    """
    gc.collect()
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Pauses:
    """Times each collection between ``start`` and ``stop``: nothing else runs meanwhile."""

    def __init__(self) -> None:
        self.durations_s: list[float] = []
        self._began_s: float | None = None

    def start(self) -> None:
        """Begin to listen."""
        gc.callbacks.append(self._on_phase)

    def stop(self) -> None:
        """End it; calling it again does nothing."""
        if self._on_phase in gc.callbacks:
            gc.callbacks.remove(self._on_phase)

    def _on_phase(self, phase: str, _: Mapping[str, int]) -> None:
        now_s = time.perf_counter()
        if phase == "start":
            self._began_s = now_s
        elif self._began_s is not None:
            self.durations_s.append(now_s - self._began_s)
            self._began_s = None
