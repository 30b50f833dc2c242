"""One connection of the server: requests come in with their stamps, each is answered by a script."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pytest_llm_latency.simulator import stamping
from pytest_llm_latency.simulator.damage import GARBAGE
from pytest_llm_latency.simulator.faults import Fault
from pytest_llm_latency.simulator.requests import HttpRequest, Problem, RequestReader
from pytest_llm_latency.simulator.script import Script
from pytest_llm_latency.simulator.sending import Sender
from pytest_llm_latency.simulator.timetable import Timetable
from pytest_llm_latency.simulator.tls import Encryption
from pytest_llm_latency.simulator.truth import Exchange

_LINGER_AND_RESET = struct.pack("ii", 1, 0)
_LINGERING_NS = 1_000_000_000
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a connection is for: how requests and problems are answered, and who hears of each end.

    ``greet`` says what strikes a connection that has just been accepted.
    """

    respond: Callable[[HttpRequest], Script]
    refuse: Callable[[Problem], Script]
    greet: Callable[[], Fault | None] | None = None
    on_exchange: Callable[[Exchange], None] | None = None


class Connection:
    """An accepted connection; ``forget`` is called once it is closed."""

    def __init__(
        self,
        sock: socket.socket,
        service: Service,
        *,
        timetable: Timetable,
        forget: Callable[["Connection"], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._socket = sock
        self._service = service
        self._timetable = timetable
        self._forget = forget
        self._encryption = None if tls is None else Encryption(tls)
        self._reader = RequestReader()
        self._script: Script | None = None  # the response that is under way
        self._sender: Sender | None = None
        self._is_lingering = self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._on_readable)
        self._greet()

    def close(self) -> None:
        """Close the socket; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._sender is not None:
            self._sender.stop()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._forget(self)
        self._conclude()

    def reset(self) -> None:
        """Reset the connection: the peer sees an error and no orderly end."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_AND_RESET)
        self.close()

    def _greet(self) -> None:
        fault = None if self._service.greet is None else self._service.greet()
        if fault is None:
            return
        self._is_lingering = True  # whatever comes is read and left alone
        if fault.kind == "reset":
            self.reset()
        elif fault.kind == "close":
            self._linger(is_orderly=False)
        elif fault.kind == "garbage":
            self._socket.send(GARBAGE)

    def _on_readable(self) -> None:
        try:
            data, at_ns = stamping.receive(self._socket)
            plain = data if self._is_lingering else self._decrypted(data)
        except BlockingIOError:
            return
        except OSError:  # TLS errors are among them
            self.close()
            return
        if not data or plain is None:
            self.close()
        elif plain and not self._is_lingering:
            self._reader.feed(plain, at_ns)
            self._proceed()

    def _decrypted(self, data: bytes) -> bytes | None:
        if self._encryption is None or not data:
            return data
        try:
            return self._encryption.decrypt(data)
        finally:
            self._encryption.flush(self._socket)

    def _proceed(self) -> None:
        """Answer the next request, or let a client that asks for leave send its body."""
        reader = self._reader
        if self._script is not None:
            return
        try:
            if reader.requests:
                request = reader.requests.popleft()
                self._begin(self._service.respond(request))
            elif reader.problem is not None:
                self._begin(self._service.refuse(reader.problem))
            elif reader.is_awaited():
                self._socket.send(_CONTINUE if self._encryption is None else self._encryption.encrypt(_CONTINUE))
        except BaseException:
            self.close()  # the loop reports the error
            raise

    def _begin(self, script: Script) -> None:
        self._script = script
        self._sender = Sender(
            script, self._socket, timetable=self._timetable, over=self._over, encryption=self._encryption
        )
        self._sender.start()

    def _over(self, error: OSError | None) -> None:
        script = self._script
        if error is not None or script is None:
            self.close()
        elif script.ending == "reset":
            self.reset()
        elif script.ending == "complete":
            if script.exchange is not None:
                script.exchange.complete = script.is_sound
            self._conclude()
            if script.closes:
                self._linger(is_orderly=True)
            else:
                self._loop.call_soon(self._proceed_if_open)
        elif script.ending == "cut":
            self._conclude()
            self._linger(is_orderly=False)

    def _proceed_if_open(self) -> None:
        if not self._is_closed:
            self._proceed()

    def _conclude(self) -> None:
        script, self._script = self._script, None
        if script is not None and script.exchange is not None and self._service.on_exchange is not None:
            self._service.on_exchange(script.exchange)

    def _linger(self, *, is_orderly: bool) -> None:
        """End what is sent, and read on for a while: closing over unread bytes would reset the connection."""
        self._is_lingering = True
        with suppress(OSError):
            if is_orderly and self._encryption is not None:
                self._socket.send(self._encryption.farewell())
            self._socket.shutdown(socket.SHUT_WR)
        self._timetable.at(time.monotonic_ns() + _LINGERING_NS, self.close)
