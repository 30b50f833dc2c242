"""The history of a benchmark: each judged metric over the accepted runs and this one."""

from dataclasses import dataclass

from pytest_llm_latency.model import Evidence, Result
from pytest_llm_latency.report import history
from pytest_llm_latency.report.charts import course
from pytest_llm_latency.report.charts.drawing import Chart
from pytest_llm_latency.report.room import WHOLE, Room, drawn
from pytest_llm_latency.report.rows import rows
from pytest_llm_latency.stats import columns
from pytest_llm_latency.stats.comparable import differences
from pytest_llm_latency.stats.history import History, history_of
from pytest_llm_latency.stats.policy import GatePolicy

LEAST_RUNS = 3  # two are the comparison itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """The judged metrics of one test over its runs: what is drawn, and what is said of change points."""

    charts: tuple[Chart, ...]
    sentences: tuple[str, ...]


def courses(result: Result, evidence: Evidence, room: Room = WHOLE) -> Courses | None:
    """Return the histories of three runs or more, of those that were measured as this one was, of what is drawn.

    ``None`` where there are none. A run that measured its own reference has none: no run was accepted for it.
    """
    if result.plan.ab is not None:
        return None
    runs = [
        each for each in (*evidence.baseline, evidence.run) if not differences(each.run.conditions, result.conditions)
    ]
    before = [each for each in evidence.past if not differences(each.conditions, result.conditions)]
    policy = GatePolicy(tolerance=result.plan.tolerance)
    told: list[History] = []
    charts = []
    for row in drawn(rows(result), room):
        own = [run for run in runs if row.step in columns.steps(run)]
        if row.metric.id not in columns.BY_COLUMN:
            continue
        found = history_of(
            [columns.series(run, row.step, row.metric) for run in own],
            [run.run for run in own],
            (row.step, row.metric.id),
            policy,
            before,
        )
        if len(found.figures) < LEAST_RUNS:
            continue
        title = row.metric.title if row.step is None else f"{row.metric.title}, {row.step}"
        chart = course.chart(found, title=f"{title}: p95 of each run")
        if chart is not None:
            told.append(found)
            charts.append(chart)
    return Courses(charts=tuple(charts), sentences=tuple(history.sentences(told))) if told else None
