"""The client over litellm: it builds, our transport sends, and its parsers read later.

litellm hands each request over at its HTTP seam, where a private exception takes the request out
of its hands. So litellm spends nothing inside the measured window.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from pytest_llm_latency import interleaving
from pytest_llm_latency.errors import BypassError, LatencyError, MissingKeyError, ProviderError
from pytest_llm_latency.execution import (
    arguments,
    counting,
    decode,
    handover,
    library,
    modules,
    parsing,
    providers,
    redaction,
)
from pytest_llm_latency.execution.access import NO_ACCESS, NO_KEY, Access, completed, require, stated
from pytest_llm_latency.execution.aim import shares_access
from pytest_llm_latency.execution.built import BuiltRequests
from pytest_llm_latency.execution.chain import send_chain
from pytest_llm_latency.execution.client import CancelledRequest, rehearsal
from pytest_llm_latency.execution.decode import Protocol
from pytest_llm_latency.execution.price_file import ModelPrices
from pytest_llm_latency.execution.pricing import PriceList
from pytest_llm_latency.execution.quiet import Quiet
from pytest_llm_latency.execution.seam import BUILDING, Handover, Seam, to_its_end
from pytest_llm_latency.execution.templates import Templates
from pytest_llm_latency.execution.transport import CancelledExchange, Exchange, Transport, WireRequest
from pytest_llm_latency.model import Decoded, Plan, Recording, Request

SIMULATOR = "simulator"  # the endpoint of a dry run, whatever its port


class LiteLLMClient:
    """Sends what litellm builds through our transport; ``api_bases`` has the simulator's address for each provider.

    ``access`` is how providers are reached where a call does not say so; a dry run has no use for it.
    """

    def __init__(
        self,
        *,
        api_bases: Mapping[str, str] | None = None,
        prices: Mapping[str, ModelPrices] | None = None,
        access: Access = NO_ACCESS,
    ) -> None:
        self._api_bases = api_bases
        self._prices = PriceList(prices or {}, library.price_row)
        self._transport = Transport()
        self._rehearsed: set[str] = set()
        self._built = BuiltRequests()
        self._templates = Templates()
        self._beside: str | None = None
        self._access = access
        keys = (each["api_key"] for each in access.values() if "api_key" in each)
        self._secrets = frozenset(keys) - {NO_KEY}  # replaced and never changed: threads read it
        with Quiet():
            self._handler = library.handler(Seam())
            self._restore = library.configure(Seam())

    def prepare(self, model: str | None) -> None:
        """Check the model, and build a request for nothing; call it where no event loop runs.

        The first build for a provider takes many times as long as any other.
        """
        if model is None or (provider := self._checked(request := rehearsal(model))) in self._rehearsed:
            return
        self._rehearsed.add(provider)
        with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.suppress(ProviderError):
            loop.run_until_complete(self._handed_over(request))

    def prepare_beside(self, plan: Plan) -> None:
        """Check what a plan measures interleaved with its model; raises ``MissingKeyError`` for a model without a key.

        A base URL is asked for real in a dry run too, without a key of the user's.
        """
        self._beside = plan.ab if plan.ab is not None and interleaving.is_address(plan.ab) else None
        if plan.ab is None or self._beside is not None:
            return
        self.prepare(plan.ab)
        if self._api_bases is None:
            beside = rehearsal(plan.ab)
            if not shares_access(plan):
                require(plan.ab, providers.row(_resolved(beside)[1]), self._stated(beside))

    def _checked(self, request: Request) -> str:
        name, provider = _resolved(request)
        model = request.model
        if request.api == "responses" and not library.has_responses(provider, name):
            raise ProviderError(
                f"litellm knows no Responses API of {provider!r} (model {model!r}): call llm(...) in place of "
                "llm.respond(...)."
            )
        if self._api_bases is not None and provider not in self._api_bases:
            raise ProviderError(
                f"the simulator speaks for {', '.join(self._api_bases)} and not for {provider!r} (model {model!r}): "
                "measure this test without --llm-latency-simulate."
            )
        return provider

    async def send(self, request: Request) -> Recording:
        """Build the request, or take it from an identical one or an example, and send it."""
        _, provider = _resolved(request)
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
            endpoint=SIMULATOR if self._is_simulated(request) else wire.endpoint,
            build_ns=time.monotonic_ns() - began_ns,
        )
        try:
            return recorded(await self._sent(wire, request))
        except CancelledExchange as cancelled:
            raise CancelledRequest(recorded(cancelled.exchange), *cancelled.args) from cancelled

    async def _sent(self, wire: WireRequest, request: Request) -> Exchange:
        row = providers.row(_resolved(request)[1])
        deadline_s, http_version = request.deadline_s, request.http_version
        if row.follows is None:
            return await self._transport.send(wire, deadline_s=deadline_s, http_version=http_version)
        stream = request.parameters.get("stream") is True
        following = row.follows(request=wire, stream=stream, check=functools.partial(self._check_home, request.model))
        return await send_chain(self._transport, wire, following, deadline_s=deadline_s, http_version=http_version)

    def _check_home(self, model: str, endpoint: str) -> None:
        if self._api_bases is not None:
            beside = () if self._beside is None else (self._beside,)
            arguments.check_home(model, endpoint, (*self._api_bases.values(), *beside))

    def decode(self, recording: Recording) -> Decoded:
        """Read a recording with litellm's parser for its provider; add the cost."""
        model, provider = _resolved(recording.request)
        with Quiet():
            decoded = decode.decode(recording, self._protocol(provider, model, recording.request))
        return self._priced(recording, decoded)

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:
        """Count the tokens of an answer whose provider sent no usage; it takes a while, so call it after the run."""
        model, _ = _resolved(recording.request)
        text, messages = (functools.partial(count, model) for count in (library.count_text, library.count_messages))
        usage = counting.counted(recording, decoded, text, messages)
        return decoded if usage is decoded.usage else self._priced(recording, replace(decoded, usage=usage))

    def _priced(self, recording: Recording, decoded: Decoded) -> Decoded:
        model, provider = _resolved(recording.request)
        return self._prices.priced(recording.request, decoded, model=model, provider=provider)

    def close(self) -> None:
        """Close the connections and forget what was built: the environment may change before the next benchmark."""
        self._transport.close()
        self._built.clear()
        self._templates.clear()

    def restore(self) -> None:
        """Give litellm the settings back that it had; nothing can be sent afterwards."""
        self._restore()

    def _protocol(self, provider: str, model: str, request: Request) -> Protocol:
        transformed = functools.partial(library.transformed, provider, model)
        if request.api == "embeddings":
            return parsing.of_embeddings(transformed, self._redact)
        if request.api == "responses":
            return parsing.of_responses(library.response_parser(provider, model, request), transformed, self._redact)
        row = providers.row(provider)
        return parsing.protocol(
            row,
            iterator=functools.partial(library.ITERATORS[row.iterator], provider, model, request),
            transformed=transformed,
            redact=self._redact,
        )

    def _redact(self, text: str) -> str:
        return redaction.redact(text, self._secrets)

    async def _build(self, request: Request) -> WireRequest:
        asked = json.dumps([request.api, request.model, request.messages, dict(request.parameters)], default=repr)
        identity = hashlib.sha256(asked.encode()).hexdigest()  # an image in a message has megabytes
        wire = self._built.find(identity) or self._templates.fill(request)
        if wire is None:
            built = self._amended(await to_its_end(self._handed_over(request)), request)
            carried = redaction.credentials(built.headers.items(), built.url.params.items())
            self._secrets |= carried | redaction.given(request.parameters)
            wire = handover.wire_request(built, verify=arguments.verify(request))
            self._check_home(request.model, wire.endpoint)
            self._built.keep(identity, wire, keeps_s=providers.row(_resolved(request)[1]).keeps_s)
            self._templates.learn(request, wire)
        return wire

    def _amended(self, built: httpx.Request, request: Request) -> httpx.Request:
        _, provider = _resolved(request)
        amended = providers.row(provider).amended
        if request.api == "responses" and request.parameters.get("stream"):
            return handover.streamed(built)
        if amended is None:
            return built
        given = request.parameters.get("api_base") or request.parameters.get("base_url")
        api_base = self._home(request, provider) or given or self._stated(request).get("api_base")
        return amended(built, api_base=api_base, stream=request.parameters.get("stream") is True)

    def _is_simulated(self, request: Request) -> bool:
        """Whether a request goes to the simulator: all of a dry run do but those to the other side's address."""
        asked = request.parameters.get("api_base")
        return self._api_bases is not None and (self._beside is None or asked != self._beside)

    def _home(self, request: Request, provider: str) -> str | None:
        """Return the only address that a request of a dry run goes to, ``None`` where it is no dry run."""
        if self._api_bases is None:
            return None
        return self._api_bases[provider] if self._is_simulated(request) else self._beside

    async def _handed_over(self, request: Request) -> httpx.Request:
        given = self._arguments(request, self._checked(request))
        building = BUILDING.set(True)
        try:
            with Quiet():
                answer = await library.CALLS[request.api](**given)
                if request.parameters.get("stream"):
                    await anext(aiter(answer), None)  # some providers send only when the stream is read
        except Handover as taken:
            return taken.request
        except LatencyError:
            raise
        except Exception as error:
            raise self._cannot_build(error, request) from error
        finally:
            BUILDING.reset(building)
        raise BypassError(
            f"a request for {request.model!r} did not pass through the measuring transport, so it cannot be "
            "measured: this provider is not supported with this version of litellm."
        )

    def _arguments(self, request: Request, provider: str) -> dict[str, Any]:
        row, given = providers.row(provider), completed(arguments.of_call(request), self._stated(request))
        if self._api_bases is not None:
            given = arguments.for_simulator(given, row.access(str(self._home(request, provider))))
        else:
            require(request.model, row, given)
        if request.api not in row.through_sdk:
            given["client"] = self._handler
        if request.api == "chat" and given.get("stream") and row.asks_for_usage:
            _ask_for_usage(given, request)
        return given

    def _stated(self, request: Request) -> Mapping[str, str]:
        """Return what the settings say of a request's provider, which a dry run has no use for."""
        return stated(self._access, request.model, _resolved(request)[1]) if self._api_bases is None else {}

    def _cannot_build(self, error: Exception, request: Request) -> ProviderError:
        package, row = modules.missing_package(error), providers.row(_resolved(request)[1])
        if package is not None and row.extra is not None:
            remedy = f"pip install 'pytest-llm-latency[{row.extra}]'"
            return ProviderError(f"{request.model!r} needs the package {package}, which is not installed: {remedy}.")
        text = redaction.redact(str(error), self._secrets | redaction.given(request.parameters)).splitlines()
        reason = text[0] if text else type(error).__name__
        what = f"litellm cannot build a request for {request.model!r}: {reason}"
        if library.is_missing_key(error):
            return MissingKeyError(f"{what}. Give it the provider's credentials, or try --llm-latency-simulate.")
        return ProviderError(f"{what}. Check the parameters given to llm(...).")


def _resolved(request: Request) -> tuple[str, str]:
    stated = request.parameters.get("custom_llm_provider")
    return library.resolve(request.model, stated if isinstance(stated, str) else None)


def _ask_for_usage(given: dict[str, Any], request: Request) -> None:
    model, provider = _resolved(request)
    if library.takes_stream_options(provider, model):
        given.setdefault("stream_options", {"include_usage": True})
