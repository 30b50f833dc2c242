"""Figures as the systems around compute them, which is not how this package judges."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence


def over_gaps(ordered: Sequence[float], percent: float) -> float:
    """Return ``sorted[ceil(p/100·(n−1))]``, the percentile of LLM-Test-Bench's results."""
    return ordered[math.ceil(percent / 100 * (len(ordered) - 1))]


def nearest_rank(ordered: Sequence[float], percent: float) -> float:
    """Return ``sorted[ceil(p/100·n)−1]``, the percentile of its newer runner."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there."""
    return [each for each in values if each is not None]


def spread(values: Iterable[float | None]) -> Mapping[str, float] | None:
    """Return the figures of a distribution by their names, ``None`` where it is empty."""
    ordered = sorted(known(values))
    if not ordered:
        return None
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": statistics.fmean(ordered),
        "std_dev": statistics.pstdev(ordered),
        "p50": nearest_rank(ordered, 50),
        "p90": nearest_rank(ordered, 90),
        "p95": nearest_rank(ordered, 95),
        "p99": nearest_rank(ordered, 99),
        "p99_9": nearest_rank(ordered, 99.9),
    }
