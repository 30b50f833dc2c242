"""The kernel's stamps become moments of the monotonic clock, or are not believed."""

import errno
import socket
import struct
import sys
import time
from typing import Any

import pytest

from pytest_llm_latency.execution import stamping
from pytest_llm_latency.execution.stamping import Stamper
from pytest_llm_latency.units import NANOSECONDS

MS = 1_000_000
EPOCH = 1_700_000_000 * NANOSECONDS


class Clocks:
    """The wall clock and the monotonic one, which stand still."""

    CLOCK_REALTIME = time.CLOCK_REALTIME

    def __init__(self) -> None:
        self.wall_ns = EPOCH
        self.steady_ns = 50 * NANOSECONDS

    def clock_gettime_ns(self, _: int) -> int:
        """Return the wall clock."""
        return self.wall_ns

    def monotonic_ns(self) -> int:
        """Return the monotonic clock."""
        return self.steady_ns

    def pass_by(self, ns: int) -> None:
        """Let time pass."""
        self.wall_ns += ns
        self.steady_ns += ns


class Socket:
    """A socket on which each read has bytes and perhaps a stamp."""

    def __init__(self) -> None:
        self.stamps: list[int | None] = []

    def setsockopt(self, *_: int) -> None:
        """Take any option."""

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """Return what is read."""
        stamp = self.stamps.pop(0)
        kind = getattr(socket, "SO_TIMESTAMPNS", 35)
        payload = b"" if stamp is None else struct.pack("@ll", *divmod(stamp, NANOSECONDS))
        return b"x", [] if stamp is None else [(socket.SOL_SOCKET, kind, payload)], 0, None


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Return the clocks that the stamper reads."""
    made = Clocks()
    monkeypatch.setattr(stamping, "time", made)
    return made


@pytest.fixture
def sock() -> Socket:
    """Return the socket."""
    return Socket()


@pytest.fixture
def stamper(clocks: Clocks, sock: Any) -> Stamper:
    """Return a stamper that has seen the clocks before anything came."""
    return Stamper(sock)


def test_a_stamp_is_the_moment_at_which_the_segment_came(clocks: Clocks, sock: Socket, stamper: Stamper) -> None:
    """However late it is read."""
    came = clocks.steady_ns
    sock.stamps = [clocks.wall_ns]
    clocks.pass_by(300 * MS)
    assert stamper.read() == (b"x", came, "kernel")


def test_a_kernel_that_cannot_stamp_is_asked_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or is of another system, and is not asked: the loop stamps then."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    sock: Any = Socket()
    sock.setsockopt = refuse
    sock.stamps = [None]
    assert not stamping.ask(sock)
    assert Stamper(sock).read()[2] == "loop"
    monkeypatch.setattr(sys, "platform", "other")
    assert not stamping.ask(sock)
    assert stamping.keep_stamping() is None


def test_a_read_without_a_stamp_has_the_loops(clocks: Clocks, sock: Socket, stamper: Stamper) -> None:
    """As on other systems."""
    sock.stamps = [None]
    assert stamper.read() == (b"x", clocks.steady_ns, "loop")


@pytest.mark.parametrize("step", [-3600 * NANOSECONDS, -5 * MS, 5 * MS, 3600 * NANOSECONDS])
def test_a_stamp_that_was_taken_before_the_wall_clock_was_set_is_not_believed(
    clocks: Clocks, sock: Socket, stamper: Stamper, step: int
) -> None:
    """In either direction, by hours or by milliseconds."""
    before = clocks.wall_ns
    clocks.pass_by(MS)
    clocks.wall_ns += step
    clocks.pass_by(10 * MS)
    sock.stamps = [before, before]
    assert stamper.read() == (b"x", clocks.steady_ns, "loop")
    assert stamper.read() == (b"x", clocks.steady_ns, "loop")


def test_stamps_are_believed_again_when_nothing_can_wait_from_before_the_step(
    clocks: Clocks, sock: Socket, stamper: Stamper
) -> None:
    """With the new distance of the clocks."""
    clocks.wall_ns += 5 * MS
    sock.stamps = [clocks.wall_ns]
    assert stamper.read()[2] == "loop"
    clocks.pass_by(2 * NANOSECONDS)
    came = clocks.steady_ns
    sock.stamps = [clocks.wall_ns]
    clocks.pass_by(MS)
    assert stamper.read() == (b"x", came, "kernel")


def test_a_stamp_of_the_future_is_not_believed(clocks: Clocks, sock: Socket, stamper: Stamper) -> None:
    """Nothing comes before it has come."""
    sock.stamps = [clocks.wall_ns + MS]
    assert stamper.read() == (b"x", clocks.steady_ns, "loop")


def test_what_must_be_read_later_did_not_come_earlier(clocks: Clocks, sock: Socket, stamper: Stamper) -> None:
    """A segment may overtake a lost one, and waits for it."""
    early = clocks.wall_ns
    clocks.pass_by(5 * MS)
    late, came = clocks.wall_ns, clocks.steady_ns
    sock.stamps = [late, early]
    assert [stamper.read(), stamper.read()] == [(b"x", came, "kernel")] * 2


def test_an_interruption_between_two_clocks_does_not_look_like_a_step(
    clocks: Clocks, sock: Socket, stamper: Stamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read again, and the stamp is right."""
    came, wall_ns, steady_ns = clocks.steady_ns, clocks.wall_ns, clocks.steady_ns
    readings = iter([steady_ns + 4 * MS])  # the first reading is late by a long interruption
    monkeypatch.setattr(clocks, "monotonic_ns", lambda: next(readings, steady_ns))
    sock.stamps = [wall_ns]
    assert stamper.read() == (b"x", came, "kernel")
