"""Two distributions: the share of requests that were answered within a time, this run's and the baseline's."""

import math

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.report import wording
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
    along,
    frame,
    shares,
)
from pytest_llm_latency.report.charts.scale import Scale, Shares
from pytest_llm_latency.report.charts.subject import Subject
from pytest_llm_latency.stats.quantiles import Floats, largest, needed_for

READ = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_LOWEST, _LEAST_TOP = 0.01, 0.75  # an axis needs some length, however few requests there are
_JUDGED = 0.95
_MOST_STEPS = 120  # more cannot be told apart; a step has two points


def chart(of: Subject) -> Chart | None:
    """Return the empirical distribution functions, or ``None`` when no request of either side was answered.

    The axis of the shares ends with the largest quantile that the requests support.
    """
    pair = (np.sort(of.run), np.sort(of.baseline))
    marks = (of.row.p95, of.row.p95_before)
    known = [each for each in marks if each is not None]
    x = scale.around([*_ends(pair[0]), *_ends(pair[1]), *known], start=LEFT, end=RIGHT)
    if x is None or not (of.run.size or of.baseline.size):
        return None
    highest = max(_top(each.size) for each in pair if each.size)
    y = Shares(low=max(_LOWEST, 1 - highest), high=highest, start=BOTTOM, end=TOP)
    axes, labels = frame(along(x, of.unit), shares(y))
    run, baseline = (_curve(each, (x, y), of.points) for each in pair)
    curves = [("base", baseline), ("run", run)]
    return Chart(
        name="distribution",
        title="Share of requests up to a value" if of.higher else "Share of requests answered within a time",
        description=f"{wording.change(of.row)}. {units.format_count(of.lost[0])} failed requests keep the curve of "
        "this run below 100 %. The readings stand in the table that follows.",
        keys=_keys(of),
        shapes=(*axes, *_marks(of, (x, y)), *(Shape(paint=paint, path=path) for paint, path in curves if path)),
        labels=labels,
        table=_table(of, pair),
    )


def _ends(ordered: Floats) -> list[float]:
    answered = ordered[np.isfinite(ordered) & (ordered > 0)]
    return [float(answered[0]), float(answered[-1])] if answered.size else []


def _top(count: int) -> float:
    return max(_LEAST_TOP, largest(count))


def _keys(of: Subject) -> tuple[Key, ...]:
    found = [Key(paint="run", text=f"this run ({units.format_count(of.run.size)})")]
    if of.baseline.size:
        found.append(Key(paint="base", text=f"baseline ({units.format_count(of.baseline.size)})"))
    found.append(Key(paint="point", text="p95"))
    return tuple(found)


def _curve(ordered: Floats, axes: tuple[Scale, Shares], points: int) -> str:
    """Return a staircase with a step a request, or a line through even steps of the axis where they are many."""
    x, y = axes
    if not ordered.size:
        return ""
    most = min(points, _MOST_STEPS)
    top = _top(ordered.size)
    if ordered.size <= most:
        levels = [rank / ordered.size for rank in range(1, ordered.size + 1)]
    else:
        levels = [share for share in y.between(most) if share < top] + [top]
    drawn = [(share, float(ordered[math.ceil(share * ordered.size - 1e-9) - 1])) for share in levels]
    shown = [(share, value) for share, value in drawn if 0 < value < math.inf and y.low <= share <= top]
    placed = [(x.position(value), y.position(share)) for share, value in shown]
    if not placed:
        return ""
    if ordered.size <= most:
        first = y.position(shown[0][0] - 1 / ordered.size)
        return paths.stairs(first, placed)
    return paths.line(placed)


def _marks(of: Subject, axes: tuple[Scale, Shares]) -> list[Shape]:
    """Return guides to the p95 of both sides, where the requests support one."""
    x, y = axes
    share = 1 - _JUDGED if of.higher else _JUDGED
    if not y.low <= share <= y.high:
        return []
    height, shapes = y.position(share), []
    for paint, point, value in (
        ("base-guide", "old-point", of.row.p95_before),
        ("run-guide", "point", of.row.p95),
    ):
        if value is not None and 0 < value < math.inf:
            at = x.position(value)
            shapes += [
                Shape(paint=paint, path=f"M{at:g} {height:g}V{BOTTOM}"),
                Shape(paint=point, path=f"M{at:g} {height:g}h0"),
            ]
    return shapes


def _table(of: Subject, pair: tuple[Floats, Floats]) -> Table:
    return Table(
        caption="Value that this share of the requests does not exceed; ∞ where failed requests keep it out of reach.",
        head=("share", "this run", "baseline"),
        readings=tuple(
            Reading(label=units.format_percent(share), cells=tuple(_cell(each, share, of.unit) for each in pair))
            for share in READ
        ),
    )


def _cell(ordered: Floats, share: float, unit: str) -> str:
    if not ordered.size:
        return "–"
    needed = needed_for(max(share, 1 - share))
    if ordered.size < needed:
        return f"needs {units.format_count(needed)}"
    return units.format_value(float(ordered[math.ceil(share * ordered.size - 1e-9) - 1]), unit)
