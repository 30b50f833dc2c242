"""What a chart is made of: shapes in named paints, labels, a legend and the table beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency import units
from pytest_llm_latency.report.charts import scale
from pytest_llm_latency.report.charts.scale import Scale, Shares

POINTS = 400  # no line has more
WIDTH, HEIGHT = 380, 224
LEFT, RIGHT, TOP, BOTTOM = 58, 370, 14, 190
HEAT_HEIGHT = 9  # of a cell of a heat map
_TICKS_X, _TICKS_Y = 5, 5
_CHARACTER, _GAP = 6.5, 4.0  # of a label, in pixels

RUN, BASE, SOFT, GRID, LOST = "#1f5fbf", "#6f7b8b", "#566172", "#d8dde4", "#ad1f17"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """How a shape is drawn: presentation attributes, which hold where a policy refuses the style sheet.

    The style sheet knows it by ``name``. ``kind`` is how the legend shows it.
    """

    name: str
    kind: Literal["line", "dot", "area", "cross"]
    attributes: Mapping[str, str]


def _line(name: str, colour: str, width: float = 1.0, **more: str) -> Paint:
    attributes = {"stroke": colour, "stroke-width": f"{width:g}", **more}
    return Paint(name=name, kind="line", attributes={key.replace("_", "-"): value for key, value in attributes.items()})


def _area(name: str, colour: str, opacity: float = 1.0) -> Paint:
    faint = {"fill-opacity": f"{opacity:g}"} if opacity < 1 else {}
    return Paint(name=name, kind="area", attributes={"fill": colour, **faint})


def _dot(name: str, colour: str, width: float, opacity: float = 1.0) -> Paint:
    faint = {"stroke-opacity": f"{opacity:g}"} if opacity < 1 else {}
    attributes = {"stroke": colour, "stroke-width": f"{width:g}", "stroke-linecap": "round", **faint}
    return Paint(name=name, kind="dot", attributes=attributes)


# A shape names one of these. The word before the first hyphen is its colour in the style sheet.
PAINTS: Mapping[str, Paint] = MappingProxyType({
    "grid": _line("grid", GRID),
    "axis": _line("axis", SOFT),
    "run": _line("run", RUN, 2, stroke_linejoin="round"),
    "base": _line("base", BASE, 1.75, stroke_dasharray="5 3"),
    "run-guide": _line("run", RUN, 1, stroke_dasharray="2 3"),
    "base-guide": _line("base", BASE, 1, stroke_dasharray="2 3"),
    "span": _line("run", RUN, 1.5, stroke_opacity="0.35"),
    "dot": _dot("run", RUN, 3.5, 0.75),
    "point": _dot("run", RUN, 7),
    "old-point": _dot("base", BASE, 6),
    "upper": _line("run", RUN, 1.5, stroke_opacity="0.6", stroke_dasharray="3 3"),
    "upper-point": _dot("run", RUN, 5, 0.6),
    "lost": Paint(name="lost", kind="cross", attributes={"stroke": LOST, "stroke-width": "1.25"}),
    "mark": _line("lost", LOST, 1.25),
    "band": _area("run-fill", RUN, 0.18),
    "tolerated": _area("tolerated", "#e6eaef"),
    "run-bar": _area("run-fill", RUN),
    "run-rare": _area("run-fill", RUN, 0.4),
    "base-bar": _area("base-fill", BASE),
    "base-rare": _area("base-fill", BASE, 0.4),
    **{f"heat-{level}": _line("run", RUN, HEAT_HEIGHT, stroke_opacity=f"{level / 5:g}") for level in range(1, 6)},
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One path in one paint."""

    paint: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Words in a chart. ``kind`` is ``soft`` (an axis), ``strong`` (a value) or ``halo`` (over a line)."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"]
    kind: Literal["soft", "strong", "halo"] = "soft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of the legend."""

    paint: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One line of the table beside a chart: its heading, then its cells as text."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table beside a chart: what it shows, in words and figures."""

    caption: str
    head: tuple[str, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart as it is drawn: ``name`` is a part of its id, ``description`` what a screen reader says of it."""

    name: str
    title: str
    description: str
    keys: tuple[Key, ...]
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    table: Table
    note: str | None = None
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def drawn(self) -> tuple[Shape, ...]:
        """The shapes, with those in one paint that follow each other as one."""
        alike = groupby(self.shapes, key=lambda each: each.paint)
        return tuple(Shape(paint=paint, path="".join(each.path for each in found)) for paint, found in alike)

    @property
    def words(self) -> tuple[tuple[Label, ...], ...]:
        """The labels, those together that differ in place and text alone."""
        alike: dict[tuple[str, str], list[Label]] = {}
        for each in self.labels:
            alike.setdefault((each.anchor, each.kind), []).append(each)
        return tuple(map(tuple, alike.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


def ticks(axis: Scale, unit: str, most: int) -> tuple[Tick, ...]:
    """Return the labelled values of an axis."""
    return tuple(
        Tick(at=axis.position(value), label=units.format_tick(value, unit)) for value in scale.ticks(axis, most)
    )


def along(axis: Scale, unit: str) -> tuple[Tick, ...]:
    """Return the labelled values of an axis from left to right."""
    return ticks(axis, unit, _TICKS_X)


def upward(axis: Scale, unit: str) -> tuple[Tick, ...]:
    """Return the labelled values of an axis from bottom to top."""
    return ticks(axis, unit, _TICKS_Y)


def shares(axis: Shares) -> tuple[Tick, ...]:
    """Return the labelled shares of an axis."""
    return tuple(Tick(at=axis.position(each), label=f"{each * 100:g} %") for each in axis.labelled(14.0))


def frame(x_ticks: Sequence[Tick], y_ticks: Sequence[Tick]) -> tuple[tuple[Shape, ...], tuple[Label, ...]]:
    """Return the grid and the axis of a chart of the usual size, with their labels."""
    marks = "".join(f"M{tick.at:g} {BOTTOM}v4" for tick in x_ticks)
    shapes = (
        Shape(paint="grid", path="".join(f"M{LEFT} {tick.at:g}H{RIGHT}" for tick in y_ticks)),
        Shape(paint="axis", path=f"M{LEFT} {BOTTOM}H{RIGHT}{marks}"),
    )
    left = tuple(Label(x=LEFT - 6, y=tick.at + 4, text=tick.label, anchor="end") for tick in y_ticks)
    below = tuple(
        Label(x=min(tick.at, WIDTH - 3.5 * len(tick.label)), y=BOTTOM + 18, text=tick.label, anchor="middle")
        for tick in _apart(x_ticks)
    )
    return shapes, (*left, *below)


def _apart(found: Sequence[Tick]) -> list[Tick]:
    """Return the ticks from left to right whose labels do not touch the one before."""
    kept: list[Tick] = []
    for tick in sorted(found, key=lambda each: each.at):
        if not kept or tick.at - kept[-1].at >= _CHARACTER * (len(tick.label) + len(kept[-1].label)) / 2 + _GAP:
            kept.append(tick)
    return kept


def guide(y: float, words: str) -> tuple[tuple[Shape, ...], tuple[Label, ...]]:
    """Return a line across a chart for a figure of the baseline, with its name above the right end."""
    label = Label(x=RIGHT - 1, y=y - 4, text=words, anchor="end", kind="halo")
    return (Shape(paint="base", path=f"M{LEFT} {y:g}H{RIGHT}"),), (label,)
