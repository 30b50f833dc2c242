"""What stood still beside a regression: the other metrics of its step, and the length of the answers."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import ERROR_RATE, METRICS
from pytest_llm_latency.model import Comparison, Run, Summary
from pytest_llm_latency.stats import messages
from pytest_llm_latency.stats.quantiles import empirical

_LENGTH = "tokens_out"


def described(compared: Iterable[Comparison], run: Run, before: Sequence[Summary]) -> list[Comparison]:
    """Return the comparisons, each regressed one with a reason that says what of its step did not change.

    ``before`` has the summaries of the accepted runs. Answers of another length explain a slower
    end to end, and say that something else than the speed changed.
    """
    known = list(compared)
    return [_described(each, known, run, before) if each.verdict.status == "regressed" else each for each in known]


def _described(each: Comparison, all_: Sequence[Comparison], run: Run, before: Sequence[Summary]) -> Comparison:
    if each.metric == ERROR_RATE:
        return each
    others = (other for other in all_ if other.step == each.step and other.metric != ERROR_RATE)
    unchanged = [other.metric for other in others if other.verdict.status == "pass"]
    reason = messages.company(unchanged, _lengths(each.step, run, before), run.plan.tolerance)
    if reason is None:
        return each
    first, *rest = each.verdict.reasons
    return dataclasses.replace(each, verdict=dataclasses.replace(each.verdict, reasons=(first, reason, *rest)))


def _lengths(step: str | None, run: Run, before: Sequence[Summary]) -> tuple[float, float] | None:
    """Return the median output tokens of the accepted runs and of the run, where both are known and above 0."""
    summary = next((each for each in before if each.step == step), None)
    then = None if summary is None else summary.distribution(_LENGTH)
    values = metrics.requests(run, step).series(METRICS[_LENGTH])
    now = empirical([value for value in values if math.isfinite(value)], 0.5)
    return (then.p50, now) if then is not None and then.p50 and now else None
