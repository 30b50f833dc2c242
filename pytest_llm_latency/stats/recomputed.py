"""A run's figures under the definitions of another tool, beside its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_llm_latency import metrics
from pytest_llm_latency.definitions import Figure, Tool
from pytest_llm_latency.model import Distribution, Run
from pytest_llm_latency.stats.quantiles import weighted
from pytest_llm_latency.stats.summary import summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """One figure: over how many values, and ``None`` for what the sample cannot support."""

    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of one step of one test, by this project's definition and by the tool's."""

    test_id: str
    step: str | None
    figure: str
    name: str
    unit: str
    differs: str
    ours: Values | None
    theirs: Values | None


def recompute(run: Run, tool: Tool) -> tuple[Row, ...]:
    """Return every figure of a tool for each step of a run; what only streams have is left out elsewhere."""
    streamed = {each.step: each.stream for each in run.conditions}
    return tuple(
        Row(
            test_id=run.test_id,
            step=summary.step,
            figure=figure.id,
            name=figure.name,
            unit=figure.unit,
            differs=figure.differs,
            ours=_ours(summary.distribution(figure.id)),
            theirs=_theirs(run, summary.step, figure, interpolates=tool.interpolates),
        )
        for summary in summarise(run)
        for figure in tool.figures
        if streamed.get(summary.step, True) or not figure.streamed
    )


def _ours(found: Distribution | None) -> Values | None:
    if found is None:
        return None
    return Values(count=found.count, mean=found.mean, p50=found.p50, p95=found.p95, p99=found.p99)


def _theirs(run: Run, step: str | None, figure: Figure, *, interpolates: bool) -> Values | None:
    pairs = [pair for sample in metrics.measured(run, step) if sample.status == "ok" for pair in figure.take(sample)]
    weight = math.fsum(each for _, each in pairs)
    if not weight:
        return None
    quantiles = _interpolated if interpolates else weighted
    p50, p95, p99 = quantiles(pairs, (0.50, 0.95, 0.99))
    mean = math.fsum(value * each for value, each in pairs) / weight
    return Values(count=len(pairs), mean=mean, p50=p50, p95=p95, p99=p99)


def _interpolated(pairs: Sequence[tuple[float, float]], quantiles: Sequence[float]) -> list[float | None]:
    """Return each quantile between its two neighbours in proportion, as NumPy does by default."""
    values = sorted(value for value, _ in pairs)
    found: list[float | None] = []
    for quantile in quantiles:
        at = quantile * (len(values) - 1)
        low = math.floor(at)
        high = min(low + 1, len(values) - 1)
        found.append(values[low] + (values[high] - values[low]) * (at - low))
    return found
