"""The latency of each request in the order of the starts, as far as marks can be told apart."""

import math
from collections.abc import Sequence

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.report.charts import paths, scale
from pytest_llm_latency.report.charts.drawing import (
    BOTTOM,
    LEFT,
    POINTS,
    RIGHT,
    TOP,
    Chart,
    Key,
    Label,
    Reading,
    Shape,
    Table,
    Tick,
    frame,
    guide,
    upward,
)
from pytest_llm_latency.report.charts.scale import Scale
from pytest_llm_latency.report.charts.subject import Subject
from pytest_llm_latency.stats.quantiles import Floats

MOST = 2000  # above, a heat map shows more
GROUPS = 100
BLOCKS = 10
HEAD = ("requests", "median", "slowest", "failed")


def chart(of: Subject) -> Chart | None:
    """Return a mark a request, or for many one for neighbours with their range; failed ones along the upper edge."""
    y = axis(of)
    if y is None or of.values.size > MOST:
        return None
    single = of.values.size <= min(of.points, POINTS)
    groups = np.array_split(of.values, of.values.size if single else min(GROUPS, of.points))
    width = (RIGHT - LEFT) / len(groups)
    places = [LEFT + (index + 0.5) * width for index in range(len(groups))]
    axes, labels = frame(_counts(of.values.size), upward(y, of.unit))
    lines, names = guides(of, y)
    together = math.ceil(of.values.size / len(groups))
    return Chart(
        name="order",
        title="In the order of the requests",
        description="One mark for each request, or for neighbours, from left to right; the table that follows has "
        "medians of neighbours.",
        keys=keys(of, Key(paint="dot", text="a request" if single else f"median of {together} with their range")),
        shapes=(*axes, *lines, *_marks(groups, places, y), *crosses(groups, places)),
        labels=(*labels, *names),
        table=table(of),
    )


def axis(of: Subject) -> Scale | None:
    """Return the axis of the latencies, or ``None`` without an answered request."""
    answered = of.values[~np.isnan(of.values)]
    if not answered.size:
        return None
    known = [float(answered.min()), float(answered.max()), *(value for _, value in _figures(of))]
    return scale.around(known, start=BOTTOM, end=TOP + 14)


def keys(of: Subject, mark: Key) -> tuple[Key, ...]:
    """Return the legend: what a mark is, and what a failed request is where there are some."""
    failed = [Key(paint="lost", text="failed")] if np.isnan(of.values).any() else []
    return (mark, *failed)


def guides(of: Subject, y: Scale) -> tuple[list[Shape], list[Label]]:
    """Return lines for the baseline's p50 and p95."""
    found = [guide(y.position(value), name) for name, value in _figures(of)]
    return [shape for shapes, _ in found for shape in shapes], [label for _, labels in found for label in labels]


def _figures(of: Subject) -> list[tuple[str, float]]:
    before = None if of.row.before is None else of.row.before.p50
    pairs = [("baseline p50", before), ("baseline p95", of.row.p95_before)]
    return [(name, value) for name, value in pairs if value is not None and 0 < value < math.inf]


def _marks(groups: Sequence[Floats], places: Sequence[float], y: Scale) -> list[Shape]:
    drawn = [(at, np.sort(group[~np.isnan(group)])) for at, group in zip(places, groups, strict=True)]
    spans = "".join(
        f"M{at:.0f} {y.position(group[0]):.0f}V{y.position(group[-1]):.0f}" for at, group in drawn if len(group) > 1
    )
    medians = [(at, round(y.position(group[(len(group) - 1) // 2]))) for at, group in drawn if len(group)]
    return [*([Shape(paint="span", path=spans)] if spans else []), Shape(paint="dot", path=paths.dots(medians))]


def crosses(groups: Sequence[Floats], places: Sequence[float]) -> list[Shape]:
    """Return a cross for each group with a failed request."""
    path = "".join(
        f"M{at - 2.5:.4g} {TOP - 2.5:g}l5 5m0-5l-5 5"
        for at, group in zip(places, groups, strict=True)
        if np.isnan(group).any()
    )
    return [Shape(paint="lost", path=path)] if path else []


def _counts(count: int) -> tuple[Tick, ...]:
    places = sorted({1, *(round(count * part / 4) for part in (1, 2, 3, 4))} - {0})
    width = (RIGHT - LEFT) / count
    return tuple(Tick(at=round(LEFT + (each - 0.5) * width, 1), label=units.format_count(each)) for each in places)


def table(of: Subject) -> Table:
    """Return neighbouring requests together, ten lines at most."""
    size = math.ceil(of.values.size / BLOCKS)
    blocks = [(start, of.values[start : start + size]) for start in range(0, of.values.size, size)]
    return Table(
        caption="Neighbouring requests together, in the order of their starts.",
        head=HEAD,
        readings=tuple(_block(start, block, of.unit) for start, block in blocks),
    )


def _block(start: int, block: Floats, unit: str) -> Reading:
    answered = block[~np.isnan(block)]
    figures = (float(np.median(answered)), float(answered.max())) if answered.size else (None, None)
    return Reading(
        label=f"{units.format_count(start + 1)}–{units.format_count(start + block.size)}",
        cells=(*(units.format_value(each, unit) for each in figures), str(block.size - answered.size)),
    )
