"""Events of newline-delimited JSON, a line each, with the stamp of the piece that completed it."""

import json
from collections.abc import Iterator

from pytest_llm_latency.execution import sse
from pytest_llm_latency.model import Recording


def events(recording: Recording) -> Iterator[sse.ServerSentEvent]:
    """Return the lines of a stream in their order; empty ones are left out.

    Raises ``ValueError`` for a content encoding that cannot be read, and ``sse.CutError`` for a
    last line that is neither ended nor whole.
    """
    rest = bytearray()
    at_ns = 0
    for piece, at_ns in sse.plain_pieces(recording):
        first, *further = piece.split(b"\n")
        rest += first
        for begun in further:
            if rest.strip():
                yield sse.ServerSentEvent(data=_text(rest), at_ns=at_ns)
            rest = bytearray(begun)
    if not rest.strip():
        return
    text = _text(rest)
    try:
        json.loads(text)
    except ValueError:
        raise sse.CutError(f"the stream ended within a line: {text[:100]}") from None
    yield sse.ServerSentEvent(data=text, at_ns=at_ns)


def _text(line: bytearray) -> str:
    return line.decode("utf-8", "replace").strip()
