"""The form of a body on the wire: comments, ends of lines, content encoding, events that go together."""

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pytest_llm_latency.simulator.profiles import Shape
from pytest_llm_latency.simulator.routes import Framing
from pytest_llm_latency.simulator.transmission import Transmission

COMMENT = b": keep-alive\n\n"
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class Part(NamedTuple):
    """Bytes of a body without transfer encoding; ``completes`` pieces are whole with them."""

    due_ns: int
    data: bytes
    completes: int


def shaped(planned: Transmission, shape: Shape, framing: Framing | None) -> list[Part]:
    """Return the parts of a body; ``framing`` is that of a stream."""
    parts: Iterable[Part] = (
        Part(due_ns, piece.data, 1) for due_ns, piece in zip(planned.due_ns, planned.pieces, strict=True)
    )
    if framing is not None and framing.is_sse and shape.comments:
        parts = _with_comments(parts, planned.headers_due_ns)
    if framing is not None and framing.is_sse and shape.line_ends == "crlf":
        parts = (part._replace(data=_crlf(part.data)) for part in parts)
    if shape.encoding != "identity":
        parts = _encoded(parts, _WINDOW_BITS[shape.encoding], is_whole=framing is None)
    if framing is not None and shape.coalesce > 1:
        parts = _together(parts, shape.coalesce)
    return list(parts)


def _with_comments(parts: Iterable[Part], before_ns: int) -> Iterator[Part]:
    for part in parts:
        yield Part((before_ns + part.due_ns) // 2, COMMENT, 0)
        yield part
        before_ns = part.due_ns


def _crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _encoded(parts: Iterable[Part], window_bits: int, *, is_whole: bool) -> Iterator[Part]:
    deflater = zlib.compressobj(wbits=window_bits)
    due_ns = 0
    for part in parts:
        due_ns = part.due_ns
        compressed = deflater.compress(part.data)
        yield part._replace(data=compressed + deflater.flush(zlib.Z_FINISH if is_whole else zlib.Z_SYNC_FLUSH))
    if not is_whole and due_ns:
        yield Part(due_ns, deflater.flush(), 0)


def _together(parts: Iterable[Part], number: int) -> Iterator[Part]:
    held: list[Part] = []
    for part in parts:
        held.append(part)
        if sum(each.completes for each in held) == number:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(parts: list[Part]) -> Part:
    return Part(parts[-1].due_ns, b"".join(part.data for part in parts), sum(part.completes for part in parts))
