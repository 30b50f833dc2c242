"""What the page shows of one step of one test beyond the table: charts, errors, all metrics."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_llm_latency.metrics import METRICS, Metric
from pytest_llm_latency.model import Columns, Conditions, Distribution, Evidence, Failure, Result, Summary
from pytest_llm_latency.report.charts import distribution, heat, order, shift, waterfall
from pytest_llm_latency.report.charts.drawing import POINTS, Chart
from pytest_llm_latency.report.charts.subject import Subject, subject
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
class Room:
    """How much of a test is drawn, as a page of many tests must not grow without end.

    ``points`` is how many a line may have; without ``all_metrics`` it is the one of each step that moved most.
    """

    points: int
    all_metrics: bool


WHOLE = Room(points=POINTS, all_metrics=True)


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


def steps(result: Result, evidence: Evidence | None, room: Room = WHOLE) -> tuple[Step, ...]:
    """Return the steps of a test; without its raw runs there are tables and no charts."""
    found: dict[str | None, list[Row]] = {}
    for row in rows(result):
        found.setdefault(row.step, []).append(row)
    drawn = {
        step: ()
        if evidence is None
        else tuple(_charts(row, evidence, result, room.points) for row in _shown(own, room))
        for step, own in found.items()
    }
    return tuple(_step(result, step, own, evidence) for step, own in drawn.items())


def _shown(of_step: Sequence[Row], room: Room) -> Sequence[Row]:
    """Return the metrics that are drawn: all of them, or the one that moved most."""
    return of_step if room.all_metrics else [max(of_step, key=lambda row: abs(math.log(row.ratio or 1.0)))]


def _step(result: Result, step: str | None, drawn: Sequence[MetricCharts], evidence: Evidence | None) -> Step:
    summary, baseline = (
        next((each for each in side if each.step == step), None) for side in (result.summaries, result.baseline)
    )
    return Step(
        step=step,
        summary=summary,
        conditions=next((each for each in result.conditions if each.step == step), None),
        metrics=tuple(drawn),
        phases=None if evidence is None else waterfall.chart(evidence, step),
        measured=() if summary is None else _measured(summary, baseline),
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
