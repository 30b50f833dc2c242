"""Sends a built HTTP request and records the answer: stamps and bytes, nothing parsed but HTTP itself.

The reader of HTTP/1.1 is ``httptools``; connections are kept alive and reused, newest first, while
they have been idle for less than a server is likely to close them.
"""

import asyncio
import socket
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass, field

import httptools

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.connection import Connection, Opening, Origin, connect, keep_stamping
from pytest_llm_latency.execution.exchange import CancelledExchange, Exchange, WireRequest
from pytest_llm_latency.model import Failure, Stamps, Status
from pytest_llm_latency.units import NANOSECONDS

__all__ = ["CancelledExchange", "Exchange", "HTTPProtocolError", "Transport", "WireRequest"]

KEEP_ALIVE_NS = 4 * NANOSECONDS  # common servers close after five idle seconds


class HTTPProtocolError(ValueError):
    """What came is not an answer in HTTP/1.1."""


class _Answer:
    """Collects one answer from the pieces of a connection; ``done`` resolves at its end."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.piece_ns: list[int] = []
        self.first_byte: int | None = None
        self.headers_end: int | None = None
        self.closed: int | None = None
        self.http_status: int | None = None
        self.keep_alive = False
        self._at_ns = 0
        self._sized = False
        self._parser = httptools.HttpResponseParser(self)

    def receive(self, data: bytes, at_ns: int) -> None:
        if self.done.done():  # more than an answer: whatever follows on this connection cannot be trusted
            self.keep_alive = False
            return
        self._at_ns = at_ns
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(HTTPProtocolError("the server switched to a protocol that was not asked for"))
        except httptools.HttpParserError as error:
            self._fail(HTTPProtocolError(f"the answer is not HTTP/1.1: {error}"))

    def end(self, error: OSError | None, at_ns: int) -> None:
        self._at_ns = at_ns
        if error is not None:
            self._fail(error)
        elif self.headers_end is not None and not self._sized:
            self._finish(keep_alive=False)
        else:
            self._fail(ConnectionResetError("the server closed the connection before the answer was complete"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.closed = self._at_ns
            self.done.set_exception(error)
        self.keep_alive = False

    def _finish(self, *, keep_alive: bool) -> None:
        if not self.done.done():
            self.closed = self._at_ns
            self.keep_alive = keep_alive
            self.done.set_result(None)

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self.done.done():
            raise ValueError("a second answer to one request")  # stops the parser
        self.first_byte = self._at_ns  # set again where an interim answer went before

    def on_header(self, name: bytes, value: bytes) -> None:
        text = name.decode("latin-1").lower()
        self.headers.append((text, value.decode("latin-1")))
        self._sized = self._sized or text in {"content-length", "transfer-encoding"}

    def on_headers_complete(self) -> None:
        self.headers_end = self._at_ns
        self.http_status = self._parser.get_status_code()
        self._sized = self._sized or self.http_status in {204, 304}

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.piece_ns.append(self._at_ns)

    def on_message_complete(self) -> None:
        if self.http_status is not None and self.http_status < 200:  # noqa: PLR2004  (an interim answer)
            self.headers.clear()
            self.headers_end = self.http_status = None
            return
        self._finish(keep_alive=bool(self._parser.should_keep_alive()))


@dataclass(slots=True, kw_only=True)
class _Progress:
    """What has happened so far; read when a request ends, however it ends."""

    started: int
    opening: Opening = field(default_factory=Opening)
    send_start: int | None = None
    send_end: int | None = None
    answer: _Answer | None = None
    connection: Connection | None = None
    reused: bool | None = None

    @property
    def phase(self) -> str:
        if self.connection is None:
            return self.opening.phase
        if self.send_end is None:
            return "send"
        return "headers" if self.answer is None or self.answer.headers_end is None else "body"

    def exchange(self, status: Status, failure: Failure | None) -> Exchange:
        answer, opening = self.answer, self.opening
        return Exchange(
            stamps=Stamps(
                started=self.started,
                connect_start=opening.connect_start,
                dns_end=opening.dns_end,
                tcp_end=opening.tcp_end,
                tls_end=opening.tls_end,
                send_start=self.send_start,
                send_end=self.send_end,
                first_byte=None if answer is None else answer.first_byte,
                headers=None if answer is None else answer.headers_end,
                closed=None if answer is None else answer.closed,
            ),
            http_status=None if answer is None else answer.http_status,
            headers=() if answer is None else tuple(answer.headers),
            pieces=() if answer is None else tuple(answer.pieces),
            piece_ns=() if answer is None else tuple(answer.piece_ns),
            connection_reused=self.reused,
            http_version=None if self.send_start is None else "1.1",
            clock="loop" if self.connection is None else self.connection.clock,
            status=status,
            failure=failure,
            attempts=1,
        )


class Transport:
    """Keeps connections and sends requests over them, one loop after another: no connection outlives its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._keeper: socket.socket | None = None

    async def send(self, request: WireRequest, *, deadline_s: float) -> Exchange:
        """Send one request and wait for the whole answer.

        Whatever goes wrong on the way is in the exchange's ``status`` and ``failure``, with the
        stamps of what did happen. Only a cancellation is raised, as ``CancelledExchange``.
        """
        tls = self._context(request.origin)  # loading certificates takes tens of milliseconds, once
        if self._keeper is None:
            self._keeper = keep_stamping()
        progress = _Progress(started=time.monotonic_ns())
        try:
            async with asyncio.timeout(deadline_s) as deadline:
                await self._attempt(request, progress, tls)
        except (OSError, ValueError) as error:
            if not deadline.expired():  # the network has time-outs of its own
                return self._abandon(progress, "error", failures.network(error, request.origin, progress.phase))
            return self._abandon(progress, "timeout", failures.deadline(deadline_s, progress.phase))
        except asyncio.CancelledError as cancelled:
            exchange = self._abandon(progress, "cancelled", failures.given_up(time.monotonic_ns() - progress.started))
            raise CancelledExchange(exchange, *cancelled.args) from cancelled
        except BaseException:
            self._abandon(progress, "error", None)
            raise
        return progress.exchange("ok", None)

    def close(self) -> None:
        """Close every idle connection; the transport can be used again."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    async def _attempt(self, request: WireRequest, progress: _Progress, tls: ssl.SSLContext | None) -> None:
        connection = self._reusable(request.origin)
        progress.reused = connection is not None
        if connection is None:
            connection = await connect(request.origin, progress.opening, tls)
        progress.connection = connection
        progress.answer = answer = _Answer()
        connection.listen(answer)
        progress.send_start = time.monotonic_ns()
        try:
            await connection.send(request.head + request.body)
        except ConnectionError as error:
            await _answer_before_break(answer, error)
        else:
            progress.send_end = time.monotonic_ns()
            await answer.done
        if answer.keep_alive and progress.send_end is not None and not connection.closed:
            connection.listen(None)
            self._idle[request.origin].append(connection)
        else:
            connection.close()

    def _reusable(self, origin: Origin) -> Connection | None:
        idle, loop = self._idle[origin], asyncio.get_running_loop()
        while idle:
            connection = idle.pop()
            if connection.loop is loop and time.monotonic_ns() - connection.idle_since_ns < KEEP_ALIVE_NS:
                connection.settle()  # a busy loop may not have seen yet that the server has closed it
                if not connection.closed:
                    return connection
            connection.close()
        return None

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.scheme != "https":
            return None
        if self._tls is None:
            import httpx  # noqa: PLC0415  (only https needs its certificate bundle)

            self._tls = httpx.create_ssl_context()
        return self._tls

    @staticmethod
    def _abandon(progress: _Progress, status: Status, failure: Failure | None) -> Exchange:
        if progress.connection is not None:
            progress.connection.close()
        answer = progress.answer
        if answer is not None and not answer.done.cancel() and not answer.done.cancelled():
            answer.done.exception()  # retrieved here, so that the loop does not report it again
        return progress.exchange(status, failure)


async def _answer_before_break(answer: _Answer, broken: ConnectionError) -> None:
    """Wait for an answer to a request that was not sent in full: a server may refuse it half-way and close."""
    try:
        await answer.done
    except (OSError, ValueError):
        raise broken from None
