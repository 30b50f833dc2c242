"""HTTP/1.1: one request at a time over each connection; the reader is ``httptools``.

Connections are kept alive and reused, newest first, while they have been idle for less than a
server is likely to close them.
"""

import asyncio
import time
from collections import defaultdict

import httptools

from pytest_llm_latency.execution import dialing
from pytest_llm_latency.execution.answer import Answer, HTTPProtocolError, Progress
from pytest_llm_latency.execution.connection import Connection
from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.execution.routes import Route
from pytest_llm_latency.execution.tls import Contexts
from pytest_llm_latency.model import ClockSource
from pytest_llm_latency.units import NANOSECONDS

KEEP_ALIVE_NS = 4 * NANOSECONDS  # common servers close after five idle seconds
_PROXY_WANTS_A_USER = 407


class _SingleAnswer(Answer):
    """The answer that a connection carries, parsed as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.keep_alive = False
        self._at_ns = 0
        self._sized = False
        self._parser = httptools.HttpResponseParser(self)

    def receive(self, data: bytes, at_ns: int, clock: ClockSource) -> None:
        """Take one piece of the connection."""
        if self.done.done():  # more than an answer: whatever follows on this connection cannot be trusted
            self.keep_alive = False
            return
        self._at_ns = at_ns
        self.hear(clock)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(HTTPProtocolError("the server switched to a protocol that was not asked for"))
        except httptools.HttpParserError as error:
            self._break(HTTPProtocolError(f"the answer is not HTTP/1.1: {error}"))

    def end(self, error: OSError | None, at_ns: int) -> None:
        """Take the end of the connection."""
        self._at_ns = at_ns
        if error is not None:
            self._break(error)
        elif self.headers_end is not None and not self._sized:
            self.keep_alive = False
            self.finish(at_ns)
        else:
            self._break(ConnectionResetError("the server closed the connection before the answer was complete"))

    def _break(self, error: Exception) -> None:
        self.keep_alive = False
        self.fail(error, self._at_ns)

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
        self.keep_alive = bool(self._parser.should_keep_alive())
        self.finish(self._at_ns)


class OneByOne:
    """Sends each request over a connection that no other uses meanwhile."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._closings = 0
        self.idle: defaultdict[Route, list[Connection]] = defaultdict(list)

    async def exchange(self, request: WireRequest, progress: Progress) -> None:
        """Send a request and wait for the whole answer, over a new connection if it is not the first attempt."""
        route, closings = request.route, self._closings
        connection = self._reusable(route) if progress.attempts == 1 else None
        progress.reused = connection is not None
        if connection is None:
            connection = await dialing.connect(route, progress.opening, self._contexts, "1.1")
        progress.give_up = connection.close
        progress.answer = answer = _SingleAnswer()
        connection.listen(answer)
        progress.send_start = time.monotonic_ns()
        try:
            connection.write(_to_send(request))
            whole = await connection.drain(answer.done)
        except ConnectionError as error:
            await _answer_before_break(answer, error)
        else:
            progress.send_end = time.monotonic_ns() if whole else None
            await answer.done
        kept = closings == self._closings  # nobody would close what a request leaves behind that nobody waited for
        if kept and answer.keep_alive and progress.send_end is not None and not connection.closed:
            connection.listen(None)
            self.idle[route].append(connection)
        else:
            connection.close()
        if answer.http_status == _PROXY_WANTS_A_USER and route.proxy is not None:
            raise dialing.refused(route.proxy, route, answer.http_status)

    def close(self) -> None:
        """Close every idle connection; those that are in use now are closed when their request has ended."""
        self._closings += 1
        for connections in self.idle.values():
            for connection in connections:
                connection.close()
        self.idle.clear()

    def _reusable(self, route: Route) -> Connection | None:
        idle, loop = self.idle[route], asyncio.get_running_loop()
        while idle:
            connection = idle.pop()
            if connection.loop is loop and time.monotonic_ns() - connection.idle_since_ns < KEEP_ALIVE_NS:
                connection.settle()  # a busy loop may not have seen yet that the server has closed it
                if not connection.closed:
                    return connection
            connection.close()
        return None


def _to_send(request: WireRequest) -> bytes:
    """Return the bytes of a request; a proxy that reads them is told the whole URL and its user."""
    proxy = request.route.proxy
    if proxy is None or request.route.tunnelled:
        return request.head + request.body
    method, _, rest = request.head.partition(b" ")
    first_line, _, fields = rest.partition(b"\r\n")
    lines = [
        b"%b http://%b%b" % (method, request.route.origin.authority.encode(), first_line),
        *dialing.authorization(proxy),
        fields,
    ]
    return b"\r\n".join(lines) + request.body


async def _answer_before_break(answer: Answer, broken: ConnectionError) -> None:
    """Wait for an answer to a request that was not sent in full: a server may refuse it half-way and close."""
    try:
        await answer.done
    except (OSError, ValueError):
        raise broken from None
