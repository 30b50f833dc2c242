"""Replicate's predictions: begun by one request, and followed by another to the stream or the result.

litellm polls every half second, so what it sees of a stream has half a second's grain. Here the
stream is read that the prediction names. Where no stream is asked for, the first request waits for
the result, and only a prediction that takes longer is polled.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_llm_latency.execution import handover, sse
from pytest_llm_latency.execution.chain import NextStep
from pytest_llm_latency.execution.delta import Delta, ReportedError
from pytest_llm_latency.execution.dialects.reading import Functions, Json, mapping, text, usage
from pytest_llm_latency.execution.exchange import Exchange, WireRequest
from pytest_llm_latency.model import Recording, Usage

if TYPE_CHECKING:
    import httpx

POLL_S = 0.5
ADDRESS = "https://api.replicate.com/v1"
_OWN_HOSTS = (".replicate.com",)
_SUCCESSES = frozenset({200, 201, 202})
_UNDER_WAY = frozenset({"starting", "processing"})


def amended(request: "httpx.Request", *, api_base: str | None, stream: bool) -> "httpx.Request":
    """Return the request that litellm built, to the server that is asked for: litellm knows one only.

    Without ``api_base`` that is what ``REPLICATE_API_BASE`` names. A request that is not streamed asks
    to be answered when the result is there.
    """
    import httpx  # noqa: PLC0415  (it comes with the client)

    url, headers = str(request.url), dict(request.headers)
    api_base = api_base or os.environ.get("REPLICATE_API_BASE")
    if api_base:
        url = api_base.rstrip("/") + url.removeprefix(ADDRESS)
        headers.pop("host", None)
    if not stream:
        headers["prefer"] = "wait"
    return httpx.Request(request.method, url, headers=headers, content=request.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Says what follows the answers to one prediction; ``check`` raises for an address that is not allowed."""

    request: WireRequest
    stream: bool
    check: Callable[[str], None]

    def __call__(self, exchange: Exchange) -> NextStep | None:
        """Return the request for the stream or for the result; ``None`` after the last answer."""
        if _is_stream(exchange) or exchange.http_status not in _SUCCESSES:
            return None
        try:
            prediction = mapping(json.loads(b"".join(exchange.pieces)))
        except ValueError:
            return None
        urls = mapping(prediction.get("urls"))
        if prediction.get("status") not in _UNDER_WAY:
            return None
        if self.stream and (url := text(urls.get("stream"))):
            return NextStep(request=self._get(url, "text/event-stream"))
        url = text(urls.get("get"))
        return NextStep(request=self._get(url, "application/json"), wait_s=POLL_S) if url else None

    def _get(self, address: str, accept: str) -> WireRequest:
        """Return a request to another address; it carries the key only to a server of Replicate or the first one."""
        import httpx  # noqa: PLC0415  (the same)

        url = httpx.URL(address)
        self.check(url.netloc.decode("ascii"))
        headers = {"accept": accept, "cache-control": "no-store"}
        wanted = handover.wire_request(httpx.Request("GET", url, headers=headers), verify=self.request.route.verify)
        first = self.request.route.origin
        is_trusted = wanted.route.origin == first or (url.scheme == "https" and url.host.endswith(_OWN_HOSTS))
        return replace(wanted, head=wanted.head.removesuffix(b"\r\n") + self._key() + b"\r\n") if is_trusted else wanted

    def _key(self) -> bytes:
        """Return the header with the key, as a whole line."""
        lines = self.request.head.split(b"\r\n")
        return b"".join(line + b"\r\n" for line in lines if line.lower().startswith(b"authorization:"))


def _is_stream(exchange: Exchange) -> bool:
    return any(name == "content-type" and value.startswith("text/event-stream") for name, value in exchange.headers)


def events(recording: Recording) -> Iterator[sse.ServerSentEvent]:
    """Return the events of a stream: their text is plain, and what it is stands in the event's name."""
    for event in sse.events(recording):
        yield replace(event, data=json.dumps({"event": event.name, "data": event.data}, ensure_ascii=False))


def parse_event(chunk: Json) -> Delta | None:
    """Return what one event says; raises ``ReportedError`` for one that reports an error."""
    name, data = chunk.get("event"), text(chunk.get("data"))
    if name == "error":
        raise ReportedError(data)
    if name == "done":
        reason = mapping(json.loads(data)).get("reason")
        if reason == "error":
            raise ReportedError("the prediction failed")
        return _delta("", finish_reason=text(reason) or "stop")
    return _delta(data) if name == "output" else None


def parse_answer(answer: Json) -> Delta:
    """Return what a prediction has come to."""
    status = answer.get("status")
    if status in {"failed", "canceled", "aborted"}:
        raise ReportedError(text(answer.get("error")) or f"the prediction is {status}")
    if status != "succeeded":
        raise ValueError(f"the prediction has not come to its end: its status is {status!r}")
    output = answer.get("output")
    said = "".join(map(text, output)) if isinstance(output, list) else text(output)
    metrics = mapping(answer.get("metrics"))
    found = usage(metrics.get("input_token_count"), metrics.get("output_token_count"))
    return _delta(said, finish_reason="stop", usage=found)


def _delta(content: str, *, finish_reason: str | None = None, usage: Usage | None = None) -> Delta:
    return Delta(
        content=content, reasoning="", tool_calls=(), finish_reason=finish_reason, served_model=None, usage=usage
    )


def ends(chunk: Json | None) -> bool:
    """Whether this is the ``done`` event."""
    return chunk is not None and chunk.get("event") == "done"


DIALECT = Functions(event=parse_event, answer=parse_answer)
