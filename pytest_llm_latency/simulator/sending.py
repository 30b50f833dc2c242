"""Sending by absolute deadlines: sleeps never add up, and each piece is one write of its own."""

import asyncio
import socket
import struct
import time

from pytest_llm_latency.simulator.transmission import Transmission
from pytest_llm_latency.simulator.truth import Exchange
from pytest_llm_latency.units import seconds

_LINGER_AND_RESET = struct.pack("ii", 1, 0)


async def sleep_until(due_ns: int) -> None:
    """Sleep until a stamp of the monotonic clock, which is also the event loop's."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()
    handle = loop.call_at(seconds(due_ns), _wake, woken)
    try:
        await woken
    finally:
        handle.cancel()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class Sender:
    """Writes the pieces of one body to a transport, each at its deadline, and stamps each write.

    It runs on timers and not as a task, which would be woken a turn of the loop later.
    """

    __slots__ = ("_due_ns", "_handle", "_loop", "_sent", "_stamps", "_transport", "_writes")

    def __init__(self, transport: asyncio.Transport, transmission: Transmission, exchange: Exchange) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        chunked = transmission.content_length is None
        self._writes = [_chunk(each.data) if chunked else each.data for each in transmission.pieces]
        self._due_ns = transmission.due_ns
        self._stamps = exchange.sent_ns
        self._sent: asyncio.Future[None] = self._loop.create_future()
        self._handle: asyncio.TimerHandle | None = None

    async def send(self) -> None:
        """Return when the last piece was written; raise ``ConnectionResetError`` when the client is gone."""
        if not self._writes:
            return
        self._wait()
        try:
            await self._sent
        finally:
            if self._handle is not None:
                self._handle.cancel()

    def _wait(self) -> None:
        self._handle = self._loop.call_at(seconds(self._due_ns[len(self._stamps)]), self._write)

    def _write(self) -> None:
        """Write what is due; several pieces when the loop is late or when they share a deadline."""
        stamps = self._stamps
        while not self._transport.is_closing():
            index = len(stamps)
            stamps.append(time.monotonic_ns())
            self._transport.write(self._writes[index])
            if index + 1 == len(self._writes):
                self._sent.set_result(None)
                return
            if self._due_ns[index + 1] > stamps[index]:
                self._wait()
                return
        if not self._sent.done():
            self._sent.set_exception(ConnectionResetError("the client closed the connection"))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def reset(transport: asyncio.Transport) -> None:
    """Reset a connection: the client sees an error and no orderly end."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_AND_RESET)
    transport.abort()
