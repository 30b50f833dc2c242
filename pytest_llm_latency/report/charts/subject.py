"""What the charts of one metric of one step are drawn from."""

from dataclasses import dataclass

import numpy as np

from pytest_llm_latency.model import Evidence
from pytest_llm_latency.report.rows import Row
from pytest_llm_latency.stats import columns
from pytest_llm_latency.stats.quantiles import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One metric of one step.

    ``run`` and ``baseline`` have a value a request as ``metrics.series`` has; ``values`` and ``at_s``
    those of the run that were sent, with when, in the order of their starts; a failed one is NaN.
    ``points`` is how many a line may have.
    """

    row: Row
    run: Floats
    baseline: Floats
    values: Floats
    at_s: Floats
    tolerance: float
    points: int

    @property
    def unit(self) -> str:
        """The unit of the metric."""
        return self.row.metric.unit

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return self.row.metric.direction == "higher"

    @property
    def lost(self) -> tuple[int, int]:
        """How many requests of the run and of the baseline failed."""
        return self._lost(self.run), self._lost(self.baseline)

    def _lost(self, values: Floats) -> int:
        return int((values == columns.worst(self.row.metric)).sum())


def subject(row: Row, evidence: Evidence, *, tolerance: float, points: int) -> Subject:
    """Take from the raw runs what the charts of a row need."""
    metric, run = row.metric, evidence.run
    values = columns.values(run, metric)
    chosen = columns.of_step(run, row.step) & ~np.isnan(values)
    order = np.argsort(run.started[chosen], kind="stable")
    values = values[chosen][order]
    started = run.started[chosen][order]
    pooled = [columns.series(each, row.step, metric) for each in evidence.baseline]
    return Subject(
        row=row,
        run=columns.series(run, row.step, metric),
        baseline=np.concatenate(pooled) if pooled else np.empty(0),
        # What is not above 0 has no place on a logarithmic axis.
        values=np.where(np.isfinite(values) & (values > 0), values, np.nan),
        at_s=(started - started[0]) / 1e9 if started.size else np.empty(0),
        tolerance=tolerance,
        points=points,
    )
