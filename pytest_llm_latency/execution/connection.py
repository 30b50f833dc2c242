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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_llm_latency.model import ClockSource

_READ_BYTES = 65_536
_TIMESTAMP_OPTION = getattr(socket, "SO_TIMESTAMPNS", 35)  # the value on Linux; Python 3.11 does not name it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)


class Listener(Protocol):
    """What a connection tells of: each piece with its stamp, and the end of the stream."""

    def receive(self, data: bytes, at_ns: int) -> None:
        """Take one piece."""

    def end(self, error: OSError | None, at_ns: int) -> None:
        """Take the end of the stream; ``error`` says how it broke, ``None`` that the peer closed it."""


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
    """An open connection, which belongs to the event loop that it was made in."""

    def __init__(self, sock: socket.socket, tls: "_Tls | None") -> None:
        self._socket = sock
        self._tls = tls
        self._listener: Listener | None = None
        self._unsent = memoryview(b"")
        self._sent: asyncio.Future[None] | None = None
        self.loop = asyncio.get_running_loop()
        self._asked = _ask_for_stamps(sock)
        self.clock: ClockSource = "loop"  # where the stamps since ``listen`` come from
        self.closed = False
        self.idle_since_ns = 0
        self.loop.add_reader(sock.fileno(), self._on_readable)

    def listen(self, listener: Listener | None) -> None:
        """Hand everything that arrives from now on to ``listener``; ``None`` marks the connection as idle."""
        self._listener = listener
        self.clock = "kernel" if self._asked else "loop"
        self.idle_since_ns = time.monotonic_ns()

    def settle(self) -> None:
        """Take in now what arrived while the connection was idle: it closes if that is its end."""
        if not self.closed:
            self._on_readable()

    async def send(self, data: bytes) -> None:
        """Return when the kernel has taken ``data``; raise ``OSError`` when the connection breaks before."""
        self._unsent = memoryview(data if self._tls is None else self._tls.encrypt(data))
        self._write()
        if self._unsent:
            self._sent = self.loop.create_future()
            self.loop.add_writer(self._socket.fileno(), self._on_writable)
            try:
                await self._sent
            finally:
                if not self.closed:
                    self.loop.remove_writer(self._socket.fileno())

    def close(self) -> None:
        """Close the socket; calling it again does nothing."""
        if self.closed:
            return
        self.closed = True
        if not self.loop.is_closed():
            self.loop.remove_reader(self._socket.fileno())
            self.loop.remove_writer(self._socket.fileno())
        self._socket.close()
        if self._sent is not None and not self._sent.done():
            self._sent.set_exception(ConnectionResetError("the connection was closed while the request was sent"))

    def _write(self) -> None:
        with suppress(BlockingIOError, InterruptedError):
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _on_writable(self) -> None:
        sent = self._sent
        if sent is None or sent.done():
            return
        try:
            self._write()
        except OSError as error:
            sent.set_exception(error)
        else:
            if not self._unsent:
                sent.set_result(None)

    def _on_readable(self) -> None:
        error = None
        try:
            data, at_ns, by_kernel = _read(self._socket)
            if data and not by_kernel:
                self.clock = "loop"
            ended = not data
            if data and self._tls is not None:
                data = self._tls.decrypt(data)
                ended = self._tls.ended
        except (BlockingIOError, InterruptedError):
            return
        except OSError as broken:  # TLS errors are among them
            data, at_ns, ended, error = b"", time.monotonic_ns(), True, broken
        listener = self._listener
        if ended or (data and listener is None):  # the end, or bytes that nobody asked for
            self.close()
        if data and listener is not None:
            listener.receive(data, at_ns)
        if ended and listener is not None:
            listener.end(error, at_ns)


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
        view = memoryview(data)
        while view:  # a large text may take several writes
            view = view[self._object.write(view) :]
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


def keep_stamping() -> socket.socket | None:
    """Return a socket that keeps the kernel stamping while it is open.

    The kernel stamps all segments while any socket of the system asks for it, and takes a moment to
    begin: without this, the first segment of a connection could come too early to be stamped.
    """
    if not sys.platform.startswith("linux"):
        return None
    keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if _ask_for_stamps(keeper):
        return keeper
    keeper.close()
    return None


def _ask_for_stamps(sock: socket.socket) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_OPTION, 1)
    except OSError:
        return False
    return True


def _read(sock: socket.socket) -> tuple[bytes, int, bool]:
    """Return what arrived, its stamp, and whether the kernel took the stamp."""
    data, ancillary, _, _ = sock.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMP_OPTION:
            whole, fraction = _TIMESPEC.unpack(payload)
            age_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - (whole * 1_000_000_000 + fraction)
            # Read last: an interruption in between makes the stamp late, as the loop's would be, and never early.
            return data, time.monotonic_ns() - max(0, age_ns), True
    return data, time.monotonic_ns(), False
