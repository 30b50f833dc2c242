"""Answers of HTTP/1.1 and frames of HTTP/2, cut anywhere and garbled anyhow."""

import asyncio
import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution.frames import FrameCutter, FramingError
from pytest_llm_latency.execution.http1 import _SingleAnswer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FEW = settings(derandomize=True, max_examples=60, deadline=None)


def heard(parts: Sequence[bytes], *, ends: bool) -> _SingleAnswer:
    """Return the answer that these reads make, one a nanosecond."""

    async def hear() -> _SingleAnswer:
        answer = _SingleAnswer()
        for at_ns, part in enumerate(parts):
            answer.receive(part, at_ns, "kernel")
        if ends:
            answer.end(None, len(parts))
            assert answer.done.done()
        if answer.done.done():
            answer.drop()
        return answer

    return asyncio.run(hear())


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """Return the stream in parts."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(ends)]


@FEW
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 2000), max_size=30))
def test_an_answer_is_the_same_wherever_it_is_cut(pieces: list[bytes], places: list[int]) -> None:
    """Each part of the body has the stamp of the read that it came with, and keep-alive is known."""
    stream = HEAD + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    parts = cut(stream, places)
    answer = heard(parts, ends=False)
    assert (answer.http_status, b"".join(answer.pieces)) == (200, b"".join(pieces))
    assert (answer.closed, answer.keep_alive) == (len(parts) - 1, True)
    assert answer.piece_ns == sorted(answer.piece_ns)
    assert (answer.first_byte, len(answer.pieces)) == (0, len(answer.piece_ns))


@FEW
@given(st.sampled_from([b"", HEAD[:20], HEAD, HEAD + b"5\r\nhe"]), st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_comes_an_answer_has_an_end_when_the_connection_has_one(begun: bytes, garbage: list[bytes]) -> None:
    """And never raises."""
    answer = heard([begun, *garbage], ends=True)
    assert answer.closed is not None


@FEW
@given(st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=50)), max_size=8), st.lists(st.integers(0, 700)))
def test_frames_are_whole_wherever_the_stream_is_cut(frames: list[tuple[int, bytes]], places: list[int]) -> None:
    """In their order, and each with its type."""
    frames = [(4, b""), *frames]
    whole = [len(payload).to_bytes(3, "big") + bytes([kind]) + bytes(5) + payload for kind, payload in frames]
    cutter = FrameCutter()
    found = [each for part in cut(b"".join(whole), places) for each in cutter.cut(part)]
    assert found == [(kind, frame) for (kind, _), frame in zip(frames, whole, strict=True)]


@FEW
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_garbage_is_no_frame_or_waits_for_no_more_than_one(garbage: list[bytes]) -> None:
    """A frame has a largest size."""
    cutter = FrameCutter()
    try:
        for part in garbage:
            list(cutter.cut(part))
    except FramingError:
        return
    assert len(cutter._rest) < 16_400
