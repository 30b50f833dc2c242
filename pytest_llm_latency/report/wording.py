"""The sentences that more than one report says."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from pytest_llm_latency import interleaving, units
from pytest_llm_latency.looks import SETTLED
from pytest_llm_latency.metrics import ERROR_RATE
from pytest_llm_latency.model import (
    Comparison,
    Environment,
    LimitCheck,
    Notice,
    Result,
    Run,
    Session,
    Summary,
    VerdictStatus,
)
from pytest_llm_latency.report.rows import NOT_COMPARED, SEVERITY, Row, rows

TOOL = "pytest-llm-latency"
Told = TypeVar("Told", Notice, str)
_QUANTILE = re.compile(r"p\d+ ")

TITLES: Mapping[VerdictStatus, str] = MappingProxyType({
    "pass": "pass",
    "improved": "improved",
    "regressed": "regressed",
    "inconclusive": "inconclusive",
    "no_baseline": "no baseline",
    "incomparable": "incomparable",
    "invalid": "invalid",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to say of a test: a sentence, the reasons below it. A limit's sentence names its subject.

    ``about`` names what was judged without a figure of the run: a metric, a limit as it was written.
    """

    status: VerdictStatus
    about: str
    subject: str | None
    sentence: str
    reasons: tuple[str, ...]
    ratio: float | None

    @property
    def text(self) -> str:
        """The sentence with its subject: ``ttft p95 412 ms → 561 ms``."""
        if self.subject is None:
            return self.sentence
        return f"{self.subject}{' ' if _QUANTILE.match(self.sentence) else ': '}{self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A session in figures; ``cost_usd`` is what is known of the cost, ``cost_complete`` whether that is all."""

    requests: int
    errors: int
    cost_usd: float | None
    cost_complete: bool


def totals(results: Sequence[Result]) -> Totals:
    """Add up requests, errors and cost: of both sides, where a run measured two."""
    summaries = [summary for result in results for summary in (*result.summaries, *_beside(result))]
    known = [summary.cost_usd for summary in summaries if summary.cost_usd is not None]
    return Totals(
        requests=sum(summary.requests for summary in summaries),
        errors=sum(summary.requests - summary.successes for summary in summaries),
        cost_usd=math.fsum(known) if known else None,
        cost_complete=len(known) == len(summaries),
    )


def _beside(result: Result) -> tuple[Summary, ...]:
    return () if result.plan.ab is None else result.baseline


def models(measured: Result | Run) -> str:
    """Name the models that were asked, else the one of the plan."""
    return ", ".join(dict.fromkeys(each.model for each in measured.conditions)) or measured.plan.model or "no model"


def compared_with(result: Result) -> str:
    """Say what a test is compared with: how many accepted runs, or what it took turns with."""
    if result.plan.ab is not None:
        return interleaving.told(result.plan)
    return f"{result.baseline_runs} baseline run{'' if result.baseline_runs == 1 else 's'}"


def cost(found: Totals) -> str:
    """Say what a session cost, with a bound where a part of it is unknown."""
    if found.cost_usd is None:
        return "cost unknown"
    return f"{'' if found.cost_complete else '≥ '}{units.format_money(found.cost_usd)}"


def counts(results: Sequence[Result]) -> list[tuple[VerdictStatus, int]]:
    """Count the verdicts, the most severe first."""
    found = Counter(result.status for result in results)
    return sorted(found.items(), key=_severity)


def benchmarks(count: int) -> str:
    """Count benchmarks in words."""
    return f"{units.format_count(count)} benchmark{'' if count == 1 else 's'}"


def verdict(session: Session) -> str:
    """Say in one sentence what a session found."""
    results = session.results
    if missing(session) and not session.interrupted:
        return f"The results of {benchmarks(len(missing(session)))} are missing"
    if not results:
        return "No benchmark was measured"
    failing = Counter(result.status for result in results if result.fails)
    if failing:
        worst = ", ".join(f"{count} {TITLES[status]}" for status, count in sorted(failing.items(), key=_severity))
        return f"{sum(failing.values())} of {benchmarks(len(results))} failed: {worst}"
    slower = sum(result.status == "regressed" for result in results)
    if slower:
        return f"{slower} of {benchmarks(len(results))} got slower; what was measured becomes the baseline"
    undecided = sum(result.status not in {"pass", "improved"} for result in results)
    if undecided:
        return f"No regression found; {undecided} of {benchmarks(len(results))} could not be decided"
    return f"Nothing got slower in {benchmarks(len(results))}"


def status(session: Session) -> VerdictStatus | None:
    """Return the gravest verdict of a session, ``invalid`` where something is missing, ``None`` without any."""
    if session.problems or (missing(session) and not session.interrupted):
        return "invalid"
    return next((each for each, _ in counts(session.results)), None)


def _severity(counted: tuple[VerdictStatus, int]) -> int:
    return SEVERITY[counted[0]]


def subject(row: Row) -> str:
    """Name a metric, and its step where there is one."""
    return row.metric.id if row.step is None else f"{row.metric.id} of step {row.step!r}"


def change(row: Row) -> str:
    """Say what the p95 was, what it is, by how much it changed and how sure that is."""
    now, before = (units.format_value(each, row.metric.unit) for each in (row.p95, row.p95_before))
    verdict = row.verdict
    if verdict is None or verdict.ratio is None:
        if row.p95_before is not None:
            return f"p95 {before} → {now}"
        needed = None if row.now is None or row.p95 is not None else row.now.needed.get("p95")
        return f"p95 {now}" if needed is None else f"p95 needs {needed} requests"
    interval = "" if verdict.interval is None else f", 95 % interval {units.format_interval(verdict.interval)}"
    size = f"p95 {before} → {now} ({units.format_change(verdict.ratio)}{interval})"
    return size if verdict.p_value is None else f"{size}, {probability(verdict.p_value)}"


def probability(value: float) -> str:
    """Write ``p = 0.0004`` or ``p < 0.0001``."""
    text = units.format_probability(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def errors(requests: int, failed: int) -> str:
    """Count failed requests and their share."""
    return f"{units.format_count(failed)} ({units.format_percent(failed / requests)})" if failed else "0"


def findings(result: Result, *, passing: bool = False) -> list[Finding]:
    """Return what is to be said of a test, the most severe first; what passed only when asked for."""
    judged = [row for row in rows(result) if row.verdict is not None and result.status not in NOT_COMPARED]
    if result.status != "no_baseline":  # something else is to be said: not that nothing could be compared
        judged = [row for row in judged if row.status != "no_baseline"]
    judged.sort(key=lambda row: (SEVERITY[row.status], -(row.ratio or 0.0)))
    found = [_of_row(row) for row in judged]
    if result.status not in NOT_COMPARED:
        found += [_of_errors(each) for each in result.comparisons if each.metric == ERROR_RATE]
    found += [_of_limit(each) for each in result.limits]
    found.sort(key=lambda each: SEVERITY[each.status])
    return [each for each in found if passing or each.status != "pass"]


def unsaid(found: Iterable[Finding], said: set[str]) -> list[Finding]:
    """Return findings without the reasons in ``said``, and add theirs: what many tests share is told once."""
    left = []
    for each in found:
        left.append(replace(each, reasons=tuple(reason for reason in each.reasons if reason not in said)))
        said.update(each.reasons)
    return left


def _of_row(row: Row) -> Finding:
    said = () if row.verdict is None or row.status == "no_baseline" else row.verdict.reasons
    sentence, *reasons = said or (change(row),)
    name = subject(row)
    return Finding(
        status=row.status, about=name, subject=name, sentence=sentence, reasons=tuple(reasons), ratio=row.ratio
    )


def _of_errors(comparison: Comparison) -> Finding:
    verdict = comparison.verdict
    before, now = units.format_percent(verdict.baseline), units.format_percent(verdict.candidate)
    sentence, *reasons = verdict.reasons or (f"{before} → {now}",)
    name = ERROR_RATE if comparison.step is None else f"{ERROR_RATE} of step {comparison.step!r}"
    return Finding(
        status=verdict.status, about=name, subject=name, sentence=sentence, reasons=tuple(reasons), ratio=None
    )


def _of_limit(check: LimitCheck) -> Finding:
    about = check.limit if check.step is None else f"{check.limit} of step {check.step!r}"
    return Finding(status=check.status, about=about, subject=None, sentence=check.message, reasons=(), ratio=None)


def reasons(result: Result) -> list[str]:
    """Return everything that speaks for a test's status, a sentence each."""
    told = [text for each in findings(result) for text in (each.text, *each.reasons)]
    return [*result.reasons, *told]


def headline(result: Result) -> str:
    """Say the worst of a test in one line that stands by itself."""
    found = [each for each in findings(result) if each.status == result.status]
    if result.status in NOT_COMPARED or not found:
        reason = next(iter(result.reasons), None)
        return f"{TITLES[result.status]}: {change(rows(result)[0]) if reason is None else reason}"
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{TITLES[result.status]}: {found[0].text}{rest}"


def missing(session: Session) -> list[str]:
    """Return the expected tests without a result, which is lost data unless the session was interrupted."""
    there = {result.test_id for result in session.results}
    return [test_id for test_id in session.expected if test_id not in there]


def fails(session: Session) -> bool:
    """Whether the session is red: a test that fails, one without a result, or a problem beside them."""
    lost = bool(missing(session)) and not session.interrupted
    return lost or bool(session.problems) or any(result.fails for result in session.results)


def notices(session: Session) -> list[tuple[Notice, str]]:
    """Return every warning once, with the words for the tests that have it; none for the session's own.

    An interruption is not among them: a report says it where it says what is missing.
    """
    own = [warning for warning in session.warnings if warning.code != "interrupted"]
    own += [Notice(code="problem", message=problem) for problem in session.problems]
    return [(warning, "") for warning in own] + _with_owners(session.results, lambda result: result.warnings)


def label(notice: Notice) -> str:
    """Return what a notice begins with: that a run needed no more requests is no warning."""
    return "note" if notice.code == SETTLED else "warning"


def environment_changes(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Return every change of the environment once, with the words for the tests that it concerns."""
    return _with_owners(results, lambda result: result.environment_changes)


def _with_owners(results: Sequence[Result], told: Callable[[Result], Iterable[Told]]) -> list[tuple[Told, str]]:
    owners: dict[Told, list[str]] = {}
    for result in results:
        for each in dict.fromkeys(told(result)):
            owners.setdefault(each, []).append(result.test_id)
    return [(each, _whose(tests, len(results))) for each, tests in owners.items()]


def _whose(tests: Sequence[str], of: int) -> str:
    if of == 1:
        return ""
    return tests[0] if len(tests) == 1 else benchmarks(len(tests))


def commit(environment: Environment) -> str | None:
    """Name the commit and the branch, and whether files had been changed since."""
    if environment.commit is None:
        return None
    branch = "" if environment.branch is None else f" ({environment.branch})"
    return f"{environment.commit[:12]}{branch}{', with uncommitted changes' if environment.dirty else ''}"
