"""OpenRouter's chat completions, responses and embeddings: https://openrouter.ai/docs/api-reference."""

from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings, responses

API_BASE = "/openrouter/api/v1"
ENVIRONMENT = ("OPENROUTER_API_BASE", "OPENROUTER_API_KEY")
JSON = chat.JSON
_PROCESSING = b": OPENROUTER PROCESSING\n\n"


def _usage(answer: Answer) -> dict[str, object]:
    return {
        **chat.usage(answer),
        "cost": answer.total_tokens * 1e-7,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
    }


def _shape(refusal: Refusal, _: object, __: object) -> chat.Json:
    return {"error": {"message": refusal.message, "code": refusal.status}, "user_id": "user_simulator"}


# Comments keep the connection alive until the provider behind it answers.
DIALECT = chat.Dialect(
    id_of=lambda answer: f"gen-{answer.created}-{answer.id[:20]}",
    facts={"provider": "Simulator"},
    comments=_PROCESSING * 2,
    choice={"native_finish_reason": None, "logprobs": None},
    delta={"role": "assistant"},
    thought=lambda text: {
        "content": "",
        "reasoning": text,
        "reasoning_details": [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}],
    },
    thought_whole=lambda thought, text: {"content": text, "reasoning": thought},
    final_delta={"content": ""},
    message={"refusal": None},
    usage=_usage,
    usage_chunk="always",
    usage_choices=(
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "logprobs": None},
    ),
)
ERRORS = chat.Errors(kinds=MappingProxyType({}), shape=_shape)
error = ERRORS.body


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response; only a refused one tells of the rate limit, none a time."""
    told = {"cf-ray": facts.request_id[:16], "x-generation-id": f"gen-{facts.request_id}"}
    if facts.status != 429:  # noqa: PLR2004  (the status of a rate limit)
        return told
    return {**told, "x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000000000"}


ROUTES = (
    *chat.routes(("/openrouter/api/v1/chat/completions",), DIALECT, ERRORS),
    *responses.routes(("/openrouter/api/v1/responses",)),
    *embeddings.routes(("/openrouter/api/v1/embeddings",)),
)
