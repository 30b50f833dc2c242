"""Summaries: the figures of a run, or of several accepted ones together, step by step."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_llm_latency import metrics, per_request
from pytest_llm_latency.metrics import METRICS, Metric, StepRequests
from pytest_llm_latency.model import Distribution, Failure, Run, Sample, Summary
from pytest_llm_latency.plan import Limit, parse_limit
from pytest_llm_latency.stats.caching import hit_share
from pytest_llm_latency.stats.quantiles import LEVELS, empirical, name, needed_for, weighted

BINS = 24
NO_REGION = "no region"
_CLIENT_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRuns:
    """One step of several runs, walked through once: of each run its requests and its series of each metric.

    A run that never reached the step has requests without samples.
    """

    runs: Sequence[Run]
    step: str | None
    requests: Sequence[StepRequests]
    series: Mapping[str, Sequence[Sequence[float]]]


def measured(runs: Sequence[Run]) -> tuple[StepRuns, ...]:
    """Return every step of the runs, in the order of their first appearance.

    A run whose body failed before its first request has one step, without a name.
    """
    known = [metrics.by_step(run) for run in runs]
    steps = dict.fromkeys(step for each in known for step in each)
    if not steps and any(run.iteration_failures for run in runs):
        steps = {None: None}
    return tuple(
        _step_runs(
            runs, step, [each.get(step) or metrics.requests(run, step) for run, each in zip(runs, known, strict=True)]
        )
        for step in steps
    )


def _step_runs(runs: Sequence[Run], step: str | None, requests: Sequence[StepRequests]) -> StepRuns:
    series = {name: [each.series(metric) for each in requests] for name, metric in METRICS.items()}
    return StepRuns(runs=runs, step=step, requests=requests, series=series)


def summarise(run: Run, *, monthly_requests: int | None = None) -> tuple[Summary, ...]:
    """Return one summary for each step of a run, in the order of the steps' first appearance."""
    return pooled((run,), monthly_requests=monthly_requests)


def by_region(run: Run) -> Mapping[str, tuple[Summary, ...]]:
    """Return the summaries of the requests from each region; none where all came from the same one.

    Rates are over the duration of the whole run, so that those of the regions add up to the run's.
    """
    found: dict[str, list[Sample]] = {}
    for sample in run.samples:
        found.setdefault(sample.region or NO_REGION, []).append(sample)
    if len(found) < 2:  # noqa: PLR2004  (several)
        return {}
    return {region: summarise(_part(run, found[region])) for region in sorted(found)}


def _part(run: Run, samples: Sequence[Sample]) -> Run:
    iterations = {sample.iteration for sample in samples}
    failures = tuple(each for each in run.iteration_failures if each[0] in iterations)
    return dataclasses.replace(run, samples=tuple(samples), iteration_failures=failures)


def pooled(runs: Sequence[Run], *, monthly_requests: int | None = None) -> tuple[Summary, ...]:
    """Return one summary for each step over all requests of the runs together.

    ``monthly_requests`` is the volume of each step that its cost is projected to.
    """
    return tuple(summary(each, monthly_requests) for each in measured(runs))


def summary(of: StepRuns, monthly_requests: int | None = None) -> Summary:
    """Return the summary of a step over all requests of its runs together."""
    requests = sum(each.count for each in of.requests)
    failures = [failure for each in of.requests for failure in each.failures()]
    samples = [sample for each in of.requests for sample in each.samples]
    successes = requests - len(failures)
    cost = metrics.total(sample.cost_usd for sample in samples if _billed(sample))
    tokens = metrics.total(per_request.tokens_out(sample) for sample in samples if sample.status == "ok")
    return Summary(
        step=of.step,
        requests=requests,
        successes=successes,
        error_rate=len(failures) / requests if requests else None,
        errors=_errors(failures),
        requests_per_s=_rate(successes, of.runs),
        tokens_per_s=None if tokens is None else _rate(tokens, of.runs),
        cost_usd=cost,
        cost_per_1000_usd=_cost_of(1000, cost, requests),
        cost_per_month_usd=_cost_of(monthly_requests, cost, requests),
        goodput=_goodput(of, requests),
        cache_hits=hit_share(samples),
        distributions=tuple(found for metric in METRICS.values() if (found := _distribution(of, metric))),
    )


def _cost_of(volume: int | None, cost: float | None, requests: int) -> float | None:
    return None if volume is None or cost is None or not requests else volume * cost / requests


def _billed(sample: Sample) -> bool:
    """Say whether the provider began to answer, so that the request has a cost, known or not."""
    answered = sample.http_status is not None and sample.http_status < _CLIENT_ERROR
    return sample.status == "ok" or answered or sample.cost_usd is not None


def _errors(failures: Sequence[Failure]) -> Mapping[str, int]:
    return dict(Counter(failure.error_class for failure in failures).most_common())


def _rate(amount: float, runs: Sequence[Run]) -> float | None:
    duration = math.fsum(run.duration_s for run in runs)
    return amount / duration if duration > 0 else None


def _goodput(of: StepRuns, requests: int) -> float | None:
    """Return the share of requests that met every limit on a metric they have, in iterations that succeeded."""
    limits = [limit for text in of.runs[-1].plan.limits if (limit := parse_limit(text)).statistic is not None]
    if not limits or not requests:
        return None
    good = sum(
        _meets(sample, limits)
        for run, asked in zip(of.runs, of.requests, strict=True)
        for sample in asked.samples
        if sample.iteration not in {iteration for iteration, _ in run.iteration_failures}
    )
    return good / requests


def _meets(sample: Sample, limits: Sequence[Limit]) -> bool:
    values = [(limit, metrics.value(METRICS[limit.figure], sample)) for limit in limits]
    return sample.status == "ok" and all(value is None or limit.allows(value) for limit, value in values)


def _distribution(of: StepRuns, metric: Metric) -> Distribution | None:
    values = [value for run in of.series[metric.id] for value in run]
    if not values:
        return None
    found = distribution(metric.id, values)
    return found if metric.each is None else _over_parts(found, of, metric)


def _over_parts(requests: Distribution, of: StepRuns, metric: Metric) -> Distribution:
    """Return a distribution over the parts of the requests; their number still says what the sample supports."""
    parts = [pair for each in of.requests for pair in each.weighted(metric)]
    known = [(value, weight) for value, weight in parts if math.isfinite(badness(METRICS[metric.id], value))]
    if not known:
        return requests
    weight = math.fsum(weight for _, weight in known)
    found = {name(level): value for level, value in zip(LEVELS, weighted(parts, LEVELS), strict=True)}
    quantile = {label: None if label in requests.needed else value for label, value in found.items()}
    return dataclasses.replace(
        requests,
        p50=quantile["p50"],
        p75=quantile["p75"],
        p90=quantile["p90"],
        p95=quantile["p95"],
        p99=quantile["p99"],
        mean=math.fsum(value * weight for value, weight in known) / weight,
        minimum=min(value for value, _ in known),
        maximum=max(value for value, _ in known),
        histogram=histogram([value for value, _ in known]),
    )


def distribution(metric: str, values: Sequence[float]) -> Distribution:
    """Return the distribution of a metric's values, one a request; failed requests rank as worst.

    Quantiles run towards the worse side: where higher is better, p95 is what 95 % of the requests
    reach or exceed.
    """
    row = METRICS[metric]
    ranked = [badness(row, value) for value in values]
    successes = [value for value, bad in zip(values, ranked, strict=True) if math.isfinite(bad)]
    ordered = sorted(ranked)
    found = {name(level): empirical(ordered, level) for level in LEVELS}
    sign = -1 if row.direction == "higher" else 1
    quantile = {label: None if bad is None else sign * bad for label, bad in found.items()}
    return Distribution(
        metric=metric,
        count=len(values),
        successes=len(successes),
        mean=math.fsum(successes) / len(successes) if successes else None,
        minimum=float(min(successes)) if successes else None,
        maximum=float(max(successes)) if successes else None,
        p50=quantile["p50"],
        p75=quantile["p75"],
        p90=quantile["p90"],
        p95=quantile["p95"],
        p99=quantile["p99"],
        needed={name(level): needed_for(level) for level in LEVELS if len(values) < needed_for(level)},
        histogram=histogram(successes),
    )


def badness(metric: Metric, value: float) -> float:
    """Return the value so that more is worse, ``inf`` for a failed request."""
    if metric.direction == "lower":
        return value
    return -value if value > 0 else math.inf


def histogram(values: Sequence[float], bins: int = BINS) -> tuple[int, ...]:
    """Count values in bins of equal width on a log scale between the least and the greatest.

    Nothing where a value is not above 0; all in the first bin where they are equal.
    """
    if not values or min(values) <= 0:
        return ()
    low, high = math.log(min(values)), math.log(max(values))
    counts = [0] * bins
    for value in values:
        share = (math.log(value) - low) / (high - low) if high > low else 0.0
        counts[min(bins - 1, int(share * bins))] += 1
    return tuple(counts)
