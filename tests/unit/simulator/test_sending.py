"""Pieces are written one by one, each stamped before its write, none before its deadline."""

import asyncio
import time
from array import array
from typing import cast

import pytest

from pytest_llm_latency.simulator import precise_loop
from pytest_llm_latency.simulator.answers import Piece
from pytest_llm_latency.simulator.sending import Sender
from pytest_llm_latency.simulator.transmission import Transmission
from pytest_llm_latency.simulator.truth import Exchange

MS = 1_000_000


class Transport:
    """Notes what is written and when."""

    def __init__(self, closes_after: int | None = None) -> None:
        self.writes: list[tuple[int, bytes]] = []
        self._closes_after = closes_after

    def write(self, data: bytes) -> None:
        """Note a write."""
        self.writes.append((time.monotonic_ns(), data))

    def is_closing(self) -> bool:
        """Say whether the client is gone."""
        return self._closes_after is not None and len(self.writes) >= self._closes_after


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


def send(offsets_ms: list[float], transport: Transport, *, content_length: int | None = None) -> Exchange:
    """Send one piece at each offset from now on a loop of the simulator's kind."""
    start = time.monotonic_ns()
    due_ns = array("q", [start + round(each * MS) for each in offsets_ms])
    planned = Transmission(
        pieces=tuple(Piece(b"piece %d" % index, "c", index) for index in range(len(offsets_ms))),
        due_ns=due_ns,
        headers_due_ns=start,
        end_due_ns=start,
        content_length=content_length,
    )
    truth = exchange()
    truth.due_ns.extend(due_ns)

    async def run() -> None:
        await Sender(cast("asyncio.Transport", transport), planned, truth).send()

    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        runner.run(run())
    return truth


def test_each_piece_is_one_write_with_its_own_chunk() -> None:
    """The chunk's size stands in hexadecimal digits before it."""
    transport = Transport()
    send([0, 1, 2], transport)
    assert [data for _, data in transport.writes] == [b"7\r\npiece %d\r\n" % index for index in range(3)]


def test_a_body_of_stated_length_has_no_chunks() -> None:
    """The bytes go as they are."""
    transport = Transport()
    send([0], transport, content_length=7)
    assert [data for _, data in transport.writes] == [b"piece 0"]


def test_each_write_is_stamped_before_it_and_not_before_its_deadline() -> None:
    """A hundred nanoseconds is what the loop's clock loses as a floating-point number."""
    transport = Transport()
    truth = send([0, 3, 3, 5], transport)
    stamps = list(truth.sent_ns)
    assert len(stamps) == 4
    assert all(stamp <= written for stamp, (written, _) in zip(stamps, transport.writes, strict=True))
    assert all(stamp >= due - 100 for stamp, due in zip(stamps, truth.due_ns, strict=True))
    assert stamps == sorted(stamps)


def test_late_pieces_go_at_once_and_the_next_one_keeps_its_deadline() -> None:
    """A sender that is late does not shift the rest of the plan."""
    truth = send([-50, -40, -30, 2], Transport())
    assert truth.sent_ns[3] >= truth.due_ns[3] - 100
    assert truth.sent_ns[2] < truth.due_ns[3]


def test_a_client_that_goes_ends_the_sending() -> None:
    """The truth has what was sent until then."""
    transport = Transport(closes_after=2)
    with pytest.raises(ConnectionResetError):
        send([0, 1, 2, 3], transport)
    assert len(transport.writes) == 2


def test_an_empty_body_is_sent_at_once() -> None:
    """A fault may leave nothing of it."""
    transport = Transport()
    assert not send([], transport).sent_ns
    assert transport.writes == []
