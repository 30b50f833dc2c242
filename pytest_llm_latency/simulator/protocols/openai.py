"""OpenAI's API: https://platform.openai.com/docs/api-reference."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Piece
from pytest_llm_latency.simulator.protocols import chat, embeddings, responses

API_BASE = "/v1"
ENVIRONMENT = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
JSON = chat.JSON
_TOLD = MappingProxyType({
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
})


def usage(answer: Answer) -> dict[str, object]:
    """Return the counts with all details."""
    return {
        **chat.usage(answer),
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# What models of OpenAI think is counted and not shown.
DIALECT = chat.Dialect(
    facts={"service_tier": "default", "system_fingerprint": "fp_simulator"},
    choice={"logprobs": None},
    role_delta={"role": "assistant", "content": "", "refusal": None},
    role_with_call=True,
    message={"refusal": None, "annotations": []},
    usage=usage,
    null_usage=True,
)
ERRORS = chat.Errors(kinds=_TOLD, shape=chat.under_error)
error = ERRORS.body
error_event = ERRORS.event
question = chat.question


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream."""
    return chat.events(answer, DIALECT)


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    return chat.document(answer, DIALECT)


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "openai-organization": "simulator",
        "openai-processing-ms": str(round(facts.processing_s * 1000)),
        "openai-version": "2020-10-01",
        "openai-model": facts.model,
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": facts.requests_left,
        "x-ratelimit-reset-requests": "6ms",
        "x-request-id": f"req_{facts.request_id}",
    }


ROUTES = (
    *chat.routes(("/v1/chat/completions", "/chat/completions"), DIALECT, ERRORS),
    *responses.routes(("/v1/responses", "/responses")),
    *embeddings.routes(("/v1/embeddings", "/embeddings")),
)
