"""LLM-Latency-Lens: the metrics of each request, and those of all of them."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from pytest_llm_latency.testbench import figures
from pytest_llm_latency.testbench.rows import Row, moment, ms, ns

_SESSION = UUID("5f1c2d0e-93a7-4c77-8a55-6f0b7a3f9d21")

# Names of providers, and theirs; they have none for any other.
PROVIDERS: Mapping[str, str] = MappingProxyType({
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "vertex_ai": "google",
    "bedrock": "awsbedrock",
    "azure-openai": "azureopenai",
})
_OTHER = "generic"


def flat(row: Row) -> dict[str, Any]:
    """Return the keys that stand beside a result of LLM-Test-Bench; times in milliseconds.

    A line without a time to the first token would not be read: where there was none, all of the request's time stands
    under the other name of it, which nothing else looks at.
    """
    first = {"ttft": ms(row.duration_s)} if row.ttft_s is None else {"ttft_ms": ms(row.ttft_s)}
    return {
        "provider": row.provider,
        "model": row.model,
        **first,
        "total_latency_ms": ms(row.duration_s),
        "inter_token_latencies_ms": [ms(each) for each in row.gaps_s],
        "input_tokens": row.tokens_in or 0,
        "output_tokens": row.tokens_out or 0,
        **({} if row.cost_usd is None else {"cost_usd": row.cost_usd}),
        "success": row.succeeded,
    }


def requests(rows: Sequence[Row], _: str) -> str:
    """Return the metrics of a request a line; times in whole nanoseconds."""
    return "".join(f"{json.dumps(_request(row), allow_nan=False)}\n" for row in rows)


def _request(row: Row) -> dict[str, Any]:
    # They ask for a time to the first token of every request: where there was none, it is all of its time.
    optional = {"thinking_tokens": row.tokens_reasoning, "cost_usd": row.cost_usd, "error": row.error}
    return {
        "request_id": row.id,
        "session_id": _session(row),
        "provider": PROVIDERS.get(row.provider, _OTHER),
        "model": row.model,
        "timestamp": moment(row.started_at),
        "ttft": ns(row.duration_s if row.ttft_s is None else row.ttft_s),
        "total_latency": ns(row.duration_s),
        "inter_token_latencies": [ns(each) for each in row.gaps_s],
        "input_tokens": row.tokens_in or 0,
        "output_tokens": row.tokens_out or 0,
        "tokens_per_second": row.tokens_per_s or 0.0,
        "success": row.succeeded,
        **{name: value for name, value in optional.items() if value is not None},
    }


def aggregated(rows: Sequence[Row], _: str) -> str:
    """Return the metrics of all requests; distributions are over the successes, in whole nanoseconds."""
    good = [row for row in rows if row.succeeded]
    costs = figures.known(row.cost_usd for row in rows)
    thinking = figures.known(row.tokens_reasoning for row in rows)
    content = {
        "session_id": _session(rows[0]),
        "start_time": moment(min(row.started_at for row in rows)),
        "end_time": moment(max(row.ended_at for row in rows)),
        "total_requests": len(rows),
        "successful_requests": len(good),
        "failed_requests": len(rows) - len(good),
        "ttft_distribution": _times(row.ttft_s for row in good),
        "inter_token_distribution": _times(gap for row in good for gap in row.gaps_s),
        "total_latency_distribution": _times(row.duration_s for row in good),
        "throughput": _throughput(good),
        "total_input_tokens": sum(row.tokens_in or 0 for row in rows),
        "total_output_tokens": sum(row.tokens_out or 0 for row in rows),
        **({"total_thinking_tokens": int(sum(thinking))} if thinking else {}),
        **({"total_cost_usd": math.fsum(costs)} if costs else {}),
        "provider_breakdown": list(Counter(PROVIDERS.get(row.provider, _OTHER) for row in rows).items()),
        "model_breakdown": list(Counter(row.model for row in rows).items()),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _session(row: Row) -> str:
    return str(uuid5(_SESSION, row.run.session_id))


def _times(values: Iterable[float | None]) -> dict[str, int]:
    known = figures.known(values)
    return {**{name: ns(value) for name, value in _spread(known).items()}, "sample_count": len(known)}


def _throughput(rows: Sequence[Row]) -> dict[str, float]:
    return {f"{name}_tokens_per_second": value for name, value in _spread(row.tokens_per_s for row in rows).items()}


def _spread(values: Iterable[float | None]) -> Mapping[str, float]:
    """Return the figures of a distribution; those of an empty one are 0 there, as their own are."""
    return figures.spread(values) or dict.fromkeys(figures.spread([0.0]) or (), 0.0)
