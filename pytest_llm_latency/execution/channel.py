"""A socket, its stamps, and the layers of TLS that lie on it; sending and receiving while it is set up."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_llm_latency.execution.stamping import Stamper
from pytest_llm_latency.execution.tls import Tls
from pytest_llm_latency.model import ClockSource

_KERNEL: ClockSource = "kernel"


class Channel:
    """What a connection consists of. TLS to a proxy and TLS to the server through it are two layers."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.ended = False
        self._stamper = Stamper(sock)
        self._layers: tuple[Tls, ...] = ()  # the outermost first

    def read(self) -> tuple[bytes, int, ClockSource]:
        """Return what arrived, its stamp and whose that is; ``ended`` tells of the end. Raises ``OSError``."""
        data, at_ns, clock = self._stamper.read()
        if not data:
            self.ended = True
        elif self._layers:
            data = self._decrypt(data)
        return data, at_ns, clock

    def rest(self) -> bytes:
        """Return what came together with the end of the last handshake."""
        return self._decrypt(b"") if self._layers else b""

    def encrypt(self, data: bytes) -> bytes:
        """Return what goes over the wire for ``data``."""
        for layer in reversed(self._layers):
            data = layer.encrypt(data)
        return data

    def _decrypt(self, data: bytes) -> bytes:
        for layer in self._layers:
            data = layer.decrypt(data)
            self.ended = self.ended or layer.ended
        return data

    async def send(self, data: bytes) -> None:
        """Send, while no ``Connection`` has taken over."""
        await asyncio.get_running_loop().sock_sendall(self.socket, self.encrypt(data))

    async def receive(self) -> tuple[bytes, int, ClockSource]:
        """Wait for bytes, while no ``Connection`` has taken over; raises ``ConnectionResetError`` at the end."""
        while True:
            with _readable(self.socket) as readable:
                await readable
            try:
                data, at_ns, clock = self.read()
            except (BlockingIOError, InterruptedError):
                continue
            if self.ended and not data:
                raise ConnectionResetError("the peer closed the connection while it was set up")
            if data:
                return data, at_ns, clock

    async def start_tls(self, context: ssl.SSLContext, host: str, http_version: str) -> tuple[Tls, int, ClockSource]:
        """Shake hands; return the layer, when the peer's last part arrived, and whose stamps all were."""
        layer = Tls(context, host, http_version)
        at_ns, source = time.monotonic_ns(), _KERNEL
        over, outgoing = layer.shake_hands(b"")
        while True:
            if outgoing:
                await self.send(outgoing)
            if over:
                break
            data, at_ns, clock = await self.receive()
            source = clock if source == _KERNEL else source
            over, outgoing = layer.shake_hands(data)
        self._layers = (*self._layers, layer)
        return layer, at_ns, source


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextmanager
def _readable(sock: socket.socket) -> Iterator[asyncio.Future[None]]:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(sock.fileno(), _resolve, readable)
    try:
        yield readable
    finally:
        loop.remove_reader(sock.fileno())
