"""One open connection: it hands on what arrives with its stamp, and sends without blocking the loop."""

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from pytest_llm_latency.execution.channel import Channel
from pytest_llm_latency.model import ClockSource


class Listener(Protocol):
    """What a connection tells of: each piece with its stamp, and the end of the stream."""

    def receive(self, data: bytes, at_ns: int, clock: ClockSource) -> None:
        """Take one piece."""

    def end(self, error: OSError | None, at_ns: int) -> None:
        """Take the end of the stream; ``error`` says how it broke, ``None`` that the peer closed it."""


class Connection:
    """An open connection, which belongs to the event loop that it was made in."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._socket = channel.socket
        self._listener: Listener | None = None
        self._unsent = memoryview(b"")
        self._sent: asyncio.Future[None] | None = None
        self._early = channel.rest()
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self.idle_since_ns = time.monotonic_ns()
        self.loop.add_reader(self._socket.fileno(), self._on_readable)

    def listen(self, listener: Listener | None) -> None:
        """Hand everything that arrives from now on to ``listener``; ``None`` marks the connection as idle."""
        self._listener = listener
        if listener is None:
            self.idle_since_ns = time.monotonic_ns()
        elif self._early:
            early, self._early = self._early, b""
            listener.receive(early, time.monotonic_ns(), "loop")

    def settle(self) -> None:
        """Take in now what arrived while the connection was idle: it closes if that is its end."""
        if not self.closed:
            self._on_readable()

    def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, and keep what it does not take yet; raises ``OSError``."""
        if self.closed:
            raise ConnectionResetError("the connection is closed")
        encrypted = self._channel.encrypt(data)
        if self._unsent:
            self._unsent = memoryview(b"".join((self._unsent, encrypted)))
            return
        self._unsent = memoryview(encrypted)
        self._write()
        if self._unsent:
            self._sent = self.loop.create_future()
            self.loop.add_writer(self._socket.fileno(), self._on_writable)

    async def drain(self, answered: asyncio.Future[None]) -> bool:
        """Return whether the kernel has taken everything; a server that answers before may read no further.

        Raises ``OSError`` when the connection breaks.
        """
        sent = self._sent
        if sent is None:
            return True
        await asyncio.wait({sent, answered}, return_when=asyncio.FIRST_COMPLETED)
        if sent.done():
            sent.result()
        return sent.done()

    def close(self) -> None:
        """Close the socket; calling it again does nothing."""
        if self.closed:
            return
        self.closed = True
        if not self.loop.is_closed():
            self.loop.remove_reader(self._socket.fileno())
            self.loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._finish(ConnectionResetError("the connection was closed while the request was sent"))

    def _write(self) -> None:
        with suppress(BlockingIOError, InterruptedError):
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _on_writable(self) -> None:
        try:
            self._write()
        except OSError as error:
            self._finish(error)
        else:
            if not self._unsent:
                self._finish(None)

    def _finish(self, error: OSError | None) -> None:
        """Tell those who wait for the sending how it went."""
        sent, self._sent = self._sent, None
        if not self.closed:
            self.loop.remove_writer(self._socket.fileno())
        if sent is None or sent.done():
            return
        if error is None:
            sent.set_result(None)
        else:
            sent.set_exception(error)
            sent.exception()  # retrieved here: perhaps nobody waits any more

    def _on_readable(self) -> None:
        error, listener = None, self._listener
        try:
            data, at_ns, clock = self._channel.read()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as broken:  # TLS errors are among them
            data, at_ns, clock, error = b"", time.monotonic_ns(), "loop", broken
        ended = error is not None or self._channel.ended
        if ended or (data and listener is None):  # the end, or bytes that nobody asked for
            self.close()
        if listener is None:
            return
        if data:
            listener.receive(data, at_ns, clock)
        if ended:
            listener.end(error, at_ns)
