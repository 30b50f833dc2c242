"""The figures of accepted runs that the lock file shows, pooled over the runs."""

from collections.abc import Sequence

import numpy as np

from pytest_llm_latency import metrics
from pytest_llm_latency.model import Run
from pytest_llm_latency.stats import quantiles
from pytest_llm_latency.storage import lock
from pytest_llm_latency.storage.lock import LockedSeries


def pooled(runs: Sequence[Run]) -> tuple[LockedSeries, ...]:
    """Return one series for each step and each metric that the last run's plan gates, sorted."""
    steps = dict.fromkeys(step for run in runs for step in metrics.steps(run))
    found = [_series(runs, step, metric) for step in steps for metric in runs[-1].plan.gate]
    return tuple(sorted((series for series in found if series.n), key=lambda each: (each.step or "", each.metric)))


def _series(runs: Sequence[Run], step: str | None, metric: str) -> LockedSeries:
    row = metrics.METRICS[metric]
    values = [value for run in runs for value in metrics.series(run, step, row)]
    return LockedSeries(
        step=step,
        metric=metric,
        unit=row.unit,
        n=len(values),
        p50=lock.rounded(quantiles.empirical(values, 0.5)),
        p95=lock.rounded(quantiles.empirical(values, 0.95)),
        interval=_interval(values, 0.95),
    )


def _interval(values: Sequence[float], quantile: float) -> tuple[float, float] | None:
    # The order statistics that bound the quantile whatever the distribution is (David & Nagaraja
    # 2003, section 7.1), with half of the error on each side.
    from scipy.special import bdtr  # noqa: PLC0415  (slow to import)

    below = bdtr(np.arange(len(values)), len(values), quantile)
    outside = (1 - quantiles.CONFIDENCE) / 2
    low, high = int(np.searchsorted(below, outside, side="right")), int(np.searchsorted(below, 1 - outside))
    if low < 1 or high >= len(values):
        return None
    ordered = sorted(values)
    bounds = lock.rounded(ordered[low - 1]), lock.rounded(ordered[high])
    return None if bounds[0] is None or bounds[1] is None else (bounds[0], bounds[1])
