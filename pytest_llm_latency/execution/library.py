"""What of litellm is used: the only file that imports it. Functions over its names, and nothing else.

Importing this takes seconds: import it where a client is made.
"""

import contextlib
import functools
import os
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

from pytest_llm_latency.errors import UnknownModelError
from pytest_llm_latency.execution import modules, sse
from pytest_llm_latency.execution.quiet import Quiet
from pytest_llm_latency.execution.seam import BUILDING
from pytest_llm_latency.model import Api, Recording, Request

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOG", "ERROR")

import httpx

with Quiet():
    import litellm
    from litellm.litellm_core_utils.litellm_logging import Logging
    from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicIterator
    from litellm.llms.bedrock.base_aws_llm import BaseAWSLLM
    from litellm.llms.bedrock.chat import invoke_handler
    from litellm.llms.bedrock.common_utils import BedrockModelInfo
    from litellm.llms.custom_httpx import http_handler, llm_http_handler
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
    from litellm.llms.replicate.chat import handler as replicate_handler
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import (
        ModelResponseIterator as GeminiIterator,
    )
    from litellm.utils import ProviderConfigManager, convert_to_model_response_object


def configure(transport: httpx.AsyncBaseTransport) -> Callable[[], None]:
    """Switch off what litellm does beside a request, and put our transport under the OpenAI SDK's routes.

    Returns what gives litellm its own settings back.
    """
    ours: dict[str, object] = {
        "aclient_session": httpx.AsyncClient(transport=transport),
        "telemetry": False,
        "suppress_debug_info": True,
        "disable_streaming_logging": True,
        "disable_hf_tokenizer_download": True,
        "num_retries": 0,
        "cache": None,
        **{name: [] for name in ("callbacks", "success_callback", "failure_callback", "_async_success_callback")},
    }
    undone = contextlib.ExitStack()
    undone.callback(modules.exchange(litellm, ours))
    for module in (llm_http_handler, replicate_handler):
        undone.callback(modules.exchange(module, {"get_async_httpx_client": _lent(handler(transport))}))
    litellm.in_memory_llm_clients_cache.flush_cache()
    return undone.close


def handler(transport: httpx.AsyncBaseTransport) -> AsyncHTTPHandler:
    """Return the ``client`` argument that puts our transport under all other routes."""
    made = AsyncHTTPHandler()  # older versions take no transport
    made.client = httpx.AsyncClient(transport=transport, headers=made.client.headers, follow_redirects=True)
    return made


def _lent(made: AsyncHTTPHandler) -> Callable[..., AsyncHTTPHandler]:
    """Give the routes that take no ``client`` ours while a request of ours is built, and theirs otherwise."""

    def client(llm_provider: object, **options: object) -> AsyncHTTPHandler:
        return made if BUILDING.get() else http_handler.get_async_httpx_client(llm_provider, **options)

    return client


@functools.cache
def resolve(model: str, stated: str | None = None) -> tuple[str, str]:
    """Return a model's name at its provider, and the provider, ``stated`` or not; raise ``UnknownModelError``."""
    try:
        with Quiet():
            name, provider, _, _ = litellm.get_llm_provider(model, custom_llm_provider=stated)
    except Exception as error:
        remedy = "write it as 'provider/model', as in 'openai/gpt-4o-mini'"
        raise UnknownModelError(f"litellm does not know the model {model!r}: {remedy}.") from error
    return name, provider


def missing_keys(model: str) -> list[str]:
    """Return the environment's variables that a model needs and that are not set."""
    with Quiet():
        return list(litellm.validate_environment(model)["missing_keys"])


def is_missing_key(error: Exception) -> bool:
    """Whether litellm says that it has no credentials."""
    no_credentials = "has no attribute 'access_key'"  # what older versions say without AWS's
    return isinstance(error, litellm.AuthenticationError) or no_credentials in str(error)


def takes_stream_options(provider: str, model: str) -> bool:
    """Whether litellm passes on that a stream should have usage."""
    with Quiet():
        return "stream_options" in (litellm.get_supported_openai_params(model, provider) or ())


def has_responses(provider: str, model: str) -> bool:
    """Whether litellm asks the provider's own Responses API, and does not put a chat in its place."""
    return _responses_config(provider, model) is not None


@functools.cache
def _supply_gateway() -> None:
    """Stand in for a part of litellm that some versions import for each response and cannot: it is not used."""
    try:
        import litellm.responses.mcp.litellm_proxy_mcp_handler  # noqa: F401, PLC0415  (only whether it can be)
    except ModuleNotFoundError:
        gateway = types.SimpleNamespace(should_use_litellm_mcp_gateway=lambda **_: False)
        modules.stand_in("litellm.responses.mcp.litellm_proxy_mcp_handler", {"LiteLLM_Proxy_MCP_Handler": gateway})


async def _respond(**arguments: Any) -> Any:  # noqa: ANN401  (litellm's own)
    _supply_gateway()
    return await litellm.aresponses(**arguments)


CALLS: Mapping[Api, Callable[..., Any]] = MappingProxyType({
    "chat": litellm.acompletion,
    "responses": _respond,
    "embeddings": litellm.aembedding,
})


# litellm's parser for a protocol's events, by the name that a row of ``providers.PROVIDERS`` has.
ITERATORS: Mapping[str, Callable[[str, str, Request], Any]] = MappingProxyType({
    "config": lambda provider, model, _: _config(provider, model).get_model_response_iterator(
        streaming_response=iter(()), sync_stream=True
    ),
    "anthropic": lambda *_: AnthropicIterator(streaming_response=iter(()), sync_stream=True),
    "gemini": lambda _provider, _model, request: GeminiIterator(
        streaming_response=iter(()), sync_stream=True, logging_obj=_logging(request)
    ),
    "bedrock": lambda _provider, model, _: _bedrock(model),
})

# The models that answer InvokeModel in a format of their own, of which litellm's usual decoder knows nothing.
_INVOKED = MappingProxyType({
    "anthropic": invoke_handler.AmazonAnthropicClaudeStreamDecoder,
    "deepseek_r1": invoke_handler.AmazonDeepSeekR1StreamDecoder,
})


def _bedrock(model: str) -> Any:  # noqa: ANN401  (litellm's classes are untyped here)
    is_invoked = BedrockModelInfo.get_bedrock_route(model) == "invoke"
    known = _INVOKED.get(BaseAWSLLM.get_bedrock_invoke_provider(model)) if is_invoked else None
    made = invoke_handler.AWSEventStreamDecoder(model=model) if known is None else known(model=model, sync_stream=True)
    return SimpleNamespace(chunk_parser=made._chunk_parser)  # noqa: SLF001  (the only name in all versions)


# The configurations that litellm does not name as those of their provider, or that read nothing themselves.
_CONFIGS: Mapping[str, Callable[[], Any]] = MappingProxyType({
    "gemini": litellm.VertexGeminiConfig,
    "azure": litellm.OpenAIGPTConfig,
})


def _config(provider: str, model: str) -> Any:  # noqa: ANN401  (litellm's classes are untyped here)
    if provider in _CONFIGS:
        return _CONFIGS[provider]()
    return ProviderConfigManager.get_provider_chat_config(model, litellm.LlmProviders(provider))


def _responses_config(provider: str, model: str) -> Any:  # noqa: ANN401  (the same)
    return ProviderConfigManager.get_provider_responses_api_config(litellm.LlmProviders(provider), model)


def response_parser(provider: str, model: str, request: Request) -> Callable[[Mapping[str, object]], Any]:
    """Return litellm's parser of the events of a response."""
    config, logging = _responses_config(provider, model), _logging(request)
    return lambda event: config.transform_streaming_response(model=model, parsed_chunk=dict(event), logging_obj=logging)


def transformed(provider: str, model: str, recording: Recording, body: bytes) -> Any:  # noqa: ANN401  (the same)
    """Return a whole answer as litellm's own object; raises whatever its parser raises."""
    sent = httpx.Request("POST", f"http://{recording.endpoint}")
    answer = httpx.Response(200, content=body, request=sent, headers=sse.own_headers(recording))
    return _TRANSFORMED[recording.request.api](provider, model, recording, answer)


def _chat(provider: str, model: str, recording: Recording, answer: httpx.Response) -> Any:  # noqa: ANN401  (the same)
    return _config(provider, model).transform_response(
        model=model,
        raw_response=answer,
        model_response=litellm.ModelResponse(),
        logging_obj=_logging(recording.request),
        request_data={},
        messages=list(recording.request.messages),
        optional_params=dict(recording.request.parameters),
        litellm_params={},
        encoding=None,
        api_key="",
    )


def _response(provider: str, model: str, recording: Recording, answer: httpx.Response) -> Any:  # noqa: ANN401  (the same)
    return _responses_config(provider, model).transform_response_api_response(
        model=model, raw_response=answer, logging_obj=_logging(recording.request)
    )


def _embedding(provider: str, model: str, recording: Recording, answer: httpx.Response) -> Any:  # noqa: ANN401  (the same)
    config = ProviderConfigManager.get_provider_embedding_config(model, litellm.LlmProviders(provider))
    if config is None:  # OpenAI's own form
        return convert_to_model_response_object(
            response_object=answer.json(),
            model_response_object=litellm.EmbeddingResponse(),
            response_type="embedding",
        )
    return config.transform_embedding_response(
        model=model,
        raw_response=answer,
        model_response=litellm.EmbeddingResponse(),
        logging_obj=_logging(recording.request),
        api_key="",
        request_data={},
        optional_params=dict(recording.request.parameters),
        litellm_params={},
    )


_TRANSFORMED: Mapping[Api, Callable[[str, str, Recording, httpx.Response], Any]] = MappingProxyType({
    "chat": _chat,
    "responses": _response,
    "embeddings": _embedding,
})


def _logging(request: Request) -> Any:  # noqa: ANN401  (the same)
    """Return what litellm's parsers expect beside an answer; nothing is logged to it."""
    logging = Logging(
        model=request.model,
        messages=[],
        stream=bool(request.parameters.get("stream")),
        call_type="acompletion",
        start_time=datetime.now(UTC),
        litellm_call_id="",
        function_id="",
    )
    logging.update_environment_variables(litellm_params={}, optional_params=dict(request.parameters))
    return logging


def price_row(model: str, provider: str) -> Mapping[str, object] | None:
    """Return the row of the local price map for a model of a provider, ``None`` where it has none.

    litellm's own look-up asks a server for some providers, so the map is read directly.
    """
    for name in _price_names(model, provider):
        row = litellm.model_cost.get(name)
        whose = str(row.get("litellm_provider", "")) if isinstance(row, dict) else ""
        if isinstance(row, dict) and (
            name == f"{provider}/{model}" or whose.startswith(provider.removesuffix("_chat"))
        ):
            return row
    return None


def _price_names(model: str, provider: str) -> tuple[str, ...]:
    """Return under which names the map may have a model: those of a route or a region are named without it too."""
    if provider == "ollama_chat":
        return (f"ollama/{model}",)
    if provider != "bedrock":
        return f"{provider}/{model}", model
    base = BedrockModelInfo.get_base_model(model)
    return f"{provider}/{model}", model, model.partition(".")[2], model.rpartition("/")[2], base


def count_text(model: str, text: str) -> int | None:
    """Return the tokens of a text by the tokenizer that litellm has for a model, ``None`` where none is at hand."""
    return _counted(model=model, text=text, count_response_tokens=True)


def count_messages(model: str, messages: Sequence[Mapping[str, object]]) -> int | None:
    """Return the tokens of messages, those included that set them apart; ``None`` as for a text."""
    return _counted(model=model, messages=list(messages))


def _counted(**what: object) -> int | None:
    try:
        with Quiet():
            return int(litellm.token_counter(**what))
    except Exception:  # noqa: BLE001  (a tokenizer that is not at hand raises what its library does: a count is none)
        return None
