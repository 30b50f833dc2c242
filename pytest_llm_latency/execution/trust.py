"""How well the client kept up while it measured, and by how much its figures may be wrong for that."""

import asyncio
import bisect
import math
import time
from collections.abc import Iterator, Sequence

from pytest_llm_latency import units
from pytest_llm_latency.execution import machine
from pytest_llm_latency.execution.collector import Pauses
from pytest_llm_latency.model import CONTROL, MEASURE, Sample, Trust

_INTERVAL_S = 0.02
_SAME_TURN_S = 0.005  # the loop stamps what it reads after a pause within so short a time


class Watch:
    """Samples the event loop's lag while a phase runs, and reads the counters of process and machine around it."""

    def __init__(self) -> None:
        self._due_s: float | None = None
        self._ticks_s: list[float] = []
        self._lags_s: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: str | None = None
        self._pauses = Pauses()
        self._began: machine.Reading | None = None
        self._ended: machine.Reading | None = None
        self._open_files: tuple[int | None, int | None] = (None, None)

    def start(self) -> None:
        """Begin to sample, or go on after a stop; call it in the event loop that is watched."""
        self._loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        self._pauses.start()
        now = machine.read()
        if self._began is not None and self._ended is not None:
            self._began = machine.moved(self._began, self._ended, now)
        else:
            self._began = now
        self._task = asyncio.create_task(self._sample())

    def stop(self) -> None:
        """End the sampling; what happens until the next start is not watched."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._note(only_if_late=True)
            self._due_s = None
            self._ended = machine.read()
            self._open_files = machine.open_files(), machine.open_files_limit()
            self._pauses.stop()

    async def _sample(self) -> None:
        while True:
            self._due_s = time.monotonic() + _INTERVAL_S  # a loop's own time may be a rounded one
            await asyncio.sleep(_INTERVAL_S)
            self._note()

    def _note(self, *, only_if_late: bool = False) -> None:
        """Note how late the loop is now, beside the moments at which it was seen before."""
        now_s = time.monotonic()
        if self._due_s is not None and (now_s > self._due_s or not only_if_late):
            self._ticks_s.append(now_s)
            self._lags_s.append(max(0.0, now_s - self._due_s))

    def trust(self, samples: Sequence[Sample]) -> Trust:
        """Return what was seen, with the lateness of the measured samples."""
        measured = [sample for sample in samples if sample.phase == MEASURE]
        stamped = [sample for sample in measured if _first_delta(sample) is not None]
        watched = self._began is not None and self._ended is not None
        counters = (self._began, self._ended) if self._began is not None and self._ended is not None else None
        return Trust(
            event_loop=self._loop,
            loop_lag_p99_s=_quantile(list(_at_any_moment(self._lags_s)), 0.99),
            loop_lag_max_s=max(self._lags_s, default=None),
            send_lag_p99_s=_quantile(_known(map(_lateness, measured)), 0.99),
            send_delay_p99_s=_quantile(_known(map(_delay, measured)), 0.99),
            loop_stamped_share=_share([sample.clock == "loop" for sample in stamped]),
            shared_stamp_share=_share([_is_shared(sample) for sample in stamped]),
            error_p99_s=_quantile([self._error(sample) for sample in stamped], 0.99),
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

    def _error(self, sample: Sample) -> float:
        """Return an upper estimate of what the time to the first token is wrong by.

        Until the client sends, the server waits: that delay is known, but for what the loop was late
        by while a connection was set up. The stamp of an arrival is wrong only where it is not the
        kernel's own: by as much as the event loop was late just then, and never by more than the time
        since the request was sent.
        """
        stamps, arrived = sample.stamps, _first_delta(sample)
        error_s = _delay(sample) or 0.0
        if stamps.connect_start is not None and stamps.send_start is not None:
            error_s += self._late_s(stamps.connect_start, stamps.send_start)
        if arrived is not None and _is_uncertain(sample):
            sent = stamps.started if stamps.send_end is None else stamps.send_end
            error_s += min(self._late_s(arrived, arrived), max(0.0, units.seconds(arrived - sent)))
        return error_s

    def _late_s(self, from_ns: int, to_ns: int) -> float:
        """Return how late the loop was in all between two moments, and never more than the time between two."""
        from_s, to_s = units.seconds(from_ns), units.seconds(to_ns)
        first = bisect.bisect_left(self._ticks_s, from_s - _SAME_TURN_S)
        late_s = sum(self._lags_s[first : bisect.bisect_left(self._ticks_s, to_s) + 1])
        return min(late_s, to_s - from_s) if to_s > from_s else late_s


def _at_any_moment(lags_s: Sequence[float]) -> Iterator[float]:
    """Return how late the loop was for whatever fell due at moments that are evenly spread.

    A pause hides the ticks that would have fallen in it: each would have been late by an interval less.
    """
    for lag_s in lags_s:
        yield from (lag_s - hidden * _INTERVAL_S for hidden in range(1 + int(lag_s / _INTERVAL_S)))


def _is_uncertain(sample: Sample) -> bool:
    """Whether the loop had a part in the stamp of the first delta, so that it is as late as the loop may be."""
    return sample.clock == "loop" or _is_shared(sample)


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
