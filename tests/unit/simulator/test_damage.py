"""Faults strike the bytes of a response at their point and nowhere else."""

from itertools import pairwise

import pytest

from pytest_llm_latency.simulator.damage import GARBAGE, KINDS, Item, cut, strike
from pytest_llm_latency.simulator.faults import POINTS, Fault, FaultKind, FaultPoint
from pytest_llm_latency.simulator.script import HEAD, LAST_CHUNK, chunk

HEADERS = b"HTTP/1.1 200 OK\r\n\r\n"
EVENT = b"data: {0123456789012345678901234567890123456789}\n\n"
BODY = (len(b"32\r\n"), len(b"32\r\n") + len(EVENT))
STREAM = [
    Item(1, HEADERS, HEAD, (0, 0)),
    *(Item(10 * number, chunk(EVENT), 1, BODY) for number in (1, 2, 3)),
    Item(30, LAST_CHUNK, 0, (0, 0)),
]
WHOLE = [Item(5, HEADERS, HEAD, (0, 0)), Item(5, EVENT, 1, (0, len(EVENT)))]
STRUCK = 1  # the second event


def struck(items: list[Item], kind: FaultKind, point: FaultPoint | None = None) -> tuple[list[Item], int | None]:
    """Return what a fault makes of a response."""
    return strike(items, Fault(kind=kind, point=point, every=1, delay_s=1e-9), STRUCK if items is STREAM else 0)


def raw(items: list[Item]) -> bytes:
    """Return all bytes."""
    return b"".join(item.data for item in items)


TWO = HEADERS + chunk(EVENT)
LEFT: dict[FaultPoint, tuple[bytes, int]] = {
    "before_headers": (b"", 1),
    "in_headers": (HEADERS[:9], 1),
    "after_headers": (HEADERS, 1),
    "between_events": (TWO, 20),
    "inside_event": (TWO + chunk(EVENT)[: 4 + len(EVENT) // 2], 20),
    "inside_chunk_framing": (TWO + b"3", 20),
    "before_end": (TWO + chunk(EVENT) * 2, 30),
}
LEFT_OF_WHOLE: dict[FaultPoint, bytes] = {
    "before_headers": b"",
    "in_headers": HEADERS[:9],
    "after_headers": HEADERS,
    "between_events": HEADERS + EVENT[: len(EVENT) // 2],
    "inside_event": HEADERS + EVENT[: len(EVENT) // 2],
    "inside_chunk_framing": HEADERS + EVENT[: len(EVENT) // 2],
    "before_end": HEADERS + EVENT[:-1],
}


def test_every_point_has_its_row() -> None:
    """A new one must be judged; a connection has no bytes yet."""
    assert LEFT.keys() == LEFT_OF_WHOLE.keys() == POINTS.keys() - {"connect"}


@pytest.mark.parametrize("kind", ["reset", "close", "stall"])
@pytest.mark.parametrize("point", LEFT)
def test_a_stream_stops_at_the_point(kind: FaultKind, point: FaultPoint) -> None:
    """When what comes next would have gone; a part of an event completes no piece."""
    left, stops_ns = struck(STREAM, kind, point)
    assert (raw(left), stops_ns) == LEFT[point]
    assert sum(item.completes == 1 for item in left) == raw(left).count(chunk(EVENT))


@pytest.mark.parametrize("point", LEFT_OF_WHOLE)
def test_a_whole_answer_stops_at_the_point(point: FaultPoint) -> None:
    """It is never complete."""
    left, _ = struck(WHOLE, "reset", point)
    assert raw(left) == LEFT_OF_WHOLE[point]
    assert not any(item.completes == 1 for item in left)


@pytest.mark.parametrize("items", [STREAM, WHOLE], ids=["streamed", "whole"])
@pytest.mark.parametrize("point", LEFT)
def test_garbage_replaces_up_to_sixteen_bytes_from_the_point_on(items: list[Item], point: FaultPoint) -> None:
    """The rest comes as it should, in the same number of bytes."""
    left, stops_ns = struck(items, "garbage", point)
    sound, broken = raw(items), raw(left)
    at = len(LEFT[point][0]) if items is STREAM else len(LEFT_OF_WHOLE[point])
    wrong = [index for index, pair in enumerate(zip(sound, broken, strict=True)) if pair[0] != pair[1]]
    assert stops_ns is None
    assert (wrong[0], broken[at : at + 1]) == (at, GARBAGE[:1])
    assert wrong[-1] < at + len(GARBAGE)
    assert [(item.due_ns, item.completes) for item in left] == [(item.due_ns, item.completes) for item in items]


def test_garbage_inside_an_event_leaves_the_events_own_end() -> None:
    """Only the event's JSON is broken, not the stream."""
    left, _ = struck(STREAM, "garbage", "inside_event")
    assert left[2].data.endswith(b"}\n\n\r\n")


def test_a_broken_chunk_size_states_more_than_there_is() -> None:
    """By seven bytes."""
    left, _ = struck(STREAM, "broken_chunk_size")
    assert left[2].data == b"%x\r\n%b\r\n" % (len(EVENT) + 7, EVENT)
    assert [*left[:2], *left[3:]] == [*STREAM[:2], *STREAM[3:]]


def test_a_dripping_body_comes_byte_by_byte() -> None:
    """Each as much later than the one before; headers and end stay whole."""
    left, _ = struck(STREAM, "drip")
    assert raw(left) == raw(STREAM)
    assert left[0] == STREAM[0]
    drops = [item for item in left if 10 <= item.due_ns < 20 + len(chunk(EVENT)) and len(item.data) == 1]
    first = drops[: len(chunk(EVENT))]
    assert {later.due_ns - earlier.due_ns for earlier, later in pairwise(first)} == {1}
    assert sum(item.completes for item in left[1:]) == 3


@pytest.mark.parametrize("size", [1, 3, 49, 50, 51, 1000])
def test_a_cut_item_is_complete_with_the_last_byte_of_its_body(size: int) -> None:
    """The framing after it is none of the piece."""
    parts = list(cut(STREAM[1], size))
    assert raw(parts) == STREAM[1].data
    assert all(len(part.data) <= max(size, 1) for part in parts) or size >= len(STREAM[1].data)
    (complete,) = [index for index, part in enumerate(parts) if part.completes]
    upto = len(raw(parts[: complete + 1]))
    assert BODY[1] <= upto < BODY[1] + size or len(parts) == 1
    assert len(raw(parts[:complete])) < BODY[1]


def test_headers_are_not_cut() -> None:
    """Their stamp would be of a part."""
    assert list(cut(STREAM[0], 1)) == [STREAM[0]]


def test_a_fault_of_another_place_leaves_the_bytes_alone() -> None:
    """It was told elsewhere."""
    assert struck(STREAM, "stall") == (STREAM, None)
    assert "rate_limit" not in KINDS
