"""The output of LLM-Test-Bench's newer runner."""

import math
import statistics
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from pytest_llm_latency import load
from pytest_llm_latency.testbench import figures
from pytest_llm_latency.testbench.results import dumped, finish_reason, usage
from pytest_llm_latency.testbench.rows import Row, moment, ms

_MOST_CONCURRENCY = 100  # that their reader takes
_NAMESPACE = UUID("0d9c8dc4-2b9d-4bb1-8a43-1a1f7ac0e0a5")


def document(rows: Sequence[Row], dataset: str) -> str:
    """Return all executions, and what they come to for each provider and model."""
    start, end = min(row.started_at for row in rows), max(row.ended_at for row in rows)
    good = sum(row.succeeded for row in rows)
    models = list(dict.fromkeys((row.provider, row.model) for row in rows))
    content = {
        "execution_id": str(uuid5(_NAMESPACE, rows[0].run.session_id)),
        "suite_id": dataset,
        "suite_name": dataset,
        "started_at": moment(start),
        "completed_at": moment(end),
        "total_duration_ms": round((end - start).total_seconds() * 1e3),
        "total_tests": len({row.test_id for row in rows}),
        "total_executions": len(rows),
        "successful_executions": good,
        "failed_executions": len(rows) - good,
        "results": [_execution(row) for row in rows],
        "aggregated_stats": [_stats([row for row in rows if (row.provider, row.model) == each]) for each in models],
        "execution_config": _config(rows),
        "providers_tested": [{"provider_name": provider, "model_id": model} for provider, model in models],
    }
    return dumped(content, indent=2) + "\n"


def _execution(row: Row) -> dict[str, Any]:
    """Return one execution; what is unknown of it is left out."""
    latency = {"total_ms": ms(row.duration_s)}
    if row.ttft_s is not None:
        latency["time_to_first_token_ms"] = ms(row.ttft_s)
    if row.tokens_per_s is not None and row.succeeded:
        latency["tokens_per_second"] = row.tokens_per_s
    return {
        "test_id": row.test_id,
        "iteration": row.iteration,
        "provider_name": row.provider,
        "model_id": row.model,
        "success": row.succeeded,
        **({} if row.error is None else {"error_message": row.error}),
        **({} if row.content is None or not row.succeeded else {"response_content": row.content}),
        **({"finish_reason": finish_reason(row)} if row.succeeded else {}),
        "latency": latency,
        "token_usage": usage(row),
        **_cost(row),
        "started_at": moment(row.started_at),
        "completed_at": moment(row.ended_at),
    }


def _cost(row: Row) -> dict[str, Any]:
    if row.cost_usd is None or row.cost_in_usd is None:
        return {}
    parts = {"input_cost_usd": row.cost_in_usd, "output_cost_usd": max(0.0, row.cost_usd - row.cost_in_usd)}
    return {"cost": {**parts, "total_cost_usd": row.cost_usd}}


def _stats(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the figures of one model; a latency of 0 stands where nothing succeeded, as they ask for a number."""
    good = [row for row in rows if row.succeeded]
    ordered = sorted(ms(row.duration_s) for row in good) or [0.0]
    tokens = sum(usage(row)["total_tokens"] for row in rows)
    cost, rates = math.fsum(figures.known(row.cost_usd for row in rows)), figures.known(r.tokens_per_s for r in good)
    return {
        "provider_name": rows[0].provider,
        "model_id": rows[0].model,
        "total_executions": len(rows),
        "successful_executions": len(good),
        "failed_executions": len(rows) - len(good),
        "success_rate": len(good) / len(rows),
        "latency_p50_ms": figures.nearest_rank(ordered, 50),
        "latency_p95_ms": figures.nearest_rank(ordered, 95),
        "latency_p99_ms": figures.nearest_rank(ordered, 99),
        "latency_mean_ms": statistics.fmean(ordered),
        "latency_min_ms": ordered[0],
        "latency_max_ms": ordered[-1],
        "latency_stddev_ms": statistics.pstdev(ordered),
        "total_tokens": tokens,
        "avg_tokens_per_request": tokens / len(rows),
        "total_cost_usd": cost,
        "avg_cost_per_request_usd": cost / len(rows),
        **({"avg_tokens_per_second": statistics.fmean(rates)} if rates else {}),
    }


def _config(rows: Sequence[Row]) -> dict[str, Any]:
    """Return how the first test was measured. For an open load, which has no concurrency, 1 stands there."""
    plan = rows[0].run.plan
    return {
        "concurrency": min(load.concurrency(plan.load) or 1, _MOST_CONCURRENCY),
        "warm_up_runs": plan.warmup,
        "iterations_per_test": plan.requests,
        **({} if plan.budget.seconds is None else {"max_duration_ms": round(plan.budget.seconds * 1e3)}),
        "save_responses": plan.keep_answers,
        "fail_fast": False,
    }
