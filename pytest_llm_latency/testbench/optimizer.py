"""LLM-Auto-Optimizer: events of requests, latencies by model, and profiles."""

import json
import statistics
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from pytest_llm_latency.testbench import figures
from pytest_llm_latency.testbench.rows import Row, moment, ms

_EVENT = UUID("c2f3a7f6-6cc5-4b4c-9c32-9f2a5d1f8b77")


def events(rows: Sequence[Row], _: str) -> str:
    """Return an event a line."""
    return "".join(f"{json.dumps(_event(row), allow_nan=False)}\n" for row in rows)


def _event(row: Row) -> dict[str, Any]:
    metrics = {
        "ttft_ms": None if row.ttft_s is None else ms(row.ttft_s),
        "tokens_per_second": row.tokens_per_s if row.succeeded else None,
    }
    return {
        "type": "performance_metrics",
        "id": str(uuid5(_EVENT, row.id)),
        "timestamp": moment(row.started_at),
        "request_id": row.id,
        "model": row.model,
        "latency_ms": ms(row.duration_s),
        "input_tokens": row.tokens_in or 0,
        "output_tokens": row.tokens_out or 0,
        "cost": row.cost_usd or 0.0,
        **({} if row.error is None else {"error": row.error}),
        "metrics": {name: value for name, value in metrics.items() if value is not None},
    }


def latencies(rows: Sequence[Row], _: str) -> str:
    """Return the latencies of all requests and of each model's, over the successes."""
    ordered = _ordered(rows)
    content = {
        "latency_metrics": {
            **_quantiles(ordered),
            "avg_ms": statistics.fmean(ordered),
            "by_model": {model: _of_model(own) for model, own in _by_model(rows).items()},
        }
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def profiles(rows: Sequence[Row], _: str) -> str:
    """Return a profile for each model that answered."""
    answered = {model: own for model, own in _by_model(rows).items() if any(row.succeeded for row in own)}
    content = {"profiles": [_profile(model, own) for model, own in answered.items()]}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _profile(model: str, rows: Sequence[Row]) -> dict[str, Any]:
    ordered, good = _ordered(rows), [row for row in rows if row.succeeded]
    ttft, rates = figures.known(row.ttft_s for row in good), figures.known(row.tokens_per_s for row in good)
    return {
        "profileId": str(uuid5(_EVENT, f"{rows[0].run.session_id}/{model}")),
        "modelId": model,
        "provider": rows[0].provider,
        "timestamp": moment(max(row.ended_at for row in rows)),
        **{f"p{percent}Ms": figures.nearest_rank(ordered, percent) for percent in (50, 90, 95, 99)},
        "meanMs": statistics.fmean(ordered),
        "stdDevMs": statistics.pstdev(ordered),
        "sampleCount": len(good),
        **({"ttftMs": ms(statistics.fmean(ttft))} if ttft else {}),
        **({"tokensPerSecond": statistics.fmean(rates)} if rates else {}),
    }


def _of_model(rows: Sequence[Row]) -> dict[str, Any]:
    timeouts = sum(row.status == "timeout" for row in rows)
    return {**_quantiles(_ordered(rows)), "request_count": len(rows), "timeout_rate": timeouts / len(rows)}


def _quantiles(ordered: Sequence[float]) -> dict[str, float]:
    return {f"p{percent}_ms": figures.nearest_rank(ordered, percent) for percent in (50, 95, 99)}


def _ordered(rows: Sequence[Row]) -> list[float]:
    """Return the latencies of the successes, or, where there is none, of all, so that none looks like the fastest."""
    good = [row for row in rows if row.succeeded] or rows
    return sorted(ms(row.duration_s) for row in good)


def _by_model(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.model, []).append(row)
    return found
