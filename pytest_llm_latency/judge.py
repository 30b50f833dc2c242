"""From a run and its accepted runs to a result: compare, check limits, combine, decide what fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pytest_llm_latency import metrics, units
from pytest_llm_latency.limits import check_error_limit, check_limits, parse_limit
from pytest_llm_latency.metrics import ERROR_RATE
from pytest_llm_latency.model import (
    WORST_FIRST,
    Comparison,
    Conditions,
    Environment,
    LimitCheck,
    Notice,
    Result,
    Run,
    Summary,
    Trust,
    Verdict,
    VerdictStatus,
)
from pytest_llm_latency.stats import GatePolicy, Noise, Series, gate, gate_error_rate, pool_noise
from pytest_llm_latency.stats.comparable import differences, environment_changes
from pytest_llm_latency.stats.summary import pooled, summarise

LAG_LIMIT_S = 0.1
Reaction = Literal["warn", "fail", "pass"]
Place = tuple[str | None, str]  # a step and a metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a session judges: the gate's policy and what the statuses without a clear answer do.

    ``accepting`` says that the run becomes the baseline: then a difference to the old one fails
    nothing, while limits and errors still do. ``folders`` is passed on to the results.
    """

    gate: GatePolicy
    on_inconclusive: Reaction
    on_no_baseline: Reaction
    accepting: bool
    folders: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the judging needs of a test's accepted runs, oldest first, without their samples.

    ``series`` has one array a run for each step and metric; ``errors`` has failed and all requests
    of each run for each step.
    """

    runs: int
    conditions: tuple[Conditions, ...]
    environment: Environment
    series: Mapping[Place, tuple[np.ndarray, ...]]
    errors: Mapping[str | None, tuple[tuple[int, int], ...]]
    summaries: tuple[Summary, ...]


def digest(runs: Sequence[Run]) -> Baseline | None:
    """Return what the judging needs of accepted runs; ``None`` when there are none."""
    if not runs:
        return None
    steps = dict.fromkeys(step for run in runs for step in metrics.steps(run))
    return Baseline(
        runs=len(runs),
        conditions=runs[-1].conditions,
        environment=runs[-1].environment,
        series={
            (step, name): tuple(_array(run, step, name) for run in runs) for step in steps for name in metrics.GATED
        },
        errors={step: tuple(_errors(run, step) for run in runs) for step in steps},
        summaries=pooled(runs),
    )


def session_policy(values: Mapping[str, Any], family: int, folders: Mapping[str, str]) -> Policy:
    """Return the policy that the options' values ask for; ``family`` is the session's number of compared series."""
    return Policy(
        gate=GatePolicy(alpha=values["alpha"], margin=values["margin"], family=family),
        on_inconclusive=values["on-inconclusive"],
        on_no_baseline=values["on-no-baseline"],
        accepting=values["accept"],
        folders=folders,
    )


def family(baselines: Mapping[str, Baseline], gates: Mapping[str, Sequence[str]]) -> int:
    """Return how many series of the selected tests have something to be compared with."""
    return sum(len(_gated(baseline, gates[test_id])) for test_id, baseline in baselines.items())


def _gated(baseline: Baseline, names: Sequence[str]) -> list[tuple[np.ndarray, ...]]:
    return [
        arrays for (_, name), arrays in baseline.series.items() if name in names and any(array.size for array in arrays)
    ]


def shared_noise(baselines: Mapping[str, Baseline], gates: Mapping[str, Sequence[str]], policy: GatePolicy) -> Noise:
    """Return the run-to-run noise, pooled over every gated series of the selected tests."""
    series = [arrays for test_id in sorted(baselines) for arrays in _gated(baselines[test_id], gates[test_id])]
    return pool_noise(series, policy)


def judge(run: Run, baseline: Baseline | None, policy: Policy, noise: Noise | None) -> Result:
    """Return the result of one test.

    With ``policy.gate.family`` set to the number of series of the whole session, a ``regressed``
    that is given here stays one when the other tests are known.
    """
    summaries = summarise(run)
    differing = () if baseline is None else differences(baseline.conditions, run.conditions)
    comparisons = _comparisons(run, None if differing else baseline, policy.gate, noise)
    limits = _limits(run, summaries)
    distrust = distrusted(run.trust) + _incomplete(run)
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
        conditions=run.conditions,
        trust=run.trust,
        summaries=summaries,
        baseline=() if baseline is None else baseline.summaries,
        baseline_runs=0 if baseline is None else baseline.runs,
        comparisons=comparisons,
        limits=limits,
        environment_changes=() if baseline is None else environment_changes(baseline.environment, run.environment),
        warnings=run.warnings,
        accepting=policy.accepting,
        folders=policy.folders,
    )
    if distrust:
        return _concluded(result, policy, "invalid", tuple(notice.message for notice in distrust))
    if differing and run.plan.gate:
        return _concluded(result, policy, "incomparable", differing)
    return _concluded(result, policy)


def undecided(results: Sequence[Result], policy: GatePolicy) -> tuple[str, ...]:
    """Return the tests that may regress once the p values of the whole session are known.

    Benjamini and Hochberg's rule rejects the more easily the more it rejects, and never above alpha.
    """
    return tuple(
        result.test_id
        for result in results
        if result.status not in {"invalid", "incomparable"}
        and any(
            verdict.status in {"inconclusive", "pass"}
            and _p_of_slower(verdict) <= policy.alpha
            and (verdict.ratio or 0) >= 1 + result.plan.tolerance
            for verdict in _compared(result)
        )
    )


def knowing(policy: Policy, others: Sequence[Result]) -> Policy:
    """Return the policy for a test whose session's other tests have these results."""
    elsewhere = tuple(_p_of_slower(verdict) for result in others for verdict in _compared(result))
    return replace(policy, gate=replace(policy.gate, elsewhere=elsewhere))


def _compared(result: Result) -> list[Verdict]:
    return [
        each.verdict
        for each in result.comparisons
        if each.metric != ERROR_RATE and each.verdict.raw_p_value is not None
    ]


def _p_of_slower(verdict: Verdict) -> float:
    """The p value of having got slower; where the estimate says faster it is as good as 1."""
    known = verdict.raw_p_value is not None and verdict.ratio is not None and verdict.ratio >= 1
    return verdict.raw_p_value if known and verdict.raw_p_value is not None else 1.0


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


def distrusted(trust: Trust) -> tuple[Notice, ...]:
    """Return the reasons why what was measured must not be judged; empty where it can be trusted."""
    if trust.send_lag_p99_s is None or trust.send_lag_p99_s <= LAG_LIMIT_S:
        return ()
    lag, limit = units.format_seconds(trust.send_lag_p99_s), units.format_seconds(LAG_LIMIT_S)
    return (
        Notice(
            code="client_overloaded",
            message=f"the client was overloaded: 1 % of the requests left {lag} late or more (limit {limit}). "
            "Lower the load, or measure on a machine with more free CPU.",
        ),
    )


def _incomplete(run: Run) -> tuple[Notice, ...]:
    if run.complete:
        return ()
    done = sum(1 for sample in run.samples if sample.phase == "measure")
    return (
        Notice(
            code="interrupted",
            message=f"the run was interrupted after {done} of {run.plan.requests} requests. Run it again.",
        ),
    )


def _comparisons(
    run: Run, baseline: Baseline | None, policy: GatePolicy, noise: Noise | None
) -> tuple[Comparison, ...]:
    places = [(step, name) for step in metrics.steps(run) for name in run.plan.gate]
    candidates = {place: array for place in places if (array := _array(run, *place)).size}
    series = [
        Series(
            key=f"{run.test_id}|{step or ''}|{name}",
            baseline=() if baseline is None else baseline.series.get((step, name), ()),
            candidate=candidate,
            direction=metrics.METRICS[name].direction,
            tolerance=run.plan.tolerance,
            unit=metrics.METRICS[name].unit,
        )
        for (step, name), candidate in candidates.items()
    ]
    verdicts = gate(series, policy, noise=noise)
    compared = [
        Comparison(step=step, metric=name, verdict=verdict)
        for (step, name), verdict in zip(candidates, verdicts, strict=True)
    ]
    if run.plan.gate and baseline is not None:
        compared += [_error_rate(run, step, baseline, policy) for step in metrics.steps(run) if step in baseline.errors]
    return tuple(compared)


def _error_rate(run: Run, step: str | None, baseline: Baseline, policy: GatePolicy) -> Comparison:
    key = f"{run.test_id}|{step or ''}|{ERROR_RATE}"
    verdict: Verdict = gate_error_rate(key, baseline.errors[step], _errors(run, step), policy)
    return Comparison(step=step, metric=ERROR_RATE, verdict=verdict)


def _limits(run: Run, summaries: tuple[Summary, ...]) -> tuple[LimitCheck, ...]:
    stated = [parse_limit(text) for text in run.plan.limits]
    checks = check_limits(stated, run, summaries)
    if any(check.limit.startswith(ERROR_RATE) for check in checks):
        return checks
    errors = check_error_limit(run, run.plan.error_limit)
    return checks if errors is None else (*checks, errors)


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


def _array(run: Run, step: str | None, name: str) -> np.ndarray:
    return np.asarray(metrics.series(run, step, metrics.METRICS[name]), dtype=float)


def _errors(run: Run, step: str | None) -> tuple[int, int]:
    return len(metrics.failures(run, step)), metrics.request_count(run, step)
