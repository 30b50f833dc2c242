"""The shift function: the ratio of each quantile of a run to the baseline's (Doksum & Sievers 1976).

The interval of a ratio is put together from those of the two quantiles (Zou & Donner 2008), which
are order statistics (David & Nagaraja 2003, section 7.1). It takes the requests for independent and
knows nothing of the noise between runs, so that it describes; the gate judges.
"""

import math
from dataclasses import dataclass

import numpy as np

from pytest_llm_latency.metrics import Direction
from pytest_llm_latency.stats.quantiles import Floats, needed_for, order_bounds, rank

QUANTILES = (
    *(round(0.05 * step, 2) for step in range(1, 19)),
    *(0.92, 0.935, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999, 0.9999),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """One quantile of both sides; ``interval`` holds the ratio with 95 % certainty, ``None`` where it has an open end.

    Quantiles run towards the worse side, as everywhere.
    """

    quantile: float
    before: float
    now: float
    ratio: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estimate:
    """The logarithm of one quantile, with its bounds."""

    at: float
    bounds: tuple[float, float] | None


def shift(run: Floats, baseline: Floats, *, direction: Direction) -> tuple[Shifted, ...]:
    """Return the quantiles that both sides support and in which neither is a failed request."""
    if not run.size or not baseline.size:
        return ()
    sides = [_slowest_last(values, direction) for values in (run, baseline)]
    found = []
    for quantile in QUANTILES:
        now, before = (_estimate(values, quantile) for values in sides)
        if now is None or before is None:
            continue
        sign = -1.0 if direction == "higher" else 1.0
        found.append(
            Shifted(
                quantile=quantile,
                before=math.exp(sign * before.at),
                now=math.exp(sign * now.at),
                ratio=math.exp(sign * (now.at - before.at)),
                interval=_interval(now, before, sign),
            )
        )
    return tuple(found)


def _slowest_last(values: Floats, direction: Direction) -> Floats:
    """Return the logarithms in order, turned where higher is better; ``inf`` for what has none."""
    usable = np.isfinite(values) & (values > 0)
    logs = np.log(np.where(usable, values, 1.0)) * (-1.0 if direction == "higher" else 1.0)
    return np.sort(np.where(usable, logs, np.inf))


def _estimate(ordered: Floats, quantile: float) -> _Estimate | None:
    if ordered.size < needed_for(max(quantile, 1 - quantile)):
        return None
    at = float(ordered[rank(ordered.size, quantile) - 1])
    if math.isinf(at):
        return None
    places = order_bounds(ordered.size, quantile)
    bounds = None if places is None else (float(ordered[places[0]]), float(ordered[places[1]]))
    return _Estimate(at=at, bounds=None if bounds is None or math.isinf(bounds[1]) else bounds)


def _interval(now: _Estimate, before: _Estimate, sign: float) -> tuple[float, float] | None:
    if now.bounds is None or before.bounds is None:
        return None
    size = now.at - before.at
    low = size - math.hypot(now.at - now.bounds[0], before.bounds[1] - before.at)
    high = size + math.hypot(now.bounds[1] - now.at, before.at - before.bounds[0])
    ends = sorted((math.exp(sign * low), math.exp(sign * high)))
    return ends[0], ends[1]
