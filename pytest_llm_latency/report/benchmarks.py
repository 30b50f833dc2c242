"""The benchmarks of a page: the lines of its table, what the verdict names, and the parts with the charts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pytest_llm_latency.model import Evidence, Result
from pytest_llm_latency.report import courses, details, remedies, sweeps, wording
from pytest_llm_latency.report.charts import bars
from pytest_llm_latency.report.charts.bars import RatioBar
from pytest_llm_latency.report.charts.drawing import POINTS
from pytest_llm_latency.report.rows import Row, by_severity, rows

# Up to so many benchmarks are shown with their charts unfolded whatever their verdict.
FEW = 4
# The lines of a page share this many points.
_ALL_POINTS, _LEAST_POINTS = 12_000, 40
# On a page of more lines than these, what passed has charts of one metric.
_MANY = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One line of the table of all benchmarks."""

    anchor: str
    result: Result
    row: Row
    bar: RatioBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark's part of the page; without ``whole``, each step has the charts of one metric."""

    anchor: str
    result: Result
    unfolded: bool
    whole: bool
    findings: tuple[wording.Finding, ...]
    steps: tuple[details.Step, ...]
    lines: tuple[TableRow, ...]
    courses: courses.Courses | None
    lengths: tuple[sweeps.Lengths, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One benchmark that the verdict names, and what to do about it.

    A finding that is a change with an interval has its line of the table, to be drawn; others are sentences.
    """

    anchor: str
    result: Result
    findings: tuple[tuple[wording.Finding, TableRow | None], ...]
    reasons: tuple[str, ...]
    advice: remedies.Advice | None


def benchmarks(results: Sequence[Result], evidence: Mapping[str, Evidence]) -> list[Benchmark]:
    """Return the parts of a page; the raw runs of one test at a time are looked at."""
    tables = [rows(result) for result in results]
    widest = bars.widest(list(chain.from_iterable(_sizes(row) for table in tables for row in table)))
    lines = sum(len(table) for table in tables)
    found = []
    for number, (result, table) in enumerate(zip(results, tables, strict=True), start=1):
        anchor, raw, room = f"benchmark-{number}", evidence.get(result.test_id), _room(result, lines)
        found.append(
            Benchmark(
                anchor=anchor,
                result=result,
                unfolded=len(results) <= FEW or result.status not in {"pass", "improved"},
                whole=room.all_metrics or len(table) == len(result.summaries),
                findings=tuple(wording.findings(result, passing=True)),
                steps=details.steps(result, raw, room),
                lines=tuple(
                    TableRow(anchor=anchor, result=result, row=row, bar=_bar(result, row, widest)) for row in table
                ),
                courses=None if raw is None else courses.courses(result, raw),
                lengths=() if raw is None else sweeps.lengths(result, raw),
            )
        )
    return found


def _room(result: Result, lines: int) -> details.Room:
    whole = lines <= _MANY or result.status not in {"pass", "improved"}
    return details.Room(points=max(_LEAST_POINTS, min(POINTS, _ALL_POINTS // max(1, lines))), all_metrics=whole)


def _sizes(row: Row) -> list[float]:
    if row.verdict is None or row.verdict.ratio is None:
        return []
    return [row.verdict.ratio, *(row.verdict.interval or ())]


def _bar(result: Result, row: Row, widest: float) -> RatioBar | None:
    interval = None if row.verdict is None else row.verdict.interval
    return bars.ratio_bar(row.ratio, interval, tolerance=result.plan.tolerance, widest=widest)


def attention(found: Iterable[Benchmark]) -> list[Attention]:
    """Return what the verdict names, the most severe first; what several tests share is said once."""
    parts = {each.result.test_id: each for each in found}
    told = [each.result for each in parts.values() if each.result.status != "pass" or each.result.fails]
    told = [result for result in told if not result.silent]
    said: set[str] = set()
    return [
        Attention(
            anchor=parts[result.test_id].anchor,
            result=result,
            findings=tuple(
                (each, _line(each, parts[result.test_id])) for each in wording.unsaid(wording.findings(result), said)
            ),
            reasons=result.reasons,
            advice=remedies.advice(result, command=remedies.accept_command(result)),
        )
        for result in by_severity(told)
    ]


def _line(finding: wording.Finding, part: Benchmark) -> TableRow | None:
    drawn = (each for each in part.lines if each.bar is not None and each.bar.interval is not None)
    return next((each for each in drawn if wording.subject(each.row) == finding.subject), None)


def without_baseline(results: Sequence[Result]) -> list[Result]:
    """Return the results that lack nothing but a baseline, to be named together, if there are several."""
    found = [result for result in results if result.status == "no_baseline" and not result.fails]
    return found if len(found) > 1 else []
