"""The table of providers: how a request leaves litellm, how an answer is framed, and what ends it.

A provider without a row of its own speaks OpenAI's protocol through litellm's own HTTP client. To
add one that differs, add a row here, and its protocol to the simulator.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import endings, event_stream, ndjson, redaction, sse
from pytest_llm_latency.execution.decode import Json
from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.dialects import anthropic, bedrock, cohere, ollama, replicate
from pytest_llm_latency.execution.dialects.reading import Reader
from pytest_llm_latency.model import Api, Recording

if TYPE_CHECKING:
    import httpx

_AWS_IDENTITIES = ("AWS_PROFILE_NAME", "AWS_ROLE_NAME", "AWS_WEB_IDENTITY_TOKEN")
_SIGNATURE_KEEPS_S = 120.0  # AWS refuses one that is five minutes old, by its own clock


def _usual_access(api_base: str) -> dict[str, object]:
    return {"api_base": api_base, "api_key": redaction.SIMULATOR_KEY}


def _aws_access(api_base: str) -> dict[str, object]:
    """Return keys that are none; raise ``ProviderError`` where litellm would ask AWS for an identity all the same."""
    named = [name for name in _AWS_IDENTITIES if name in os.environ]
    if named:
        raise ProviderError(
            f"{named[0]} names an identity that litellm asks AWS for, and a dry run sends nothing there: "
            "unset it, or measure this test without --llm-latency-simulate."
        )
    return {
        "aws_bedrock_runtime_endpoint": api_base,
        "aws_access_key_id": redaction.SIMULATOR_KEY,
        "aws_secret_access_key": redaction.SIMULATOR_KEY,
        "aws_session_token": redaction.SIMULATOR_KEY,
        "aws_region_name": "us-east-1",
        "api_key": "",  # holds back a token of the environment
    }


def _as_told(_: Json, delta: Delta | None) -> Delta | None:
    return delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One row.

    ``through_sdk`` has the APIs whose requests leave litellm through the OpenAI SDK; all others
    leave through the ``client`` argument, litellm's other documented seam. ``asks_for_usage`` says
    that a stream has usage only where ``stream_options`` ask for it. ``iterator`` names litellm's
    parser of events in ``library.ITERATORS``, and ``mended`` corrects what that has read by what
    was told; a ``reader`` stands in for litellm's parsers altogether. ``access`` is what litellm is
    called with to reach the simulator. ``keys`` are the variables of the environment of which one
    must be set; ``None`` leaves that to litellm. A built request is ``amended`` before it is sent,
    and may be sent again for ``keeps_s`` seconds. Where an answer is not in the first response,
    ``follows`` is how to get it. ``server`` is the variable that names the server where there is no
    usual one: litellm would take OpenAI's. ``extra`` is ours that installs what litellm needs for this provider.
    """

    through_sdk: tuple[Api, ...] = ()
    asks_for_usage: bool = False
    events: Callable[[Recording], Iterator[sse.ServerSentEvent]] = sse.events
    iterator: str = "config"
    ends: Callable[[Json | None], bool] = endings.openai_ends
    mended: Callable[[Json, Delta | None], Delta | None] = _as_told
    reader: Reader | None = None
    access: Callable[[str], dict[str, object]] = _usual_access
    keys: tuple[str, ...] | None = None
    server: str | None = None
    keeps_s: float = math.inf
    amended: Callable[..., "httpx.Request"] | None = None
    follows: type[replicate.Following] | None = None
    extra: str | None = None


_SDK: tuple[Api, ...] = ("chat", "embeddings")
_OPENAI = Provider(through_sdk=_SDK, asks_for_usage=True)
_LIKE_OPENAI = Provider(asks_for_usage=True)
_OLLAMA = Provider(events=ndjson.events, reader=ollama.Lines, ends=ollama.ends, keys=())


def _azure_access(api_base: str) -> dict[str, object]:
    return {**_usual_access(api_base), "api_version": "2024-10-21"}


PROVIDERS: Mapping[str, Provider] = MappingProxyType({
    "openai": _OPENAI,
    "azure": Provider(through_sdk=_SDK, asks_for_usage=True, access=_azure_access),
    "mistral": Provider(through_sdk=("embeddings",)),
    "together_ai": Provider(through_sdk=("embeddings",)),
    "openrouter": _LIKE_OPENAI,
    "groq": _LIKE_OPENAI,
    "hosted_vllm": Provider(asks_for_usage=True, keys=(), server="HOSTED_VLLM_API_BASE"),
    "litellm_proxy": Provider(through_sdk=_SDK, asks_for_usage=True, keys=(), server="LITELLM_PROXY_API_BASE"),
    "custom_openai": _OPENAI,
    "perplexity": _OPENAI,
    "llamafile": Provider(through_sdk=("chat",), asks_for_usage=True),
    "anthropic": Provider(iterator="anthropic", ends=endings.anthropic_ends, mended=anthropic.mended),
    "gemini": Provider(iterator="gemini", ends=endings.gemini_ends),
    "cohere_chat": Provider(reader=lambda: cohere.DIALECT, ends=cohere.ends, keys=("COHERE_API_KEY", "CO_API_KEY")),
    "replicate": Provider(
        events=replicate.events,
        reader=lambda: replicate.DIALECT,
        ends=replicate.ends,
        keys=("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
        amended=replicate.amended,
        follows=replicate.Following,
    ),
    "bedrock": Provider(
        events=event_stream.events,
        iterator="bedrock",
        ends=bedrock.ends,
        mended=bedrock.mended,
        access=_aws_access,
        keys=(),  # what signs may come from the environment, a file, a role or the machine
        keeps_s=_SIGNATURE_KEEPS_S,
        extra="bedrock",
    ),
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
})


def row(provider: str) -> Provider:
    """Return a provider's row, or that of the many that speak OpenAI's protocol."""
    return PROVIDERS.get(provider, _LIKE_OPENAI)
