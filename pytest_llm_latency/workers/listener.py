"""The controller's end of the channel: one thread that hears every worker and hands each message to its handler."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pytest_llm_latency.errors import ChannelError, LatencyError, SettingsError
from pytest_llm_latency.workers import channel
from pytest_llm_latency.workers.channel import Message

LOOPBACK = "127.0.0.1"
SILENCE_S = 30.0  # a worker says something every second
_GREETING_S = 10.0
_BACKLOG = 128
_MOST_STRANGERS = 64  # connections at once that have not proved anything yet
_MOST_WAITING = 64 << 20  # bytes that a worker has not taken in


class Peer:
    """One connected worker. Everything here may be called from any thread."""

    def __init__(self, name: str, writer: asyncio.StreamWriter, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self._writer = writer
        self._loop = loop

    def send(self, kind: str, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Send a message; one to a worker that is gone is lost, which ``gone`` has said or will say."""
        self._send(Message(kind=kind, body=dict(body), data=data))

    def reply(self, message: Message, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Answer a message, at once or later."""
        self._send(Message(kind=channel.REPLY, body=dict(body), data=data, number=message.number))

    def drop(self) -> None:
        """Close the connection."""
        with suppress(RuntimeError):  # the listener is closed
            self._loop.call_soon_threadsafe(self._writer.transport.abort)

    def _send(self, message: Message) -> None:
        frame = channel.encode(message)
        with suppress(RuntimeError):  # the listener is closed
            self._loop.call_soon_threadsafe(self._write, frame)

    def _write(self, frame: bytes) -> None:
        if self._writer.transport.get_write_buffer_size() + len(frame) > _MOST_WAITING:
            self._writer.transport.abort()
        elif not self._writer.transport.is_closing():
            self._writer.write(frame)


Handler = Callable[[Peer, Message], None]


class Listener:
    """Listens on a free port of ``host`` until it is closed.

    ``handlers`` has one for each kind of message; ``gone`` is told, with the reason, of each worker
    whose connection has ended, and ``came`` of each that has one. All are called in the listener's
    thread, one at a time, and must be brief. A worker that sends what is no message, or nothing for
    ``silence_s`` (``SILENCE_S``), is cut off; who does not know the token is cut off unheard.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        came: Callable[[Peer], None],
        gone: Callable[[Peer, str], None],
        host: str = LOOPBACK,
        silence_s: float | None = None,
    ) -> None:
        self.token = channel.new_token()
        self._handlers = handlers
        self._came = came
        self._gone = gone
        self._silence_s = SILENCE_S if silence_s is None else silence_s
        self._strangers = 0
        self._names: set[str] = set()
        self._socket = _bind(host)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="llm-latency-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the port and every connection; nobody is told that they are gone."""
        with suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._socket, backlog=_BACKLOG)
        await self._closing.wait()
        server.close()  # the runner cancels what serves the connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Peer | None = None
        reason = "what it sent could not be handled"
        try:
            peer = await self._admitted(reader, writer)
            self._came(peer)
            while True:
                message = await channel.read(reader, self._silence_s)
                if message.kind != channel.ALIVE:
                    self._handle(peer, message)
        except asyncio.CancelledError:
            reason = "the session has ended"  # the streams of asyncio make an error of a task that was cancelled
        except asyncio.IncompleteReadError:
            reason = "it closed the connection"
        except TimeoutError:
            reason = f"nothing whole came from it for {self._silence_s:g} s"
        except OSError as error:
            reason = f"its connection broke ({error.strerror or error})"
        except LatencyError as error:
            reason = str(error)
        finally:
            writer.transport.abort()
            if peer is not None:
                self._names.discard(peer.name)
                if not self._closing.is_set():
                    self._gone(peer, reason)

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Peer:
        if self._strangers >= _MOST_STRANGERS:
            raise ChannelError("too many connections prove nothing: wait until they have ended.")
        self._strangers += 1
        try:
            async with asyncio.timeout(_GREETING_S):
                await channel.admit(reader, writer, self.token)
                name = channel.name_of(await channel.read(reader, _GREETING_S))
        finally:
            self._strangers -= 1
        if name in self._names:
            raise ChannelError(f"a second connection calls itself {name}: give each worker a name of its own.")
        self._names.add(name)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Peer(name, writer, self._loop)

    def _handle(self, peer: Peer, message: Message) -> None:
        handler = self._handlers.get(message.kind)
        if handler is None:
            raise ChannelError(f"it sent a {message.kind!r}, which nobody handles: is another version installed there?")
        try:
            handler(peer, message)
        except (LookupError, TypeError, ValueError) as error:
            raise ChannelError(f"its {message.kind!r} cannot be read ({error}).") from error


def _bind(host: str) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"the workers cannot be listened to on {host} ({error.strerror or error}): name an address of this machine."
        ) from None
