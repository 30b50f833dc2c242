"""The client over litellm; the only file that names it.

litellm builds each request and hands it over at its HTTP seam, where a private exception takes
the request out of its hands; our transport sends it. Later, litellm's own parser for the provider
reads what was recorded. So litellm spends nothing inside the measured window.
"""

import asyncio
import contextlib
import functools
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pytest_llm_latency.errors import BypassError, LatencyError, MissingKeyError, ProviderError, UnknownModelError
from pytest_llm_latency.execution import arguments, decode, endings, handover, parsing, redaction
from pytest_llm_latency.execution.client import CancelledRequest, rehearsal
from pytest_llm_latency.execution.decode import Protocol, Redact
from pytest_llm_latency.execution.quiet import Quiet
from pytest_llm_latency.execution.seam import BUILDING, Handover, Seam, to_its_end
from pytest_llm_latency.execution.transport import CancelledExchange, Transport, WireRequest
from pytest_llm_latency.model import Decoded, Recording, Request, Usage

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOG", "ERROR")

import httpx

with Quiet():
    import litellm
    from litellm.litellm_core_utils.litellm_logging import Logging
    from litellm.llms.anthropic.chat.handler import ModelResponseIterator as AnthropicIterator
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
    from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import (
        ModelResponseIterator as GeminiIterator,
    )
    from litellm.utils import ProviderConfigManager

SIMULATOR = "simulator"  # the endpoint of a dry run, whatever its port
_BUILT_KEPT = 256

# Which of litellm's two documented seams a provider's requests leave through.
_THROUGH_OPENAI_SDK = frozenset({"openai", "azure", "perplexity", "custom_openai"})


class LiteLLMClient:
    """Sends what litellm builds through our transport; ``api_bases`` has the simulator's address for each provider."""

    def __init__(self, *, api_bases: Mapping[str, str] | None = None) -> None:
        self._api_bases = api_bases
        self._transport = Transport()
        self._rehearsed: set[str] = set()
        self._built: dict[str, WireRequest] = {}
        self._secrets: frozenset[str] = frozenset()  # replaced and never changed: threads read it
        with Quiet():
            self._handler = _handler()
            _configure()

    def prepare(self, model: str | None) -> None:
        """Check the model, and build a request for nothing; call it where no event loop runs.

        The first build for a provider takes many times as long as any other.
        """
        if model is None or (provider := self._checked(model)) in self._rehearsed:
            return
        self._rehearsed.add(provider)
        with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.suppress(ProviderError):
            loop.run_until_complete(self._handed_over(rehearsal(model)))

    def _checked(self, model: str) -> str:
        _, provider = _resolve(model)
        if self._api_bases is not None and provider not in self._api_bases:
            raise ProviderError(
                f"the simulator speaks for {', '.join(self._api_bases)} and not for {provider!r} (model {model!r}): "
                "measure this test without --llm-latency-simulate."
            )
        return provider

    async def send(self, request: Request) -> Recording:
        """Build the request, or take it from an identical one, and send it."""
        _, provider = _resolve(request.model)
        began_ns = time.monotonic_ns()
        try:
            wire = await self._build(request)
        except asyncio.CancelledError as cancelled:
            unsent = handover.unsent(request, provider=provider, began_ns=began_ns)
            raise CancelledRequest(unsent, *cancelled.args) from cancelled
        recorded = functools.partial(
            handover.recording,
            request,
            provider=provider,
            endpoint=wire.endpoint if self._api_bases is None else SIMULATOR,
            build_ns=time.monotonic_ns() - began_ns,
        )
        try:
            return recorded(await self._transport.send(wire, deadline_s=request.deadline_s))
        except CancelledExchange as cancelled:
            raise CancelledRequest(recorded(cancelled.exchange), *cancelled.args) from cancelled

    def decode(self, recording: Recording) -> Decoded:
        """Read a recording with litellm's parser for its provider; add the cost."""
        model, provider = _resolve(recording.request.model)
        with Quiet():
            decoded = decode.decode(recording, _protocol(provider, model, recording.request, self._redact))
            return replace(decoded, cost_usd=_cost(decoded.usage, model=model, provider=provider))

    def close(self) -> None:
        """Close the connections and forget what was built: the environment may change before the next benchmark."""
        self._transport.close()
        self._built.clear()

    def _redact(self, text: str) -> str:
        return redaction.redact(text, self._secrets)

    async def _build(self, request: Request) -> WireRequest:
        identity = json.dumps([request.model, request.messages, dict(request.parameters)], default=repr)
        wire = self._built.get(identity)
        if wire is None:
            built = await to_its_end(self._handed_over(request))
            carried = redaction.credentials(built.headers.items(), built.url.params.items())
            self._secrets |= carried | redaction.given(request.parameters)
            wire = handover.wire_request(built)
            if self._api_bases is not None:
                arguments.check_home(request.model, wire.endpoint, self._api_bases.values())
            if len(self._built) >= _BUILT_KEPT:
                self._built.pop(next(iter(self._built)))
            self._built[identity] = wire
        return wire

    async def _handed_over(self, request: Request) -> httpx.Request:
        given = self._arguments(request, self._checked(request.model))
        building = BUILDING.set(True)
        try:
            with Quiet():
                answer = await litellm.acompletion(**given)
                if request.parameters.get("stream"):
                    await anext(aiter(answer), None)  # some providers send only when the stream is read
        except Handover as taken:
            return taken.request
        except LatencyError:
            raise
        except Exception as error:
            raise _cannot_build(error, request) from error
        finally:
            BUILDING.reset(building)
        raise BypassError(
            f"a request for {request.model!r} did not pass through the measuring transport, so it cannot be "
            "measured: this provider is not supported with this version of litellm."
        )

    def _arguments(self, request: Request, provider: str) -> dict[str, Any]:
        given = arguments.of_call(request)
        if self._api_bases is not None:
            given = arguments.for_simulator(given, self._api_bases[provider])
        elif not arguments.OWN_ACCESS & given.keys():
            _require_key(request.model)
        if provider not in _THROUGH_OPENAI_SDK:
            given["client"] = self._handler
        elif given.get("stream"):
            given.setdefault("stream_options", {"include_usage": True})
        return given


def _configure() -> None:
    litellm.aclient_session = httpx.AsyncClient(transport=Seam())
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.num_retries = 0
    litellm.cache = None
    for callbacks in ("callbacks", "success_callback", "failure_callback", "_async_success_callback"):
        setattr(litellm, callbacks, [])
    litellm.in_memory_llm_clients_cache.flush_cache()


def _handler() -> AsyncHTTPHandler:
    handler = AsyncHTTPHandler()  # older versions take no transport
    handler.client = httpx.AsyncClient(transport=Seam(), headers=handler.client.headers, follow_redirects=True)
    return handler


@functools.cache
def _resolve(model: str) -> tuple[str, str]:
    try:
        with Quiet():
            name, provider, _, _ = litellm.get_llm_provider(model)
    except Exception as error:
        remedy = "write it as 'provider/model', as in 'openai/gpt-4o-mini'"
        raise UnknownModelError(f"litellm does not know the model {model!r}: {remedy}.") from error
    return name, provider


def _require_key(model: str) -> None:
    with Quiet():
        missing = litellm.validate_environment(model)["missing_keys"]
    if missing:
        wanted = f"set {' or '.join(missing)}, or try --llm-latency-simulate"
        raise MissingKeyError(f"the key for {model!r} is missing: {wanted}.")


def _cannot_build(error: Exception, request: Request) -> ProviderError:
    text = redaction.redact(str(error), redaction.given(request.parameters)).splitlines()
    reason = text[0] if text else type(error).__name__
    kind = MissingKeyError if isinstance(error, litellm.AuthenticationError) else ProviderError
    what = f"litellm cannot build a request for {request.model!r}: {reason}"
    return kind(f"{what}. Check the parameters given to llm(...).")


def _protocol(provider: str, model: str, request: Request, redact: Redact) -> Protocol:
    dialect = _DIALECTS.get(provider, _OPENAI)
    return parsing.protocol(
        iterator=lambda: dialect.iterator(_config(provider, model), request),
        transformed=functools.partial(_transformed, provider, model),
        ends=dialect.ends,
        redact=redact,
    )


def _config(provider: str, model: str) -> Any:  # noqa: ANN401  (litellm's classes are untyped here)
    if provider == "gemini":
        return litellm.VertexGeminiConfig()
    return ProviderConfigManager.get_provider_chat_config(model, litellm.LlmProviders(provider))


def _transformed(provider: str, model: str, recording: Recording, body: bytes) -> Any:  # noqa: ANN401  (the same)
    sent = httpx.Request("POST", f"http://{recording.endpoint}")
    return _config(provider, model).transform_response(
        model=model,
        raw_response=httpx.Response(200, content=body, request=sent),
        model_response=litellm.ModelResponse(),
        logging_obj=_logging(recording.request),
        request_data={},
        messages=list(recording.request.messages),
        optional_params=dict(recording.request.parameters),
        litellm_params={},
        encoding=None,
        api_key="",
    )


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


def _cost(usage: Usage | None, *, model: str, provider: str) -> float | None:
    if usage is None or usage.tokens_in is None or usage.tokens_out is None:
        return None
    try:
        parts = litellm.cost_per_token(
            model=model,
            custom_llm_provider=provider,
            prompt_tokens=usage.tokens_in,
            completion_tokens=usage.tokens_out,
            cache_read_input_tokens=usage.tokens_cached or 0,
        )
    except Exception:  # noqa: BLE001  (litellm raises a bare Exception for a model without a price: the cost is unknown)
        return None
    return float(sum(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    """One row: litellm's parser for a protocol's events, and the protocol's own end."""

    iterator: Callable[[Any, Request], Any]
    ends: parsing.Ends


_OPENAI = _Dialect(
    iterator=lambda config, _: config.get_model_response_iterator(streaming_response=iter(()), sync_stream=True),
    ends=endings.openai_ends,
)
_DIALECTS = {
    "anthropic": _Dialect(
        iterator=lambda *_: AnthropicIterator(streaming_response=iter(()), sync_stream=True),
        ends=endings.anthropic_ends,
    ),
    "gemini": _Dialect(
        iterator=lambda _, request: GeminiIterator(
            streaming_response=iter(()), sync_stream=True, logging_obj=_logging(request)
        ),
        ends=endings.gemini_ends,
    ),
}
