"""The course of a figure over the accepted runs and this one, with its change points."""

from pytest_llm_latency import units
from pytest_llm_latency.metrics import METRICS
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
    upward,
)
from pytest_llm_latency.report.charts.scale import Scale
from pytest_llm_latency.stats.history import ChangePoint, History

_DAY = 10  # the characters of a date


def chart(history: History, *, title: str) -> Chart | None:
    """Return the p95 of each run, oldest first, the last of them this one; ``None`` for less than two."""
    unit = METRICS[history.metric].unit
    known = [(run, value) for run, value in enumerate(history.figures) if value is not None][-POINTS:]
    y = scale.around([value for _, value in known], start=BOTTOM, end=TOP + 14)
    if y is None or len(known) < 2:  # noqa: PLR2004  (a line)
        return None
    last = len(history.figures) - 1
    width = (RIGHT - LEFT - 24) / last
    places = [(LEFT + 12 + run * width, y.position(value)) for run, value in known]
    axes, labels = frame(_days(history, width), upward(y, unit))
    now = [place for (run, _), place in zip(known, places, strict=True) if run == last]
    changes, words = _changes(history, (y, width))
    return Chart(
        name="course",
        title=title,
        description=f"The p95 of {len(known)} runs from the oldest to this one; the table that follows has them.",
        keys=(
            Key(paint="old-point", text="accepted run"),
            Key(paint="point", text="this run"),
            *([Key(paint="mark", text="change point"), Key(paint="span", text="level")] if changes else []),
        ),
        shapes=(
            *axes,
            *changes,
            Shape(paint="base", path=paths.line(places)),
            Shape(paint="old-point", path=paths.dots(places)),
            *([Shape(paint="point", path=paths.dots(now))] if now else []),
        ),
        labels=(*labels, *words),
        table=_table(history, unit),
    )


def _days(history: History, width: float) -> tuple[Tick, ...]:
    last = len(history.started_at) - 1
    runs = (0, last) if width * last < 3 * 64 else (0, last // 2, last)
    return tuple(
        Tick(at=round(LEFT + 12 + run * width, 1), label=history.started_at[run][:_DAY]) for run in dict.fromkeys(runs)
    )


def _changes(history: History, axes: tuple[Scale, float]) -> tuple[list[Shape], list[Label]]:
    y, width = axes
    places = [LEFT + 12 + (point.run - 0.5) * width for point in history.changes]
    ends = [LEFT, *places, RIGHT]
    shapes, labels = [], []
    for place, (x, point) in enumerate(zip(places, history.changes, strict=True)):
        before, after = f"M{ends[place]:.4g} {y.position(point.before):g}H{x:.4g}", f"V{y.position(point.after):g}"
        shapes.append(Shape(paint="span", path=f"{before}{after}H{ends[place + 2]:.4g}"))
        shapes.append(Shape(paint="mark", path=f"M{x:.4g} {TOP}V{BOTTOM}"))
        late = x > (LEFT + RIGHT) / 2
        labels.append(
            Label(
                x=round(x - 4 if late else x + 4, 1),
                y=TOP + 8,
                text=units.format_change(point.ratio),
                anchor="end" if late else "start",
                kind="halo",
            )
        )
    return shapes, labels


def _table(history: History, unit: str) -> Table:
    since = {point.run: point for point in history.changes}
    return Table(
        caption="Runs that were measured as this one, oldest first; the last is this run.",
        head=("run of", "commit", "p95", "change point"),
        readings=tuple(
            Reading(
                label=started_at,
                cells=(
                    "–" if commit is None else commit[:12],
                    units.format_value(value, unit),
                    _change(since.get(run)),
                ),
            )
            for run, (started_at, commit, value) in enumerate(
                zip(history.started_at, history.commits, history.figures, strict=True)
            )
        ),
    )


def _change(point: ChangePoint | None) -> str:
    return "" if point is None else f"{units.format_change(point.ratio)}, p {units.format_probability(point.p_value)}"
