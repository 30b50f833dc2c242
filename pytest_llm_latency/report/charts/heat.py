"""Latency over time as a heat map, where single requests could no longer be told apart."""

import numpy as np
from numpy.typing import NDArray

from pytest_llm_latency import units
from pytest_llm_latency.report.charts.drawing import (
    BOTTOM,
    HEAT_HEIGHT,
    LEFT,
    RIGHT,
    Chart,
    Key,
    Shape,
    Tick,
    frame,
    upward,
)
from pytest_llm_latency.report.charts.order import MOST, axis, crosses, guides, keys, table
from pytest_llm_latency.report.charts.subject import Subject
from pytest_llm_latency.stats.quantiles import Floats

COLUMNS, ROWS, LEVELS = 39, 18, 5  # cells of whole pixels


def chart(of: Subject) -> Chart | None:
    """Return how many requests of each moment took how long, or ``None`` where each has a mark of its own."""
    y = axis(of)
    if y is None or of.values.size <= MOST:
        return None
    longest = max(float(of.at_s[-1]), 1e-9)
    moments = np.minimum((of.at_s / longest * COLUMNS).astype(np.int64), COLUMNS - 1)
    width = (RIGHT - LEFT) / COLUMNS
    groups = [of.values[moments == column] for column in range(COLUMNS)]
    places = [LEFT + (column + 0.5) * width for column in range(COLUMNS)]
    ticks = tuple(
        Tick(at=LEFT + share * (RIGHT - LEFT), label=units.format_tick(share * longest, "s") if share else "0 s")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    counts = _counts(groups, (y.low, y.high))
    axes, labels = frame(ticks, upward(y, of.unit))
    lines, names = guides(of, y)
    most = units.format_count(int(counts.max()))
    return Chart(
        name="heat",
        title="Over time",
        description="How many requests of each moment took how long: time from left to right, the latency upwards, "
        "the stronger the colour the more requests; the table that follows has medians of neighbours.",
        keys=keys(of, Key(paint="heat-4", text=f"stronger is more requests (up to {most})")),
        shapes=(*axes, *_cells(counts, width), *lines, *crosses(groups, places)),
        labels=(*labels, *names),
        table=table(of),
    )


def _counts(groups: list[Floats], bounds: tuple[float, float]) -> NDArray[np.int64]:
    """Return the requests of each cell, a row a moment, the fastest first."""
    edges = np.log(bounds[0]) + np.arange(ROWS + 1) / ROWS * np.log(bounds[1] / bounds[0])
    return np.array([np.histogram(np.log(group[~np.isnan(group)]), bins=edges)[0] for group in groups])


def _cells(counts: NDArray[np.int64], width: float) -> list[Shape]:
    """Return one shape a level of darkness; neighbours in time of the same level are one stroke, as high as a cell."""
    levels = np.ceil(LEVELS * np.log1p(counts) / np.log1p(counts.max())).astype(np.int64)
    paths: dict[int, list[str]] = {level: [] for level in range(1, LEVELS + 1)}
    for row in range(ROWS):
        middle = BOTTOM - (row + 0.5) * HEAT_HEIGHT
        for start, end, level in _runs(levels[:, row].tolist()):
            if level:
                paths[level].append(f"M{LEFT + start * width:g} {middle:g}h{(end - start) * width:g}")
    return [Shape(paint=f"heat-{level}", path="".join(found)) for level, found in paths.items() if found]


def _runs(levels: list[int]) -> list[tuple[int, int, int]]:
    """Return where each stretch of one level starts and ends."""
    starts = [place for place, level in enumerate(levels) if not place or level != levels[place - 1]]
    return [(start, end, levels[start]) for start, end in zip(starts, [*starts[1:], len(levels)], strict=True)]
