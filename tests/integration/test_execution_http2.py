"""HTTP/2 over real sockets, against a server that multiplexes, refuses and goes away."""

import asyncio
import gc
import ssl
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import h2.events
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import http1, http2
from pytest_llm_latency.execution.channel import Channel
from pytest_llm_latency.execution.exchange import CancelledExchange, Exchange
from pytest_llm_latency.execution.multiplexed import Multiplexed
from pytest_llm_latency.execution.routes import Origin, Proxy
from pytest_llm_latency.execution.transport import Transport
from servers import Handler, Peer, Server, answering, make_certificate, server_side, serving, wire

LONG_S = 20.0
SHORT_S = 0.15
LARGE = 3 * 1024 * 1024
HEADERS = [(":status", "200"), ("content-type", "text/plain"), ("x-two", "2")]


class Speaker:
    """One connection as the server sees it; ``answer`` runs for each request that is complete."""

    def __init__(self, peer: Peer, answer: "Answering", settings: dict[SettingCodes, int]) -> None:
        self.peer = peer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings = Settings(client=False, initial_values=settings)
        self.requests: dict[int, dict[str, str]] = {}
        self.bodies: defaultdict[int, bytes] = defaultdict(bytes)
        self.resets: dict[int, int] = {}
        self.pong, self.was_reset, self.window, self.ended = (asyncio.Event() for _ in range(4))
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Read until the client goes."""
        self.h2.initiate_connection()
        await self.flush()
        try:
            while data := await self.peer.reader.read(65_536):
                for event in self.h2.receive_data(data):
                    self._take(event)
                await self.flush()
        finally:
            self.ended.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            task = asyncio.create_task(self._answer(self, event.stream_id))
            self._tasks.add(task)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = int(event.error_code)
            self.was_reset.set()
        elif isinstance(event, h2.events.PingAckReceived):
            self.pong.set()
        elif isinstance(event, h2.events.WindowUpdated):
            self.window.set()

    async def flush(self) -> None:
        """Send what h2 has ready."""
        self.peer.writer.write(self.h2.data_to_send())
        await self.peer.writer.drain()

    async def say(self, stream: int, *parts: bytes, end: bool = True) -> None:
        """Send headers and a DATA frame for each part, each in a segment of its own."""
        self.h2.send_headers(stream, HEADERS)
        await self.flush()
        for part in parts:
            await asyncio.sleep(0.002)
            self.h2.send_data(stream, part)
            await self.flush()
        if end:
            self.h2.end_stream(stream)
            await self.flush()

    def reset(self, stream: int, code: ErrorCodes) -> None:
        """End a stream."""
        self.h2.reset_stream(stream, code)
        self.peer.writer.write(self.h2.data_to_send())

    def leave(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Go away, as a server that finishes what it has begun."""
        self.peer.writer.write(GoAwayFrame(0, last_stream_id=last, error_code=int(code)).serialize())


Answering = Callable[[Speaker, int], Awaitable[None]]


async def hello(speaker: Speaker, stream: int) -> None:
    """Answer in two pieces."""
    await speaker.say(stream, b"he", b"llo")


class Speaking:
    """A handler for servers that speak HTTP/2; ``speakers`` are its connections."""

    def __init__(self, answer: Answering = hello, **settings: int) -> None:
        self.speakers: list[Speaker] = []
        self._answer = answer
        self._settings = {SettingCodes[name.upper()]: value for name, value in settings.items()}

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        self.speakers.append(Speaker(peer, self._answer, self._settings))
        await self.speakers[-1].serve()


@pytest.fixture
def transport() -> Iterator[Transport]:
    """Return a transport; at the end no socket may be left open."""
    made = Transport()
    yield made
    made.close()
    gc.collect()


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


def speaks(certificate: Path, *protocols: str) -> ssl.SSLContext:
    """Return a server's context that offers these protocols."""
    context = server_side(certificate)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


async def ask(transport: Transport, server: Server, *, body: bytes = b"{}", deadline_s: float = LONG_S) -> Exchange:
    """Send one request over HTTP/2."""
    return await transport.send(wire(server.origin, body), deadline_s=deadline_s, http_version="2")


def why(exchange: Exchange) -> tuple[str, str, str]:
    """Return status, error class and phase of an exchange that failed."""
    assert exchange.failure is not None
    return exchange.status, exchange.failure.error_class, exchange.failure.phase


# Sound answers.


async def test_an_answer_is_read_and_each_data_frame_is_a_piece(transport: Transport) -> None:
    """By prior knowledge, as http has no handshake to agree in."""
    handler = Speaking()
    async with serving(handler) as server:
        exchange = await ask(transport, server, body=b'{"a": 1}')
    assert (exchange.status, exchange.http_status, exchange.pieces) == ("ok", 200, (b"he", b"llo"))
    assert exchange.headers == (("content-type", "text/plain"), ("x-two", "2"))
    assert (exchange.http_version, exchange.attempts, exchange.connection_reused) == ("2", 1, False)
    (speaker,) = handler.speakers
    assert speaker.bodies == {1: b'{"a": 1}'}
    assert speaker.requests[1] == {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "127.0.0.1",
        ":path": "/v1",
        "content-length": "8",
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel stamps segments on Linux")
async def test_stamps_are_in_order_within_the_call_and_the_kernels(transport: Transport) -> None:
    """Of a new connection and of one that is used again."""
    async with serving(Speaking()) as server:
        for _ in range(3):
            before = time.monotonic_ns()
            exchange = await ask(transport, server)
            stamps = exchange.stamps
            phases = (stamps.connect_start, stamps.dns_end, stamps.tcp_end, stamps.send_start, stamps.send_end)
            arrivals = (stamps.first_byte, stamps.headers, *exchange.piece_ns, stamps.closed)
            known = [before, stamps.started, *(each for each in (*phases, *arrivals) if each is not None)]
            known.append(time.monotonic_ns())
            assert known == sorted(known)
            assert len(set(exchange.piece_ns)) == 2
    assert exchange.clock == "kernel"
    assert exchange.connection_reused is True


async def test_requests_share_a_connection_and_are_answered_in_any_order(transport: Transport) -> None:
    """Those that wait for it have the stamps of its set-up from their own start on."""
    waiting: list[asyncio.Event] = []

    async def reversed_answers(speaker: Speaker, stream: int) -> None:
        mine = asyncio.Event()
        waiting.append(mine)
        if len(waiting) == 10:
            waiting[-1].set()
        await mine.wait()
        await speaker.say(stream, b"%d" % stream)
        waiting.remove(mine)
        if waiting:
            waiting[-1].set()

    async with serving(Speaking(reversed_answers)) as server:
        for reused in (False, True):
            exchanges = await asyncio.gather(*(ask(transport, server) for _ in range(10)))
            assert {exchange.status for exchange in exchanges} == {"ok"}
            assert len({exchange.pieces for exchange in exchanges}) == 10
            assert {exchange.connection_reused for exchange in exchanges} == {reused}
            for exchange in exchanges:
                assert (exchange.stamps.connect_start is None) == reused
                assert reused or (exchange.stamps.connect_start or 0) >= exchange.stamps.started
            ends = [exchange.stamps.closed or 0 for exchange in exchanges]
            assert ends == sorted(ends, reverse=True)
        assert server.connections == 1


async def test_more_requests_than_a_connection_may_carry_have_further_connections(transport: Transport) -> None:
    """The server says how many that is."""
    together = asyncio.Event()
    under_way: set[tuple[Speaker, int]] = set()

    async def answer(speaker: Speaker, stream: int) -> None:
        if stream > 1 or len(handler.speakers) > 1:
            under_way.add((speaker, stream))
            if len(under_way) == 5:
                together.set()
            await together.wait()
        await speaker.say(stream, b"x")

    handler = Speaking(answer, max_concurrent_streams=2)
    async with serving(handler) as server:
        await ask(transport, server)
        exchanges = await asyncio.gather(*(ask(transport, server) for _ in range(5)))
        assert server.connections == 3
    assert [(each.status, each.attempts) for each in exchanges] == [("ok", 1)] * 5
    assert max(len(speaker.requests) for speaker in handler.speakers) <= 3


@pytest.mark.parametrize("ours", [2**31 - 1, 65_536], ids=["wide open", "small"])
async def test_large_bodies_go_both_ways_at_the_windows_of_either_side(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, ours: int
) -> None:
    """The server's is small and is opened as it reads; ours holds nothing back."""
    waits = 0

    async def answer(speaker: Speaker, stream: int) -> None:
        nonlocal waits
        speaker.h2.send_headers(stream, HEADERS)
        sent = 0
        while sent < LARGE:
            window = speaker.h2.local_flow_control_window(stream)
            size = min(window, speaker.h2.max_outbound_frame_size, LARGE - sent)
            if size:
                speaker.h2.send_data(stream, b"y" * size)
                sent += size
            else:
                waits += 1
                speaker.window.clear()
                await speaker.flush()
                await speaker.window.wait()
        speaker.h2.end_stream(stream)
        await speaker.flush()

    monkeypatch.setattr(http2, "_WINDOW", ours)
    handler = Speaking(answer)
    body = bytes(range(256)) * (LARGE // 256)
    async with serving(handler) as server:
        exchange = await ask(transport, server, body=body)
    assert exchange.status == "ok"
    assert handler.speakers[0].bodies[1] == body
    assert sum(map(len, exchange.pieces)) == LARGE
    assert (waits > 0) == (ours < LARGE)


async def test_interim_answers_trailers_and_pings_are_no_part_of_an_answer(transport: Transport) -> None:
    """A ping is answered."""

    async def answer(speaker: Speaker, stream: int) -> None:
        speaker.h2.send_headers(stream, [(":status", "103"), ("link", "x")])
        speaker.h2.ping(b"12345678")
        await speaker.flush()
        await speaker.pong.wait()
        await speaker.say(stream, b"hello", end=False)
        speaker.h2.send_headers(stream, [("x-sum", "1")], end_stream=True)
        await speaker.flush()

    async with serving(Speaking(answer)) as server:
        exchange = await ask(transport, server)
    assert (exchange.http_status, exchange.pieces) == (200, (b"hello",))
    assert exchange.headers == (("content-type", "text/plain"), ("x-two", "2"))


async def test_a_refusal_in_the_middle_of_the_request_is_read(transport: Transport) -> None:
    """A server may answer before it has read everything, and want no more of it."""

    async def refuse(peer: Peer) -> None:
        h2 = H2Connection(H2Configuration(client_side=False))
        h2.initiate_connection()
        answered = False
        while data := await peer.reader.read(65_536):
            h2.receive_data(data)
            if 1 in h2.streams and not answered:
                answered = True
                h2.send_headers(1, [(":status", "413")], end_stream=True)
                h2.reset_stream(1, ErrorCodes.NO_ERROR)
            peer.writer.write(h2.data_to_send())

    async with serving(refuse) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE)
    assert (exchange.status, exchange.http_status, exchange.stamps.send_end) == ("ok", 413, None)


# What goes wrong.


async def test_a_status_that_is_no_number_is_an_error_at_once(transport: Transport) -> None:
    """h2 does not look at it."""

    async def answer(speaker: Speaker, stream: int) -> None:
        speaker.h2.send_headers(stream, [(":status", "fine")])
        await speaker.flush()

    async with serving(Speaking(answer)) as server:
        exchange = await ask(transport, server)
    assert why(exchange) == ("error", "HTTPProtocolError", "headers")


async def test_a_server_that_speaks_http_1_says_so(transport: Transport) -> None:
    """It is not measured over HTTP/1.1 in silence."""
    bad = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    async def handler(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.say(bad)
        await asyncio.Event().wait()

    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert why(exchange) == ("error", "HTTPProtocolError", "headers")
    assert exchange.failure is not None
    assert exchange.failure.message.endswith("if the server does not speak it, use http_version='1.1'.")


@pytest.mark.parametrize(
    ("code", "error_class"), [(ErrorCodes.INTERNAL_ERROR, "StreamResetError"), (ErrorCodes.CANCEL, "StreamResetError")]
)
async def test_a_stream_that_the_server_resets_is_an_error_with_what_came(
    transport: Transport, code: ErrorCodes, error_class: str
) -> None:
    """The connection goes on."""

    async def answer(speaker: Speaker, stream: int) -> None:
        await speaker.say(stream, b"he", end=stream > 1)
        if stream == 1:
            await asyncio.sleep(0.01)
            speaker.reset(stream, code)

    async with serving(Speaking(answer)) as server:
        exchange = await ask(transport, server)
        assert why(exchange) == ("error", error_class, "body")
        assert exchange.failure is not None
        assert f"the server reset the stream ({code.name})" in exchange.failure.message
        assert (exchange.pieces, exchange.attempts) == ((b"he",), 1)
        assert (await ask(transport, server)).connection_reused is True


async def test_a_stream_that_the_server_refuses_is_sent_once_more(transport: Transport) -> None:
    """It has not been begun."""

    async def answer(speaker: Speaker, stream: int) -> None:
        if speaker is handler.speakers[0]:
            speaker.reset(stream, ErrorCodes.REFUSED_STREAM)
        else:
            await speaker.say(stream, b"hello")

    handler = Speaking(answer)
    async with serving(handler) as server:
        exchange = await ask(transport, server)
    assert (exchange.status, exchange.attempts, exchange.pieces) == ("ok", 2, (b"hello",))


async def test_a_server_that_goes_away_finishes_what_it_has_begun_and_the_rest_is_sent_again(
    transport: Transport,
) -> None:
    """Over a new connection."""

    async def answer(speaker: Speaker, stream: int) -> None:
        if speaker is not handler.speakers[0]:
            await speaker.say(stream, b"new")
        elif stream == 3:
            speaker.leave(1)
            await go_on.wait()
            await speaker.say(1, b"o", b"ld")

    handler, go_on = Speaking(answer), asyncio.Event()
    async with serving(handler) as server:
        first = asyncio.create_task(ask(transport, server))
        await asyncio.sleep(0)
        second = await ask(transport, server)
        assert (second.status, second.pieces, second.attempts) == ("ok", (b"new",), 2)
        third = await ask(transport, server)
        assert (third.pieces, third.connection_reused, third.attempts) == ((b"new",), True, 1)
        go_on.set()
        old = await first
        assert (old.status, old.pieces, old.attempts) == ("ok", (b"o", b"ld"), 1)
        assert server.connections == 2
        await asyncio.wait_for(handler.speakers[0].ended.wait(), LONG_S)  # it is closed when it has nothing to do


@pytest.mark.parametrize("ending", ["reset", "close"])
async def test_a_connection_that_ends_before_its_answers_do_fails_them_all(transport: Transport, ending: str) -> None:
    """With what came before."""

    async def answer(speaker: Speaker, stream: int) -> None:
        await speaker.say(stream, b"he", end=False)
        if len(speaker.requests) == 2 and stream == 3:
            await asyncio.sleep(0.02)
            speaker.peer.reset() if ending == "reset" else speaker.peer.writer.close()

    async with serving(Speaking(answer)) as server:
        exchanges = await asyncio.gather(ask(transport, server), ask(transport, server))
    for exchange in exchanges:
        assert why(exchange) == ("error", "ConnectionResetError", "body")
        assert (exchange.pieces, exchange.http_status, exchange.attempts) == ((b"he",), 200, 1)
        assert exchange.stamps.closed is not None


@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
async def test_a_request_that_is_given_up_leaves_the_others_alone(transport: Transport, *, cancelled: bool) -> None:
    """The server is told."""
    both_came = asyncio.Event()

    async def answer(speaker: Speaker, stream: int) -> None:
        if stream == 1:
            await speaker.say(stream, b"he", end=False)
            return
        both_came.set()
        await speaker.was_reset.wait()
        await speaker.say(stream, b"hello")

    handler = Speaking(answer)
    async with serving(handler) as server:
        stalled = asyncio.create_task(ask(transport, server, deadline_s=LONG_S if cancelled else 3 * SHORT_S))
        await asyncio.sleep(0)
        other = asyncio.create_task(ask(transport, server))
        if cancelled:
            await both_came.wait()
            stalled.cancel()
            with pytest.raises(CancelledExchange) as caught:
                await stalled
            exchange = caught.value.exchange
        else:
            exchange = await stalled
            assert why(exchange) == ("timeout", "Timeout", "body")
            assert exchange.pieces == (b"he",)
        assert exchange.stamps.closed is None
        assert ((await other).status, server.connections) == ("ok", 1)
    assert handler.speakers[0].resets == {1: int(ErrorCodes.CANCEL)}


async def test_the_deadline_covers_a_server_that_takes_no_more_of_the_request(transport: Transport) -> None:
    """Its window is closed."""

    async def never(peer: Peer) -> None:
        await asyncio.Event().wait()

    async with serving(never) as server:
        exchange = await ask(transport, server, body=b"x" * LARGE, deadline_s=SHORT_S)
    assert why(exchange) == ("timeout", "Timeout", "send")


async def test_those_who_wait_for_one_connection_fail_together_when_it_fails(transport: Transport) -> None:
    """And each says why."""
    origin = Origin(scheme="http", host="127.0.0.1", port=9)
    exchanges = await asyncio.gather(
        *(transport.send(wire(origin), deadline_s=LONG_S, http_version="2") for _ in range(3))
    )
    assert [why(each) for each in exchanges] == [("error", "ConnectionRefusedError", "connect")] * 3


async def test_who_gives_up_first_does_not_end_the_set_up_for_the_others(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one does."""
    loop = asyncio.get_running_loop()
    resolve, asked, resolving = loop.getaddrinfo, asyncio.Event(), asyncio.Event()

    async def slowly(host: str, port: int, **options: int) -> object:
        asked.set()
        await resolving.wait()
        return await resolve("127.0.0.1", port)

    monkeypatch.setattr(loop, "getaddrinfo", slowly)
    async with serving(Speaking()) as server:
        server.origin = Origin(scheme="http", host="name.example", port=server.origin.port)
        hasty = asyncio.create_task(ask(transport, server))
        await asked.wait()
        patient = asyncio.create_task(ask(transport, server))
        await asyncio.sleep(0)
        hasty.cancel()
        with pytest.raises(CancelledExchange) as caught:
            await hasty
        assert caught.value.exchange.stamps.dns_end is None
        resolving.set()
        exchange = await patient
        assert exchange.status == "ok"
        assert exchange.stamps.connect_start == exchange.stamps.started  # it had begun before


async def test_a_set_up_that_was_just_given_up_is_not_joined(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next request of a user comes in the very turn in which the one before timed out."""

    async def never(host: str, port: int, **options: int) -> object:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    request = wire(Origin(scheme="http", host="name.example", port=80))
    exchanges = [await transport.send(request, deadline_s=0.01, http_version="2") for _ in range(3)]
    assert [why(each) for each in exchanges] == [("timeout", "Timeout", "dns")] * 3


# Connections.


async def test_a_connection_that_the_server_closed_while_it_was_idle_is_not_used_again(transport: Transport) -> None:
    """Nor one that was idle for long."""
    handler = Speaking()
    async with serving(handler) as server:
        await ask(transport, server)
        handler.speakers[0].peer.writer.close()
        await asyncio.sleep(0.02)
        assert (await ask(transport, server)).connection_reused is False


async def test_a_connection_whose_end_a_busy_loop_has_not_seen_yet_is_not_used_again(transport: Transport) -> None:
    """It looks before it sends."""
    handler = Speaking()
    async with serving(handler) as server:
        await ask(transport, server)
        (way,) = transport._ways.values()
        assert isinstance(way, Multiplexed)
        ((session,),) = way._sessions.values()
        session.connection.loop.remove_reader(session.connection._socket.fileno())  # what a busy loop amounts to
        handler.speakers[0].peer.writer.close()
        await asyncio.sleep(0.02)
        assert not session.connection.closed
        exchange = await ask(transport, server)
        assert (exchange.connection_reused, exchange.attempts) == (False, 1)


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is about to close it."""
    async with serving(Speaking()) as server:
        await ask(transport, server)
        monkeypatch.setattr(http1, "KEEP_ALIVE_NS", 0)
        assert (await ask(transport, server)).connection_reused is False
        assert server.connections == 2


async def test_closing_the_transport_closes_its_connections_and_it_can_be_used_again(transport: Transport) -> None:
    """One client serves one benchmark after another."""
    async with serving(Speaking()) as server:
        await ask(transport, server)
        transport.close()
        assert (await ask(transport, server)).connection_reused is False


# TLS, proxies, packages.


@pytest.mark.needs("openssl")
async def test_over_tls_the_handshake_agrees_to_it(secure: Transport, certificate: Path) -> None:
    """And both versions live beside each other in one transport."""
    async with serving(Speaking(), tls=speaks(certificate, "h2", "http/1.1")) as server:
        exchange = await ask(secure, server)
        assert (exchange.status, exchange.pieces, exchange.http_version) == ("ok", (b"he", b"llo"), "2")
        assert exchange.stamps.tls_end is not None
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    async with serving(answering(one), tls=speaks(certificate, "http/1.1")) as server:
        assert (await secure.send(wire(server.origin), deadline_s=LONG_S)).pieces == (b"hello",)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("protocols", [(), ("http/1.1",)], ids=["no word of it", "another one"])
async def test_a_server_that_does_not_agree_to_it_is_an_error(
    secure: Transport, certificate: Path, protocols: tuple[str, ...]
) -> None:
    """Nothing is sent."""
    never: Handler = lambda peer: asyncio.Event().wait()  # noqa: E731  (a handler that says nothing)
    async with serving(never, tls=speaks(certificate, *protocols)) as server:
        exchange = await ask(secure, server)
        assert why(exchange) == ("error", "HTTPVersionError", "tls")
        assert exchange.failure is not None
        assert "does not offer HTTP/2 (ALPN): measure it with http_version='1.1'" in exchange.failure.message
        assert exchange.stamps.send_start is None


async def test_a_server_that_breaks_the_handshake_off_for_want_of_a_protocol_is_the_same_error(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some do."""

    async def refuse(*_: object) -> None:
        error = ssl.SSLError(1, "tlsv1 alert no application protocol")
        error.reason = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
        raise error

    monkeypatch.setattr(Channel, "start_tls", refuse)
    async with serving(answering(b"")) as server:
        server.origin = Origin(scheme="https", host="127.0.0.1", port=server.origin.port)
        assert why(await ask(transport, server)) == ("error", "HTTPVersionError", "tls")


async def test_without_tls_it_does_not_pass_a_proxy(transport: Transport) -> None:
    """A proxy reads plain requests, and speaks HTTP/1.1."""
    origin = Origin(scheme="http", host="api.example.com", port=80)
    proxy = Proxy(scheme="http", host="127.0.0.1", port=9, variable="HTTP_PROXY", authorization=None)
    exchange = await transport.send(wire(origin, proxy=proxy), deadline_s=LONG_S, http_version="2")
    assert exchange.failure is not None
    assert exchange.failure.error_class == "HTTPVersionError"
    assert "add api.example.com to NO_PROXY, or measure with http_version='1.1'" in exchange.failure.message


async def test_without_its_package_the_message_names_the_extra(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where nobody asked for it."""
    monkeypatch.setitem(sys.modules, "pytest_llm_latency.execution.multiplexed", None)
    with pytest.raises(ProviderError, match=r"pip install 'pytest-llm-latency\[http2\]', or measure with http_version"):
        await transport.send(wire(Origin(scheme="http", host="127.0.0.1", port=9)), deadline_s=LONG_S, http_version="2")
