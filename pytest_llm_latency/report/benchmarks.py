"""The benchmarks of a page: the lines of its table, what the verdict names, and the parts with the charts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pytest_llm_latency.model import Evidence, Result
from pytest_llm_latency.report import courses, details, remedies, room, sweeps, wording
from pytest_llm_latency.report.charts import bars
from pytest_llm_latency.report.charts.bars import RatioBar
from pytest_llm_latency.report.room import Room
from pytest_llm_latency.report.rows import Row, by_severity, rows

# Up to so many benchmarks are shown with their charts unfolded whatever their verdict.
FEW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One line of the table of all benchmarks."""

    anchor: str
    result: Result
    row: Row
    bar: RatioBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark's part of the page.

    Without ``room`` it has no charts. ``whole`` says whether all judged metrics are drawn.
    """

    anchor: str
    result: Result
    unfolded: bool
    room: Room | None
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
    rooms = room.rooms(results, tables)
    functions = {_function(result) for result, own in zip(results, rooms, strict=True) if own is not None}
    found = []
    for number, (result, table, own) in enumerate(zip(results, tables, rooms, strict=True), start=1):
        told, anchor = own is not None or not room.is_calm(result), f"benchmark-{number}"
        raw = evidence.get(result.test_id) if told or _function(result) in functions else None
        found.append(
            Benchmark(
                anchor=anchor,
                result=result,
                unfolded=len(results) <= FEW or not room.is_calm(result),
                room=own,
                whole=own is not None and (own.all_metrics or len(table) == len(result.summaries)),
                findings=tuple(wording.findings(result, passing=True)),
                steps=details.steps(result, raw, own) if told else (),
                lines=tuple(
                    TableRow(anchor=anchor, result=result, row=row, bar=_bar(result, row, widest)) for row in table
                ),
                courses=None if raw is None or own is None else courses.courses(result, raw, own),
                lengths=() if raw is None or _function(result) not in functions else sweeps.lengths(result, raw),
            )
        )
    return found


def varied(found: Iterable[Benchmark]) -> list[Result]:
    """Return the results of the tests of which any variant is drawn: what was varied is drawn of all variants."""
    parts = list(found)
    drawn = {_function(each.result) for each in parts if each.room is not None}
    return [each.result for each in parts if _function(each.result) in drawn]


def _function(result: Result) -> str:
    return result.test_id.partition("[")[0]


def _sizes(row: Row) -> list[float]:
    if row.verdict is None or row.verdict.ratio is None:
        return []
    return [row.verdict.ratio, *(row.verdict.interval or ())]


def _bar(result: Result, row: Row, widest: float) -> RatioBar | None:
    interval = None if row.verdict is None else row.verdict.interval
    return bars.ratio_bar(row.ratio, interval, tolerance=result.plan.tolerance, widest=widest)


def attention(found: Iterable[Benchmark], shared: Collection[str] = ()) -> list[Attention]:
    """Return what the verdict names, the most severe first; what several tests share is said once.

    Sentences of advice that are ``shared`` are said beside it.
    """
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
            advice=_unshared(remedies.advice(result, command=remedies.accept_command(result)), shared),
        )
        for result in by_severity(told)
    ]


def _unshared(advice: remedies.Advice | None, shared: Collection[str]) -> remedies.Advice | None:
    return None if advice is None or advice.sentence in shared else advice


def _line(finding: wording.Finding, part: Benchmark) -> TableRow | None:
    drawn = (each for each in part.lines if each.bar is not None and each.bar.interval is not None)
    return next((each for each in drawn if wording.subject(each.row) == finding.subject), None)


def without_baseline(results: Sequence[Result]) -> list[Result]:
    """Return the results that lack nothing but a baseline, to be named together, if there are several."""
    found = [result for result in results if result.status == "no_baseline" and not result.fails]
    return found if len(found) > 1 else []
