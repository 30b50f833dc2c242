"""Small bars in the cells of tables, which share one axis a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_llm_latency.report.charts import scale
from pytest_llm_latency.report.charts.scale import Scale

WIDTH = 132


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioBar:
    """A ratio with its interval on an axis around 1, which every bar of a table shares."""

    width: int
    one: float
    tolerated: tuple[float, float]
    interval: tuple[float, float] | None
    ratio: float

    @property
    def scale(self) -> str:
        """A name of what all bars with this tolerance share."""
        return f"scale-{self.tolerated[0]:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadBar:
    """A median with the p95 on an axis of latencies, which every bar of a table shares."""

    width: int
    median: float
    p95: float | None


def ratio_bar(
    ratio: float | None, interval: tuple[float, float] | None, *, tolerance: float, widest: float
) -> RatioBar | None:
    """Return the bar of a ratio; ``widest`` is the ratio at the right end of the axis."""
    if ratio is None:
        return None
    axis = Scale(low=1 / widest, high=widest, start=4, end=WIDTH - 4)
    return RatioBar(
        width=WIDTH,
        one=axis.position(1.0),
        tolerated=(axis.position(1 / (1 + tolerance)), axis.position(1 + tolerance)),
        interval=None if interval is None else (axis.position(interval[0]), axis.position(interval[1])),
        ratio=axis.position(ratio),
    )


def widest(ratios: Sequence[float]) -> float:
    """Return the ratio at which the bars of a table end: what holds them all, from 1.5 to 4."""
    sizes = [max(ratio, 1 / ratio) for ratio in ratios if 0 < ratio < math.inf]
    return min(4.0, max([1.5, *(size * 1.05 for size in sizes)]))


def spread_bars(pairs: Sequence[tuple[float | None, float | None]]) -> list[SpreadBar | None]:
    """Return a bar for each median and p95; ``None`` where there is no median."""
    axis = scale.around([value for pair in pairs for value in pair if value is not None], start=5, end=WIDTH - 5)
    if axis is None:
        return [None] * len(pairs)
    return [
        None
        if median is None
        else SpreadBar(width=WIDTH, median=axis.position(median), p95=None if p95 is None else axis.position(p95))
        for median, p95 in pairs
    ]
