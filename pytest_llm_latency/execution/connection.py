"""One HTTP/1.1 connection that stamps what it does: a socket of its own, perhaps with TLS.

On Linux the kernel stamps each segment as it arrives (``SO_TIMESTAMPNS``, read through
``recvmsg``), so that a busy event loop does not make an answer look late; TLS runs over memory
buffers for the same reason. Elsewhere the stamp is taken when the loop reads.
"""

import asyncio
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_llm_latency.model import ClockSource

_READ_BYTES = 65_536
_TIMESTAMP_OPTION = getattr(socket, "SO_TIMESTAMPNS", 35)  # the value on Linux; Python 3.11 does not name it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)

Receive = Callable[[bytes, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a connection goes."""

    scheme: str
    host: str
    port: int


@dataclass(slots=True, kw_only=True)
class Opening:
    """The stamps of setting up a connection; filled as it proceeds, so that a failure shows its phase."""

    connect_start: int | None = None
    dns_end: int | None = None
    tcp_end: int | None = None
    tls_end: int | None = None

    @property
    def phase(self) -> str:
        """What the set-up is busy with."""
        if self.dns_end is None:
            return "dns"
        return "connect" if self.tcp_end is None else "tls"


class Connection:
    """An open connection. ``receive`` gets each piece with its stamp; ``b""`` means the end of the stream."""

    def __init__(self, sock: socket.socket, tls: "_Tls | None") -> None:
        self._socket = sock
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._receive: Receive | None = None
        self.clock: ClockSource = "kernel" if _ask_for_stamps(sock) else "loop"
        self.closed = False
        self.idle_since_ns = 0
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def listen(self, receive: Receive | None) -> None:
        """Hand everything that arrives from now on to ``receive``; ``None`` marks the connection as idle."""
        self._receive = receive
        self.idle_since_ns = time.monotonic_ns()

    async def send(self, data: bytes) -> tuple[int, int]:
        """Hand ``data`` to the kernel; return the stamps before its first and after its last byte."""
        start_ns = time.monotonic_ns()
        wire = data if self._tls is None else self._tls.encrypt(data)
        try:
            sent = self._socket.send(wire)
        except BlockingIOError:
            sent = 0
        if sent < len(wire):
            await self._loop.sock_sendall(self._socket, memoryview(wire)[sent:])
        return start_ns, time.monotonic_ns()

    def close(self) -> None:
        """Close the socket; calling it again does nothing."""
        if not self.closed:
            self.closed = True
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _on_readable(self) -> None:
        try:
            data, at_ns = _read(self._socket)
            if data and self._tls is not None:
                data = self._tls.decrypt(data)
                if not data and not self._tls.ended:
                    return
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ssl.SSLError):
            data, at_ns = b"", time.monotonic_ns()
        receive = self._receive
        if not data or receive is None:  # the end, or bytes that nobody asked for
            self.close()
        if receive is not None:
            receive(data, at_ns)


class _Tls:
    """TLS over memory buffers, so that the socket's own stamps stay within reach."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.ended = False

    async def handshake(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush(sock)
                received = await loop.sock_recv(sock, _READ_BYTES)
                if not received:
                    raise ConnectionResetError("the peer closed the connection in the TLS handshake") from None
                self._incoming.write(received)
            else:
                await self._flush(sock)
                return

    async def _flush(self, sock: socket.socket) -> None:
        if self._outgoing.pending:
            await asyncio.get_running_loop().sock_sendall(sock, self._outgoing.read())

    def encrypt(self, data: bytes) -> bytes:
        self._object.write(data)
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        self._incoming.write(data)
        plain = bytearray()
        while True:
            try:
                piece = self._object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                return bytes(plain)
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.ended = True
                return bytes(plain)
            plain += piece


async def connect(origin: Origin, opening: Opening, context: ssl.SSLContext | None) -> Connection:
    """Resolve, connect and, for https, shake hands; stamp each phase in ``opening``.

    Raises ``OSError`` (``ssl.SSLError`` and ``socket.gaierror`` among them) when it fails.
    """
    loop = asyncio.get_running_loop()
    opening.connect_start = time.monotonic_ns()
    addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    opening.dns_end = time.monotonic_ns()
    sock = await _first_that_answers(addresses)
    try:
        opening.tcp_end = time.monotonic_ns()
        tls = None
        if context is not None:
            tls = _Tls(context, origin.host)
            await tls.handshake(sock)
            opening.tls_end = time.monotonic_ns()
        return Connection(sock, tls)
    except BaseException:
        sock.close()
        raise


async def _first_that_answers(addresses: Sequence[tuple[Any, ...]]) -> socket.socket:
    refusal: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(0)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            sock.close()
            refusal = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise refusal if refusal is not None else OSError("the name has no address")


def _ask_for_stamps(sock: socket.socket) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_OPTION, 1)
    except OSError:
        return False
    return True


def _read(sock: socket.socket) -> tuple[bytes, int]:
    data, ancillary, _, _ = sock.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
    now_ns = time.monotonic_ns()
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMP_OPTION:
            whole, fraction = _TIMESPEC.unpack(payload)
            age_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - (whole * 1_000_000_000 + fraction)
            return data, now_ns - max(0, age_ns)
    return data, now_ns
