"""What the page shows of one step of one test beyond the table: charts, errors, all metrics."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_llm_latency.metrics import METRICS, Metric
from pytest_llm_latency.model import Columns, Conditions, Distribution, Evidence, Failure, Result, Summary
from pytest_llm_latency.report import charts
from pytest_llm_latency.report.phases import Waterfall, waterfall
from pytest_llm_latency.report.rows import Row, rows
from pytest_llm_latency.stats import columns

MESSAGE_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCharts:
    """One judged metric with its two charts; ``lost`` is how many requests of each side failed."""

    row: Row
    ecdf: charts.Ecdf | None
    order: charts.Order | None
    counts: tuple[int, int]
    lost: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric with its distributions, of this run and of the baseline."""

    metric: Metric
    now: Distribution
    before: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorClass:
    """The failures of one class and one of them as an example."""

    name: str
    count: int
    http_status: int | None
    example: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of one test."""

    step: str | None
    summary: Summary | None
    conditions: Conditions | None
    metrics: tuple[MetricCharts, ...]
    phases: Waterfall | None
    measured: tuple[Measured, ...]
    errors: tuple[ErrorClass, ...]


def steps(result: Result, evidence: Evidence | None) -> tuple[Step, ...]:
    """Return the steps of a test; without its raw runs there are tables and no charts."""
    found: dict[str | None, list[Row]] = {}
    for row in rows(result):
        found.setdefault(row.step, []).append(row)
    return tuple(_step(result, step, each, evidence) for step, each in found.items())


def _step(result: Result, step: str | None, of_step: Sequence[Row], evidence: Evidence | None) -> Step:
    summary, baseline = (
        next((each for each in side if each.step == step), None) for side in (result.summaries, result.baseline)
    )
    return Step(
        step=step,
        summary=summary,
        conditions=next((each for each in result.conditions if each.step == step), None),
        metrics=() if evidence is None else tuple(_charts(row, evidence) for row in of_step),
        phases=None if evidence is None else _waterfall(step, evidence),
        measured=() if summary is None else _measured(summary, baseline),
        errors=() if summary is None else _errors(summary, evidence),
    )


def _charts(row: Row, evidence: Evidence) -> MetricCharts:
    metric = row.metric
    run = columns.series(evidence.run, row.step, metric).tolist()
    pooled = [value for each in evidence.baseline for value in columns.series(each, row.step, metric).tolist()]
    return MetricCharts(
        row=row,
        ecdf=charts.ecdf(run, pooled, unit=metric.unit, p95=(row.p95, row.p95_before)),
        order=charts.order(
            _in_order(evidence.run, row.step, metric),
            unit=metric.unit,
            baseline={
                "baseline p50": None if row.before is None else row.before.p50,
                "baseline p95": row.p95_before,
            },
        ),
        counts=(len(run), len(pooled)),
        lost=(_lost(run, metric), _lost(pooled, metric)),
    )


def _in_order(run: Columns, step: str | None, metric: Metric) -> list[float | None]:
    """Return one value a request; what failed, and what has no place on a logarithmic axis, is ``None``."""
    values = columns.values(run, metric)[columns.of_step(run, step)].tolist()
    return [value if 0 < value < math.inf else None for value in values if not math.isnan(value)]


def _lost(values: Iterable[float], metric: Metric) -> int:
    return sum(value == columns.worst(metric) for value in values)


def _waterfall(step: str | None, evidence: Evidence) -> Waterfall | None:
    return waterfall([evidence.run], evidence.baseline, step)


def _measured(summary: Summary, baseline: Summary | None) -> tuple[Measured, ...]:
    return tuple(
        Measured(
            metric=METRICS[each.metric],
            now=each,
            before=None if baseline is None else baseline.distribution(each.metric),
        )
        for each in summary.distributions
        if each.metric in METRICS
    )


def _errors(summary: Summary, evidence: Evidence | None) -> tuple[ErrorClass, ...]:
    examples = {} if evidence is None else _examples(evidence.run, summary.step)
    most_frequent = sorted(summary.errors.items(), key=lambda each: (-each[1], each[0]))
    return tuple(
        ErrorClass(name=name, count=count, http_status=status, example=example)
        for name, count in most_frequent
        for example, status in (examples.get(name, (None, None)),)
    )


def _examples(run: Columns, step: str | None) -> Mapping[str, tuple[Failure, int | None]]:
    """Return the first failure of each class, and its HTTP status."""
    chosen = columns.of_step(run, step)
    failed: list[tuple[Failure, int | None]] = [found for place, found in run.failures.items() if chosen[place]]
    failed += [(failure, None) for _, failure in run.run.iteration_failures]
    return {failure.error_class: (failure, status) for failure, status in reversed(failed)}
