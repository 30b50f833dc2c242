"""The shift function: by how much each quantile of the run differs from the baseline's."""

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
    Tick,
    frame,
)
from pytest_llm_latency.report.charts.scale import Scale, Shares
from pytest_llm_latency.report.charts.subject import Subject
from pytest_llm_latency.stats.quantiles import name
from pytest_llm_latency.stats.shift import Shifted, shift

READ = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
_LEAST_RANGE = 1.25
_TICKS = 6


def chart(of: Subject) -> Chart | None:
    """Return the ratio by quantile with its band, or ``None`` where a side supports less than two quantiles."""
    found = shift(of.run, of.baseline, direction=of.row.metric.direction)
    if len(found) < 2:  # noqa: PLR2004  (a line)
        return None
    x = Shares(low=found[0].quantile, high=found[-1].quantile, start=LEFT + 8, end=RIGHT - 8)
    y = _ratios(found, of.tolerance)
    axes, labels = frame(_quantiles(x), _changes(y))
    one, tolerated = y.position(1.0), (y.position(1 + of.tolerance), y.position(1 / (1 + of.tolerance)))
    shapes = [
        Shape(paint="tolerated", path=f"M{LEFT} {tolerated[0]:g}H{RIGHT}V{tolerated[1]:g}H{LEFT}z"),
        *axes,
        Shape(paint="axis", path=f"M{LEFT} {one:g}H{RIGHT}"),
        *_band(found, (x, y)),
        Shape(paint="run", path=paths.line([(x.position(each.quantile), y.position(each.ratio)) for each in found])),
    ]
    return Chart(
        name="shift",
        title="Change by quantile",
        description=f"{wording.change(of.row)}. The change of each quantile against the baseline, from the fastest "
        "requests on the left to the slowest; the table that follows has the numbers.",
        keys=(
            Key(paint="run", text="run ÷ baseline"),
            Key(paint="band", text="95 % interval of each"),
            Key(paint="tolerated", text="tolerance"),
        ),
        shapes=tuple(shapes),
        labels=labels,
        table=_table(found, of.unit),
        note="Quantiles that the requests do not support are left out. The interval is of these requests alone; that "
        "of the verdict counts the noise between runs too.",
    )


def _ratios(found: tuple[Shifted, ...], tolerance: float) -> Scale:
    ratios = [each.ratio for each in found]
    bounds = [bound for each in found if each.interval is not None for bound in each.interval]
    # A wild bound must not press the line flat.
    wildest = max(*ratios, 1 / min(ratios)) ** 2.5 * _LEAST_RANGE
    bounds = [min(max(each, 1 / wildest), wildest) for each in bounds]
    least = max(_LEAST_RANGE, 1 + 2 * tolerance)
    axis = scale.around([*ratios, *bounds, 1 / least, least], start=BOTTOM, end=TOP)
    return axis or Scale(low=1 / least, high=least, start=BOTTOM, end=TOP)


def _quantiles(x: Shares) -> tuple[Tick, ...]:
    return tuple(Tick(at=x.position(each), label=name(each)) for each in x.labelled(30.0))


def _changes(y: Scale) -> tuple[Tick, ...]:
    return tuple(
        Tick(at=y.position(ratio), label=units.format_change(ratio)) for ratio in {*scale.ticks(y, _TICKS), 1.0}
    )


def _band(found: tuple[Shifted, ...], axes: tuple[Shares, Scale]) -> list[Shape]:
    x, y = axes
    known = [(x.position(each.quantile), each.interval) for each in found if each.interval is not None]
    if not known:
        return []
    upper = [(at, y.position(interval[1])) for at, interval in known]
    lower = [(at, y.position(interval[0])) for at, interval in reversed(known)]
    return [Shape(paint="band", path=f"{paths.line([*upper, *lower])}z")]


def _table(found: tuple[Shifted, ...], unit: str) -> Table:
    return Table(
        caption="Quantiles of both sides and their ratio; towards the slower requests.",
        head=("quantile", "this run", "baseline", "change", "95 % interval"),
        readings=tuple(
            Reading(
                label=name(each.quantile),
                cells=(
                    units.format_value(each.now, unit),
                    units.format_value(each.before, unit),
                    units.format_change(each.ratio),
                    units.format_interval(each.interval),
                ),
            )
            for each in found
            if each.quantile in READ
        ),
    )
