"""HTTP/2 over one connection: many requests at once, each an answer of its own; the protocol is read by ``h2``.

h2 takes the flow control, the compression of headers and the checks of the protocol. A frame is
handed to it when it is complete, so that the stamp of a piece is that of the read that completed
its frame. GOAWAY is kept from it: it would refuse the answers that are still under way.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from pytest_llm_latency.execution import frames
from pytest_llm_latency.execution.answer import Answer, HTTPProtocolError, UnprocessedError
from pytest_llm_latency.execution.connection import Connection
from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.model import ClockSource

ASSUMED_STREAMS = 100  # until the server says how many it allows
_WINDOW = 2**31 - 1  # the largest: a full window would hold the server back, and its answer look slow
_WINDOW_AT_FIRST = 65_535
_OF_ONE_CONNECTION = frozenset({
    b"connection",
    b"host",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
})


class StreamResetError(OSError):
    """The server has ended one answer before its end."""


class StreamAnswer(Answer):
    """The answer to one request of several on a connection."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.room: asyncio.Future[None] | None = None  # resolves when the server takes more of the body


class Session:
    """One connection that speaks HTTP/2."""

    def __init__(self, connection: Connection, assumed: int = ASSUMED_STREAMS) -> None:
        self.connection = connection
        self.leaving = False  # the server takes no further request
        self._assumed = assumed
        self._streams: dict[int, StreamAnswer] = {}
        self._greeted = False
        self._frames = frames.FrameCutter()
        self._at_ns = 0
        self._h2 = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        ours = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW}
        self._h2.local_settings = Settings(client=True, initial_values=ours)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW - _WINDOW_AT_FIRST)
        connection.listen(self)

    @property
    def room(self) -> int:
        """How many more requests it can take now."""
        if self.leaving or self.connection.closed:
            return 0
        return max(0, self.allowed - len(self._streams))

    @property
    def allowed(self) -> int:
        """How many requests the server allows at once, as far as it is known."""
        return self._h2.remote_settings.max_concurrent_streams if self._greeted else self._assumed

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return bool(self._streams)

    def open(self, request: WireRequest) -> StreamAnswer:
        """Begin a request: its headers go out with the first part of the body."""
        with _as_protocol_error():
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, list(_fields(request)), end_stream=not request.body)
        self._streams[number] = answer = StreamAnswer(number)
        return answer

    async def send(self, answer: StreamAnswer, body: bytes) -> bool:
        """Send the body at the pace of the server; return whether the kernel has all of it.

        It has not where the answer ended before. Raises ``OSError``.
        """
        rest = memoryview(body)
        while rest and not answer.done.done():
            with _as_protocol_error():
                size = min(self._h2.local_flow_control_window(answer.number), self._h2.max_outbound_frame_size)
                if size > 0:
                    self._h2.send_data(answer.number, rest[:size].tobytes(), end_stream=size >= len(rest))
                    rest = rest[size:]
            if size <= 0:
                self._flush()
                answer.room = self.connection.loop.create_future()
                await asyncio.wait({answer.room, answer.done}, return_when=asyncio.FIRST_COMPLETED)
        if rest:
            self._reset(answer)
            return False
        self._flush()
        return await self.connection.drain(answer.done)

    def give_up(self, answer: StreamAnswer) -> None:
        """Tell the server that its answer is not wanted any more; the connection goes on."""
        if self._streams.pop(answer.number, None) is not None:
            self._reset(answer)
            self._rest()

    def _reset(self, answer: StreamAnswer) -> None:
        if self.connection.closed:
            return
        try:
            with suppress(ProtocolError):  # the server was faster
                self._h2.reset_stream(answer.number, ErrorCodes.CANCEL)
            self._flush()
        except OSError:
            self.connection.close()

    # What the connection tells.

    def receive(self, data: bytes, at_ns: int, clock: ClockSource) -> None:
        """Take bytes of the connection."""
        self._at_ns = at_ns
        try:
            for kind, frame in self._frames.cut(data):
                if kind == frames.GOAWAY:
                    self._leave(frame)
                    continue
                for event in self._h2.receive_data(frame):
                    self._take(event, clock)
        except (ProtocolError, ValueError) as error:  # a status that is no number, and no frames at all
            text = f"the answer is not HTTP/2 ({error}); if the server does not speak it, use http_version='1.1'"
            self._fail_all(HTTPProtocolError(text))
            self.leaving = True
        try:
            self._flush()
        except OSError as error:
            self._fail_all(error)
        self._rest()

    def end(self, error: OSError | None, at_ns: int) -> None:
        """Take the end of the connection."""
        self._at_ns, self.leaving = at_ns, True
        closed = ConnectionResetError("the server closed the connection before the answer was complete")
        self._fail_all(error or closed)

    def _take(self, event: Any, clock: ClockSource) -> None:  # noqa: ANN401  (each of h2's events has its own fields)
        answer = self._streams.get(getattr(event, "stream_id", None) or 0)
        taker = _TAKERS.get(type(event))
        if answer is not None:
            answer.hear(clock)
        if taker is not None:
            taker(self, answer, event)

    def _on_settings(self, _: StreamAnswer | None, __: Any) -> None:  # noqa: ANN401  (the same)
        self._greeted = True
        self._on_window(None, None)

    def _on_headers(self, answer: StreamAnswer | None, event: Any) -> None:  # noqa: ANN401  (the same)
        if answer is None:
            return
        for name, value in event.headers:
            if name == b":status":
                answer.http_status = int(value)
            else:
                answer.headers.append((name.decode("latin-1"), value.decode("latin-1")))
        answer.first_byte = answer.headers_end = self._at_ns

    def _on_data(self, answer: StreamAnswer | None, event: Any) -> None:  # noqa: ANN401  (the same)
        if event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if answer is not None and event.data:
            answer.pieces.append(event.data)
            answer.piece_ns.append(self._at_ns)

    def _on_end(self, answer: StreamAnswer | None, _: Any) -> None:  # noqa: ANN401  (the same)
        if answer is not None:
            del self._streams[answer.number]
            answer.finish(self._at_ns)

    def _on_reset(self, answer: StreamAnswer | None, event: Any) -> None:  # noqa: ANN401  (the same)
        if answer is None:
            return
        del self._streams[answer.number]
        name = _name_of(event.error_code)
        if name == "REFUSED_STREAM":
            answer.fail(UnprocessedError("the server refused the stream before it began it"), self._at_ns)
        else:
            answer.fail(StreamResetError(f"the server reset the stream ({name})"), self._at_ns)

    def _on_window(self, answer: StreamAnswer | None, _: Any) -> None:  # noqa: ANN401  (the same)
        for waiting in self._streams.values() if answer is None else [answer]:
            if waiting.room is not None and not waiting.room.done():
                waiting.room.set_result(None)

    def _leave(self, frame: bytes) -> None:
        """Take GOAWAY: what the server has begun it will answer, the rest may be sent again."""
        self.leaving = True
        last = int.from_bytes(frame[frames.HEADER_BYTES : frames.HEADER_BYTES + 4], "big") & _WINDOW
        name = _name_of(int.from_bytes(frame[frames.HEADER_BYTES + 4 : frames.HEADER_BYTES + 8], "big"))
        for answer in [each for each in self._streams.values() if each.number > last]:
            del self._streams[answer.number]
            answer.fail(UnprocessedError(f"the server is going away ({name})"), self._at_ns)

    def _fail_all(self, error: Exception) -> None:
        streams, self._streams = self._streams, {}
        for answer in streams.values():
            answer.fail(error, self._at_ns)

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self.connection.write(data)

    def _rest(self) -> None:
        """Note when the connection becomes idle; close one that the server leaves."""
        if self._streams:
            return
        self.connection.idle_since_ns = time.monotonic_ns()
        if self.leaving:
            self.connection.close()


_TAKERS: Mapping[type[h2.events.Event], Callable[[Session, StreamAnswer | None, Any], None]] = MappingProxyType({
    h2.events.DataReceived: Session._on_data,  # noqa: SLF001  (the table belongs to the class)
    h2.events.RemoteSettingsChanged: Session._on_settings,  # noqa: SLF001  (the same)
    h2.events.ResponseReceived: Session._on_headers,  # noqa: SLF001  (the same)
    h2.events.StreamEnded: Session._on_end,  # noqa: SLF001  (the same)
    h2.events.StreamReset: Session._on_reset,  # noqa: SLF001  (the same)
    h2.events.WindowUpdated: Session._on_window,  # noqa: SLF001  (the same)
})


def _fields(request: WireRequest) -> Iterator[tuple[bytes, bytes]]:
    """Return the headers of HTTP/2 for a request in the form of HTTP/1.1."""
    first, *lines = request.head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    fields = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines if line)]
    named = dict(fields)
    origin = request.route.origin
    yield b":method", method
    yield b":scheme", origin.scheme.encode()
    yield b":authority", named.get(b"host", origin.authority.encode())
    yield b":path", target
    for name, value in fields:
        if name not in _OF_ONE_CONNECTION:
            yield name, value


@contextmanager
def _as_protocol_error() -> Iterator[None]:
    try:
        yield
    except ProtocolError as error:
        raise HTTPProtocolError(f"HTTP/2 cannot send the request ({error})") from error


def _name_of(code: int) -> str:
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"
