"""Listening sockets, and the connections that come from them."""

import asyncio
import errno
import socket
import ssl
from contextlib import suppress

from pytest_llm_latency.errors import PortInUseError, SettingsError, SimulatorError
from pytest_llm_latency.simulator import stamping
from pytest_llm_latency.simulator.connection import Connection, Service
from pytest_llm_latency.simulator.timetable import Timetable

_BACKLOG = 1024
_LARGEST_PORT = 65_535
_AT_ONCE = 64


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise ``PortInUseError`` or ``SimulatorError`` where that cannot be.

    Raises ``SettingsError`` for a port that there is not.
    """
    if not 0 <= port <= _LARGEST_PORT:
        raise SettingsError(f"port {port} does not exist: choose one from 0 (a free one) to {_LARGEST_PORT}.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {port} of {host} is in use: stop the process that has it, "
                "or choose another port (0 takes a free one)."
            ) from None
        reason = error.strerror or str(error)
        raise SimulatorError(
            f"the simulator cannot listen on {host}:{port} ({reason}): choose another host or port."
        ) from None


class Listener:
    """Accepts connections of a bound socket until it is closed, and keeps them."""

    def __init__(
        self, sock: socket.socket, service: Service, *, timetable: Timetable, tls: ssl.SSLContext | None = None
    ) -> None:
        self._socket = sock
        self._service = service
        self._timetable = timetable
        self._tls = tls
        self._connections: set[Connection] = set()
        self._loop = asyncio.get_running_loop()
        sock.settimeout(0)
        stamping.ask(sock)
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Close the socket and all connections."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for connection in tuple(self._connections):
            connection.close()

    def _on_readable(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            for _ in range(_AT_ONCE):
                self._take(self._socket.accept()[0])

    def _take(self, accepted: socket.socket) -> None:
        accepted.settimeout(0)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stamping.ask(accepted)
        self._connections.add(
            Connection(
                accepted,
                self._service,
                timetable=self._timetable,
                forget=self._connections.discard,
                tls=self._tls,
            )
        )
