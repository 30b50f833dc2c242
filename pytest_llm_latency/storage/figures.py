"""The figures of accepted runs that the lock file shows, pooled over the runs."""

import math
from collections.abc import Sequence

from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import Metric
from pytest_llm_latency.model import Run
from pytest_llm_latency.stats.quantiles import order_bounds
from pytest_llm_latency.stats.summary import distribution
from pytest_llm_latency.storage import lock
from pytest_llm_latency.storage.lock import LockedSeries


def pooled(runs: Sequence[Run]) -> tuple[LockedSeries, ...]:
    """Return one series for each step and each metric that the last run's plan gates, sorted."""
    steps = dict.fromkeys(step for run in runs for step in metrics.steps(run))
    found = [_series(runs, step, metrics.METRICS[metric]) for step in steps for metric in runs[-1].plan.gate]
    return tuple(sorted((series for series in found if series.n), key=lambda each: (each.step or "", each.metric)))


def _series(runs: Sequence[Run], step: str | None, metric: Metric) -> LockedSeries:
    values = [value for run in runs for value in metrics.series(run, step, metric)]
    described = distribution(metric.id, values)
    return LockedSeries(
        step=step,
        metric=metric.id,
        unit=metric.unit,
        n=described.count,
        p50=lock.rounded(described.p50),
        p95=lock.rounded(described.p95),
        interval=_interval(values, metric, 0.95),
    )


def _interval(values: Sequence[float], metric: Metric, quantile: float) -> tuple[float, float] | None:
    # Towards the worse side, as the p95 itself.
    places = order_bounds(len(values), quantile)
    if places is None:
        return None
    ranked, failed = sorted(values), math.inf
    if metric.direction == "higher":
        ranked, failed = ranked[::-1], 0.0
    bounds = sorted((ranked[places[0]], ranked[places[1]]))
    if failed in bounds:
        return None
    return float(f"{bounds[0]:.6g}"), float(f"{bounds[1]:.6g}")
