"""The protocols that the simulator speaks: a module each, a row each in ``PROTOCOLS``."""

import typing
from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Facts, Refusal
from pytest_llm_latency.simulator.protocols import (
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    groq,
    litellm_proxy,
    mistral,
    ollama,
    openai,
    openrouter,
    replicate,
    together,
)
from pytest_llm_latency.simulator.protocols.compatible import LLAMA_CPP, TGI, VLLM
from pytest_llm_latency.simulator.routes import Route


class Protocol(typing.Protocol):
    """How one provider is asked and answers: what each module of this folder has."""

    @property
    def ROUTES(self) -> tuple[Route, ...]:  # noqa: N802  (a module's constant)
        """The provider's paths, each with how a request to it is read and answered."""

    @property
    def API_BASE(self) -> str:  # noqa: N802  (a module's constant)
        """What follows the server's URL in litellm's ``api_base``."""

    @property
    def ENVIRONMENT(self) -> tuple[str, str]:  # noqa: N802  (a module's constant)
        """The variables for ``api_base`` and for the key."""

    @property
    def JSON(self) -> str:  # noqa: N802  (a module's constant)
        """The content type of an answer that is not streamed, and of an error."""

    def headers(self, facts: Facts) -> dict[str, str]:
        """Return the headers that come with every response."""

    def error(self, refusal: Refusal) -> bytes:
        """Return the body of an error response."""


# By litellm's name of the provider; the servers that have none are asked as ``openai/`` with an ``api_base``.
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "azure": azure,
    "mistral": mistral,
    "together_ai": together,
    "openrouter": openrouter,
    "groq": groq,
    "hosted_vllm": VLLM,
    "litellm_proxy": litellm_proxy,
    "tgi": TGI,
    "llama.cpp": LLAMA_CPP,
    "cohere_chat": cohere,
    "replicate": replicate,
    "bedrock": bedrock,
    "ollama": ollama,
    "ollama_chat": ollama,
})
