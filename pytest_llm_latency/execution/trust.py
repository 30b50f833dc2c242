"""How well the client kept up while it measured, and by how much its figures may be wrong for that."""

import asyncio
import math
import time
from collections.abc import Sequence

from pytest_llm_latency import units
from pytest_llm_latency.execution import machine
from pytest_llm_latency.execution.collector import Pauses
from pytest_llm_latency.model import CONTROL, MEASURE, Sample, Trust

_INTERVAL_S = 0.02
_RARE = 0.01  # the share of requests that may be wrong by more than the estimate


class Watch:
    """Samples the event loop's lag while a phase runs, and reads the counters of process and machine around it."""

    def __init__(self) -> None:
        self._lags_s: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: str | None = None
        self._pauses = Pauses()
        self._began: machine.Reading | None = None
        self._ended: machine.Reading | None = None
        self._open_files: tuple[int | None, int | None] = (None, None)

    def start(self) -> None:
        """Begin to sample; call it in the event loop that is watched."""
        self._loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        self._pauses.start()
        self._began = machine.read()
        self._task = asyncio.create_task(self._sample())

    def stop(self) -> None:
        """End the sampling."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._ended = machine.read()
            self._open_files = machine.open_files(), machine.open_files_limit()
            self._pauses.stop()

    async def _sample(self) -> None:
        while True:
            due = time.monotonic() + _INTERVAL_S  # a loop's own time may be a rounded one
            await asyncio.sleep(_INTERVAL_S)
            self._lags_s.append(max(0.0, time.monotonic() - due))

    def trust(self, samples: Sequence[Sample]) -> Trust:
        """Return what was seen, with the lateness of the measured samples."""
        measured = [sample for sample in samples if sample.phase == MEASURE]
        stamped = [sample for sample in measured if _first_delta(sample) is not None]
        loop_lag_s = _quantile(self._lags_s, 0.99)
        watched = self._began is not None and self._ended is not None
        counters = (self._began, self._ended) if self._began is not None and self._ended is not None else None
        return Trust(
            event_loop=self._loop,
            loop_lag_p99_s=loop_lag_s,
            loop_lag_max_s=max(self._lags_s, default=None),
            send_lag_p99_s=_quantile(_known(map(_lateness, measured)), 0.99),
            send_delay_p99_s=_quantile(_known(map(_delay, measured)), 0.99),
            loop_stamped_share=_share([sample.clock == "loop" for sample in stamped]),
            shared_stamp_share=_share([_is_shared(sample) for sample in stamped]),
            error_p99_s=self._error_p99_s(stamped),
            cpu_share=None if counters is None else machine.cpu_share(*counters),
            machine_cpu_share=None if counters is None else machine.machine_cpu_share(*counters),
            gc_collections=len(self._pauses.durations_s) if watched else None,
            gc_pause_max_s=max(self._pauses.durations_s, default=0.0) if watched else None,
            gc_pause_total_s=math.fsum(self._pauses.durations_s) if watched else None,
            peak_memory_bytes=machine.peak_memory_bytes(),
            major_faults=None if counters is None else counters[1].major_faults - counters[0].major_faults,
            open_files=self._open_files[0],
            open_files_limit=self._open_files[1],
        )

    def _error_p99_s(self, stamped: Sequence[Sample]) -> float | None:
        """Return what 1 % of the requests are wrong by, where only a share of them depends on the loop."""
        uncertain = _share([_is_uncertain(sample) for sample in stamped]) or 0.0
        lag_s = _quantile(self._lags_s, 1 - _RARE / uncertain) if uncertain > _RARE else None
        return _quantile([_error(sample, lag_s or 0.0) for sample in stamped], 1 - _RARE)


def _is_uncertain(sample: Sample) -> bool:
    """Whether the loop had a part in the stamp of the first delta, so that it is as late as the loop may be."""
    return sample.clock == "loop" or _is_shared(sample)


def _error(sample: Sample, loop_lag_s: float) -> float:
    """Return an upper estimate of what the time to the first token is wrong by.

    Until the client sends, the server waits: that delay is known. The stamp of an arrival is wrong
    only where it is not the kernel's own: by as much as the event loop is late, and never by more
    than the time since the request was sent.
    """
    delay_s = _delay(sample) or 0.0
    if not _is_uncertain(sample):
        return delay_s
    sent = sample.stamps.started if sample.stamps.send_end is None else sample.stamps.send_end
    arrived = _first_delta(sample)
    since_s = 0.0 if arrived is None else max(0.0, units.seconds(arrived - sent))
    return delay_s + min(loop_lag_s, since_s)


def _is_shared(sample: Sample) -> bool:
    """Whether one read brought the first delta and later ones: the stamp is that of the last.

    A provider may send several at once; it cannot be told apart from a client that read too late.
    """
    first = _first_delta(sample)
    deltas = (at for at, kind in zip(sample.event_ns, sample.event_kinds, strict=True) if kind != CONTROL)
    return sum(at == first for at in deltas) > 1


def _first_delta(sample: Sample) -> int | None:
    events = zip(sample.event_ns, sample.event_kinds, strict=True)
    return next((at for at, kind in events if kind != CONTROL), None)


def _delay(sample: Sample) -> float | None:
    """How long after its start the client acted on a request; it is part of every latency."""
    acted = _acted(sample)
    return None if acted is None else units.seconds(acted - sample.stamps.started)


def _lateness(sample: Sample) -> float | None:
    """How long the client took to act; rate limits held the request back on purpose."""
    stamps, acted = sample.stamps, _acted(sample)
    planned = stamps.started if stamps.scheduled is None else stamps.scheduled + (sample.paced_ns or 0)
    return None if acted is None else units.seconds(acted - planned)


def _acted(sample: Sample) -> int | None:
    """Return when the client did something for a request; the network sets a connection up."""
    stamps = sample.stamps
    return stamps.send_start if stamps.connect_start is None else stamps.connect_start


def _known(values: "map[float | None]") -> list[float]:
    return [value for value in values if value is not None]


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None


def _quantile(values: Sequence[float], quantile: float) -> float | None:
    """Return the lower of the two neighbours: one late request among a few is no sign of overload."""
    return sorted(values)[int(quantile * (len(values) - 1))] if values else None
