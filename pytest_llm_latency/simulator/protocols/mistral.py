"""Mistral's chat completions and embeddings: https://docs.mistral.ai/api/."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings

API_BASE = "/mistral/v1"
ENVIRONMENT = ("MISTRAL_API_BASE", "MISTRAL_API_KEY")
JSON = chat.JSON
_UNAUTHORIZED = 401


def _thinking(text: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _whole(thought: str, text: str | None) -> chat.Json:
    said = [] if text is None else [{"type": "text", "text": text}]
    return {"content": [_thinking(thought), *said]}


def _usage(answer: Answer) -> dict[str, object]:
    return {**chat.usage(answer), "prompt_tokens_details": {"cached_tokens": answer.cached_tokens}}


def _shape(refusal: Refusal, kind: object, code: object) -> chat.Json:
    if refusal.status == _UNAUTHORIZED:  # the gateway's, before the API itself
        return {"detail": refusal.message}
    return {"object": "error", "message": refusal.message, "type": kind, "param": None, "code": code}


# The counts stand in the chunk with the finish reason, whether they are asked for or not.
DIALECT = chat.Dialect(
    id_of=lambda answer: answer.id,
    thought=lambda text: {"content": [_thinking(text)]},
    thought_whole=_whole,
    final_delta={"content": ""},
    final=lambda answer: {"usage": _usage(answer)},
    usage=_usage,
    usage_chunk="never",
)
ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("invalid_request_error", "3051"),
        404: ("invalid_model", "1500"),
        429: ("service_tier_capacity_exceeded", "3505"),
    }),
    shape=_shape,
    other=("internal_server_error", "1000"),
)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "mistral-correlation-id": facts.request_id,
        "x-envoy-upstream-service-time": str(round(facts.processing_s * 1000)),
        "x-kong-request-id": facts.request_id,
        "x-ratelimit-limit-req-minute": "10000",
        "x-ratelimit-remaining-req-minute": facts.requests_left,
    }


ROUTES = (
    *chat.routes(("/mistral/v1/chat/completions",), DIALECT, ERRORS),
    *embeddings.routes(("/mistral/v1/embeddings",)),
)
