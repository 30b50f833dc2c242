"""A litellm proxy: https://docs.litellm.ai/docs/proxy/user_keys."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings, openai, responses

API_BASE = "/litellm"
ENVIRONMENT = ("LITELLM_PROXY_API_BASE", "LITELLM_PROXY_API_KEY")
JSON = chat.JSON


def _shape(refusal: Refusal, kind: object, name: object) -> chat.Json:
    message = f"litellm.{name}: {refusal.message}"
    return {"error": {"message": message, "type": kind, "param": "None", "code": str(refusal.status)}}


DIALECT = chat.Dialect(
    facts={"system_fingerprint": "fp_simulator"},
    thought=chat.reasoned("reasoning_content"),
    usage=openai.usage,
    usage_choices=({"index": 0, "delta": {}},),
)
ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("None", "BadRequestError"),
        401: ("auth_error", "AuthenticationError"),
        404: ("None", "NotFoundError"),
        429: ("throttling_error", "RateLimitError"),
    }),
    shape=_shape,
    other=("None", "InternalServerError"),
)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "x-litellm-call-id": facts.request_id,
        "x-litellm-model-group": facts.model,
        "x-litellm-overhead-duration-ms": "1.5",
        "x-litellm-response-duration-ms": f"{facts.processing_s * 1000:.3f}",
        "x-litellm-version": "1.100.0",
        "x-ratelimit-remaining-requests": facts.requests_left,
    }


ROUTES = (
    *chat.routes(("/litellm/chat/completions", "/litellm/v1/chat/completions"), DIALECT, ERRORS),
    *responses.routes(("/litellm/responses", "/litellm/v1/responses")),
    *embeddings.routes(("/litellm/embeddings", "/litellm/v1/embeddings")),
)
