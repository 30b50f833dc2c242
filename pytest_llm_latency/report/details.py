"""What the page shows of one step of one test beyond the table: charts, errors, all metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_llm_latency.metrics import METRICS, Metric
from pytest_llm_latency.model import Columns, Conditions, Distribution, Evidence, Failure, Result, Summary
from pytest_llm_latency.report.charts import distribution, heat, order, shift, waterfall
from pytest_llm_latency.report.charts.drawing import Chart
from pytest_llm_latency.report.charts.subject import Subject, subject
from pytest_llm_latency.report.room import WHOLE, Room, drawn
from pytest_llm_latency.report.rows import Row, rows
from pytest_llm_latency.stats import columns

MESSAGE_LENGTH = 300

# The charts of one metric, in their order; one that has nothing to show is left out.
CHARTS: tuple[Callable[[Subject], Chart | None], ...] = (
    distribution.chart,
    shift.chart,
    order.chart,
    heat.chart,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCharts:
    """One judged metric with its charts."""

    row: Row
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric with its distributions, of this run and of the baseline."""

    metric: Metric
    now: Distribution
    before: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorClass:
    """The failures of one class and one of them as an example; ``share`` is of the step's requests."""

    name: str
    count: int
    share: float
    http_status: int | None
    example: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of one test."""

    step: str | None
    summary: Summary | None
    conditions: Conditions | None
    metrics: tuple[MetricCharts, ...]
    phases: Chart | None
    measured: tuple[Measured, ...]
    errors: tuple[ErrorClass, ...]


def steps(result: Result, evidence: Evidence | None, room: Room | None = WHOLE) -> tuple[Step, ...]:
    """Return the steps of a test: without its raw runs tables and no charts, without room its errors alone."""
    table = rows(result)
    if room is None:
        return tuple(_with_errors(result, step, evidence) for step in dict.fromkeys(row.step for row in table))
    found: dict[str | None, list[MetricCharts]] = {}
    for row in drawn(table, room):
        charts = found.setdefault(row.step, [])
        charts += [] if evidence is None else [_charts(row, evidence, result, room.points)]
    return tuple(_whole(result, step, charts, evidence) for step, charts in found.items())


def _whole(result: Result, step: str | None, charts: Sequence[MetricCharts], evidence: Evidence | None) -> Step:
    found = _with_errors(result, step, evidence)
    baseline = next((each for each in result.baseline if each.step == step), None)
    return replace(
        found,
        metrics=tuple(charts),
        phases=None if evidence is None else waterfall.chart(evidence, step),
        measured=() if found.summary is None else _measured(found.summary, baseline),
    )


def _with_errors(result: Result, step: str | None, evidence: Evidence | None) -> Step:
    summary = next((each for each in result.summaries if each.step == step), None)
    return Step(
        step=step,
        summary=summary,
        conditions=next((each for each in result.conditions if each.step == step), None),
        metrics=(),
        phases=None,
        measured=(),
        errors=() if summary is None else _errors(summary, evidence),
    )


def _charts(row: Row, evidence: Evidence, result: Result, points: int) -> MetricCharts:
    of = subject(row, evidence, tolerance=result.plan.tolerance, points=points)
    return MetricCharts(row=row, charts=tuple(found for chart in CHARTS if (found := chart(of)) is not None))


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
        ErrorClass(name=name, count=count, share=count / summary.requests, http_status=status, example=example)
        for name, count in most_frequent
        for example, status in (examples.get(name, (None, None)),)
    )


def _examples(run: Columns, step: str | None) -> Mapping[str, tuple[Failure, int | None]]:
    """Return the first failure of each class, and its HTTP status."""
    chosen = columns.of_step(run, step)
    failed: list[tuple[Failure, int | None]] = [found for place, found in run.failures.items() if chosen[place]]
    failed += [(failure, None) for _, failure in run.run.iteration_failures]
    return {failure.error_class: (failure, status) for failure, status in reversed(failed)}
