"""Frames of AWS's event streams out of recorded pieces, however the network cut them."""

import base64
import contextlib
import json
import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution import event_stream, sse
from pytest_llm_latency.model import Recording
from pytest_llm_latency.simulator import event_stream as frames
from recordings import MS, recording

EVENTS = [
    frames.event("contentBlockDelta", f'{{"delta":{{"text":"Grüße {index} 🎉"}}}}'.encode()) for index in range(3)
]
STREAM = b"".join(EVENTS)
TEXTS = [f'{{"delta":{{"text":"Grüße {index} 🎉"}}}}' for index in range(3)]


def texts(record: Recording) -> list[str]:
    """Return the data of each event."""
    return [event.data for event in event_stream.events(record)]


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    """Return the body in pieces; none is empty."""
    places = sorted({0, len(body), *(each for each in cuts if each < len(body))})
    return [body[start:end] for start, end in pairwise(places)]


def framed(head: bytes, payload: bytes = b"{}") -> bytes:
    """Return a frame with headers as they are on the wire."""
    lengths = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    whole = lengths + struct.pack(">I", zlib.crc32(lengths)) + head + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM))))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    """Within a length, a checksum, a header or a payload."""
    assert texts(recording(*cut(STREAM, cuts))) == TEXTS


def test_every_byte_on_its_own_gives_the_same_events() -> None:
    """The worst that a network can do."""
    assert texts(recording(*(bytes([each]) for each in STREAM))) == TEXTS


@given(st.integers(min_value=0, max_value=len(STREAM) - 1), st.integers(min_value=1, max_value=255))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_one_wrong_byte_is_never_read_as_sound(place: int, change: int) -> None:
    """The checksums tell, or the stream has no end."""
    broken = STREAM[:place] + bytes([STREAM[place] ^ change]) + STREAM[place + 1 :]
    with pytest.raises(ValueError, match=r"checksum|within a frame"):
        texts(recording(broken))


@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=40), st.binary(max_size=20))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_garbage_raises_nothing_but_a_value_error(pieces: list[bytes], head: bytes, payload: bytes) -> None:
    """On the wire, and within a frame whose checksums are right."""
    for body in (pieces, [framed(head, payload)]):
        with contextlib.suppress(ValueError):
            assert isinstance(texts(recording(*body)), list)


def test_an_event_has_the_stamp_of_the_piece_that_completed_it() -> None:
    """That is the one with the last byte of its frame; several may share one."""
    first, second, third = EVENTS
    found = list(event_stream.events(recording(first[:20], first[20:] + second, third)))
    assert [event.at_ns for event in found] == [2 * MS, 2 * MS, 3 * MS]
    assert {event.name for event in found} == {"contentBlockDelta"}


def test_a_stream_that_ends_within_a_frame_is_cut() -> None:
    """What was whole before is told first."""
    events = event_stream.events(recording(EVENTS[0], EVENTS[1][:-1]))
    assert next(events).data == TEXTS[0]
    with pytest.raises(sse.CutError, match="within a frame"):
        next(events)


@pytest.mark.parametrize(("size", "headers"), [(15, 0), (20, 5), (2**31, 0)])
def test_impossible_lengths_are_refused_at_once(size: int, headers: int) -> None:
    """Nothing is collected for them."""
    lengths = struct.pack(">II", size, headers)
    with pytest.raises(ValueError, match=f"a frame of {size} bytes with {headers} bytes of headers"):
        event_stream.Decoder().feed(lengths + struct.pack(">I", zlib.crc32(lengths)))


def test_headers_of_every_type_are_read() -> None:
    """Their values have different lengths."""
    values: list[tuple[int, bytes, object]] = [
        (0, b"", True),
        (1, b"", False),
        (2, b"\xff", -1),
        (3, struct.pack(">h", -300), -300),
        (4, struct.pack(">i", 70_000), 70_000),
        (5, struct.pack(">q", 2**40), 2**40),
        (6, b"\x00\x02ab", b"ab"),
        (7, b"\x00\x02ab", "ab"),
        (8, struct.pack(">q", 1_700_000_000_000), 1_700_000_000_000),
        (9, bytes(range(16)), bytes(range(16))),
    ]
    head = b"".join(bytes([1, 97 + number, kind]) + raw for number, (kind, raw, _) in enumerate(values))
    (message,) = event_stream.Decoder().feed(framed(head))
    assert list(message.headers.values()) == [value for _, _, value in values]


@pytest.mark.parametrize("head", [b"\x01a\x0a", b"\x05a", b"\x01a\x04\x00", b"\x01a\x07\x00\x09x"])
def test_headers_that_are_none_are_refused(head: bytes) -> None:
    """An unknown type, and three that end too early."""
    with pytest.raises(ValueError, match=r"unknown type|end too early"):
        event_stream.Decoder().feed(framed(head))


def test_what_a_chunk_wraps_is_told() -> None:
    """A model's own event."""
    inner = '{"type":"content_block_delta","text":"世界"}'
    payload = json.dumps({"bytes": base64.b64encode(inner.encode()).decode(), "p": "abc"}).encode()
    assert texts(recording(frames.event("chunk", payload))) == [inner]


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"bytes": 1}', b'{"bytes": "!"}', b"x"])
def test_a_chunk_that_wraps_nothing_is_refused(payload: bytes) -> None:
    """It cannot be an event."""
    with pytest.raises(ValueError, match=r".+"):
        texts(recording(frames.event("chunk", payload)))


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (
            frames.exception("throttlingException", b'{"message":"Too many tokens"}'),
            {"type": "throttlingException", "message": "throttlingException: Too many tokens"},
        ),
        (
            frames.event("internalServerException", b'{"message":"Oh"}'),
            {"type": "internalServerException", "message": "internalServerException: Oh"},
        ),
        (frames.exception("x", b"plain"), {"type": "x", "message": "x: plain"}),
        (frames.exception("x", b'{"message":null}'), {"type": "x", "message": "x"}),
        (
            frames.frame({":message-type": "error", ":error-code": "500", ":error-message": "no"}, b""),
            {"type": "500", "message": "no"},
        ),
    ],
    ids=["exception", "event of an exception", "plain", "without words", "error"],
)
def test_each_way_to_tell_of_an_error_is_an_error(frame: bytes, error: object) -> None:
    """In the form in which other protocols have theirs."""
    (text,) = texts(recording(frame))
    assert json.loads(text) == {"error": error}
