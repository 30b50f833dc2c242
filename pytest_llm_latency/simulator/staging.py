"""From a planned response to the script of its bytes: headers, framing, and what a fault makes of both."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llm_latency.simulator import damage
from pytest_llm_latency.simulator.damage import Item
from pytest_llm_latency.simulator.faults import FaultKind
from pytest_llm_latency.simulator.requests import HttpRequest
from pytest_llm_latency.simulator.script import HEAD, LAST_CHUNK, Ending, Script, Write, head
from pytest_llm_latency.simulator.shaping import Part, shaped
from pytest_llm_latency.simulator.simulation import Response
from pytest_llm_latency.simulator.transmission import struck

_OVERSIZED_BYTES = 256 * 1024
_MISSING_BYTES = 16
_UNSOUND: frozenset[FaultKind] = frozenset({"garbage", "broken_chunk_size", "content_length_short"})


def stage(response: Response, request: HttpRequest) -> Script:
    """Return what is written when."""
    planned, shape, fault = response.transmission, response.shape, response.fault
    if response.vanishes:
        ends_ns = planned.headers_due_ns
        return Script(writes=(), end_due_ns=ends_ns, ending="reset", exchange=response.exchange)
    parts = shaped(planned, shape, response.framing)
    framed = _framed(response, request, parts)
    first = head(response.status, _headers(response, framed))
    if fault is None and shape.fragment is None and framed.is_chunked:  # most responses
        return _streamed(response, first, parts, closes=framed.closes)
    items = [Item(planned.headers_due_ns, first, HEAD, (0, 0))]
    items += [_item(part, is_chunked=framed.is_chunked) for part in parts]
    if framed.is_chunked and framed.ending == "complete":
        items.append(Item(planned.end_due_ns, LAST_CHUNK, 0, (0, 0)))
    ending, ends_ns = framed.ending, planned.end_due_ns
    if fault is not None and fault.kind in damage.KINDS:
        number = 0 if planned.content_length is not None else struck(planned, fault)
        items, stops_ns = damage.strike(items, fault, number)
        if stops_ns is not None:
            ending, ends_ns = damage.ENDINGS[fault.kind], stops_ns
    if shape.fragment is not None:
        items = [each for item in items for each in damage.cut(item, shape.fragment)]
    return Script(
        writes=[Write(item.due_ns, item.data, item.completes, item.is_apart) for item in items],
        end_due_ns=ends_ns,
        ending=ending,
        closes=framed.closes,
        is_sound=fault is None or fault.kind not in _UNSOUND,
        exchange=response.exchange,
    )


def _streamed(response: Response, first: bytes, parts: list[Part], *, closes: bool) -> Script:
    """Return the script of a stream that nothing strikes, in as little time as it takes."""
    planned = response.transmission
    writes = [
        Write(planned.headers_due_ns, first, HEAD),
        *[Write(due_ns, b"%x\r\n%b\r\n" % (len(data), data), completes) for due_ns, data, completes in parts],
        Write(planned.end_due_ns, LAST_CHUNK),
    ]
    return Script(writes=writes, end_due_ns=planned.end_due_ns, closes=closes, exchange=response.exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Framed:
    """How the end of a body is told."""

    content_length: int | None
    is_chunked: bool
    closes: bool
    ending: Ending


def _framed(response: Response, request: HttpRequest, parts: list[Part]) -> _Framed:
    planned = response.transmission
    kind: FaultKind | None = None if response.fault is None else response.fault.kind
    sent = sum(len(part.data) for part in parts)
    _note_sizes(response, parts)
    length, ending, closes = None, planned.ending, not request.keep_alive
    if kind == "content_length_long":
        length, ending = sent + _MISSING_BYTES, "cut"
    elif kind == "content_length_short":
        length, closes = sent // 2, True
    elif planned.content_length is not None and kind != "broken_chunk_size":
        # What a fault has left out of the body stays in its length.
        length = sent + planned.content_length - sum(len(piece.data) for piece in planned.pieces)
    is_chunked = length is None and not request.is_http_1_0
    closes = closes or (length is None and not is_chunked)
    return _Framed(content_length=length, is_chunked=is_chunked, closes=closes, ending=ending)


def _note_sizes(response: Response, parts: list[Part]) -> None:
    """Correct the truth about the pieces where their form differs from the plan's."""
    if response.shape.encoding != "identity" or response.shape.line_ends != "own":
        sizes = [len(part.data) for part in parts if part.completes]
        if len(sizes) == len(response.exchange.piece_bytes):  # events that go together have no sizes of their own
            response.exchange.piece_bytes = array("q", sizes)


def _headers(response: Response, framed: _Framed) -> Mapping[str, str]:
    headers, kind = dict(response.headers), None if response.fault is None else response.fault.kind
    if framed.is_chunked:
        headers["transfer-encoding"] = "chunked"
    elif framed.content_length is not None:
        headers["content-length"] = str(framed.content_length)
    if framed.closes:
        headers["connection"] = "close"
    if response.shape.encoding != "identity":
        headers["content-encoding"] = response.shape.encoding
    if kind == "oversized_header":
        headers["x-oversized"] = "x" * _OVERSIZED_BYTES
    if kind == "wrong_content_type":
        headers["content-type"] = "text/html; charset=utf-8"
    return headers


def _item(part: Part, *, is_chunked: bool) -> Item:
    size = len(part.data)
    if not is_chunked:
        return Item(part.due_ns, part.data, part.completes, (0, size))
    first = b"%x\r\n" % size
    return Item(part.due_ns, b"%b%b\r\n" % (first, part.data), part.completes, (len(first), len(first) + size))
