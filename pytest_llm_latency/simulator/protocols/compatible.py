"""Servers of open models that speak OpenAI's protocol: vLLM, text-generation-inference and llama.cpp."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Refusal
from pytest_llm_latency.simulator.protocols import chat, embeddings, responses
from pytest_llm_latency.simulator.routes import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One of them; its fields and methods are what ``protocols.Protocol`` asks for."""

    API_BASE: str
    ENVIRONMENT: tuple[str, str]
    ROUTES: tuple[Route, ...]
    ERRORS: chat.Errors
    name: str
    JSON: str = chat.JSON

    def headers(self, facts: Facts) -> dict[str, str]:
        """Return the headers that come with every response; none of them tells a time."""
        return {"server": self.name, "x-request-id": facts.request_id}

    def error(self, refusal: Refusal) -> bytes:
        """Return the body of an error response."""
        return self.ERRORS.body(refusal)


def _cached(answer: Answer) -> Mapping[str, object]:
    return {"prompt_tokens_details": {"cached_tokens": answer.cached_tokens} if answer.cached_tokens else None}


def _vllm_usage(answer: Answer) -> dict[str, object]:
    return {**chat.usage(answer), **_cached(answer)}


def _vllm_error(refusal: Refusal, kind: object, _: object) -> chat.Json:
    if kind is None:
        return {"error": refusal.message}
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.status}}


# https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
_VLLM = chat.Dialect(
    choice={"logprobs": None},
    thought=chat.reasoned("reasoning_content"),
    message={"refusal": None, "tool_calls": []},
    usage=_vllm_usage,
)
_VLLM_ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("BadRequestError", None),
        401: (None, None),
        404: ("NotFoundError", None),
        429: ("RateLimitError", None),
    }),
    shape=_vllm_error,
    other=("InternalServerError", None),
)
VLLM = Server(
    name="uvicorn",
    API_BASE="/vllm/v1",
    ENVIRONMENT=("HOSTED_VLLM_API_BASE", "HOSTED_VLLM_API_KEY"),
    ROUTES=(
        *chat.routes(("/vllm/v1/chat/completions",), _VLLM, _VLLM_ERRORS),
        *responses.routes(("/vllm/v1/responses",)),
        *embeddings.routes(("/vllm/v1/embeddings",)),
    ),
    ERRORS=_VLLM_ERRORS,
)


def _tgi_error(refusal: Refusal, kind: object, _: object) -> chat.Json:
    return {"error": refusal.message, "error_type": kind}


# https://huggingface.co/docs/text-generation-inference: the role comes with each delta.
_TGI = chat.Dialect(
    id_of=lambda _: "",
    facts={"system_fingerprint": "3.3.0-sha-simulator"},
    choice={"logprobs": None},
    delta={"role": "assistant"},
    role_delta=None,
    final_delta={"content": ""},
    null_usage=True,
)
_TGI_ERRORS = chat.Errors(
    kinds=MappingProxyType({400: ("validation", None), 429: ("overloaded", None)}),
    shape=_tgi_error,
    other=("generation", None),
)
TGI = Server(
    name="text-generation-inference",
    API_BASE="/tgi/v1",
    ENVIRONMENT=("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    ROUTES=chat.routes(("/tgi/v1/chat/completions",), _TGI, _TGI_ERRORS),
    ERRORS=_TGI_ERRORS,
)


def _timings(answer: Answer) -> dict[str, object]:
    """Return what llama.cpp says about itself."""
    read = answer.question.prompt_tokens - answer.cached_tokens
    return {
        "timings": {
            "cache_n": answer.cached_tokens,
            "prompt_n": read,
            "prompt_ms": 2.0 * read,
            "prompt_per_token_ms": 2.0,
            "prompt_per_second": 500.0,
            "predicted_n": answer.output_tokens,
            "predicted_ms": 20.0 * answer.output_tokens,
            "predicted_per_token_ms": 20.0,
            "predicted_per_second": 50.0,
        }
    }


def _llama_error(refusal: Refusal, kind: object, _: object) -> chat.Json:
    return {"error": {"code": refusal.status, "message": refusal.message, "type": kind}}


# https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
_LLAMA = chat.Dialect(
    facts={"system_fingerprint": "b5000-simulator"},
    role_delta={"role": "assistant", "content": None},
    thought=chat.reasoned("reasoning_content"),
    usage=_vllm_usage,
    usage_fields=_timings,
    whole=_timings,
)
_LLAMA_ERRORS = chat.Errors(
    kinds=MappingProxyType({
        400: ("invalid_request_error", None),
        401: ("authentication_error", None),
        404: ("not_found_error", None),
        429: ("rate_limit_error", None),
    }),
    shape=_llama_error,
)
LLAMA_CPP = Server(
    name="llama.cpp",
    API_BASE="/llama.cpp/v1",
    ENVIRONMENT=("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    ROUTES=(
        *chat.routes(("/llama.cpp/v1/chat/completions",), _LLAMA, _LLAMA_ERRORS),
        *embeddings.routes(("/llama.cpp/v1/embeddings",)),
    ),
    ERRORS=_LLAMA_ERRORS,
)
