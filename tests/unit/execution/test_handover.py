"""From a built request to bytes on the wire, and from an exchange to a recording."""

import httpx
import pytest

from pytest_llm_latency.execution import handover
from pytest_llm_latency.execution.exchange import Exchange
from pytest_llm_latency.execution.routes import Origin
from pytest_llm_latency.model import Failure, Stamps
from recordings import request


def test_a_request_goes_over_the_wire_as_it_was_built() -> None:
    """Request line, headers in their order, an empty line, and the body."""
    built = httpx.Request(
        "POST",
        "https://api.example.com/v1/chat?alt=sse",
        headers={"Authorization": "Bearer k", "X-Two": "2"},
        content=b"{}",
    )
    wire = handover.wire_request(built)
    assert wire.route.origin == Origin(scheme="https", host="api.example.com", port=443)
    assert wire.endpoint == "api.example.com"
    assert wire.head == (
        b"POST /v1/chat?alt=sse HTTP/1.1\r\n"
        b"Host: api.example.com\r\nAuthorization: Bearer k\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\n"
    )
    assert wire.body == b"{}"


@pytest.mark.parametrize(
    ("url", "origin", "endpoint"),
    [
        ("http://example.com/", Origin(scheme="http", host="example.com", port=80), "example.com"),
        ("http://127.0.0.1:8080/v1", Origin(scheme="http", host="127.0.0.1", port=8080), "127.0.0.1:8080"),
        ("https://[::1]:8443/v1", Origin(scheme="https", host="::1", port=8443), "[::1]:8443"),
        ("https://user:pw@example.com/", Origin(scheme="https", host="example.com", port=443), "example.com"),
    ],
)
def test_the_endpoint_is_host_and_port_and_never_a_password(url: str, origin: Origin, endpoint: str) -> None:
    """The usual port is not named."""
    wire = handover.wire_request(httpx.Request("GET", url))
    assert (wire.route.origin, wire.endpoint) == (origin, endpoint)


def test_no_encoding_is_asked_for_that_cannot_be_decoded_later() -> None:
    """Httpx adds br and zstd where it finds their packages."""
    built = httpx.Request("GET", "http://x/", headers={"accept-encoding": "gzip, deflate, br, zstd"})
    assert b"accept-encoding: gzip, deflate\r\n" in handover.wire_request(built).head.lower()


def test_an_exchange_becomes_the_recording_of_its_request() -> None:
    """Nothing is added and nothing is lost."""
    failure = Failure(error_class="Timeout", message="late", phase="body")
    exchange = Exchange(
        stamps=Stamps(started=1, closed=9),
        http_status=200,
        headers=(("a", "b"),),
        pieces=(b"x",),
        piece_ns=(5,),
        connection_reused=True,
        http_version="1.1",
        clock="kernel",
        status="timeout",
        failure=failure,
        attempts=3,
    )
    found = handover.recording(request(), exchange, provider="openai", endpoint="api.openai.com", build_ns=7)
    assert (found.request, found.provider, found.build_ns, found.attempts) == (request(), "openai", 7, 3)
    shared = (
        "stamps",
        "http_status",
        "headers",
        "pieces",
        "piece_ns",
        "connection_reused",
        "http_version",
        "clock",
        "status",
    )
    assert all(getattr(found, name) == getattr(exchange, name) for name in shared)
    assert (found.failure, found.endpoint) == (failure, "api.openai.com")
