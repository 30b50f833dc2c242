"""Azure OpenAI: https://learn.microsoft.com/azure/ai-services/openai/reference."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings, openai, responses

API_BASE = "/azure"
ENVIRONMENT = ("AZURE_API_BASE", "AZURE_API_KEY")
JSON = chat.JSON
_HARMLESS = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_DEPLOYMENT = "/azure/openai/deployments/{model}"


def _prompt_filter(_: Answer) -> list[bytes]:
    """Return the event that comes before all others: it has no choices, and no other facts."""
    results = [{"prompt_index": 0, "content_filter_results": {**_HARMLESS, "jailbreak": {"filtered": False}}}]
    empty = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": results}
    return [chat.event(empty)]


def _shape(refusal: Refusal, kind: object, _: object) -> chat.Json:
    return {"error": {"code": kind, "message": refusal.message}}


DIALECT = chat.Dialect(
    facts={"system_fingerprint": "fp_simulator"},
    prelude=_prompt_filter,
    choice={"content_filter_results": _HARMLESS, "logprobs": None},
    role_delta={"role": "assistant", "content": "", "refusal": None},
    role_with_call=True,
    message={"refusal": None, "annotations": []},
    usage=openai.usage,
    null_usage=True,
)
ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("BadRequest", None),
        401: ("401", None),
        404: ("DeploymentNotFound", None),
        429: ("429", None),
    }),
    shape=_shape,
    other=("InternalServerError", None),
)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "apim-request-id": facts.request_id,
        "x-ms-region": "Simulated Central",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": facts.requests_left,
        "x-envoy-upstream-service-time": str(round(facts.processing_s * 1000)),
        "x-request-id": facts.request_id,
    }


ROUTES = (
    *chat.routes((f"{_DEPLOYMENT}/chat/completions", "/azure/openai/v1/chat/completions"), DIALECT, ERRORS),
    *responses.routes(("/azure/openai/responses", "/azure/openai/v1/responses")),
    *embeddings.routes((f"{_DEPLOYMENT}/embeddings", "/azure/openai/v1/embeddings")),
)
