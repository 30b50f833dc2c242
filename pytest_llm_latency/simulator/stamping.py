"""When bytes arrived: the kernel's stamp on Linux, so that a busy event loop makes no request look late."""

import socket
import struct
import sys
import time

_READ_BYTES = 65_536
_OPTION = getattr(socket, "SO_TIMESTAMPNS", 35)  # the value on Linux; Python 3.11 does not name it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)


def ask(sock: socket.socket) -> bool:
    """Let the kernel stamp what arrives; say whether it will.

    It stamps all segments while any socket of the system asks for it and takes a moment to begin,
    so a server asks for its listening socket.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
    except OSError:
        return False
    return True


def receive(sock: socket.socket) -> tuple[bytes, int]:
    """Return what arrived, with the stamp of its last segment in nanoseconds of the monotonic clock."""
    data, ancillary, _, _ = sock.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == _OPTION:
            whole, fraction = _TIMESPEC.unpack(payload)
            age_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - (whole * 1_000_000_000 + fraction)
            # Read last: an interruption in between makes the stamp late, as the loop's would be, and never early.
            return data, time.monotonic_ns() - max(0, age_ns)
    return data, time.monotonic_ns()
