"""Latency by what was varied: the length of the input, and each parameter of the calls."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Evidence, Result, Summary
from pytest_llm_latency.report.charts import sweep
from pytest_llm_latency.report.charts.drawing import Chart
from pytest_llm_latency.report.charts.sweep import Point
from pytest_llm_latency.stats import columns
from pytest_llm_latency.stats.quantiles import Floats, needed_for, rank

MOST = 2  # metrics that are drawn of each
_POINTS = 8
_LEAST_RANGE = 1.25  # of lengths: a nonce varies them too


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is varied within: one step of the variants of one test, with one model."""

    test: str
    step: str | None
    model: str

    @property
    def title(self) -> str:
        """The family in words."""
        place = self.test if self.step is None else f"{self.test}, step {self.step}"
        return f"{place} · {self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The input tokens of successful requests beside one metric."""

    family: Family
    metric: str
    tokens: Floats
    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The charts of one family."""

    family: Family
    charts: tuple[Chart, ...]


def lengths(result: Result, evidence: Evidence) -> tuple[Lengths, ...]:
    """Return the lengths of the inputs of each step beside its first metrics."""
    run = evidence.run
    found = []
    for family, summary in families(result):
        for name in _metrics(result, summary):
            values = columns.values(run, METRICS[name])
            chosen = columns.of_step(run, family.step) & run.ok & (run.tokens["tokens_in"] > 0) & (values > 0)
            tokens = run.tokens["tokens_in"][chosen]
            found.append(Lengths(family=family, metric=name, tokens=tokens, values=values[chosen]))
    return tuple(found)


def families(result: Result) -> list[tuple[Family, Summary]]:
    """Return the family that each step of a test belongs to, with what was measured of it."""
    models = {each.step: each.model for each in result.conditions}
    test = result.test_id.partition("[")[0]
    return [
        (Family(test=test, step=each.step, model=models.get(each.step, "unknown model")), each)
        for each in result.summaries
    ]


def _metrics(result: Result, summary: Summary) -> list[str]:
    known = [name for name in result.plan.gate if name in columns.BY_COLUMN]
    return [name for name in known or ["e2e"] if summary.distribution(name) is not None][:MOST]


def sweeps(results: Sequence[Result], found: Iterable[Lengths]) -> list[Sweep]:
    """Return the charts of every family in which a length or a parameter was varied."""
    charts: dict[Family, list[Chart]] = {}
    by_metric: dict[tuple[Family, str], list[Lengths]] = {}
    for each in found:
        by_metric.setdefault((each.family, each.metric), []).append(each)
    for (family, metric), parts in by_metric.items():
        chart = _by_length(metric, parts)
        charts.setdefault(family, []).extend([chart] if chart else [])
    for family, members in _members(results).items():
        charts.setdefault(family, []).extend(_by_parameters(members))
    return [Sweep(family=family, charts=tuple(drawn)) for family, drawn in charts.items() if drawn]


def _by_length(metric: str, parts: Sequence[Lengths]) -> Chart | None:
    tokens = np.concatenate([each.tokens for each in parts])
    values = np.concatenate([each.values for each in parts])
    if not tokens.size or tokens.max() < _LEAST_RANGE * tokens.min():
        return None
    low, high = math.log(tokens.min()), math.log(tokens.max())
    points = []
    for chosen in _bins(tokens):
        typical = float(np.median(tokens[chosen]))
        point = (units.format_number(typical), (math.log(typical) - low) / (high - low))
        points.append(_measured(point, np.sort(values[chosen])))
    return _chart(points, metric, "input tokens")


def _bins(tokens: Floats) -> list[Any]:
    """Return which requests are of each length, or of eight ranges with as many requests each."""
    distinct = np.unique(tokens)
    if distinct.size > _POINTS:
        edges = np.unique(np.quantile(tokens, np.linspace(0, 1, _POINTS + 1)))
        places = np.clip(np.searchsorted(edges, tokens, side="right"), 1, edges.size - 1)
        return [places == place for place in np.unique(places)]
    return [tokens == each for each in distinct]


def _measured(point: tuple[str, float], ordered: Floats) -> Point:
    label, at = point
    p50, p95 = (
        float(ordered[rank(ordered.size, each) - 1]) if ordered.size >= needed_for(each) else None
        for each in (0.5, 0.95)
    )
    return Point(label=label, at=at, p50=p50, p95=p95, requests=ordered.size)


def _members(results: Sequence[Result]) -> dict[Family, list[tuple[Result, Summary, Mapping[str, Any]]]]:
    found: dict[Family, list[tuple[Result, Summary, Mapping[str, Any]]]] = {}
    for result in results:
        parameters = {each.step: _read(each.parameters) for each in result.conditions}
        for family, summary in families(result):
            found.setdefault(family, []).append((result, summary, parameters.get(summary.step, {})))
    return found


def _read(parameters: str) -> Mapping[str, Any]:
    """Return the parameters of a step, nothing where they were not the same for all of its requests."""
    try:
        found = json.loads(parameters)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_parameters(members: Sequence[tuple[Result, Summary, Mapping[str, Any]]]) -> list[Chart]:
    names = sorted({name for _, _, parameters in members for name in parameters})
    found = []
    for name in names:
        having = [(result, summary, parameters[name]) for result, summary, parameters in members if name in parameters]
        if len({_written(value) for _, _, value in having}) > 1:
            found += _by_parameter(name, having)
    return found


def _by_parameter(name: str, having: Sequence[tuple[Result, Summary, Any]]) -> list[Chart]:
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for _, _, value in having)
    ordered = sorted(having, key=lambda each: (float(each[2]) if numeric else 0.0, _written(each[2])))
    values = [value for _, _, value in ordered]
    first, last = (float(values[0]), float(values[-1])) if numeric else (0.0, len(values) - 1.0)
    found = []
    for metric in _metrics(ordered[0][0], ordered[0][1]):
        points = []
        for place, (_, summary, value) in enumerate(ordered):
            figures = summary.distribution(metric)
            points.append(
                Point(
                    label=_written(value),
                    at=((float(value) if numeric else place) - first) / (last - first),
                    p50=None if figures is None else figures.p50,
                    p95=None if figures is None else figures.p95,
                    requests=summary.requests,
                )
            )
        chart = _chart(points, metric, name)
        found += [chart] if chart else []
    return found


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _chart(points: Sequence[Point], metric: str, subject: str) -> Chart | None:
    return sweep.chart(points, of=METRICS[metric], subject=subject)
