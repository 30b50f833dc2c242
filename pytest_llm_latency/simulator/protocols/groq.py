"""Groq's chat completions: https://console.groq.com/docs/api-reference."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts
from pytest_llm_latency.simulator.protocols import chat

API_BASE = "/groq/openai/v1"
ENVIRONMENT = ("GROQ_API_BASE", "GROQ_API_KEY")
JSON = chat.JSON


def _usage(answer: Answer) -> dict[str, object]:
    details = {"prompt_tokens_details": {"cached_tokens": answer.cached_tokens}} if answer.cached_tokens else {}
    thought = {"completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens}} if answer.reasoning else {}
    times = {"queue_time": 0.001, "prompt_time": 0.002, "completion_time": 0.003, "total_time": 0.005}
    return {**chat.usage(answer), **times, **details, **thought}


def _id(answer: Answer) -> str:
    return f"req_{answer.id[:26]}"


# The counts stand within ``x_groq`` of the chunk with the finish reason, and again where they are asked for.
DIALECT = chat.Dialect(
    id_of=lambda answer: f"chatcmpl-{answer.id}",
    facts={"system_fingerprint": "fp_simulator"},
    choice={"logprobs": None},
    role=lambda answer: {"x_groq": {"id": _id(answer)}},
    thought=chat.reasoned("reasoning"),
    final=lambda answer: {"x_groq": {"id": _id(answer), "usage": _usage(answer)}},
    whole=lambda answer: {"usage_breakdown": None, "x_groq": {"id": _id(answer)}, "service_tier": "on_demand"},
    usage=_usage,
)
ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("invalid_request_error", None),
        401: ("invalid_request_error", "invalid_api_key"),
        404: ("invalid_request_error", "model_not_found"),
        429: ("requests", "rate_limit_exceeded"),
    }),
    shape=chat.under_error,
    other=("internal_server_error", None),
)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response; none of them tells a time."""
    return {
        "x-groq-region": "simulator",
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-requests": facts.requests_left,
        "x-ratelimit-remaining-tokens": "17997",
        "x-ratelimit-reset-requests": "2m59.56s",
        "x-ratelimit-reset-tokens": "7.66s",
        "x-request-id": f"req_{facts.request_id}",
    }


ROUTES = chat.routes(("/groq/openai/v1/chat/completions",), DIALECT, ERRORS)
