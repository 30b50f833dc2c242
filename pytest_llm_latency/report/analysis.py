"""What one stored run says by itself: figures with intervals, errors, trust, cost, the slowest requests, its parts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import METRICS, StepRequests
from pytest_llm_latency.model import Columns, Failure, Notice, Run, Sample, Summary
from pytest_llm_latency.report.charts.waterfall import PHASES
from pytest_llm_latency.stats import columns, distrust, readings
from pytest_llm_latency.stats.readings import Reading
from pytest_llm_latency.stats.summary import summarise
from pytest_llm_latency.units import seconds
from pytest_llm_latency.wire import to_builtins

FORMAT = "pytest-llm-latency analysis"
VERSION = 1

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be told: percentiles as shares, how many of the slowest requests, the error that stamps may have."""

    levels: tuple[float, ...]
    slowest: int
    allowed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The failures of one class, and the message of the first."""

    error_class: str
    phase: str
    count: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """One of the slowest requests; ``at_s`` counts from the first start, ``phases`` are in seconds."""

    iteration: int
    at_s: float
    status: str
    e2e_s: float | None
    phases: Mapping[str, float]
    tokens_in: int | None
    tokens_out: int | None
    worker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFigures:
    """Some of the requests: what tells them apart, how many, how many failed, and the first metrics of the gate."""

    by: str
    name: str
    requests: int
    errors: int
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAnalysis:
    """One step of a run."""

    step: str | None
    summary: Summary
    readings: tuple[Reading, ...]
    errors: tuple[Errors, ...]
    slowest: tuple[Slow, ...]
    parts: tuple[PartFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One run; ``distrust`` has the reasons why its figures must not be judged."""

    run: Run
    path: str
    distrust: tuple[Notice, ...]
    steps: tuple[StepAnalysis, ...]


def analyse(run: Run, samples: Columns, path: str, asked: Asked) -> Analysis:
    """Return what a run says; ``samples`` are its own, by column."""
    summaries = summarise(run)
    requests = metrics.by_step(run)
    return Analysis(
        run=run,
        path=path,
        distrust=(
            *distrust.distrusted(run.trust, summaries, run.plan.gate, allowed_s=asked.allowed_s),
            *distrust.skewed(run.workers),
        ),
        steps=tuple(
            _step(summary, requests.get(summary.step) or metrics.requests(run, summary.step), samples, asked)
            for summary in summaries
        ),
    )


def _step(summary: Summary, requests: StepRequests, samples: Columns, asked: Asked) -> StepAnalysis:
    found = (readings.read(requests, metric, asked.levels) for metric in METRICS.values())
    return StepAnalysis(
        step=summary.step,
        summary=summary,
        readings=tuple(each for each in found if each is not None),
        errors=_errors(requests.failures()),
        slowest=_slowest(requests.samples, samples, summary.step, asked.slowest),
        parts=_parts(requests, samples.run.plan.gate, asked.levels),
    )


def _errors(failures: Sequence[Failure]) -> tuple[Errors, ...]:
    counted = Counter((each.error_class, each.phase) for each in failures)
    first = {(each.error_class, each.phase): each.message for each in reversed(failures)}
    return tuple(
        Errors(error_class=kind, phase=phase, count=count, message=first[kind, phase])
        for (kind, phase), count in counted.most_common()
    )


def _slowest(own: Sequence[Sample], samples: Columns, step: str | None, count: int) -> tuple[Slow, ...]:
    """Return the answered requests that took the longest, the longest first."""
    ends = np.where(samples.ok, columns.BY_COLUMN["e2e"](samples), np.nan)[columns.of_step(samples, step)]
    phases = {name: take(samples)[columns.of_step(samples, step)] for name, take in PHASES.items()}
    first = min((sample.stamps.started for sample in own), default=0)
    order = [int(place) for place in np.argsort(-np.nan_to_num(ends, nan=-1.0), kind="stable")]
    return tuple(
        Slow(
            iteration=own[place].iteration,
            at_s=seconds(own[place].stamps.started - first),
            status=own[place].status,
            e2e_s=float(ends[place]),
            phases={name: float(each[place]) for name, each in phases.items() if math.isfinite(each[place])},
            tokens_in=_tokens(own[place], "tokens_in"),
            tokens_out=_tokens(own[place], "tokens_out"),
            worker=own[place].worker,
        )
        for place in order[:count]
        if math.isfinite(ends[place])
    )


def _tokens(sample: Sample, field: str) -> int | None:
    return None if sample.usage is None else getattr(sample.usage, field)


def _parts(requests: StepRequests, gate: Sequence[str], levels: Sequence[float]) -> tuple[PartFigures, ...]:
    shown = [METRICS[name] for name in gate if name in METRICS][:2] or [METRICS["e2e"]]
    return tuple(
        PartFigures(
            by=part.by,
            name=part.name,
            requests=part.asked.count,
            errors=len(part.asked.failures()),
            readings=tuple(
                found for metric in shown if (found := readings.read(part.asked, metric, levels)) is not None
            ),
        )
        for part in readings.parts(requests)
    )


def tree(found: Sequence[Analysis]) -> Tree:
    """Return analyses as builtins; what is infinite is null, and says so beside itself."""
    return {"format": FORMAT, "version": VERSION, "runs": [_run(each) for each in found]}


def _run(found: Analysis) -> Tree:
    run = found.run
    return {
        "run_id": run.id,
        "session_id": run.session_id,
        "test_id": run.test_id,
        "started_at": run.started_at,
        "path": found.path,
        "complete": run.complete,
        "duration_s": run.duration_s,
        "environment": to_builtins(run.environment),
        "plan": to_builtins(run.plan),
        "conditions": [to_builtins(each) for each in run.conditions],
        "trust": to_builtins(run.trust),
        "trusted": not found.distrust,
        "distrust": [to_builtins(each) for each in found.distrust],
        "warnings": [to_builtins(each) for each in run.warnings],
        "steps": [_step_tree(each) for each in found.steps],
    }


def _step_tree(found: StepAnalysis) -> Tree:
    summary = {name: value for name, value in to_builtins(found.summary).items() if name != "distributions"}
    return {
        **summary,
        "metrics": {each.metric.id: _reading(each) for each in found.readings},
        "error_kinds": [to_builtins(each) for each in found.errors],
        "slowest": [to_builtins(each) for each in found.slowest],
        "parts": [
            {
                "by": part.by,
                "name": part.name,
                "requests": part.requests,
                "errors": part.errors,
                "metrics": {each.metric.id: _reading(each) for each in part.readings},
            }
            for part in found.parts
        ],
    }


def _reading(found: Reading) -> Tree:
    return {
        "unit": found.metric.unit,
        "requests": found.count,
        "mean": found.mean,
        "minimum": found.minimum,
        "maximum": found.maximum,
        "percentiles": [
            {
                "percentile": round(each.level * 100, 9),
                "value": each.value,
                "interval": each.interval and [bound if math.isfinite(bound) else None for bound in each.interval],
                "needed": each.needed,
            }
            for each in found.percentiles
        ],
    }
