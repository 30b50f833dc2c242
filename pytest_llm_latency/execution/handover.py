"""From a request that httpx built to the bytes on the wire, and from the exchange to a recording."""

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llm_latency.execution import failures, proxies
from pytest_llm_latency.execution.exchange import Exchange, WireRequest
from pytest_llm_latency.execution.routes import Origin, Route
from pytest_llm_latency.model import Recording, Request, Stamps

if TYPE_CHECKING:
    import httpx

_PORTS = {"http": 80, "https": 443}
_ENCODINGS = b"gzip, deflate"  # what can be decoded later; httpx offers more where it finds the packages


def wire_request(request: "httpx.Request", *, verify: bool | str = True) -> WireRequest:
    """Return a built request as the bytes that go over the wire, and the way that they take.

    ``verify`` is litellm's ``ssl_verify``. Raises ``ProviderError`` for a proxy that cannot be used.
    """
    url = request.url
    origin = Origin(scheme=url.scheme, host=url.host, port=url.port or _PORTS[url.scheme])
    lines = [f"{request.method} {url.raw_path.decode('ascii')} HTTP/1.1".encode("ascii")]
    lines += [
        name + b": " + (_ENCODINGS if name.lower() == b"accept-encoding" else value)
        for name, value in request.headers.raw
    ]
    return WireRequest(
        route=Route(origin=origin, proxy=proxies.choose(origin), verify=verify),
        endpoint=url.netloc.decode("ascii"),
        head=b"\r\n".join(lines) + b"\r\n\r\n",
        body=request.content,
    )


def streamed(request: "httpx.Request") -> "httpx.Request":
    """Return a request that asks for a stream: where litellm does not know a model, it would only pretend one."""
    content = json.loads(request.content)
    if content.get("stream") is True:
        return request
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    body = json.dumps({**content, "stream": True}).encode()
    return type(request)(request.method, request.url, headers=headers, content=body)


def unsent(request: Request, *, provider: str, began_ns: int) -> Recording:
    """Return the recording of a request that was cancelled while it was built."""
    build_ns = time.monotonic_ns() - began_ns
    return replace(given_up(request, provider=provider, started_ns=began_ns, after_ns=build_ns), build_ns=build_ns)


def given_up(request: Request, *, provider: str, started_ns: int, after_ns: int) -> Recording:
    """Return the recording of a request that was cancelled before it was sent, so long after it was asked for."""
    return Recording(
        request=request,
        provider=provider,
        endpoint=None,
        stamps=Stamps(started=started_ns),
        build_ns=None,
        http_status=None,
        headers=(),
        pieces=(),
        piece_ns=(),
        connection_reused=None,
        http_version=None,
        paced_ns=None,
        clock="loop",
        status="cancelled",
        failure=failures.given_up(after_ns),
        attempts=0,
    )


def recording(request: Request, exchange: Exchange, *, provider: str, endpoint: str, build_ns: int) -> Recording:
    """Return an exchange as the recording of the request that it belongs to."""
    return Recording(
        request=request,
        provider=provider,
        endpoint=endpoint,
        stamps=exchange.stamps,
        build_ns=build_ns,
        http_status=exchange.http_status,
        headers=exchange.headers,
        pieces=exchange.pieces,
        piece_ns=exchange.piece_ns,
        connection_reused=exchange.connection_reused,
        http_version=exchange.http_version,
        paced_ns=None,
        clock=exchange.clock,
        status=exchange.status,
        failure=exchange.failure,
        attempts=exchange.attempts,
    )
