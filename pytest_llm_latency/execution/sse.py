"""Server-sent events out of recorded pieces, each with the stamp of the piece that completed it."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_llm_latency.model import Recording

_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class CutError(ValueError):
    """The body ended within an event: nothing in it is wrong, and it is not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event: its ``data`` lines joined, when it was complete, and its name where it has one.

    The events of other framings are told in the same terms.
    """

    data: str
    at_ns: int
    name: str | None = None


def header(recording: Recording, name: str) -> str | None:
    """Return the value of a response header by its lower-case name."""
    return next((value for key, value in recording.headers if key == name), None)


def own_headers(recording: Recording) -> list[tuple[str, str]]:
    """Return the headers in which a provider tells of its answer, without those of HTTP."""
    return [(name, value) for name, value in recording.headers if name.startswith("x-")]


def plain_pieces(recording: Recording) -> Iterator[tuple[bytes, int]]:
    """Return the pieces without content encoding, each with its stamp.

    Raises ``ValueError`` for an encoding that is unknown or broken.
    """
    encoding = (header(recording, "content-encoding") or "identity").strip().lower()
    stamped = zip(recording.pieces, recording.piece_ns, strict=True)
    if encoding == "identity":
        return stamped
    if encoding not in _WINDOW_BITS:
        raise ValueError(f"the content encoding {encoding!r} is not known")
    return _inflate(stamped, _WINDOW_BITS[encoding])


def _inflate(stamped: Iterable[tuple[bytes, int]], window_bits: int) -> Iterator[tuple[bytes, int]]:
    inflater = zlib.decompressobj(window_bits)
    for piece, at_ns in stamped:
        try:
            yield inflater.decompress(piece), at_ns
        except zlib.error as error:
            raise ValueError(f"the compressed body is broken: {error}") from error


def body(recording: Recording) -> bytes:
    """Return the whole body without content encoding."""
    return b"".join(piece for piece, _ in plain_pieces(recording))


def events(recording: Recording) -> Iterator[ServerSentEvent]:
    """Return the events of a stream in their order; comments and events without data are left out."""
    data: list[str] = []
    name = None
    for line, at_ns in _lines(plain_pieces(recording)):
        if line.startswith(b"data:"):
            data.append(_value(line))
        elif line.startswith(b"event:"):
            name = _value(line)
        elif not line:
            if data:
                yield ServerSentEvent(data="\n".join(data), at_ns=at_ns, name=name)
            data, name = [], None
    if data:  # the stream ended without the empty line
        yield ServerSentEvent(data="\n".join(data), at_ns=recording.piece_ns[-1], name=name)


def _value(line: bytes) -> str:
    return line.partition(b":")[2].decode("utf-8", "replace").removeprefix(" ")


def _lines(stamped: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    held: list[bytes] = []  # joined once a line is whole: it may come in very many pieces
    at_ns = 0
    for piece, at_ns in stamped:
        first, *others = piece.split(b"\n")
        held.append(first)
        for beginning in others:
            yield b"".join(held).removesuffix(b"\r"), at_ns
            held = [beginning]
    if rest := b"".join(held):
        yield rest, at_ns
