"""``results.json``: a session as exact builtins that follow ``schema/results-1.json``.

JSON has no infinity: such a number is ``null`` and its name stands in the list ``infinite`` beside it.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_llm_latency import load as loads
from pytest_llm_latency.metrics import DEFINITIONS_VERSION, Metric
from pytest_llm_latency.model import (
    Comparison,
    Conditions,
    Distribution,
    LimitCheck,
    Load,
    Notice,
    Plan,
    Result,
    Session,
    Summary,
    Trust,
    Verdict,
)
from pytest_llm_latency.report import wording
from pytest_llm_latency.wire import to_builtins

SCHEMA = "urn:pytest-llm-latency:schema:results-1"
FORMAT = "pytest-llm-latency results"
VERSION = 1

_INTEGERS = re.compile(r"\[\n\s+(\d[\d,\s]*?)\s*\]")

Tree = dict[str, Any]


def document(session: Session, *, definitions: Mapping[str, Metric]) -> Tree:
    """Return a session as builtins; ``definitions`` is the table of metrics."""
    totals = wording.totals(session.results)
    return {
        "$schema": SCHEMA,
        "format": FORMAT,
        "version": VERSION,
        "metadata": {
            "tool": wording.TOOL,
            "tool_version": session.environment.versions.get(wording.TOOL),
            "session_id": session.id,
            "started_at": session.started_at,
            "duration_s": session.duration_s,
            "interrupted": session.interrupted,
            "definitions_version": DEFINITIONS_VERSION,
        },
        "config": to_builtins(session.settings),
        "environment": to_builtins(session.environment),
        "summary": {
            "fails": wording.fails(session),
            "problems": list(session.problems),
            "verdicts": dict(wording.counts(session.results)),
            "missing": wording.missing(session),
            "requests": totals.requests,
            "errors": totals.errors,
            "cost_usd": totals.cost_usd,
            "cost_complete": totals.cost_complete,
        },
        "warnings": [_notice(warning) for warning in session.warnings],
        "definitions": [_definition(metric) for metric in definitions.values()],
        "benchmarks": [each for result in session.results for each in _benchmarks(result, definitions)],
    }


def dumps(tree: Tree) -> str:
    """Return the document as text, in the order in which it was built."""
    text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode()
    # No string has a line end of its own, so that only a list of integers matches.
    return _INTEGERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _definition(metric: Metric) -> Tree:
    return {
        "id": metric.id,
        "title": metric.title,
        "unit": metric.unit,
        "direction": metric.direction,
        "gated": metric.gated,
        "definition": metric.definition,
    }


def _benchmarks(result: Result, definitions: Mapping[str, Metric]) -> list[Tree]:
    """Return one entry for each step; a test of which nothing was measured has one entry."""
    measured: list[Summary | None] = list(result.summaries) or [None]
    steps = [None if summary is None else summary.step for summary in measured]
    entries = {step: _benchmark(result, summary, definitions) for step, summary in zip(steps, measured, strict=True)}
    for comparison in result.comparisons:
        _entry(entries, comparison.step)["comparisons"].append(_comparison(comparison))
    for limit in result.limits:
        _entry(entries, limit.step)["limits"].append(_limit(limit))
    return list(entries.values())


def _entry(entries: Mapping[str | None, Tree], step: str | None) -> Tree:
    """Return the entry of a step; what was judged of no measured step stands in the first."""
    return entries[step] if step in entries else next(iter(entries.values()))


def _benchmark(result: Result, summary: Summary | None, definitions: Mapping[str, Metric]) -> Tree:
    step = None if summary is None else summary.step
    before = next((each for each in result.baseline if each.step == step), None)
    conditions = next((each for each in result.conditions if each.step == step), None)
    return {
        "metadata": _metadata(result, step),
        "config": _plan(result.plan),
        "verdict": {"status": result.status, "fails": result.fails, "reasons": wording.reasons(result)},
        "results": _results(summary),
        "metrics": {} if summary is None else _distributions(summary, definitions),
        "baseline": {
            "runs": result.baseline_runs,
            "results": None if before is None else _results(before),
            "metrics": {} if before is None else _distributions(before, definitions),
        },
        "comparisons": [],
        "limits": [],
        "conditions": None if conditions is None else _conditions(conditions),
        "environment": to_builtins(result.environment),
        "environment_changes": list(result.environment_changes),
        "trust": _trust(result.trust),
        "workers": [to_builtins(worker) for worker in result.workers],
        "regions": {name: _region(found, step, definitions) for name, found in result.regions.items()},
        "warnings": [_notice(warning) for warning in result.warnings],
    }


def _region(summaries: Sequence[Summary], step: str | None, definitions: Mapping[str, Metric]) -> Tree:
    summary = next((each for each in summaries if each.step == step), None)
    return {
        "results": _results(summary),
        "metrics": {} if summary is None else _distributions(summary, definitions),
    }


def _metadata(result: Result, step: str | None) -> Tree:
    return {
        "test_id": result.test_id,
        "step": step,
        "file": result.file,
        "line": result.line,
        "run_id": result.run_id,
        "started_at": result.started_at,
        "duration_s": result.duration_s,
    }


def _plan(plan: Plan) -> Tree:
    return {**to_builtins(plan), "load": _load(plan.load)}


def _load(load: Load) -> Tree:
    trace = None if load.trace is None else {"name": load.trace.name, "digest": load.trace.digest}
    return {**to_builtins(load), "trace": trace, "description": loads.describe(load)}


def _results(summary: Summary | None) -> Tree:
    end_to_end = None if summary is None else summary.distribution("e2e")
    return {
        "latency": _latency(end_to_end),
        "throughput": _finite({
            "tokens_per_second": None if summary is None else summary.tokens_per_s,
            "requests_per_second": None if summary is None else summary.requests_per_s,
        }),
        "reliability": {
            "requests": 0 if summary is None else summary.requests,
            "success_rate": None if summary is None or not summary.requests else summary.successes / summary.requests,
            "error_rate": None if summary is None else summary.error_rate,
            "error_count": 0 if summary is None else summary.requests - summary.successes,
            "errors": {} if summary is None else to_builtins(summary.errors),
            "goodput": None if summary is None else summary.goodput,
            "cache_hit_rate": None if summary is None else summary.cache_hits,
        },
        "cost": _finite({
            "total_usd": None if summary is None else summary.cost_usd,
            "per_1000_requests_usd": None if summary is None else summary.cost_per_1000_usd,
            "per_month_usd": None if summary is None else summary.cost_per_month_usd,
        }),
    }


def _latency(found: Distribution | None) -> Tree:
    return _finite({
        "mean": None if found is None else found.mean,
        "median": None if found is None else found.p50,
        "p95": None if found is None else found.p95,
        "p99": None if found is None else found.p99,
        "min": None if found is None else found.minimum,
        "max": None if found is None else found.maximum,
    })


def _distributions(summary: Summary, definitions: Mapping[str, Metric]) -> Tree:
    known = [each for each in summary.distributions if each.metric in definitions]
    return {each.metric: _distribution(each, definitions[each.metric]) for each in known}


def _distribution(found: Distribution, metric: Metric) -> Tree:
    quantiles = {name: getattr(found, name) for name in ("p50", "p75", "p90", "p95", "p99")}
    return {
        "unit": metric.unit,
        "count": found.count,
        "successes": found.successes,
        **_finite({"mean": found.mean, "min": found.minimum, "max": found.maximum, **quantiles}),
        "needed": to_builtins(found.needed),
        "histogram": list(found.histogram),
    }


def _comparison(comparison: Comparison) -> Tree:
    return {"step": comparison.step, "metric": comparison.metric, **_verdict(comparison.verdict)}


def _verdict(verdict: Verdict) -> Tree:
    low, high = (None, None) if verdict.interval is None else verdict.interval
    return {
        "status": verdict.status,
        "baseline_runs": verdict.baseline_runs,
        **_finite({
            "baseline": verdict.baseline,
            "candidate": verdict.candidate,
            "ratio": verdict.ratio,
            "interval_low": low,
            "interval_high": high,
            "raw_p_value": verdict.raw_p_value,
            "p_value": verdict.p_value,
            "detectable_ratio": verdict.detectable,
            "information": verdict.information,
        }),
        "needed_requests": verdict.needed,
        "reasons": list(verdict.reasons),
    }


def _limit(limit: LimitCheck) -> Tree:
    return {
        "limit": limit.limit,
        "step": limit.step,
        "status": limit.status,
        **_finite({"value": limit.value, "threshold": limit.threshold}),
        "message": limit.message,
    }


def _conditions(conditions: Conditions) -> Tree:
    return {name: value for name, value in to_builtins(conditions).items() if name not in {"step", "side"}}


def _trust(trust: Trust) -> Tree:
    numbers = to_builtins(trust)
    return {"event_loop": numbers.pop("event_loop"), **_finite(numbers)}


def _notice(notice: Notice) -> Tree:
    return {"code": notice.code, "message": notice.message}


def _finite(numbers: Mapping[str, float | None]) -> Tree:
    """Return the numbers with ``null`` for what JSON cannot write, and the names of the infinite ones."""
    infinite = [name for name, value in numbers.items() if value is not None and math.isinf(value)]
    finite = {name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()}
    return {**finite, "infinite": infinite}
