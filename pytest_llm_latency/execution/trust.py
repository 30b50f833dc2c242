"""How well the client kept up while it measured: the event loop's lag, CPU, garbage collection, memory."""

import asyncio
import gc
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pytest_llm_latency import units
from pytest_llm_latency.model import MEASURE, Sample, Trust

_INTERVAL_S = 0.02
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere


class Watch:
    """Samples the event loop's lag while a phase runs, and reads the process's counters around it."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._began = (0.0, 0.0, 0)
        self._ended = (0.0, 0.0, 0)

    def start(self) -> None:
        """Begin to sample; call it in the event loop that is watched."""
        self._began = _counters()
        self._task = asyncio.create_task(self._sample())

    def stop(self) -> None:
        """End the sampling."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._ended = _counters()

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _INTERVAL_S
            await asyncio.sleep(_INTERVAL_S)
            self._lags_s.append(max(0.0, loop.time() - due))

    def trust(self, samples: Sequence[Sample]) -> Trust:
        """Return what was seen, with the lateness of the measured samples."""
        wall_s, cpu_s, collections = (end - begin for begin, end in zip(self._began, self._ended, strict=True))
        lags = [lag for sample in samples if sample.phase == MEASURE and (lag := _lateness(sample)) is not None]
        return Trust(
            loop_lag_p99_s=_quantile(self._lags_s, 0.99),
            loop_lag_max_s=max(self._lags_s, default=None),
            send_lag_p99_s=_quantile(lags, 0.99),
            cpu_share=cpu_s / wall_s if wall_s > 0 else None,
            gc_collections=int(collections),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        )


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep what is alive now out of garbage collection, so that collections in the run are short."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _lateness(sample: Sample) -> float | None:
    """How long the client took to act; the network sets a connection up, and rate limits held it back on purpose."""
    stamps = sample.stamps
    acted = stamps.send_start if stamps.connect_start is None else stamps.connect_start
    planned = stamps.started if stamps.scheduled is None else stamps.scheduled + (sample.paced_ns or 0)
    return None if acted is None else units.seconds(acted - planned)


def _counters() -> tuple[float, float, int]:
    return time.perf_counter(), time.process_time(), sum(each["collections"] for each in gc.get_stats())


def _quantile(values: Sequence[float], quantile: float) -> float | None:
    """Return the lower of the two neighbours: one late request among a few is no sign of overload."""
    return sorted(values)[int(quantile * (len(values) - 1))] if values else None
