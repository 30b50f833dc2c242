"""LLM-Test-Bench's result files: JSON with a summary, CSV, and a result a line."""

import csv
import io
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pytest_llm_latency.testbench import figures, lens
from pytest_llm_latency.testbench.rows import Row, moment, ms

COLUMNS = (
    "test_id",
    "category",
    "status",
    "duration_ms",
    "tokens",
    "cost",
    "model",
    "prompt_length",
    "response_length",
    "prompt_tokens",
    "completion_tokens",
    "finish_reason",
    "error",
    "timestamp",
)

_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls", "error"})
_RENAMED: Mapping[str, str] = MappingProxyType({"function_call": "tool_calls"})


def document(rows: Sequence[Row], dataset: str) -> str:
    """Return the results of one provider."""
    start, end = min(row.started_at for row in rows), max(row.ended_at for row in rows)
    content = {
        "dataset_name": dataset,
        "provider_name": rows[0].provider,
        "total_tests": len(rows),
        "results": [result(row) for row in rows],
        "started_at": moment(start),
        "completed_at": moment(end),
        "total_duration_ms": round((end - start).total_seconds() * 1e3),
        "summary": _summary(rows),
    }
    return dumped(content, indent=2) + "\n"


def lines(rows: Sequence[Row], _: str) -> str:
    """Return a result a line, with the flat keys by which LLM-Latency-Lens reads it too."""
    return "".join(f"{dumped({**result(row), **lens.flat(row)})}\n" for row in rows)


def table(rows: Sequence[Row], _: str) -> str:
    """Return the rows as CSV; a cell is empty where something is unknown."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, rows))
    return stream.getvalue()


def dumped(content: object, indent: int | None = None) -> str:
    """Return JSON, which has no infinity and gets none."""
    return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)


def result(row: Row) -> dict[str, Any]:
    """Return one result; its content is empty where the run has kept no texts of answers."""
    return {
        "test_id": row.test_id,
        "category": row.category,
        "status": row.status,
        "response": _response(row) if row.succeeded else None,
        **({} if row.error is None else {"error": row.error}),
        "duration_ms": round(row.duration_s * 1e3),
        "timestamp": moment(row.started_at),
        **_extra(row),
    }


def finish_reason(row: Row) -> str:
    """Return why the model stopped in one of the words that they know; what they do not know is ``stop``."""
    said = _RENAMED.get(row.finish_reason or "", row.finish_reason)
    return said if said in _REASONS else "stop"


def _response(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "model": row.served_model,
        "content": row.content or "",
        "usage": usage(row),
        "finish_reason": finish_reason(row),
        "created_at": math.floor(row.started_at.timestamp()),
    }


def usage(row: Row) -> dict[str, int]:
    """Return the tokens, which they ask for: what is unknown counts as none."""
    prompt, completion = row.tokens_in or 0, row.tokens_out or 0
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _extra(row: Row) -> dict[str, float]:
    """Return the keys that ``llm-test-bench analyze --metric`` reads; what is unknown is left out."""
    found = {
        "ttft_ms": None if row.ttft_s is None else ms(row.ttft_s),
        "itl_mean_ms": ms(statistics.fmean(row.gaps_s)) if row.gaps_s else None,
        "tokens_per_second": row.tokens_per_s,
        "tokens_used": row.tokens,
        "estimated_cost": row.cost_usd,
    }
    return {name: value for name, value in found.items() if value is not None}


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    counts = {status: sum(row.status == status for row in rows) for status in ("success", "failure", "timeout")}
    durations = sorted(float(round(row.duration_s * 1e3)) for row in rows)
    tokens = sum(usage(row)["total_tokens"] for row in rows)
    return {
        "total": len(rows),
        "succeeded": counts["success"],
        "failed": counts["failure"],
        "timeout": counts["timeout"],
        "skipped": 0,
        "success_rate": counts["success"] / len(rows),
        "avg_duration_ms": statistics.fmean(durations),
        "p50_duration_ms": figures.over_gaps(durations, 50),
        "p95_duration_ms": figures.over_gaps(durations, 95),
        "p99_duration_ms": figures.over_gaps(durations, 99),
        "min_duration_ms": int(durations[0]),
        "max_duration_ms": int(durations[-1]),
        "total_tokens": tokens,
        "avg_tokens_per_request": tokens / counts["success"] if counts["success"] else 0.0,
        "total_cost": math.fsum(figures.known(row.cost_usd for row in rows)),
    }


def _cells(row: Row) -> list[object]:
    answered = row.succeeded
    return [
        row.test_id,
        row.category,
        row.status,
        round(row.duration_s * 1e3),
        row.tokens or 0,
        f"{row.cost_usd or 0.0:.6f}",
        row.served_model if answered else None,
        row.prompt_length,
        row.response_length if answered else None,
        row.tokens_in,
        row.tokens_out,
        finish_reason(row) if answered else None,
        row.error,
        moment(row.started_at),
    ]
