"""What one run says of a metric by itself: any percentiles, each with its interval; and of parts of its requests."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.metrics import Metric, StepRequests
from pytest_llm_latency.model import Sample
from pytest_llm_latency.stats.quantiles import needed_for, order_bounds, rank, weighted
from pytest_llm_latency.stats.summary import badness
from pytest_llm_latency.units import seconds

_PARTS = 4  # into which a run is cut by time and by length
_LEAST_RANGE = 1.25  # of lengths: a nonce varies them too


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """One percentile; ``None`` where the sample is too small (``needed`` says how many it takes) or a failure is there.

    ``interval`` is the two-sided one of 95 % by order statistics, whatever the distribution; ``None`` where the
    sample has no such bounds, or where a request has many values, which are not independent of each other. It
    ends at ``inf``, or at 0 where higher is better, where failed requests begin.
    """

    level: float
    value: float | None
    interval: tuple[float, float] | None
    needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One metric over so many requests; mean, least and greatest are of the successful ones."""

    metric: Metric
    count: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    percentiles: tuple[Percentile, ...]


def read(asked: StepRequests, metric: Metric, levels: Sequence[float]) -> Reading | None:
    """Return what the requests of a step say of a metric; ``None`` where no successful one has it."""
    series = asked.series(metric)
    parts = [(value, 1.0) for value in series] if metric.each is None else asked.weighted(metric)
    ranked = sorted((badness(metric, value), weight) for value, weight in parts)
    known = [(bad, weight) for bad, weight in ranked if math.isfinite(bad)]
    if not known:
        return None
    sign = -1.0 if metric.direction == "higher" else 1.0
    total = math.fsum(weight for _, weight in known)
    ends = (sign * known[0][0], sign * known[-1][0])
    return Reading(
        metric=metric,
        count=len(series),
        mean=sign * math.fsum(bad * weight for bad, weight in known) / total,
        minimum=min(ends),
        maximum=max(ends),
        percentiles=tuple(_percentile(ranked, metric, level, len(series)) for level in levels),
    )


def _percentile(ranked: Sequence[tuple[float, float]], metric: Metric, level: float, count: int) -> Percentile:
    if count < needed_for(level):
        return Percentile(level=level, value=None, interval=None, needed=needed_for(level))
    if metric.each is not None:
        (found,) = weighted(ranked, [level])
        return Percentile(level=level, value=found, interval=None, needed=None)
    bad = ranked[rank(count, level) - 1][0]
    places = order_bounds(count, level)
    return Percentile(
        level=level,
        value=_value(metric, bad) if math.isfinite(bad) else None,
        interval=None if places is None else _interval(metric, *(ranked[place][0] for place in places)),
        needed=None,
    )


def _interval(metric: Metric, better: float, worse: float) -> tuple[float, float]:
    low, high = sorted((_value(metric, better), _value(metric, worse)))
    return low, high


def _value(metric: Metric, bad: float) -> float:
    if metric.direction == "lower":
        return bad
    return -bad if math.isfinite(bad) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the requests of a step: those with one ``name`` of what they are told apart ``by``."""

    by: str
    name: str
    asked: StepRequests


# What a request has in common with others, with the place of that among its like; ``None`` where it is not known.
Name = tuple[int, str] | None


def parts(asked: StepRequests) -> tuple[Part, ...]:
    """Return the requests by all that varies among them: input length, time, worker, host, region."""
    return tuple(
        Part(by=by, name=name, asked=StepRequests(samples=own, missed=()))
        for by, names in _BY.items()
        for name, own in _grouped(asked.samples, names(asked.samples))
    )


def _grouped(samples: Sequence[Sample], names: Iterable[Name]) -> list[tuple[str, list[Sample]]]:
    """Return the samples by their names, in the order of these; nothing where all have the same."""
    found: dict[tuple[int, str], list[Sample]] = {}
    for sample, name in zip(samples, names, strict=True):
        if name is not None:
            found.setdefault(name, []).append(sample)
    return [(name[1], found[name]) for name in sorted(found)] if len(found) > 1 else []


def _lengths(samples: Sequence[Sample]) -> list[Name]:
    """Return in which of several ranges of input tokens each request is, as many requests in one as in another."""
    tokens = [None if sample.usage is None else sample.usage.tokens_in for sample in samples]
    known = sorted(each for each in tokens if each is not None)
    if not known or known[-1] < _LEAST_RANGE * max(1, known[0]):
        return [None] * len(samples)
    edges = sorted({known[len(known) * part // _PARTS] for part in range(_PARTS)})
    names: dict[int, str] = {}
    for low, end in zip(edges, [*edges[1:], known[-1] + 1], strict=True):
        high = max(each for each in known if each < end)
        names[low] = f"{low:,} … {high:,}" if high > low else f"{low:,}"
    lows = [None if each is None else max(low for low in edges if low <= each) for each in tokens]
    return [None if low is None else (low, names[low]) for low in lows]


def _times(samples: Sequence[Sample]) -> list[Name]:
    """Return in which quarter of the measured time each request began."""
    starts = [sample.stamps.started for sample in samples]
    first, whole = min(starts, default=0), max(starts, default=0) - min(starts, default=0)
    if not whole:
        return [None] * len(samples)
    places = [min(_PARTS - 1, (each - first) * _PARTS // whole) for each in starts]
    edges = [f"{seconds(whole) * place / _PARTS:.3g}" for place in range(_PARTS + 1)]
    return [(place, f"{edges[place]} … {edges[place + 1]} s") for place in places]


def _places(field: str) -> Callable[[Sequence[Sample]], list[Name]]:
    def names(samples: Sequence[Sample]) -> list[Name]:
        return [None if getattr(sample, field) is None else (0, getattr(sample, field)) for sample in samples]

    return names


_BY: Mapping[str, Callable[[Sequence[Sample]], list[Name]]] = MappingProxyType({
    "input tokens": _lengths,
    "time": _times,
    **{name: _places(name) for name in ("worker", "host", "region")},
})
