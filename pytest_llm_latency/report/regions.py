"""What each region saw, where the requests of a test came from several: one line for each judged metric of each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pytest_llm_latency import units
from pytest_llm_latency.metrics import Metric
from pytest_llm_latency.model import Distribution, Result, Summary
from pytest_llm_latency.report.rows import rows
from pytest_llm_latency.report.text import Line, line

_GAP = _INDENT = "  "
_TITLES = ("", "region", "p50", "p95", "requests", "errors")
_WORDS = 2  # the columns that stand left
_LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    """One metric of one step as one region saw it."""

    step: str | None
    region: str
    metric: Metric
    summary: Summary
    found: Distribution | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in words."""
        p50, p95 = (None, None) if self.found is None else (self.found.p50, self.found.p95)
        return (
            self.metric.id if self.step is None else f"{self.metric.id} · {self.step}",
            self.region,
            units.format_value(p50, self.metric.unit),
            units.format_value(p95, self.metric.unit),
            units.format_count(self.summary.requests),
            units.format_percent(self.summary.error_rate),
        )


def by_region(result: Result) -> tuple[RegionRow, ...]:
    """Return the rows of a test; none where one region saw all of it."""
    return tuple(
        RegionRow(step=row.step, region=region, metric=row.metric, summary=summary, found=found)
        for row in rows(result)
        for region, summaries in result.regions.items()
        for summary in summaries
        if summary.step == row.step
        for found in (summary.distribution(row.metric.id),)
    )


def lines(results: Sequence[Result], width: int, text: Callable[[str], str], title: Callable[[str], str]) -> list[Line]:
    """Return the table of all tests that several regions saw, without the columns for which the width is too small.

    ``text`` and ``title`` fit words to the screen.
    """
    told = [(result, by_region(result)) for result in results if result.regions]
    cells = [[text(cell) for cell in row.cells] for _, found in told for row in found]
    if not cells:
        return []
    sizes = [max(map(len, column)) for column in zip(_TITLES, *cells, strict=True)]
    while len(_INDENT) + sum(sizes) + len(_GAP) * (len(sizes) - 1) > width and len(sizes) > _LEAST:
        sizes.pop()
    written = iter(cells)
    table = [line(f"{_INDENT}{_aligned(_TITLES, sizes)}".rstrip(), "bold")]
    for result, found in told:
        table.append(line(title(result.test_id)))
        table += [line(f"{_INDENT}{_aligned(next(written), sizes)}") for _ in found]
    return table


def _aligned(cells: Iterable[str], sizes: Sequence[int]) -> str:
    placed = zip(cells, sizes, strict=False)  # the last columns may be left out
    return _GAP.join(
        cell.ljust(size) if place < _WORDS else cell.rjust(size) for place, (cell, size) in enumerate(placed)
    )
