"""The table of the terminal: which metrics and quantiles it shows, and the columns that fit its width."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pytest_llm_latency import units
from pytest_llm_latency.model import Result, VerdictStatus
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.rows import Row, rows
from pytest_llm_latency.report.text import Line, Screen, Span, encodable, line, sparkline

JUDGED = "p95"

MARKUP: Mapping[VerdictStatus, tuple[str, ...]] = MappingProxyType({
    "pass": ("green",),
    "improved": ("green", "bold"),
    "regressed": ("red", "bold"),
    "invalid": ("red", "bold"),
    "incomparable": ("yellow", "bold"),
    "inconclusive": ("yellow",),
    "no_baseline": ("cyan",),
})
_GAP = _INDENT = "  "
_BLOCKS = (6, 24)
_SPARKLINE_RANK = 5
_RANKS = MappingProxyType({JUDGED: 1, "p50": 5})  # of columns; other quantiles were asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a table shows: these quantiles, and these metrics beside the gated ones."""

    metrics: tuple[str, ...]
    percentiles: tuple[str, ...]


USUAL = Shown(metrics=(), percentiles=("p50", JUDGED))


def shown_by(settings: Mapping[str, Any]) -> Shown:
    """Return what the settings of a session ask for; one that is stored has lists."""
    return Shown(
        metrics=tuple(settings.get("metrics") or USUAL.metrics),
        percentiles=tuple(settings.get("percentiles") or USUAL.percentiles),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table; where the width does not suffice, the highest ``rank`` goes first.

    Only the last column may stand ``left``.
    """

    title: str
    cell: Callable[[Row], str]
    rank: int
    left: bool = False
    markup: Callable[[Row], tuple[str, ...]] = lambda row: ()  # noqa: ARG005  (of no colour, whatever the row)


def _quantile(row: Row, name: str) -> float | None:
    """Return a quantile; the p95 is the one that was judged."""
    if name == JUDGED:
        return row.p95
    found: float | None = None if row.now is None else getattr(row.now, name)
    return found


def _of_quantile(name: str) -> Column:
    return Column(
        title=name,
        cell=lambda row: units.format_value(_quantile(row, name), row.metric.unit),
        rank=_RANKS.get(name, 4),
    )


def _verdict(row: Row) -> str:
    return wording.TITLES[row.status] if row.gated else "not compared"


def _by_status(row: Row) -> tuple[str, ...]:
    return MARKUP[row.status] if row.gated else ()


def _by_errors(row: Row) -> tuple[str, ...]:
    return () if row.errors is None or row.errors.status == "pass" else MARKUP[row.errors.status]


def _errors(row: Row) -> str:
    return "–" if row.summary is None else units.format_percent(row.summary.error_rate)


# What stands after the quantiles.
_COMPARED = (
    Column(title="baseline", cell=lambda row: units.format_value(row.p95_before, row.metric.unit), rank=3),
    Column(title="change", cell=lambda row: units.format_change(row.ratio), rank=2, markup=_by_status),
    Column(
        title="95 % interval",
        cell=lambda row: units.format_interval(None if row.verdict is None else row.verdict.interval),
        rank=6,
    ),
    Column(
        title="p",
        cell=lambda row: units.format_probability(None if row.verdict is None else row.verdict.p_value),
        rank=7,
    ),
    Column(title="errors", cell=_errors, rank=4, markup=_by_errors),
    Column(title="verdict", cell=_verdict, rank=0, left=True, markup=_by_status),
)


def table(results: Sequence[Result], screen: Screen, shown: Shown = USUAL) -> list[Line]:
    """Return the table of all benchmarks: a line for each metric of each step, in the columns that fit."""
    grid = [(result, row) for result in results for row in rows(result, also=shown.metrics)]
    if not grid:
        return []
    columns = (*map(_of_quantile, shown.percentiles), *_COMPARED)
    cells = {column.title: [screen.text(column.cell(row)) for _, row in grid] for column in columns}
    sizes = {title: max(len(title), *map(len, texts)) for title, texts in cells.items()}
    label = max(len(row.metric.id) for _, row in grid)
    fitting, blocks = _fitted(columns, sizes, screen.width - len(_INDENT) - label)
    spark = len(_GAP) + blocks if blocks else 0
    header = " " * (len(_INDENT) + label + spark) + "".join(
        _GAP + _aligned(each.title, each, sizes) for each in fitting
    )
    found = [line(header.rstrip(), "bold")]
    for index, (result, row) in enumerate(grid):
        if index == 0 or grid[index - 1][0] is not result or grid[index - 1][1].step != row.step:
            found += [line(screen.id(_title(result, row)))]
        bars = "" if row.now is None else encodable(sparkline(row.now.histogram, blocks), unicode=screen.unicode)
        spans = [Span(text=f"{_INDENT}{row.metric.id:<{label}}{(_GAP + bars if spark else ''):<{spark}}")]
        for each in fitting:
            text = _aligned(cells[each.title][index], each, sizes)
            spans.append(Span(text=_GAP + text, markup=each.markup(row)))
        found.append(Line(spans=tuple(spans)))
    return found + _too_few([row for _, row in grid], shown.percentiles, screen)


def _too_few(shown: Iterable[Row], percentiles: Sequence[str], screen: Screen) -> list[Line]:
    """Return what the dashes of a table say, where it has some for want of requests."""
    needed: dict[str, int | None] = dict.fromkeys(percentiles)
    for row in shown:
        for name in percentiles:
            if row.now is not None and row.now.successes and _quantile(row, name) is None and name in row.now.needed:
                needed[name] = max(needed[name] or 0, row.now.needed[name])
    words = ", ".join(f"{each} needs {count}" for each, count in needed.items() if count is not None)
    return screen.sentence(f"– too few requests: {words}", len(_INDENT)) if words else []


def _title(result: Result, row: Row) -> str:
    named = result.test_id if row.step is None else f"{result.test_id} · {row.step}"
    return named if result.plan.ab is None else f"{named} ({wording.compared_with(result)})"


def _fitted(columns: Sequence[Column], sizes: Mapping[str, int], width: int) -> tuple[list[Column], int]:
    """Choose the columns that fit, and the width that is left for the sparkline."""
    ranked = sorted(columns, key=lambda column: column.rank)
    least = len(_GAP) + _BLOCKS[0]
    for count in range(len(ranked), 0, -1):
        left = width - sum(len(_GAP) + sizes[column.title] for column in ranked[:count])
        if left >= (least if ranked[count - 1].rank > _SPARKLINE_RANK else 0):
            break
    blocks = min(left - len(_GAP), _BLOCKS[1]) if left >= least else 0
    return [column for column in columns if column in ranked[:count]], blocks


def _aligned(text: str, column: Column, sizes: Mapping[str, int]) -> str:
    return text if column.left else text.rjust(sizes[column.title])
