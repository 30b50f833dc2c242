"""Latency by a number that was varied: the length of the input, a parameter."""

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_llm_latency import units
from pytest_llm_latency.metrics import Metric
from pytest_llm_latency.report.charts import paths, scale
from pytest_llm_latency.report.charts.drawing import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Chart,
    Key,
    Reading,
    Shape,
    Table,
    Tick,
    frame,
    upward,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The figures at one value of what was varied; ``at`` is where it stands among the others, from 0 to 1."""

    label: str
    at: float
    p50: float | None
    p95: float | None
    requests: int


def chart(points: Sequence[Point], *, of: Metric, subject: str) -> Chart | None:
    """Return the median and the p95 at each value, or ``None`` where less than two values have a median."""
    known = [each for each in points if each.p50 is not None]
    y = scale.around([value for each in known for value in (each.p50, each.p95) if value], start=BOTTOM, end=TOP)
    if y is None or len(known) < 2:  # noqa: PLR2004  (a line)
        return None
    places = [round(LEFT + 14 + each.at * (RIGHT - LEFT - 28), 1) for each in known]
    ticks = [Tick(at=at, label=each.label) for at, each in zip(places, known, strict=True)]
    axes, labels = frame(ticks, upward(y, of.unit))
    medians = [(at, y.position(each.p50)) for at, each in zip(places, known, strict=True) if each.p50]
    slowest = [(at, y.position(each.p95)) for at, each in zip(places, known, strict=True) if each.p95]
    return Chart(
        name=f"{of.id}-{subject}",
        title=f"{of.title} by {subject}",
        description=f"Median and p95 at each {subject}; the table that follows has the numbers.",
        keys=(Key(paint="run", text="median"), *([Key(paint="upper", text="p95")] if slowest else [])),
        shapes=(
            *axes,
            *([Shape(paint="upper", path=paths.line(slowest)), _dots("upper-point", slowest)] if slowest else []),
            *([Shape(paint="run", path=paths.line(medians)), _dots("point", medians)] if medians else []),
        ),
        labels=labels,
        table=_table(points, subject, of.unit),
    )


def _dots(paint: str, places: Sequence[tuple[float, float]]) -> Shape:
    return Shape(paint=paint, path=paths.dots(places))


def _table(points: Sequence[Point], subject: str, unit: str) -> Table:
    return Table(
        caption=f"Figures at each {subject}; – where the requests do not support one.",
        head=(subject, "p50", "p95", "requests"),
        readings=tuple(
            Reading(
                label=each.label,
                cells=(
                    units.format_value(each.p50, unit),
                    units.format_value(each.p95, unit),
                    units.format_count(each.requests),
                ),
            )
            for each in points
        ),
    )
