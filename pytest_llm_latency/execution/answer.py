"""One answer as it comes in, and the progress of its request; whatever the version of HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_llm_latency.execution.dialing import Opening
from pytest_llm_latency.execution.exchange import Exchange
from pytest_llm_latency.model import ClockSource, Failure, Stamps, Status


class HTTPProtocolError(ValueError):
    """What came is not an answer in the version of HTTP that was asked for."""


class UnprocessedError(ConnectionResetError):
    """The server says that it has not begun a request: it may be sent again."""


class Answer:
    """Collects one answer; ``done`` resolves at its end."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.headers: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.piece_ns: list[int] = []
        self.first_byte: int | None = None
        self.headers_end: int | None = None
        self.closed: int | None = None
        self.http_status: int | None = None
        self.clock: ClockSource | None = None  # ``None`` until something has come

    def hear(self, clock: ClockSource) -> None:
        """Note whose stamp a piece has: it is the kernel's answer only if all are."""
        if self.clock != "loop":
            self.clock = clock

    def fail(self, error: Exception, at_ns: int) -> None:
        """End with an error, unless it has ended."""
        if not self.done.done():
            self.closed = at_ns
            self.done.set_exception(error)

    def finish(self, at_ns: int) -> None:
        """End as it should, unless it has ended."""
        if not self.done.done():
            self.closed = at_ns
            self.done.set_result(None)

    def drop(self) -> None:
        """Let nobody wait for it any more; its error, if it has one, counts as seen."""
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()


@dataclass(slots=True, kw_only=True)
class Progress:
    """What has happened so far of one request; read when it ends, however it ends.

    ``give_up`` ends what is under way on the connection; ``None`` while there is none.
    """

    started: int
    http_version: str
    opening: Opening = field(default_factory=Opening)
    attempts: int = 1
    send_start: int | None = None
    send_end: int | None = None
    answer: Answer | None = None
    reused: bool | None = None
    give_up: Callable[[], None] | None = None

    @property
    def phase(self) -> str:
        """What the request is busy with."""
        if self.answer is None:
            return self.opening.phase
        if self.send_end is None:
            return "send"
        return "headers" if self.answer.headers_end is None else "body"

    def is_void(self, error: ConnectionError) -> bool:
        """Whether an attempt failed for a reason that a client is expected to get over by itself.

        So it is where a server closes a connection just as it is used again, and where it says that
        it has not begun the request.
        """
        nothing_came = self.answer is None or self.answer.first_byte is None
        return nothing_came and (bool(self.reused) or isinstance(error, UnprocessedError))

    def stop(self) -> None:
        """Give the attempt up."""
        if self.give_up is not None:
            self.give_up()
            self.give_up = None
        if self.answer is not None:
            self.answer.drop()

    def begin_again(self) -> None:
        """Forget the attempt, but not when the request began."""
        self.stop()
        self.attempts += 1
        self.opening = Opening()
        self.send_start = self.send_end = self.answer = self.reused = None

    def exchange(self, status: Status, failure: Failure | None) -> Exchange:
        """Return it as what is recorded."""
        answer, opening = self.answer, self.opening
        return Exchange(
            stamps=Stamps(
                started=self.started,
                connect_start=self._since(opening.connect_start),
                dns_end=self._since(opening.dns_end),
                tcp_end=self._since(opening.tcp_end),
                tls_end=self._since(opening.tls_end),
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
            http_version=None if self.send_start is None else self.http_version,
            clock="loop" if answer is None or answer.clock is None or opening.clock != "kernel" else answer.clock,
            status=status,
            failure=failure,
            attempts=self.attempts,
        )

    def _since(self, stamp: int | None) -> int | None:
        """Return a stamp of a connection that another request may have begun to open."""
        return None if stamp is None else max(self.started, stamp)
