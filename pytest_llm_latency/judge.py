"""From a run and its accepted runs to a result: compare, check limits, combine, decide what fails."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_llm_latency import interleaving, metrics
from pytest_llm_latency.limits import check_error_limit, check_limits, parse_limit
from pytest_llm_latency.metrics import ERROR_RATE
from pytest_llm_latency.model import (
    LOST,
    MEASURE,
    WORST_FIRST,
    Compared,
    Comparison,
    LimitCheck,
    Notice,
    Result,
    Run,
    Summary,
    VerdictStatus,
)
from pytest_llm_latency.plan import STOPPED
from pytest_llm_latency.stats import GatePolicy, Noise, caching
from pytest_llm_latency.stats.against import against
from pytest_llm_latency.stats.comparable import environment_changes
from pytest_llm_latency.stats.comparison import Baseline, compare, digest, noise_between_runs
from pytest_llm_latency.stats.distrust import distrusted, skewed, strained
from pytest_llm_latency.stats.quantiles import needed_for
from pytest_llm_latency.stats.steady import drifts
from pytest_llm_latency.stats.summary import by_region, summarise

__all__ = [
    "Baseline",
    "Policy",
    "Reaction",
    "digest",
    "family",
    "interleaved",
    "judge",
    "knowing",
    "session_policy",
    "shared_noise",
    "undecided",
]

Reaction = Literal["warn", "fail", "pass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a session judges: the gate's policy and what the statuses without a clear answer do.

    ``accepting`` says that the run becomes the baseline: then a difference to the old one fails
    nothing, while limits and errors still do. ``monthly_requests`` is the volume of each step that
    its cost is projected to, ``allowed_error_s`` what the stamps of any run may be wrong by. ``folders``
    is passed on to the results.
    """

    gate: GatePolicy
    on_inconclusive: Reaction
    on_no_baseline: Reaction
    accepting: bool
    monthly_requests: int | None
    allowed_error_s: float
    folders: Mapping[str, str]


def session_policy(values: Mapping[str, Any], family: int, folders: Mapping[str, str]) -> Policy:
    """Return the policy that the options' values ask for; ``family`` is the session's number of compared series."""
    return Policy(
        gate=GatePolicy(alpha=values["alpha"], margin=values["margin"], family=family),
        on_inconclusive=values["on-inconclusive"],
        on_no_baseline=values["on-no-baseline"],
        accepting=values["accept"],
        monthly_requests=values["monthly-requests"],
        allowed_error_s=values["max-error"],
        folders=folders,
    )


def family(baselines: Mapping[str, Baseline], gates: Mapping[str, Sequence[str]]) -> int:
    """Return how many series of the selected tests have something to be compared with."""
    return sum(len(baseline.gated(gates[test_id])) for test_id, baseline in baselines.items())


def interleaved(compared: Iterable[Compared]) -> int:
    """Return how many series tests with two sides have at least: those of one step."""
    return sum(len(each.gate) for each in compared if each.ab is not None)


def shared_noise(baselines: Mapping[str, Baseline], gates: Mapping[str, Sequence[str]], policy: GatePolicy) -> Noise:
    """Return the run-to-run noise, pooled over every gated series of the selected tests."""
    series = [each for test_id in sorted(baselines) for each in baselines[test_id].gated(gates[test_id])]
    return noise_between_runs(series, policy)


def judge(run: Run, baseline: Baseline | None, policy: Policy, noise: Noise | None) -> Result:
    """Return the result of one test.

    With ``policy.gate.family`` set to the number of series of the whole session, a ``regressed``
    that is given here stays one when the other tests are known. A run with two sides is judged
    against its other one, and becomes no baseline.
    """
    found = against(run, baseline)
    own, baseline, differing = _without_given_up(found.run), found.baseline, found.differing
    policy = policy if run.plan.ab is None else _of_sides(own, policy)
    summaries = summarise(own, monthly_requests=policy.monthly_requests)
    comparisons = compare(own, None if differing else baseline, policy.gate, noise)
    limits = _limits(own, summaries)
    distrust = (
        *distrusted(run.trust, summaries, run.plan.gate, allowed_s=policy.allowed_error_s),
        *skewed(run.workers),
        *_incomplete(run),
        *_lost(run),
    )
    result = Result(
        test_id=run.test_id,
        file=run.file,
        line=run.line,
        run_id=run.id,
        status="pass",
        fails=False,
        silent=False,
        reasons=(),
        plan=run.plan,
        started_at=run.started_at,
        duration_s=run.duration_s,
        environment=run.environment,
        conditions=own.conditions,
        trust=run.trust,
        workers=run.workers,
        summaries=summaries,
        regions=by_region(own),
        baseline=() if baseline is None else baseline.summaries,
        baseline_runs=0 if baseline is None else baseline.runs,
        comparisons=comparisons,
        limits=limits,
        environment_changes=() if baseline is None else environment_changes(baseline.environment, run.environment),
        warnings=(
            *run.warnings,
            *strained(run.trust, own.conditions),
            *drifts(own),
            *caching.notices(own, () if baseline is None or differing else baseline.summaries),
            *found.notices,
        ),
        accepting=policy.accepting,
        folders=policy.folders,
    )
    if distrust:
        return _concluded(result, policy, "invalid", tuple(notice.message for notice in distrust))
    if differing and run.plan.gate:
        return _concluded(result, policy, "incomparable", differing)
    short = _stopped_short(run)
    return _concluded(result, policy, "inconclusive" if short else "pass", short)


def _of_sides(own: Run, policy: Policy) -> Policy:
    """Return the policy for a run with two sides: its further steps, which none could know before, count too."""
    known, further = policy.gate.family, len(own.plan.gate) * (len(metrics.steps(own)) - 1)
    family = None if known is None else known + max(0, further)
    return replace(policy, accepting=False, gate=replace(policy.gate, family=family))


def undecided(results: Sequence[Result], policy: GatePolicy) -> tuple[str, ...]:
    """Return the tests that may regress once the p values of the whole session are known.

    Benjamini and Hochberg's rule rejects the more easily the more it rejects, and never above alpha.
    """
    return tuple(
        result.test_id
        for result in results
        if result.status not in {"invalid", "incomparable"}
        and any(
            each.verdict.status in {"inconclusive", "pass"}
            and _p_of_slower(each) <= policy.alpha
            and _slowness(each) >= 1 + result.plan.tolerance
            for each in _compared(result)
        )
    )


def knowing(policy: Policy, others: Sequence[Result]) -> Policy:
    """Return the policy for a test whose session's other tests have these results."""
    elsewhere = tuple(_p_of_slower(each) for result in others for each in _compared(result))
    return replace(policy, gate=replace(policy.gate, elsewhere=elsewhere))


def _compared(result: Result) -> list[Comparison]:
    return [each for each in result.comparisons if each.metric != ERROR_RATE and each.verdict.raw_p_value is not None]


def _p_of_slower(comparison: Comparison) -> float:
    """The p value of having got slower; where the estimate says faster it is as good as 1."""
    found = comparison.verdict.raw_p_value
    return 1.0 if found is None or _slowness(comparison) < 1 else found


def _slowness(comparison: Comparison) -> float:
    """The ratio so that above 1 is worse, whatever the metric's direction; 0 where it is unknown."""
    ratio = comparison.verdict.ratio
    if ratio is None:
        return 0.0
    if metrics.METRICS[comparison.metric].direction == "lower":
        return ratio
    return 1 / ratio if ratio > 0 else math.inf


def _concluded(result: Result, policy: Policy, forced: VerdictStatus = "pass", grounds: tuple[str, ...] = ()) -> Result:
    """Combine the parts; ``forced`` is a status that stands unless a part has a worse one."""
    statuses = {each.verdict.status for each in result.comparisons} | {limit.status for limit in result.limits}
    status = next(each for each in WORST_FIRST if each in statuses | {forced})
    return replace(
        result,
        status=status,
        reasons=grounds,
        fails=_fails(result, status, policy),
        silent=_reaction(status, policy) == "pass",
    )


def _stopped(run: Run) -> Notice | None:
    """Return why a run ended before its plan was carried out, where it was stopped and not cut off."""
    return next((each for each in run.warnings if each.code in STOPPED), None)


def _stopped_short(run: Run) -> tuple[str, ...]:
    """Say that a run was stopped too early to pass; empty where it was not."""
    sides = (run,) if run.plan.ab is None else interleaving.split(run)
    measured = min(len({each.iteration for each in side.samples if each.phase == MEASURE}) for side in sides)
    needed = needed_for(0.95)
    if _stopped(run) is None or measured >= needed:
        return ()
    return (f"stopped after {measured} of {run.plan.requests} iterations: p95 needs {needed} requests",)


def _incomplete(run: Run) -> tuple[Notice, ...]:
    done, stopped = sum(1 for sample in run.samples if sample.phase == "measure"), _stopped(run)
    if run.complete or (stopped is not None and done):
        return ()
    if stopped is not None:
        return (stopped,)
    lost = tuple(each for each in run.warnings if each.code == LOST)
    return lost or (
        Notice(
            code="interrupted",
            message=f"the run was interrupted after {done} of {interleaving.iterations(run.plan).requests} requests. "
            "Run it again.",
        ),
    )


def _lost(run: Run) -> tuple[Notice, ...]:
    """Say how many iterations of a run to its end left no trace: the others would be judged for all."""
    plan = interleaving.iterations(run.plan)
    first = plan.warmup + plan.ramp_in
    count = run.looks[-1] if run.looks else plan.requests
    planned = set(range(first, first + count))
    measured = {sample.iteration for sample in run.samples if sample.phase == MEASURE}
    lost = len(planned - measured - {iteration for iteration, _ in run.iteration_failures})
    if not run.complete or not lost:
        return ()
    return (
        Notice(
            code="iterations_lost",
            message=f"{lost} of {count} iterations left neither a request nor a failure. Wait in the body "
            "for every call of llm(...), and run it again.",
        ),
    )


def _limits(run: Run, summaries: tuple[Summary, ...]) -> tuple[LimitCheck, ...]:
    checks = check_limits([parse_limit(text) for text in run.plan.limits], run, summaries)
    if any(check.limit.startswith(ERROR_RATE) for check in checks):
        return checks
    errors = check_error_limit(run, run.plan.error_limit)
    return checks if errors is None else (*checks, errors)


def _without_given_up(run: Run) -> Run:
    """Return a run without what was given up where it was cut off: that is no failure of who was asked."""
    whole = run.complete or _stopped(run) is not None
    return run if whole else replace(run, samples=tuple(each for each in run.samples if each.status != "cancelled"))


def _fails(result: Result, status: VerdictStatus, policy: Policy) -> bool:
    exceeded = any(check.status == "regressed" for check in result.limits)
    if status == "invalid" or exceeded:
        return True
    if policy.accepting:
        return False
    return status == "regressed" or _reaction(status, policy) == "fail"


def _reaction(status: VerdictStatus, policy: Policy) -> Reaction | None:
    """Return what the policy says of a status without a clear answer; ``None`` for the others."""
    if status == "inconclusive":
        return policy.on_inconclusive
    return policy.on_no_baseline if status in {"no_baseline", "incomparable"} else None
