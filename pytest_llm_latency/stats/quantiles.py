"""Quantiles: Harrell–Davis estimates, empirical ones, and what a sample can support."""

import bisect
import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95, 0.99)
CONFIDENCE = 0.95


def name(quantile: float) -> str:
    """Return the name of a quantile: 0.95 is ``p95``."""
    return f"p{quantile * 100:g}"


def needed_for(quantile: float, confidence: float = CONFIDENCE) -> int:
    """Return the requests whose slowest is, with ``confidence``, an upper bound of the quantile.

    It is the smallest n with ``quantile ** n <= 1 - confidence``: 59 for p95, 299 for p99.
    """
    return max(1, math.ceil(math.log(1 - confidence) / math.log(quantile)))


def largest(count: int, confidence: float = CONFIDENCE) -> float:
    """Return the largest quantile that so many requests support, as ``needed_for`` says: 0.95 for 59."""
    return math.pow(1 - confidence, 1 / count)


@functools.lru_cache(maxsize=4096)
def order_bounds(count: int, quantile: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Return the positions, from 0, of the sorted values that bound a quantile whatever the distribution is.

    Half of the error is on each side (David & Nagaraja 2003, section 7.1). ``None`` where a bound
    would be beyond the sample.
    """
    from scipy.special import bdtr  # noqa: PLC0415  (slow to import)

    # Beyond this many standard deviations the chance is below the rounding of a float.
    spread = math.ceil(9 * math.sqrt(count * quantile * (1 - quantile))) + 9
    first = max(0, math.floor(count * quantile) - spread)
    below = bdtr(np.arange(first, min(count, math.ceil(count * quantile) + spread)), count, quantile)
    outside = (1 - confidence) / 2
    low = first + int(np.searchsorted(below, outside, side="right"))
    high = first + int(np.searchsorted(below, 1 - outside))
    return None if low < 1 or high >= count else (low - 1, high)


def empirical(values: Sequence[float], quantile: float) -> float | None:
    """Return the smallest value that at least the share ``quantile`` of the values does not exceed.

    ``math.inf`` ranks above every other value. ``None`` when the sample is smaller than
    ``needed_for`` says, or when the quantile falls on an infinite value.
    """
    if len(values) < needed_for(quantile):
        return None
    found = sorted(values)[rank(len(values), quantile) - 1]
    return float(found) if math.isfinite(found) else None


def weighted(pairs: Sequence[tuple[float, float]], quantiles: Sequence[float]) -> list[float | None]:
    """Return for each quantile the smallest value that at least that share of the weight does not exceed.

    ``pairs`` are values with their weights; ``None`` where a quantile falls on an infinite value.
    """
    ordered = sorted(pairs)
    total = math.fsum(weight for _, weight in ordered)
    passed = list(itertools.accumulate(weight for _, weight in ordered))
    places = (bisect.bisect_left(passed, quantile * total * (1 - 1e-12)) for quantile in quantiles)
    found = [ordered[min(place, len(ordered) - 1)][0] for place in places]
    return [each if math.isfinite(each) else None for each in found]


def rank(count: int, quantile: float) -> int:
    """Return the position, from 1, of the quantile among ``count`` sorted values."""
    return min(count, max(1, math.ceil(quantile * count - 1e-9)))


@functools.lru_cache(maxsize=256)
def harrell_davis_weights(count: int, quantiles: tuple[float, ...]) -> Floats:
    """Return the weights of ``count`` sorted values, one row a quantile (Harrell & Davis 1982)."""
    from scipy.special import betainc  # noqa: PLC0415  (slow to import; most imports of this module need none of it)

    at = np.asarray(quantiles)[:, np.newaxis]
    steps = betainc((count + 1) * at, (count + 1) * (1 - at), np.arange(count + 1) / count)
    weights: Floats = np.diff(steps, axis=1)
    weights.flags.writeable = False
    return weights


def harrell_davis(values: Floats, quantiles: tuple[float, ...]) -> Floats:
    """Return the Harrell–Davis estimates of finite values, one a quantile."""
    estimates: Floats = harrell_davis_weights(values.size, quantiles) @ np.sort(values)
    return estimates
