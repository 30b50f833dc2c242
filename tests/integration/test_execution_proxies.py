"""Requests through proxies, over real sockets."""

import asyncio
import base64
import gc
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_llm_latency.execution.exchange import Exchange
from pytest_llm_latency.execution.routes import Origin, Proxy
from pytest_llm_latency.execution.transport import Transport
from servers import Handler, Peer, Server, answering, make_certificate, once, server_side, serving, wire

LONG_S = 20.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SECRET = b"Basic " + base64.b64encode(b"user:hunter2")
PLAIN = Origin(scheme="http", host="api.example.com", port=80)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for localhost."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Return a transport, which trusts the certificate where a test has one; at the end no socket may be left open."""
    trusted = request.getfixturevalue("certificate") if "certificate" in request.fixturenames else None
    made = Transport(None if trusted is None else ssl.create_default_context(cafile=str(trusted)))
    yield made
    made.close()
    gc.collect()


def proxy_at(server: Server, *, authorization: bytes | None = None) -> Proxy:
    """Return a server as a proxy."""
    where = server.origin
    return Proxy(
        scheme=where.scheme, host=where.host, port=where.port, variable="HTTPS_PROXY", authorization=authorization
    )


class Tunnel:
    """A proxy that opens tunnels to one server, whatever is asked for, and keeps what it was asked."""

    def __init__(self) -> None:
        self.to: Origin | None = None
        self.heads: list[bytes] = []
        self.opened_ns = 0

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        self.heads.append(await peer.reader.readuntil(b"\r\n\r\n"))
        assert self.to is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to.port)
        self.opened_ns = time.monotonic_ns()
        peer.writer.write(b"HTTP/1.1 200 Connection Established\r\nVia: x\r\n\r\n")
        try:
            await asyncio.gather(self._pass_on(peer.reader, writer), self._pass_on(reader, peer.writer))
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


def stamps_of(exchange: Exchange) -> list[int]:
    """Return the stamps in the order in which they must not fall."""
    stamps = exchange.stamps
    opening = (stamps.started, stamps.connect_start, stamps.dns_end, stamps.tcp_end, stamps.tls_end)
    return [each for each in (*opening, stamps.send_start, stamps.send_end) if each is not None]


# Plain requests.


async def test_a_plain_request_goes_to_the_proxy_with_the_whole_url(transport: Transport) -> None:
    """And with its credentials."""
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        while True:
            heads.append(await peer.reader.readuntil(b"\r\n\r\n"))
            await peer.reader.readexactly(2)
            await peer.say(OK)

    async with serving(handler) as server:
        asked = wire(PLAIN, proxy=proxy_at(server, authorization=SECRET))
        first = await transport.send(asked, deadline_s=LONG_S)
        second = await transport.send(asked, deadline_s=LONG_S)
        assert (first.status, first.pieces, second.connection_reused) == ("ok", (b"hello",), True)
        assert heads[0] == (
            b"POST http://api.example.com:80/v1 HTTP/1.1\r\nProxy-Authorization: " + SECRET + b"\r\n"
            b"Host: api.example.com\r\nContent-Length: 2\r\n\r\n"
        )


async def test_ways_with_and_without_a_proxy_share_no_connection(transport: Transport) -> None:
    """The proxy is not the server."""
    async with serving(answering(OK)) as server:
        through = wire(server.origin, proxy=proxy_at(server))
        assert (await transport.send(through, deadline_s=LONG_S)).connection_reused is False
        assert (await transport.send(wire(server.origin), deadline_s=LONG_S)).connection_reused is False


async def test_a_proxy_that_wants_a_user_is_a_failure_to_connect(transport: Transport) -> None:
    """It is no answer of the provider's."""
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with serving(once(refusal)) as server:
        exchange = await transport.send(wire(PLAIN, proxy=proxy_at(server)), deadline_s=LONG_S)
    assert exchange.failure is not None
    assert (exchange.status, exchange.failure.error_class, exchange.failure.phase) == (
        "error",
        "ProxyRefusedError",
        "connect",
    )
    assert exchange.failure.message == (
        f"the proxy 127.0.0.1:{server.origin.port} (HTTPS_PROXY) answered HTTP 407 Proxy Authentication Required when "
        "it was asked for api.example.com:80. Write the user and the password into its URL, as in "
        "http://user:password@proxy:3128, or add api.example.com to NO_PROXY."
    )


async def test_a_proxy_that_does_not_run_is_named(transport: Transport) -> None:
    """And not the server behind it."""
    proxy = Proxy(scheme="http", host="127.0.0.1", port=9, variable="ALL_PROXY", authorization=SECRET)
    exchange = await transport.send(wire(PLAIN, proxy=proxy), deadline_s=LONG_S)
    assert exchange.failure is not None
    assert exchange.failure.message == (
        "the proxy 127.0.0.1:9: Connection refused. Check the proxy that ALL_PROXY names, "
        "or add api.example.com to NO_PROXY."
    )


# Tunnels.


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("http_version", ["1.1", "2"])
async def test_https_goes_through_a_tunnel(transport: Transport, certificate: Path, http_version: str) -> None:
    """The proxy sees the server's name and nothing of the request; the TCP phase ends when the tunnel stands."""
    tunnel, context = Tunnel(), server_side(certificate)
    if http_version == "2":
        pytest.importorskip("h2")
        context.set_alpn_protocols(["http/1.1"])
    async with serving(answering(OK), tls=context) as server, serving(tunnel) as proxy:
        tunnel.to = server.origin
        asked = wire(server.origin, proxy=proxy_at(proxy, authorization=SECRET))
        exchange = await transport.send(asked, deadline_s=LONG_S, http_version=http_version)
        place = f"localhost:{server.origin.port}".encode()
        assert tunnel.heads == [
            b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + b"\r\nProxy-Authorization: " + SECRET + b"\r\n\r\n"
        ]
        if http_version == "2":  # it reaches the handshake with the server, which does not speak it
            assert exchange.failure is not None
            assert exchange.failure.error_class == "HTTPVersionError"
            return
        assert (exchange.status, exchange.pieces) == ("ok", (b"hello",))
        assert exchange.stamps.tcp_end is not None
        assert exchange.stamps.tcp_end >= tunnel.opened_ns
        assert stamps_of(exchange) == sorted(stamps_of(exchange))
        assert (await transport.send(asked, deadline_s=LONG_S)).connection_reused is True
        assert proxy.connections == 1


@pytest.mark.needs("openssl")
async def test_a_proxy_over_tls_is_shaken_hands_with_first(transport: Transport, certificate: Path) -> None:
    """TLS to the server lies within TLS to the proxy."""
    tunnel = Tunnel()
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"y" * 300_000
    context = server_side(certificate)
    async with serving(answering(large), tls=context) as server, serving(tunnel, tls=context) as proxy:
        tunnel.to = server.origin
        exchange = await transport.send(wire(server.origin, proxy=proxy_at(proxy)), deadline_s=LONG_S)
    assert (exchange.status, sum(map(len, exchange.pieces))) == ("ok", 300_000)
    assert stamps_of(exchange) == sorted(stamps_of(exchange))


@pytest.mark.parametrize(
    ("answer", "said", "remedy"),
    [
        (b"HTTP/1.1 407 x\r\n\r\n", "HTTP 407 Proxy Authentication Required", "Write the user and the password into"),
        (b"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n", "HTTP 502 Bad Gateway", "Ask who runs the proxy"),
        (b"HTTP/1.0 999 x\r\n\r\n", "HTTP 999", "Ask who runs the proxy"),
        (b"SSH-2.0-x\r\n\r\n", "something that is not HTTP", "Ask who runs the proxy"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_a_failure_to_connect(
    transport: Transport, answer: bytes, said: str, remedy: str
) -> None:
    """Which says what it answered, and never who asked."""

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(answer)

    origin = Origin(scheme="https", host="api.example.com", port=443)
    async with serving(handler) as server:
        asked = wire(origin, proxy=proxy_at(server, authorization=SECRET))
        exchange = await transport.send(asked, deadline_s=LONG_S)
    assert exchange.failure is not None
    assert (exchange.failure.error_class, exchange.failure.phase) == ("ProxyRefusedError", "connect")
    assert f"(HTTPS_PROXY) answered {said} when it was asked for api.example.com:443. {remedy}" in (
        exchange.failure.message
    )
    assert SECRET.decode() not in repr(exchange)
    assert (exchange.stamps.tcp_end, exchange.stamps.send_start) == (None, None)


@pytest.mark.parametrize("closes", [True, False], ids=["closes", "is silent"])
async def test_a_proxy_that_says_nothing_is_waited_for_until_the_deadline(
    transport: Transport, *, closes: bool
) -> None:
    """Or until it closes."""

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        if not closes:
            await asyncio.Event().wait()

    silent: Handler = handler
    origin = Origin(scheme="https", host="api.example.com", port=443)
    async with serving(silent) as server:
        asked = wire(origin, proxy=proxy_at(server))
        exchange = await transport.send(asked, deadline_s=LONG_S if closes else 0.1)
    assert exchange.failure is not None
    assert (exchange.status, exchange.failure.phase) == ("error" if closes else "timeout", "connect")
