"""Charts as geometry: values in, positions in pixels out. The templates draw them, nothing else.

No line has more than ``POINTS`` points, however many requests there were.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_llm_latency import units
from pytest_llm_latency.report import scale
from pytest_llm_latency.report.scale import Scale

POINTS = 400
GROUPS = 200
WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 506, 16, 214
BLOCKS = 10
SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
_TICKS_X, _TICKS_Y = 6, 5
_BAR_WIDTH = 132


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One line of the table beside a chart: its heading, then its cells as text."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecdf:
    """The share of requests that were answered within a time, for this run and the baseline.

    ``marks`` are the two positions of the p95 that was judged, this run's first.
    """

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    run: str
    baseline: str
    marks: tuple[float | None, float | None]
    p95_y: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The latency of each request in the order of their starts.

    Above ``POINTS`` requests there are ``GROUPS`` of neighbours: ``dots`` are their medians, ``spans``
    reach from their fastest to their slowest. ``crosses`` are failed requests, along the upper edge.
    """

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    dots: str
    spans: str
    crosses: str
    together: int
    lines: tuple[Tick, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioBar:
    """A ratio with its interval on an axis around 1, which every bar of a table shares."""

    width: int
    one: float
    tolerated: tuple[float, float]
    interval: tuple[float, float] | None
    ratio: float


def _answered(values: Sequence[float]) -> tuple[list[float], int]:
    """Return the values that have a place on a logarithmic axis, in order, and how many rank below them."""
    return sorted(value for value in values if 0 < value < math.inf), sum(value <= 0 for value in values)


def ecdf(
    run: Sequence[float], baseline: Sequence[float], *, unit: str, p95: tuple[float | None, float | None]
) -> Ecdf | None:
    """Return the chart of two distributions, or ``None`` when no request of either was answered."""
    known = [each for each in p95 if each is not None]
    x = scale.around([*run, *baseline, *known], start=LEFT, end=RIGHT)
    if x is None:
        return None
    return Ecdf(
        x_ticks=_ticks(x, unit, _TICKS_X),
        y_ticks=tuple(
            Tick(at=_height(share), label=units.format_percent(share)) for share in (0.0, 0.25, 0.5, 0.75, 0.95)
        ),
        run=_steps(run, x),
        baseline=_steps(baseline, x),
        marks=(_mark(p95[0], x), _mark(p95[1], x)),
        p95_y=_height(0.95),
        readings=tuple(
            Reading(
                label=units.format_percent(share),
                cells=tuple(units.format_value(_reading(each, share), unit) for each in (run, baseline)),
            )
            for share in SHARES
        ),
    )


def _ticks(axis: Scale, unit: str, most: int) -> tuple[Tick, ...]:
    return tuple(
        Tick(at=axis.position(value), label=units.format_tick(value, unit)) for value in scale.ticks(axis, most)
    )


def _height(share: float) -> float:
    return round(BOTTOM - share * (BOTTOM - TOP), 1)


def _mark(value: float | None, axis: Scale) -> float | None:
    return None if value is None or not 0 < value < math.inf else axis.position(value)


def _steps(values: Sequence[float], x: Scale) -> str:
    answered, below = _answered(values)
    if not answered:
        return ""
    # Two of the points are the ends of the axis.
    stride = max(1, math.ceil(len(answered) / (POINTS // 2 - 2)))
    ranks = [*range(stride - 1, len(answered) - 1, stride), len(answered) - 1]
    path = [f"M{x.start:g} {_height(below / len(values)):g}"]
    path += [f"H{x.position(answered[rank]):g}V{_height((below + rank + 1) / len(values)):g}" for rank in ranks]
    return "".join([*path, f"H{x.end:g}"])


def _reading(values: Sequence[float], share: float) -> float | None:
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else None


def order(values: Sequence[float | None], *, unit: str, baseline: Mapping[str, float | None]) -> Order | None:
    """Return the chart of a run's requests in their order; ``None`` among them is a failed one.

    ``baseline`` are the figures that are drawn as lines, by their names.
    """
    known = {name: value for name, value in baseline.items() if value is not None}
    answered = [value for value in values if value is not None]
    y = scale.around([*answered, *known.values()], start=BOTTOM, end=TOP + 14)
    if y is None or not answered:
        return None
    together = 1 if len(values) <= POINTS else math.ceil(len(values) / GROUPS)
    groups = [values[start : start + together] for start in range(0, len(values), together)]
    places = [round(LEFT + (index + 0.5) * (RIGHT - LEFT) / len(groups), 1) for index in range(len(groups))]
    drawn = [(at, [each for each in group if each is not None]) for at, group in zip(places, groups, strict=True)]
    return Order(
        x_ticks=_counts(len(values)),
        y_ticks=_ticks(y, unit, _TICKS_Y),
        dots="".join(f"M{at:g} {y.position(median(group)):g}h0" for at, group in drawn if group),
        spans="".join(
            f"M{at:g} {y.position(min(group)):.0f}V{y.position(max(group)):.0f}"
            for at, group in drawn
            if len(group) > 1
        ),
        crosses="".join(
            f"M{at - 2.5:g} {TOP - 2.5:g}l5 5m0-5l-5 5"
            for at, group in zip(places, groups, strict=True)
            if None in group
        ),
        together=together,
        lines=tuple(Tick(at=y.position(value), label=name) for name, value in known.items()),
        readings=_blocks(values, unit),
    )


def _counts(count: int) -> tuple[Tick, ...]:
    places = sorted({1, *(round(count * part / 4) for part in (1, 2, 3, 4))} - {0})
    width = (RIGHT - LEFT) / count
    return tuple(Tick(at=round(LEFT + (each - 0.5) * width, 1), label=units.format_count(each)) for each in places)


def _blocks(values: Sequence[float | None], unit: str) -> tuple[Reading, ...]:
    size = math.ceil(len(values) / BLOCKS)
    found = []
    for start in range(0, len(values), size):
        block = values[start : start + size]
        answered = [value for value in block if value is not None]
        cells = (median(answered), max(answered)) if answered else (None, None)
        found.append(
            Reading(
                label=f"{units.format_count(start + 1)}–{units.format_count(start + len(block))}",
                cells=(*(units.format_value(each, unit) for each in cells), str(len(block) - len(answered))),
            )
        )
    return tuple(found)


def ratio_bar(
    ratio: float | None, interval: tuple[float, float] | None, *, tolerance: float, widest: float
) -> RatioBar | None:
    """Return the bar of a ratio; ``widest`` is the ratio at the right end of the axis."""
    if ratio is None:
        return None
    axis = Scale(low=1 / widest, high=widest, start=4, end=_BAR_WIDTH - 4)
    return RatioBar(
        width=_BAR_WIDTH,
        one=axis.position(1.0),
        tolerated=(axis.position(1 / (1 + tolerance)), axis.position(1 + tolerance)),
        interval=None if interval is None else (axis.position(interval[0]), axis.position(interval[1])),
        ratio=axis.position(ratio),
    )


def widest(ratios: Sequence[float]) -> float:
    """Return the ratio at which the bars of a table end: what holds them all, from 1.5 to 4."""
    sizes = [max(ratio, 1 / ratio) for ratio in ratios if 0 < ratio < math.inf]
    return min(4.0, max([1.5, *(size * 1.05 for size in sizes)]))
