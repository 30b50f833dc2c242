"""Reads from a socket and says when the bytes came: the kernel's stamp where there is one, else the loop's.

On Linux the kernel stamps each segment as it arrives (``SO_TIMESTAMPNS``, read through ``recvmsg``),
so that a busy event loop does not make an answer look late. Its stamps are of the wall clock; they
become moments of the monotonic one through the distance of the two, which changes only when the
wall clock is set. A stamp that such a change may have touched is replaced by the loop's.
"""

import socket
import struct
import sys
import time

from pytest_llm_latency.model import ClockSource
from pytest_llm_latency.units import NANOSECONDS

_READ_BYTES = 65_536
_OPTION = getattr(socket, "SO_TIMESTAMPNS", 35)  # the value on Linux; Python 3.11 does not name it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_MEASURED_TOGETHER_NS = 20_000  # two clocks read one after the other are less apart, if nothing interrupts
_DOUBTFUL_NS = NANOSECONDS  # how long after a step segments may still wait that came before it


class Stamper:
    """Reads a socket whose segments are stamped."""

    __slots__ = ("_distance_ns", "_doubtful_until_ns", "_latest_ns", "_read")

    def __init__(self, sock: socket.socket) -> None:
        ask(sock)
        self._read = sock.recvmsg
        self._distance_ns = _distance_ns()
        self._doubtful_until_ns = 0
        self._latest_ns = 0

    def read(self) -> tuple[bytes, int, ClockSource]:
        """Return what arrived, when, and whose stamp that is; no bytes are the end of the stream.

        Raises ``OSError``, ``BlockingIOError`` where nothing is there among them.
        """
        data, ancillary, _, _ = self._read(_READ_BYTES, _ANCILLARY_BYTES)
        for level, kind, payload in ancillary:
            if kind == _OPTION and level == socket.SOL_SOCKET:
                whole, fraction = _TIMESPEC.unpack(payload)
                return data, *self._moment(whole * NANOSECONDS + fraction)
        return data, time.monotonic_ns(), "loop"

    def _moment(self, stamped_ns: int) -> tuple[int, ClockSource]:
        """Return the monotonic moment of a stamp of the wall clock."""
        distance_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - (now_ns := time.monotonic_ns())
        if abs(distance_ns - self._distance_ns) > _MEASURED_TOGETHER_NS:
            self._measure_again(now_ns)
        elif distance_ns > self._distance_ns:
            self._distance_ns = distance_ns
        at_ns = stamped_ns - self._distance_ns
        if now_ns < self._doubtful_until_ns or at_ns > now_ns + _MEASURED_TOGETHER_NS:
            return now_ns, "loop"
        # A segment that overtook a lost one was stamped before what must be read first.
        self._latest_ns = at_ns = max(self._latest_ns, min(at_ns, now_ns))
        return at_ns, "kernel"

    def _measure_again(self, now_ns: int) -> None:
        """Take over the distance of the clocks; doubt the stamps where it has changed."""
        measured_ns = _distance_ns()
        if abs(measured_ns - self._distance_ns) > _MEASURED_TOGETHER_NS:
            self._distance_ns, self._doubtful_until_ns = measured_ns, now_ns + _DOUBTFUL_NS


def _distance_ns() -> int:
    """Return wall clock minus monotonic clock.

    The wall clock is read first, so that an interruption in between makes the distance too small,
    and stamps late rather than early; the largest of a few is the best.
    """
    return max(time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns() for _ in range(3))


def keep_stamping() -> socket.socket | None:
    """Return a socket that keeps the kernel stamping while it is open.

    The kernel stamps all segments while any socket of the system asks for it, and takes a moment to
    begin: without this, the first segment of a connection could come too early to be stamped.
    """
    keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if ask(keeper):
        return keeper
    keeper.close()
    return None


def ask(sock: socket.socket) -> bool:
    """Ask the kernel for stamps, and return whether it can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
    except OSError:
        return False
    return True
