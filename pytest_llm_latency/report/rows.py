"""One line for each metric of each step of each test: what every table of benchmarks shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pytest_llm_latency.metrics import ERROR_RATE, METRICS, Metric
from pytest_llm_latency.model import WORST_FIRST, Distribution, Result, Summary, Verdict, VerdictStatus

WITHOUT_GATE = "e2e"
# Verdicts that say of every comparison that it means nothing.
NOT_COMPARED: frozenset[VerdictStatus] = frozenset({"invalid", "incomparable"})

SEVERITY: Mapping[VerdictStatus, int] = MappingProxyType({status: place for place, status in enumerate(WORST_FIRST)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one step: what was measured, what the baseline is, what the gate says, if it is ``gated``.

    ``errors`` is what the gate says of the step's error rate.
    """

    step: str | None
    metric: Metric
    summary: Summary | None
    now: Distribution | None
    before: Distribution | None
    verdict: Verdict | None
    errors: Verdict | None
    status: VerdictStatus
    gated: bool

    @property
    def p95(self) -> float | None:
        """The p95 that was judged, else the one that was measured."""
        judged = None if self.verdict is None else self.verdict.candidate
        return judged if judged is not None else None if self.now is None else self.now.p95

    @property
    def p95_before(self) -> float | None:
        """The baseline's p95 that was judged against, else the one that was measured."""
        judged = None if self.verdict is None else self.verdict.baseline
        return judged if judged is not None else None if self.before is None else self.before.p95

    @property
    def ratio(self) -> float | None:
        """The estimated ratio of the p95 to the baseline's."""
        return None if self.verdict is None else self.verdict.ratio


def rows(result: Result, *, also: Sequence[str] = ()) -> tuple[Row, ...]:
    """Return the lines of one test: its gated metrics step by step, ``e2e`` where nothing is gated.

    ``also`` names further metrics, which have lines where the step has measured them.
    """
    now = {summary.step: summary for summary in result.summaries}
    before = {summary.step: summary for summary in result.baseline}
    compared = {(each.step, each.metric): each.verdict for each in result.comparisons}
    steps = dict.fromkeys([*now, *(each.step for each in result.comparisons)]) or {None: None}
    found = []
    for step in steps:
        names, summary = _metrics(result, step, now.get(step)), now.get(step)
        found += [_row(result, (step, name), (now, before), compared) for name in names]
        further = (name for name in also if name not in names and summary is not None and summary.distribution(name))
        found += [replace(_row(result, (step, name), (now, before), compared), gated=False) for name in further]
    return tuple(found)


def _metrics(result: Result, step: str | None, summary: Summary | None) -> list[str]:
    compared = [each.metric for each in result.comparisons if each.step == step]
    measured = [name for name in result.plan.gate if summary is not None and summary.distribution(name) is not None]
    names = [name for name in dict.fromkeys([*result.plan.gate, *compared]) if name in {*compared, *measured}]
    return [name for name in names if name in METRICS] or [WITHOUT_GATE]


def _row(
    result: Result,
    key: tuple[str | None, str],
    summaries: tuple[Mapping[str | None, Summary], Mapping[str | None, Summary]],
    compared: Mapping[tuple[str | None, str], Verdict],
) -> Row:
    step, name = key
    now, before = (each.get(step) for each in summaries)
    verdict = compared.get(key)
    return Row(
        step=step,
        metric=METRICS[name],
        summary=now,
        now=None if now is None else now.distribution(name),
        before=None if before is None else before.distribution(name),
        verdict=verdict,
        errors=compared.get((step, ERROR_RATE)),
        status=result.status if verdict is None or result.status in NOT_COMPARED else verdict.status,
        gated=True,
    )


def by_severity(results: Iterable[Result]) -> list[Result]:
    """Return the results with what fails first, then in the order of severity."""
    return sorted(results, key=lambda each: (not each.fails, SEVERITY[each.status]))
