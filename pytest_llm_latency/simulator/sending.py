"""Sending by absolute deadlines: delays never add up, and each write is stamped right before it."""

import asyncio
import socket
import time
from collections.abc import Callable

from pytest_llm_latency.simulator.script import HEAD, Script, Write
from pytest_llm_latency.simulator.timetable import Timetable
from pytest_llm_latency.simulator.tls import Encryption


class Sender:
    """Writes one script to a socket, each write when it is due, and stamps it.

    ``over`` is called once the script has come to its end, with ``None``, or with the error that
    broke the connection; never after ``stop``.
    """

    __slots__ = ("_encryption", "_index", "_is_stopped", "_over", "_rest", "_script", "_socket", "_timetable")

    def __init__(
        self,
        script: Script,
        sock: socket.socket,
        *,
        timetable: Timetable,
        over: Callable[[OSError | None], None],
        encryption: Encryption | None = None,
    ) -> None:
        self._script = script
        self._socket = sock
        self._encryption = encryption
        self._timetable = timetable
        self._over = over
        self._index = 0
        self._rest = memoryview(b"")
        self._is_stopped = False

    def start(self) -> None:
        """Write what is due, and the rest in time."""
        self._next()

    def stop(self) -> None:
        """Write no more."""
        if not self._is_stopped:
            self._is_stopped = True
            if self._rest:
                asyncio.get_running_loop().remove_writer(self._socket.fileno())

    def _next(self) -> None:
        writes = self._script.writes
        if self._index == len(writes):
            self._timetable.at(self._script.end_due_ns, self._end)
            return
        write = writes[self._index]
        if write.is_apart:
            # One turn of the loop lets a reader in it see that there is something, the next lets it read.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._write)
        else:
            self._timetable.at(write.due_ns, self._write)

    def _write(self) -> None:
        """Write all that is due; several when the loop is late or when they share a deadline."""
        writes, index = self._script.writes, self._index
        while not self._is_stopped:
            write = writes[index]
            at_ns = self._send(write.data)
            if at_ns is None:
                return
            self._note(write, at_ns)
            self._index = index = index + 1
            if index == len(writes) or writes[index].due_ns > at_ns or writes[index].is_apart:
                self._next()
                return

    def _send(self, data: bytes) -> int | None:
        """Return the stamp before the write, ``None`` where the kernel did not take all of it."""
        if self._encryption is not None:
            data = self._encryption.encrypt(data)
        at_ns = time.monotonic_ns()
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._break(error)
            return None
        if sent == len(data):
            return at_ns
        self._rest = memoryview(data)[sent:]
        asyncio.get_running_loop().add_writer(self._socket.fileno(), self._write_rest)
        return None

    def _write_rest(self) -> None:
        at_ns = time.monotonic_ns()
        try:
            self._rest = self._rest[self._socket.send(self._rest) :]
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        if not self._rest:
            asyncio.get_running_loop().remove_writer(self._socket.fileno())
            self._note(self._script.writes[self._index], at_ns)
            self._index += 1
            self._next()

    def _note(self, write: Write, at_ns: int) -> None:
        exchange = self._script.exchange
        if exchange is None or not write.completes:
            return
        if write.completes == HEAD:
            exchange.headers_ns = at_ns
        else:
            exchange.sent_ns.extend([at_ns] * write.completes)

    def _break(self, error: OSError) -> None:
        self.stop()
        self._over(error)

    def _end(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            self._over(None)
