"""Where a frame of HTTP/2 ends."""

import pytest

from pytest_llm_latency.execution.frames import FrameCutter, FramingError


def frame(kind: int, payload: bytes) -> bytes:
    """Return a frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind]) + bytes(5) + payload


@pytest.mark.parametrize("size", [1, 2, 9, 10, 11, 100])
def test_frames_are_cut_wherever_the_network_cuts_them(size: int) -> None:
    """Each is handed on once it is complete."""
    frames = [frame(4, b""), frame(7, b""), frame(0, b"x" * 30)]
    stream, cutter = b"".join(frames), FrameCutter()
    parts = [stream[start : start + size] for start in range(0, len(stream), size)]
    found = [cut for part in parts for cut in cutter.cut(part)]
    assert found == [(4, frames[0]), (7, frames[1]), (0, frames[2])]


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(0, b"hello")])
def test_what_does_not_begin_as_http_2_is_an_error_at_once(garbage: bytes) -> None:
    """Nobody waits for the four megabytes that the letters of HTTP announce."""
    with pytest.raises(FramingError, match="no frame of HTTP/2"):
        list(FrameCutter().cut(garbage))
