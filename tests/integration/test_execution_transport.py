"""The transport over real sockets, against servers that answer well, badly or not at all."""

import asyncio
import errno
import gc
import hashlib
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency.execution import addresses, http1
from pytest_llm_latency.execution.channel import Channel
from pytest_llm_latency.execution.connection import Connection
from pytest_llm_latency.execution.routes import Origin, Route
from pytest_llm_latency.execution.transport import CancelledExchange, Exchange, Transport
from pytest_llm_latency.model import Stamps
from servers import Handler, Peer, Server, answering, make_certificate, once, server_side, serving, wire

LONG_S = 20.0
SHORT_S = 0.15
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = 12 * 1024 * 1024  # more than the buffers of two sockets


@pytest.fixture
def transport() -> Iterator[Transport]:
    """Return a transport; at the end no socket may be left open."""
    made = Transport()
    yield made
    made.close()
    gc.collect()


async def ask(transport: Transport, server: Server, *, body: bytes = b"{}", deadline_s: float = LONG_S) -> Exchange:
    """Send one request."""
    return await transport.send(wire(server.origin, body), deadline_s=deadline_s)


def idle(transport: Transport, server: Server) -> list[Connection]:
    """Return the connections that are kept for later."""
    (way,) = transport._ways.values()
    assert isinstance(way, http1.OneByOne)
    return way.idle[Route(origin=server.origin)]


def why(exchange: Exchange) -> tuple[str, str, str]:
    """Return status, error class and phase of an exchange that failed."""
    assert exchange.failure is not None
    return exchange.status, exchange.failure.error_class, exchange.failure.phase


# Sound answers.


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([OK], b"hello"),
        ([OK[:7], OK[7:20], OK[20:-3], OK[-3:]], b"hello"),
        (
            [CHUNKED_HEAD, b"2\r\nhe\r\n3;x=y\r\nllo\r\n", b"0\r\n\r\n"],
            b"hello",
        ),
        ([CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"], b"hello"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"he", b"llo"], b"hello"),
        ([b"HTTP/1.0 200 OK\r\n\r\nhello"], b"hello"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], b""),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"], b"hello"),
    ],
    ids=["length", "cut headers", "chunked", "trailer", "until close", "1.0", "empty", "204", "upgrade offered"],
)
async def test_each_form_of_a_body_is_read_to_its_end(transport: Transport, parts: list[bytes], body: bytes) -> None:
    """Without the transfer encoding."""
    async with serving(once(*parts)) as server:
        exchange = await ask(transport, server)
    assert (exchange.status, exchange.failure) == ("ok", None)
    assert b"".join(exchange.pieces) == body
    assert exchange.http_status in {200, 204}


async def test_headers_come_in_their_order_with_lower_case_names(transport: Transport) -> None:
    """Repeated ones stay, and bytes that are no ASCII do not break them."""
    head = b"HTTP/1.1 200 OK\r\nX-One: 1\r\nSet-Cookie: a\r\nSet-Cookie: \xfc\r\nContent-Length: 0\r\n\r\n"
    async with serving(once(head)) as server:
        exchange = await ask(transport, server)
    assert exchange.headers == (("x-one", "1"), ("set-cookie", "a"), ("set-cookie", "ü"), ("content-length", "0"))


async def test_an_error_of_http_is_an_answer_like_any_other(transport: Transport) -> None:
    """What it means is decided later."""
    async with serving(once(OK.replace(b"200 OK", b"429 Too Many Requests"))) as server:
        exchange = await ask(transport, server)
    assert (exchange.status, exchange.http_status, exchange.pieces) == ("ok", 429, (b"hello",))


async def test_an_interim_answer_is_not_the_one_that_is_waited_for(transport: Transport) -> None:
    """Its headers and its first byte do not count."""
    between: list[int] = []

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        await asyncio.sleep(0.02)
        between.append(time.monotonic_ns())
        await peer.say(OK)

    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert (exchange.http_status, exchange.headers, exchange.pieces) == (200, (("content-length", "5"),), (b"hello",))
    assert exchange.stamps.first_byte is not None
    assert exchange.stamps.first_byte >= between[0]


async def test_huge_headers_are_read(transport: Transport) -> None:
    """A quarter of a megabyte."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (index, b"v" * 2000) for index in range(128))
    async with serving(once(head + b"Content-Length: 2\r\n\r\nok")) as server:
        exchange = await ask(transport, server)
    assert (exchange.status, len(exchange.headers), exchange.pieces) == ("ok", 129, (b"ok",))


async def test_large_bodies_go_both_ways_at_the_readers_pace(transport: Transport) -> None:
    """The kernel takes such a request in several writes."""
    digest: list[str] = []

    async def handler(peer: Peer) -> None:
        await asyncio.sleep(0.02)  # the client's first writes fill the buffers meanwhile
        digest.append(hashlib.sha256(await peer.request()).hexdigest())
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE, b"y" * LARGE)

    body = bytes(range(256)) * (LARGE // 256)
    async with serving(handler) as server:
        exchange = await ask(transport, server, body=body)
    assert exchange.status == "ok"
    assert digest == [hashlib.sha256(body).hexdigest()]
    assert sum(map(len, exchange.pieces)) == LARGE
    assert len(exchange.pieces) == len(exchange.piece_ns)


# Connections.


async def test_a_connection_is_kept_and_used_again(transport: Transport) -> None:
    """Then it has no stamps of setting up."""
    async with serving(answering(OK)) as server:
        first, second = await ask(transport, server), await ask(transport, server)
        assert server.connections == 1
    assert (first.connection_reused, second.connection_reused) == (False, True)
    assert first.stamps.tcp_end is not None
    stamps = second.stamps
    assert (stamps.connect_start, stamps.dns_end, stamps.tcp_end, stamps.tls_end) == (None,) * 4


async def test_requests_side_by_side_have_a_connection_each_which_are_used_again(transport: Transport) -> None:
    """Ten, and then the same ten."""
    async with serving(answering(OK)) as server:
        for reused in (False, True):
            exchanges = await asyncio.gather(*(ask(transport, server) for _ in range(10)))
            assert {exchange.connection_reused for exchange in exchanges} == {reused}
        assert server.connections == 10


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
        OK + b"garbage",
    ],
    ids=["close", "1.0", "second answer", "garbage after it"],
)
async def test_a_connection_that_cannot_be_trusted_is_not_used_again(transport: Transport, answer: bytes) -> None:
    """And what follows an answer is no part of it."""
    async with serving(answering(answer)) as server:
        for _ in range(2):
            exchange = await ask(transport, server)
            assert (exchange.status, exchange.pieces, exchange.connection_reused) == ("ok", (b"hello",), False)
        assert server.connections == 2


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is about to close it."""
    async with serving(answering(OK)) as server:
        await ask(transport, server)
        monkeypatch.setattr(http1, "KEEP_ALIVE_NS", 0)
        assert (await ask(transport, server)).connection_reused is False
        assert server.connections == 2


async def test_a_connection_that_the_server_closed_is_not_used_again(transport: Transport) -> None:
    """Also when the loop had no time to see its end."""
    async with serving(once(OK)) as server:
        await ask(transport, server)
        (kept,) = idle(transport, server)
        kept.loop.remove_reader(kept._socket.fileno())  # what a busy loop amounts to
        await asyncio.sleep(0.02)
        assert not kept.closed
        assert (await ask(transport, server)).status == "ok"
        assert server.connections == 2


async def test_an_idle_connection_that_the_server_talks_on_is_not_used_again(transport: Transport) -> None:
    """Some servers send a last 408 before they close."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with serving(handler) as server:
        await ask(transport, server)
        await asyncio.sleep(0.02)
        exchange = await ask(transport, server)
        assert (exchange.http_status, exchange.connection_reused) == (200, False)


async def test_closing_the_transport_closes_the_idle_connections_and_it_can_be_used_again(transport: Transport) -> None:
    """One client serves one benchmark after another."""
    async with serving(answering(OK)) as server:
        await ask(transport, server)
        transport.close()
        await asyncio.wait_for(server.gone.wait(), LONG_S)
        assert (await ask(transport, server)).connection_reused is False


async def test_a_connection_in_use_while_the_transport_is_closed_is_closed_after_its_request(
    transport: Transport,
) -> None:
    """A request that nobody waited for has its answer, and leaves nothing open that nobody will close."""
    asked, close = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await close.wait()
        await peer.say(OK)
        await peer.reader.read()

    async with serving(handler) as server:
        forgotten = asyncio.create_task(ask(transport, server))
        await asked.wait()
        transport.close()
        close.set()
        assert (await forgotten).status == "ok"
        assert not idle(transport, server)


def test_a_connection_of_another_loop_is_not_used_again(transport: Transport) -> None:
    """Its loop may be gone, and then nobody would read from it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    origin = Origin(scheme="http", host="127.0.0.1", port=listener.getsockname()[1])
    accepted = []

    def serve() -> None:
        for _ in range(2):
            accepted.append(listener.accept()[0])
            accepted[-1].recv(1000)
            accepted[-1].sendall(OK)

    async def both() -> list[Exchange]:
        server = asyncio.get_running_loop().run_in_executor(None, serve)
        one = await transport.send(wire(origin), deadline_s=5)
        other = await asyncio.to_thread(asyncio.run, transport.send(wire(origin), deadline_s=5))
        await server
        return [one, other]

    exchanges = asyncio.run(both())
    assert [(each.status, each.connection_reused) for each in exchanges] == [("ok", False)] * 2
    for each in (*accepted, listener):
        each.close()


def ending_at_the_second(*last: bytes) -> Handler:
    """Answer the first request of each connection; say ``last`` to a second one and close."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        await peer.request()
        await peer.say(*last)

    return handler


async def test_a_connection_that_ends_just_as_it_is_used_again_costs_a_second_attempt(transport: Transport) -> None:
    """On a new connection, and the request began when it began."""
    async with serving(ending_at_the_second()) as server:
        await ask(transport, server)
        before = time.monotonic_ns()
        exchange = await ask(transport, server)
        assert (exchange.status, exchange.attempts, exchange.connection_reused) == ("ok", 2, False)
        assert server.connections == 2
    stamps = [before, *ordered(exchange), time.monotonic_ns()]
    assert stamps == sorted(stamps)
    assert exchange.stamps.tcp_end is not None


async def test_a_second_attempt_has_a_new_connection_and_is_the_last(transport: Transport) -> None:
    """Another idle one may have ended too."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        if server.connections <= 2:
            await peer.say(OK)
            await peer.request()

    async with serving(handler) as server:
        await asyncio.gather(ask(transport, server), ask(transport, server))
        exchange = await ask(transport, server)
        assert why(exchange) == ("error", "ConnectionResetError", "headers")
        assert (exchange.attempts, server.connections) == (2, 3)


async def test_an_answer_that_has_begun_is_not_asked_for_again(transport: Transport) -> None:
    """Its end is the server's fault."""
    async with serving(ending_at_the_second(b"HTTP/1.1 20")) as server:
        await ask(transport, server)
        exchange = await ask(transport, server)
        assert why(exchange) == ("error", "ConnectionResetError", "headers")
        assert (exchange.attempts, exchange.connection_reused) == (1, True)


# What goes wrong.


async def test_a_refused_connection_says_what_to_check(transport: Transport) -> None:
    """No server listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        origin = Origin(scheme="http", host="127.0.0.1", port=port)
        exchange = await transport.send(wire(origin), deadline_s=LONG_S)
    assert why(exchange) == ("error", "ConnectionRefusedError", "connect")
    assert exchange.failure is not None
    assert exchange.failure.message == (
        f"127.0.0.1:{port}: Connection refused. Check that the server runs and that api_base names its port."
    )
    assert (exchange.http_status, exchange.stamps.tcp_end, exchange.stamps.send_start) == (None, None, None)
    assert exchange.stamps.dns_end is not None


async def test_an_unknown_host_says_what_to_check(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name has no address."""

    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    origin = Origin(scheme="http", host="nowhere.invalid", port=80)
    exchange = await transport.send(wire(origin), deadline_s=LONG_S)
    assert why(exchange) == ("error", "gaierror", "dns")
    assert exchange.failure is not None
    assert exchange.failure.message.startswith("nowhere.invalid:80: Name or service not known. Check the host name")
    assert exchange.stamps.dns_end is None


async def test_a_host_that_is_no_name_is_an_error(transport: Transport) -> None:
    """A label of a name has at most 63 characters."""
    origin = Origin(scheme="http", host="ü" + "a" * 70 + ".example", port=80)
    exchange = await transport.send(wire(origin), deadline_s=LONG_S)
    assert exchange.status == "error"
    assert exchange.failure is not None
    assert exchange.failure.phase == "dns"


async def test_the_next_address_is_tried_when_one_refuses(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may have several."""
    async with serving(answering(OK)) as server:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            addresses = [(*kind, taken.getsockname()), (*kind, ("127.0.0.1", server.origin.port))]

            async def both(*_: object, **__: object) -> Any:
                return addresses

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
            server.origin = Origin(scheme="http", host="two.example", port=80)
            exchange = await ask(transport, server)
            assert (exchange.status, exchange.failure) == ("ok", None)


async def test_the_networks_own_time_out_is_an_error_of_connecting(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the deadline's."""

    async def give_up(*_: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(addresses, "_connect", give_up)
    origin = Origin(scheme="http", host="127.0.0.1", port=9)
    assert why(await transport.send(wire(origin), deadline_s=LONG_S)) == ("error", "TimeoutError", "connect")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"5\r\nhello\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"


@pytest.mark.parametrize(
    ("sent", "phase"),
    [
        (b"", "headers"),
        (b"HTTP/1.1 200 O", "headers"),
        (HEAD, "body"),
        (HEAD + b"hello", "body"),
        (CHUNKED, "body"),
        (CHUNKED + b"5\r\nhe", "body"),
    ],
)
@pytest.mark.parametrize("ending", ["reset", "close"])
async def test_a_connection_that_ends_before_the_answer_does_is_an_error(
    transport: Transport, sent: bytes, phase: str, ending: str
) -> None:
    """In an orderly way or by a reset; what came before it is kept."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(sent)
        if ending == "reset":
            await asyncio.sleep(0.02)  # so that the bytes are read before the reset discards them
            peer.reset()

    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert why(exchange) == ("error", "ConnectionResetError", phase)
    assert exchange.attempts == 1
    assert b"".join(exchange.pieces) in {b"", b"hello", b"hellohe"}
    assert bool(exchange.pieces) == (b"hello" in sent)
    assert exchange.stamps.closed is not None
    assert idle(transport, server) == []


async def test_a_reset_is_not_the_end_of_a_body_without_a_length(transport: Transport) -> None:
    """Only an orderly end is."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(UNTIL_CLOSE)
        await asyncio.sleep(0.02)
        peer.reset()

    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert why(exchange) == ("error", "ConnectionResetError", "body")
    assert exchange.pieces == (b"hello",)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        CHUNKED_HEAD + b"zz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
    ],
)
async def test_what_is_not_http_is_an_error_that_says_so(transport: Transport, garbage: bytes) -> None:
    """At once, not at the deadline."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(garbage)
        await asyncio.Event().wait()

    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert exchange.status == "error"
    assert exchange.failure is not None
    assert exchange.failure.error_class == "HTTPProtocolError"


async def never(_: Peer) -> None:
    """Say nothing."""
    await asyncio.Event().wait()


def silent_after(*parts: bytes) -> Handler:
    """Say these parts, then nothing."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(*parts)
        await asyncio.Event().wait()

    return handler


@pytest.mark.parametrize(
    ("handler", "phase", "pieces"),
    [
        (never, "headers", ()),
        (silent_after(b"HTTP/1.1 200"), "headers", ()),
        (silent_after(HEAD), "body", ()),
        (silent_after(HEAD, b"hello"), "body", (b"hello",)),
    ],
    ids=["nothing", "part of the headers", "headers", "part of the body"],
)
async def test_a_stall_ends_at_the_deadline(
    transport: Transport, handler: Handler, phase: str, pieces: tuple[bytes, ...]
) -> None:
    """It says what it was waiting for and keeps what came."""
    async with serving(handler) as server:
        exchange = await ask(transport, server, deadline_s=SHORT_S)
        assert why(exchange) == ("timeout", "Timeout", phase)
        assert exchange.failure is not None
        assert exchange.failure.message == f"no complete answer within 0.15 s; it was waiting for: {phase}"
        assert exchange.pieces == pieces
        assert exchange.stamps.closed is None
        assert idle(transport, server) == []


async def test_the_deadline_covers_the_whole_request_and_not_the_wait_between_two_bytes(transport: Transport) -> None:
    """A server that trickles for ever does not get past it."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.say(b"x")
            await asyncio.sleep(0.005)

    async with serving(handler) as server:
        exchange = await ask(transport, server, deadline_s=SHORT_S)
        assert why(exchange) == ("timeout", "Timeout", "body")
        assert len(exchange.pieces) > 1
        await asyncio.wait_for(server.gone.wait(), LONG_S)


async def test_the_deadline_covers_the_sending(transport: Transport) -> None:
    """A server that does not read lets the buffers fill up."""
    async with serving(never) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE, deadline_s=SHORT_S)
    assert why(exchange) == ("timeout", "Timeout", "send")
    assert exchange.stamps.send_start is not None
    assert exchange.stamps.send_end is None


async def test_the_deadline_covers_the_resolving_of_the_name(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server may be silent."""

    async def wait(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", wait)
    origin = Origin(scheme="http", host="slow.example", port=80)
    assert why(await transport.send(wire(origin), deadline_s=SHORT_S)) == ("timeout", "Timeout", "dns")


async def test_a_refusal_in_the_middle_of_the_request_is_read(transport: Transport) -> None:
    """A server may answer and close before it has read everything: that is its answer, not a broken pipe."""

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(OK.replace(b"200 OK", b"413 Content Too Large"))

    async with serving(handler) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE)
    assert (exchange.status, exchange.http_status, exchange.pieces) == ("ok", 413, (b"hello",))
    assert exchange.stamps.send_end is None
    assert idle(transport, server) == []


async def test_an_answer_is_whole_though_its_server_reads_no_further(transport: Transport) -> None:
    """One that refuses a request half-way may leave the connection open, and the rest of the request in it."""

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.say(OK.replace(b"200 OK", b"413 Content Too Large"))
        await asyncio.Event().wait()

    async with serving(handler) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE)
    assert (exchange.status, exchange.http_status, exchange.pieces) == ("ok", 413, (b"hello",))
    assert exchange.stamps.send_end is None
    assert idle(transport, server) == []


async def test_a_connection_that_breaks_while_the_request_is_sent_is_an_error_of_sending(transport: Transport) -> None:
    """Nothing was answered."""

    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.reset()

    async with serving(handler) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE)
    assert exchange.status == "error"
    assert exchange.failure is not None
    assert exchange.failure.phase == "send"


@pytest.mark.parametrize("body", [b"{}", b"x" * LARGE], ids=["in the answer", "while sending"])
async def test_a_cancellation_closes_the_socket(transport: Transport, body: bytes) -> None:
    """And is passed on, with the stamps of what had happened."""

    async def handler(peer: Peer) -> None:
        if len(body) < LARGE:
            await peer.request()
            await peer.say(HEAD)
        else:
            await asyncio.sleep(0.02)
        await peer.reader.read(LARGE)
        while await peer.reader.read(LARGE):
            pass
        server.gone.set()

    async with serving(handler) as server:
        task = asyncio.create_task(ask(transport, server, body=body))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(CancelledExchange) as caught:
            await task
        await asyncio.wait_for(server.gone.wait(), LONG_S)
    exchange = caught.value.exchange
    assert why(exchange) == ("cancelled", "Cancelled", "body")
    assert exchange.failure is not None
    assert re.fullmatch(r"the test body gave the request up after \S+ s", exchange.failure.message)
    assert exchange.stamps.send_start is not None
    assert (exchange.stamps.send_end is None) == (len(body) == LARGE)


# Stamps.


def ordered(exchange: Exchange) -> list[int]:
    """Return the stamps in the order in which they must not fall."""
    stamps = exchange.stamps
    before = (
        stamps.started,
        stamps.connect_start,
        stamps.dns_end,
        stamps.tcp_end,
        stamps.tls_end,
        stamps.send_start,
        stamps.send_end,
        stamps.first_byte,
        stamps.headers,
    )
    return [each for each in (*before, *exchange.piece_ns, stamps.closed) if each is not None]


def slowly(*parts: bytes) -> Handler:
    """Answer only after a while: so no byte of the answer is under way before the sending has ended."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.01)
            await peer.say(*parts)

    return handler


async def test_stamps_are_in_order_and_within_the_call(transport: Transport) -> None:
    """Every phase of a new connection, then of one that is used again."""
    parts = [CHUNKED_HEAD, *[b"1\r\nx\r\n"] * 5, b"0\r\n\r\n"]
    async with serving(slowly(*parts)) as server:
        for _ in range(3):
            before = time.monotonic_ns()
            exchange = await ask(transport, server)
            stamps = [before, *ordered(exchange), time.monotonic_ns()]
            assert stamps == sorted(stamps)
            assert len(exchange.piece_ns) == 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel stamps segments on Linux")
async def test_on_linux_arrivals_are_stamped_by_the_kernel_however_busy_the_loop_is(transport: Transport) -> None:
    """A loop that is blocked for 60 ms does not make the answer 60 ms late.

    The server is in this process: it sends, and the loop that would read is blocked right after.
    """
    sent: list[int] = []

    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(OK)  # at once: nothing is before it
        sent.append(time.monotonic_ns())
        time.sleep(0.06)  # noqa: ASYNC251  (blocking the loop is the subject)
        sent.append(time.monotonic_ns())
        await peer.request()  # a further segment, an end too, would share its stamp with the first

    async with serving(answering(OK)) as server:
        for _ in range(200):  # the kernel takes a moment to begin
            if (await ask(transport, server)).clock == "kernel":
                break
            await asyncio.sleep(0.01)
    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert exchange.clock == "kernel"
    assert exchange.stamps.first_byte is not None
    assert exchange.stamps.first_byte < sent[1] - 30_000_000


async def test_without_the_kernels_stamps_the_loop_stamps(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other systems, and the exchange says so."""
    monkeypatch.setattr(sys, "platform", "other")
    async with serving(slowly(OK)) as server:
        exchange = await ask(transport, server)
    assert exchange.clock == "loop"
    stamps = ordered(exchange)
    assert stamps == sorted(stamps)


async def test_a_request_that_never_left_has_only_the_stamps_that_happened(transport: Transport) -> None:
    """Absent is ``None``."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = Origin(scheme="http", host="127.0.0.1", port=taken.getsockname()[1])
        exchange = await transport.send(wire(origin), deadline_s=LONG_S)
    stamps = exchange.stamps
    assert exchange.stamps == Stamps(started=stamps.started, connect_start=stamps.connect_start, dns_end=stamps.dns_end)
    assert exchange.connection_reused is False


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
async def test_ipv6_works(transport: Transport) -> None:
    """By an address."""
    async with serving(slowly(OK), host="::1") as server:
        exchange = await ask(transport, server)
    assert (exchange.status, exchange.pieces) == ("ok", (b"hello",))


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate for localhost."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: Path) -> Iterator[Transport]:
    """Return a transport that trusts the certificate."""
    made = Transport(ssl.create_default_context(cafile=str(certificate)))
    yield made
    made.close()
    gc.collect()


@pytest.mark.needs("openssl")
async def test_tls_is_stamped_and_its_connection_is_kept(secure: Transport, certificate: Path) -> None:
    """Tickets that the server sends in between do not close it."""
    async with serving(slowly(OK), tls=server_side(certificate)) as server:
        first = await ask(secure, server)
        await asyncio.sleep(0.02)
        second = await ask(secure, server)
        assert server.connections == 1
    assert (first.status, second.status) == ("ok", "ok")
    assert (first.pieces, second.connection_reused) == ((b"hello",), True)
    assert first.stamps.tls_end is not None
    for exchange in (first, second):
        assert ordered(exchange) == sorted(ordered(exchange))


@pytest.mark.needs("openssl")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel stamps segments on Linux")
async def test_a_handshake_ends_when_its_last_part_came_however_busy_the_loop_is(
    secure: Transport, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers from a thread while the loop is blocked for 60 ms."""
    async with serving(answering(OK), tls=server_side(certificate)) as server:
        for _ in range(200):  # the kernel takes a moment to begin
            if (await ask(secure, server)).clock == "kernel":
                break
            await asyncio.sleep(0.01)

    def serve() -> None:
        with server_side(certificate).wrap_socket(listener.accept()[0], server_side=True) as accepted:
            accepted.recv(1000)
            accepted.sendall(OK)
            accepted.recv(1000)

    send = Channel.send

    async def send_and_block(channel: Channel, data: bytes) -> None:
        await send(channel, data)
        time.sleep(0.06)  # noqa: ASYNC251  (blocking the loop is the subject)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving_thread = asyncio.get_running_loop().run_in_executor(None, serve)
        monkeypatch.setattr(Channel, "send", send_and_block)
        origin = Origin(scheme="https", host="localhost", port=listener.getsockname()[1])
        exchange = await secure.send(wire(origin), deadline_s=LONG_S)
        secure.close()
        await serving_thread
    assert (exchange.status, exchange.clock) == ("ok", "kernel")
    assert exchange.stamps.tls_end is not None
    assert exchange.stamps.tcp_end is not None
    assert exchange.stamps.send_start is not None
    assert exchange.stamps.tls_end < exchange.stamps.send_start - 60_000_000


@pytest.mark.needs("openssl")
async def test_large_bodies_go_both_ways_over_tls(secure: Transport, certificate: Path) -> None:
    """In many records."""
    digest: list[str] = []

    async def handler(peer: Peer) -> None:
        digest.append(hashlib.sha256(await peer.request()).hexdigest())
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE, b"y" * LARGE)

    body = bytes(range(256)) * (LARGE // 256)
    async with serving(handler, tls=server_side(certificate)) as server:
        exchange = await ask(secure, server, body=body)
    assert exchange.status == "ok"
    assert digest == [hashlib.sha256(body).hexdigest()]
    assert sum(map(len, exchange.pieces)) == LARGE


@pytest.mark.needs("openssl")
async def test_a_body_without_a_length_ends_with_tls(secure: Transport, certificate: Path) -> None:
    """By the message that says so."""
    async with serving(once(UNTIL_CLOSE, b" world"), tls=server_side(certificate)) as server:
        exchange = await ask(secure, server)
    assert (exchange.status, b"".join(exchange.pieces)) == ("ok", b"hello world")


@pytest.mark.needs("openssl")
async def test_a_certificate_that_is_not_trusted_says_what_to_check(transport: Transport, certificate: Path) -> None:
    """Nothing is sent."""
    async with serving(slowly(OK), tls=server_side(certificate)) as server:
        exchange = await ask(transport, server)
    assert why(exchange) == ("error", "SSLCertVerificationError", "tls")
    assert exchange.failure is not None
    assert "self-signed certificate" in exchange.failure.message
    assert exchange.failure.message.endswith("name a certificate of your own in SSL_CERT_FILE.")
    assert exchange.stamps.send_start is None


@pytest.mark.parametrize(
    ("handler", "status"), [(never, "timeout"), (once(OK), "error")], ids=["silent", "speaks plain HTTP"]
)
async def test_a_server_without_tls_is_an_error_of_tls(transport: Transport, handler: Handler, status: str) -> None:
    """It is silent, or it answers in plain HTTP what it takes for a request."""

    async def plain(peer: Peer) -> None:
        if handler is not never:
            await peer.reader.read(100)
            await peer.say(OK)
        await handler(peer)

    async with serving(plain) as server:
        secured = Origin(scheme="https", host="localhost", port=server.origin.port)
        exchange = await transport.send(wire(secured), deadline_s=SHORT_S if status == "timeout" else LONG_S)
    assert exchange.status == status
    assert exchange.failure is not None
    assert exchange.failure.phase == "tls"
    assert exchange.stamps.tcp_end is not None
