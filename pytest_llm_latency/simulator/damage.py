"""What faults make of a response's bytes: where they strike, and what is left."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from pytest_llm_latency.simulator.faults import POINTED_KINDS, Fault, FaultKind, FaultPoint
from pytest_llm_latency.simulator.script import HEAD, Ending
from pytest_llm_latency.units import nanoseconds

GARBAGE = b"\x00\xff\xfegarbage\x00\xfe\xff\x00\xff\x01"
_SURPLUS = 7

ENDINGS: Mapping[FaultKind, Ending] = MappingProxyType({"reset": "reset", "close": "cut", "stall": "stall"})
KINDS: frozenset[FaultKind] = frozenset({*POINTED_KINDS, "broken_chunk_size", "drip"})


class Item(NamedTuple):
    """Bytes of a response with their framing; ``body`` is where those of the body begin and end.

    ``completes`` and ``is_apart`` are those of ``script.Write``.
    """

    due_ns: int
    data: bytes
    completes: int
    body: tuple[int, int]
    is_apart: bool = False


def strike(items: list[Item], fault: Fault, piece: int) -> tuple[list[Item], int | None]:
    """Return the bytes that a fault at the piece with this index leaves, and when they stop if they do."""
    if fault.kind == "drip":
        return [each for item in items for each in _dripped(item, nanoseconds(fault.delay_s))], None
    index = _holding(items, piece)
    if fault.kind == "broken_chunk_size":
        return [*items[:index], _with_surplus(items[index]), *items[index + 1 :]], None
    if fault.point is None or fault.point == "connect":  # a kind that strikes elsewhere
        return items, None
    at, offset = _position(items, index, fault.point)
    if fault.kind == "garbage":
        if offset == len(items[at].data):
            at, offset = at + 1, 0
        return [*items[:at], _overwritten(items[at], offset), *items[at + 1 :]], None
    left = items[at]
    if offset < len(left.data):
        left = left._replace(data=left.data[:offset], completes=0)
    return [*items[:at], *([left] if offset else [])], items[at].due_ns


def cut(item: Item, size: int) -> Iterator[Item]:
    """Cut the bytes of a body, and their framing, into parts of a size that are read apart; headers stay whole."""
    if item.completes == HEAD or len(item.data) <= size:
        yield item
        return
    for start in range(0, len(item.data), size):
        data = item.data[start : start + size]
        # What comes before the last byte of the body completes nothing, what comes after it is framing.
        is_last = start < item.body[1] <= start + size
        yield item._replace(data=data, completes=item.completes if is_last else 0, is_apart=True)


def _holding(items: list[Item], piece: int) -> int:
    """Return the index of the bytes with which a piece is complete."""
    complete = 0
    for index, item in enumerate(items):
        complete += max(0, item.completes)
        if complete > piece:
            return index
    return len(items) - 1


def _position(items: list[Item], index: int, point: FaultPoint) -> tuple[int, int]:
    """Return where a point is: the index of an item and the offset in it."""
    first, struck, last = len(items[0].data), items[index], items[-1]
    middle = sum(struck.body) // 2
    is_chunked = struck.body[0] > 0
    is_stream = len(items) > 2  # noqa: PLR2004  (headers and a whole answer)
    positions: Mapping[str, tuple[int, int]] = {
        "before_headers": (0, 0),
        "in_headers": (0, first // 2),
        "after_headers": (0, first),
        "between_events": (index, 0 if is_stream else middle),
        "inside_event": (index, middle),
        "inside_chunk_framing": (index, 1 if is_chunked else middle),
        "before_end": (len(items) - 1, 0 if last.body == (0, 0) else len(last.data) - 1),
    }
    return positions[point]


def _overwritten(item: Item, offset: int) -> Item:
    start, end = item.body
    upto = len(item.data)
    if start < offset < end:  # inside of an event its end stays sound
        upto = offset + max(1, (end - offset) // 2)
    size = min(len(GARBAGE), upto - offset)
    return item._replace(data=item.data[:offset] + GARBAGE[:size] + item.data[offset + size :])


def _with_surplus(item: Item) -> Item:
    start, end = item.body
    data = item.data[start:end]
    return item._replace(data=b"%x\r\n%b\r\n" % (len(data) + _SURPLUS, data))


def _dripped(item: Item, gap_ns: int) -> Iterator[Item]:
    if item.body == (0, 0):
        yield item
        return
    for index, each in enumerate(cut(item, 1)):
        yield each._replace(due_ns=item.due_ns + index * gap_ns, is_apart=False)
