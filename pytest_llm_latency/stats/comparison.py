"""A run and its accepted runs, step by step: what of them is compared, and what cannot be."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import ERROR_RATE, METRICS
from pytest_llm_latency.model import Comparison, Conditions, Environment, Run, Summary, Verdict
from pytest_llm_latency.stats import company, drafts, messages, paired
from pytest_llm_latency.stats.error_rate import gate_error_rate
from pytest_llm_latency.stats.gate import gate
from pytest_llm_latency.stats.policy import GatePolicy, Looks, Series
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.stats.summary import StepRuns, measured, summary
from pytest_llm_latency.stats.variance import Noise, pool_noise

Place = tuple[str | None, str]  # a step and a metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the judging needs of a test's accepted runs, oldest first, without their samples.

    ``conditions`` has the newest of each step. ``series`` has one array a run for each step and
    metric; ``errors`` has failed and all requests of each run for each step. A run that lacks a
    step has no part in it. ``beside`` is the one run that it is where that was interleaved with the
    run to judge.
    """

    runs: int
    conditions: tuple[Conditions, ...]
    environment: Environment
    series: Mapping[Place, tuple[Floats, ...]]
    errors: Mapping[str | None, tuple[tuple[int, int], ...]]
    summaries: tuple[Summary, ...]
    beside: Run | None = None

    def gated(self, names: Sequence[str]) -> list[tuple[str, tuple[Floats, ...]]]:
        """Return the metric and the arrays of each series of the named metrics that was measured."""
        return [
            (name, arrays)
            for (_, name), arrays in self.series.items()
            if name in names and any(array.size for array in arrays)
        ]


def digest(runs: Sequence[Run]) -> Baseline | None:
    """Return what the judging needs of accepted runs; ``None`` when there are none."""
    if not runs:
        return None
    every = measured(runs)
    steps = [each for each in every if any(asked.samples for asked in each.requests)]
    return Baseline(
        runs=len(runs),
        conditions=tuple({each.step: each for run in runs for each in run.conditions}.values()),
        environment=runs[-1].environment,
        series={(each.step, name): _arrays(each, name) for each in steps for name in metrics.GATED},
        errors={
            each.step: tuple((len(asked.failures()), asked.count) for asked in each.requests if asked.samples)
            for each in steps
        },
        summaries=tuple(map(summary, every)),
    )


def _arrays(of: StepRuns, name: str) -> tuple[Floats, ...]:
    """Return one array for each run that reached the step."""
    found = zip(of.requests, of.series[name], strict=True)
    return tuple(np.asarray(values, dtype=np.float64) for asked, values in found if asked.samples)


def noise_between_runs(series: Iterable[tuple[str, Sequence[Floats]]], policy: GatePolicy) -> Noise:
    """Return the run-to-run noise, pooled over series of metrics."""
    known = list(series)
    directions = [METRICS[name].direction for name, _ in known]
    return pool_noise([arrays for _, arrays in known], policy, directions=directions)


def compare(run: Run, baseline: Baseline | None, policy: GatePolicy, noise: Noise | None) -> tuple[Comparison, ...]:
    """Compare every gated metric of every step, and where there is a baseline the error rates.

    A metric that the run does not have is ``inconclusive``: what was not measured never passes.
    A run without a request is compared in the steps of its baseline.
    """
    known = () if baseline is None else tuple(baseline.errors)
    steps = metrics.steps(run) or known or (None,)
    places = [(step, name) for step in steps for name in run.plan.gate if _applies(run, step, name)]
    series = {place: _series(run, place, baseline) for place in places}
    measured = [place for place in places if np.size(series[place].candidate)]
    verdicts = dict(zip(measured, gate([series[place] for place in measured], policy, noise=noise), strict=True))
    compared = [
        Comparison(
            step=step, metric=name, verdict=verdicts.get((step, name)) or _unmeasured(run, (step, name), baseline)
        )
        for step, name in places
    ]
    if run.plan.gate and baseline is not None:
        compared += [_error_rate(run, step, baseline, policy) for step in steps if step in baseline.errors]
    return tuple(company.described(compared, run, () if baseline is None else baseline.summaries))


def _applies(run: Run, step: str | None, name: str) -> bool:
    """Only the first call of an iteration has a planned start, so that later steps cannot count from one."""
    planned = {sample.step for sample in run.samples if sample.stamps.scheduled is not None}
    return name != "e2e_scheduled" or not planned or step in planned


def _series(run: Run, place: Place, baseline: Baseline | None) -> Series:
    beside = None if baseline is None else baseline.beside
    candidate, accepted = _array(run, *place), () if baseline is None else baseline.series.get(place, ())
    looks = _looks(run, place[0], lambda asked: len(asked.series(METRICS[place[1]])))
    if beside is not None:
        before, candidate = paired.arrays(beside, run, *place)
        accepted = (before,)
    elif looks is not None and run.plan.prompts is not None:  # then only as many of a baseline's have the same prompts
        looks = replace(looks, beside=tuple(array.size for array in accepted if array.size))
        accepted = tuple(array[: candidate.size] for array in accepted)
    return Series(
        key=_key(run, place),
        baseline=accepted,
        candidate=candidate,
        direction=METRICS[place[1]].direction,
        tolerance=run.plan.tolerance,
        unit=METRICS[place[1]].unit,
        looks=looks,
        paired=beside is not None,
    )


def _looks(run: Run, step: str | None, count: Callable[[metrics.StepRequests], int]) -> Looks | None:
    """Return how an adaptive run was looked at, in requests as ``count`` counts them; ``None`` for once, at its end.

    A run that was cut off at a size that nobody chose by its figures has no larger one before it.
    """
    if not run.looks:
        return None
    size = count(metrics.requests(run, step))
    before = tuple(count(metrics.requests(_up_to(run, look), step)) for look in run.looks)
    planned = math.ceil(size * run.plan.requests / run.looks[-1]) if run.complete else size
    return Looks(before=before, planned=planned)


def _up_to(run: Run, iterations: int) -> Run:
    """Return the run as it was after so many measured iterations."""
    end = run.plan.warmup + run.plan.ramp_in + iterations
    return replace(
        run,
        samples=tuple(sample for sample in run.samples if sample.iteration < end),
        iteration_failures=tuple(failure for failure in run.iteration_failures if failure[0] < end),
    )


def _unmeasured(run: Run, place: Place, baseline: Baseline | None) -> Verdict:
    arrays = () if baseline is None else baseline.series.get(place, ())
    runs = sum(array.size > 0 for array in arrays)
    reason = messages.unmeasured(METRICS[place[1]], in_baseline=runs > 0)
    return drafts.draft(_key(run, place), runs=runs, reasons=(reason,))


def _error_rate(run: Run, step: str | None, baseline: Baseline, policy: GatePolicy) -> Comparison:
    key = _key(run, (step, ERROR_RATE))
    looks = _looks(run, step, lambda asked: asked.count)
    verdict = gate_error_rate(key, baseline.errors[step], _errors(run, step), policy, looks)
    return Comparison(step=step, metric=ERROR_RATE, verdict=verdict)


def _key(run: Run, place: Place) -> str:
    return f"{run.test_id}|{place[0] or ''}|{place[1]}"


def _array(run: Run, step: str | None, name: str) -> Floats:
    return np.asarray(metrics.series(run, step, METRICS[name]), dtype=np.float64)


def _errors(run: Run, step: str | None) -> tuple[int, int]:
    asked = metrics.requests(run, step)
    return len(asked.failures()), asked.count
