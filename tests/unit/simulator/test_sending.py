"""Writes go one by one, each stamped before it, none before its deadline."""

import asyncio
import socket
import time
from array import array
from collections.abc import Callable, Sequence
from typing import cast

from pytest_llm_latency.simulator import precise_loop
from pytest_llm_latency.simulator.script import HEAD, Script, Write
from pytest_llm_latency.simulator.sending import Sender
from pytest_llm_latency.simulator.timetable import Timetable
from pytest_llm_latency.simulator.truth import Exchange

MS = 1_000_000
LARGE = 8 * 1024 * 1024


class Socket:
    """Notes what is written and when; breaks after some writes."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.writes: list[tuple[int, bytes]] = []
        self._breaks_after = breaks_after

    def send(self, data: bytes) -> int:
        """Note a write."""
        if self._breaks_after is not None and len(self.writes) >= self._breaks_after:
            raise BrokenPipeError
        self.writes.append((time.monotonic_ns(), bytes(data)))
        return len(data)


def exchange() -> Exchange:
    """Build an exchange in which nothing was sent."""
    return Exchange(
        request=1,
        protocol="openai",
        model="m",
        ordinal=0,
        stream=True,
        status=200,
        fault=None,
        prompt_tokens=1,
        output_tokens=1,
        arrived_ns=0,
        kinds="ccc",
    )


async def play(
    writes: Sequence[Write], sock: object, *, beside: Callable[[], None] | None = None
) -> tuple[Exchange, OSError | None]:
    """Write a script to a socket; return the truth about it and how it ended."""
    truth = exchange()
    over: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
    script = Script(writes=writes, end_due_ns=0, exchange=truth)
    Sender(script, cast("socket.socket", sock), timetable=Timetable(), over=over.set_result).start()
    if beside is not None:
        beside()
    return truth, await over


def send(offsets_ms: list[float], sock: Socket) -> tuple[Exchange, OSError | None]:
    """Send one piece at each offset from now on a loop of the simulator's kind."""
    start = time.monotonic_ns()
    due_ns = array("q", [start + round(each * MS) for each in offsets_ms])
    writes = [Write(due, b"piece %d" % index, 1) for index, due in enumerate(due_ns)]
    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        truth, error = runner.run(play(writes, sock))
    truth.due_ns.extend(due_ns)
    return truth, error


def test_each_write_is_stamped_before_it_and_not_before_its_deadline() -> None:
    """A write of its own for each; a hundred nanoseconds is what the loop's clock loses."""
    sock = Socket()
    truth, error = send([0, 3, 3, 5], sock)
    stamps = list(truth.sent_ns)
    assert [data for _, data in sock.writes] == [b"piece %d" % index for index in range(4)]
    assert error is None
    assert all(stamp <= written for stamp, (written, _) in zip(stamps, sock.writes, strict=True))
    assert all(stamp >= due - 100 for stamp, due in zip(stamps, truth.due_ns, strict=True))
    assert stamps == sorted(stamps)


def test_late_pieces_go_at_once_and_the_next_one_keeps_its_deadline() -> None:
    """A sender that is late does not shift the rest of the plan."""
    truth, _ = send([-50, -40, -30, 2], Socket())
    assert truth.sent_ns[3] >= truth.due_ns[3] - 100
    assert truth.sent_ns[2] < truth.due_ns[3]


def test_a_client_that_goes_ends_the_sending() -> None:
    """The truth has what was sent until then."""
    sock = Socket(breaks_after=2)
    truth, error = send([0, 1, 2, 3], sock)
    assert isinstance(error, BrokenPipeError)
    assert len(truth.sent_ns) == 2


def test_a_script_without_writes_ends() -> None:
    """A fault may leave nothing of a response."""
    truth, error = send([], Socket())
    assert (list(truth.sent_ns), error) == ([], None)


async def test_a_write_stamps_the_headers_several_pieces_or_none() -> None:
    """As it says itself."""
    sock = Socket()
    truth, _ = await play([Write(0, b"head", HEAD), Write(0, b"framing"), Write(0, b"events", 2)], sock)
    assert truth.headers_ns is not None
    assert truth.headers_ns <= sock.writes[0][0]
    assert sock.writes[1][0] <= truth.sent_ns[0] == truth.sent_ns[1] <= sock.writes[2][0]


async def test_a_piece_that_the_kernel_does_not_take_at_once_is_stamped_before_its_last_byte() -> None:
    """The client cannot have it earlier."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(0)
    loop, received, before_the_last = asyncio.get_running_loop(), 0, 0

    def read() -> None:
        nonlocal received, before_the_last
        if received < LARGE // 2:
            before_the_last = time.monotonic_ns()
        received += len(theirs.recv(65_536))

    truth, error = await play([Write(0, b"x" * LARGE, 1)], ours, beside=lambda: loop.add_reader(theirs.fileno(), read))
    loop.remove_reader(theirs.fileno())
    assert error is None
    assert truth.sent_ns[0] > before_the_last > 0
    ours.close()
    theirs.close()


async def test_a_reader_in_the_same_loop_sees_each_write_that_is_apart() -> None:
    """One turn tells it that there is something, and in the next it reads."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    loop, seen = asyncio.get_running_loop(), []
    writes = [Write(0, bytes([65 + index]), is_apart=True) for index in range(8)]
    await play(writes, ours, beside=lambda: loop.add_reader(theirs.fileno(), lambda: seen.append(theirs.recv(65_536))))
    await asyncio.sleep(0.001)
    loop.remove_reader(theirs.fileno())
    assert seen == [b"A", b"B", b"C", b"D", b"E", b"F", b"G", b"H"]
    ours.close()
    theirs.close()


async def test_nothing_is_written_or_told_after_a_stop() -> None:
    """Whoever stopped it knows."""
    sock, told = Socket(), []
    script = Script(writes=[Write(time.monotonic_ns() + 2 * MS, b"late")], end_due_ns=0)
    sender = Sender(script, cast("socket.socket", sock), timetable=Timetable(), over=told.append)
    sender.start()
    sender.stop()
    await asyncio.sleep(0.004)
    assert (sock.writes, told) == ([], [])
