"""Together AI's chat completions and embeddings: https://docs.together.ai/reference."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings

API_BASE = "/together/v1"
ENVIRONMENT = ("TOGETHER_AI_API_BASE", "TOGETHERAI_API_KEY")
JSON = chat.JSON


def _usage(answer: Answer) -> dict[str, object]:
    return {**chat.usage(answer), "cached_tokens": answer.cached_tokens}


def _shape(refusal: Refusal, kind: object, code: object) -> chat.Json:
    return {"id": refusal.request_id, **chat.under_error(refusal, kind, code)}


# The counts stand in the chunk with the finish reason, whether they are asked for or not.
DIALECT = chat.Dialect(
    id_of=lambda answer: f"{answer.id[:7]}-{answer.id[7:16]}",
    choice={"text": "", "logprobs": None},
    thought=chat.reasoned("reasoning"),
    final=lambda answer: {"usage": _usage(answer)},
    message={"tool_calls": []},
    whole=lambda _: {"prompt": []},
    usage=_usage,
    usage_chunk="never",
)
ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("invalid_request_error", None),
        401: ("invalid_request_error", "invalid_api_key"),
        404: ("invalid_request_error", "model_not_available"),
        429: ("rate_limit", None),
    }),
    shape=_shape,
)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response; none of them tells a time."""
    return {
        "cf-ray": facts.request_id[:16],
        "x-ratelimit-limit": "10000",
        "x-ratelimit-remaining": facts.requests_left,
        "x-ratelimit-reset": "1",
    }


ROUTES = (
    *chat.routes(("/together/v1/chat/completions",), DIALECT, ERRORS),
    *embeddings.routes(("/together/v1/embeddings",)),
)
