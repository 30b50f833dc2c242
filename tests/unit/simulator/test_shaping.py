"""The form of a body changes its bytes and never what they say."""

import gzip
import zlib
from array import array

import pytest

from pytest_llm_latency.simulator.answers import Piece
from pytest_llm_latency.simulator.profiles import Shape
from pytest_llm_latency.simulator.routes import Framing
from pytest_llm_latency.simulator.shaping import COMMENT, shaped
from pytest_llm_latency.simulator.transmission import Transmission

EVENTS = [b"data: %d\n\n" % index for index in range(5)]
SSE = Framing(content_type="text/event-stream", error_event=lambda _: b"")
LINES = Framing(content_type="application/x-ndjson", error_event=lambda _: b"", is_sse=False)
PLANNED = Transmission(
    pieces=tuple(Piece(event, "c", index) for index, event in enumerate(EVENTS)),
    due_ns=array("q", [10, 20, 30, 40, 50]),
    headers_due_ns=4,
    end_due_ns=50,
)


def test_a_plain_body_is_its_pieces() -> None:
    """Each when it is due."""
    parts = shaped(PLANNED, Shape(), SSE)
    assert parts == [(10 * (index + 1), event, 1) for index, event in enumerate(EVENTS)]


def test_comments_go_between_events_half_way_in_time() -> None:
    """They complete no piece; the first comes between the headers and the first event."""
    parts = shaped(PLANNED, Shape(comments=True), SSE)
    assert [part.due_ns for part in parts] == [7, 10, 15, 20, 25, 30, 35, 40, 45, 50]
    assert [part.data for part in parts[::2]] == [COMMENT] * 5
    assert [part.completes for part in parts] == [0, 1] * 5


def test_every_line_can_end_in_crlf() -> None:
    """Those that do already stay."""
    assert shaped(PLANNED, Shape(line_ends="crlf"), SSE)[0].data == b"data: 0\r\n\r\n"
    google = Transmission(
        pieces=(Piece(b"data: 0\r\n\r\n", "c", 0),), due_ns=array("q", [1]), headers_due_ns=0, end_due_ns=1
    )
    assert shaped(google, Shape(line_ends="crlf"), SSE)[0].data == b"data: 0\r\n\r\n"


def test_what_is_no_server_sent_event_has_neither_comments_nor_other_line_ends() -> None:
    """A line of JSON and a binary frame would be broken by them."""
    assert shaped(PLANNED, Shape(comments=True, line_ends="crlf"), LINES) == shaped(PLANNED, Shape(), LINES)


def test_events_go_together_when_the_last_of_them_is_due() -> None:
    """What is left at the end goes too, and comments are not counted."""
    parts = shaped(PLANNED, Shape(coalesce=2), SSE)
    assert [(part.due_ns, part.completes) for part in parts] == [(20, 2), (40, 2), (50, 1)]
    assert parts[0].data == EVENTS[0] + EVENTS[1]
    commented = shaped(PLANNED, Shape(coalesce=2, comments=True), SSE)
    assert [(part.due_ns, part.completes) for part in commented] == [(20, 2), (40, 2), (50, 1)]


@pytest.mark.parametrize(("encoding", "window_bits"), [("gzip", 31), ("deflate", 15)])
def test_an_encoding_is_flushed_with_each_event(encoding: str, window_bits: int) -> None:
    """A reader has each event when its part is there, and the whole is sound."""
    parts = shaped(PLANNED, Shape(encoding=encoding), SSE)  # type: ignore[arg-type]  (one of the two)
    inflater = zlib.decompressobj(window_bits)
    assert [inflater.decompress(part.data) for part in parts] == [*EVENTS, b""]
    assert inflater.eof
    assert [part.completes for part in parts] == [1, 1, 1, 1, 1, 0]


def test_a_whole_answer_is_encoded_in_one_part() -> None:
    """Comments and events that go together are a stream's."""
    whole = Transmission(
        pieces=(Piece(b"{}" * 100, "c", 0),), due_ns=array("q", [9]), headers_due_ns=9, end_due_ns=9, content_length=200
    )
    (part,) = shaped(whole, Shape(encoding="gzip", coalesce=3, comments=True), None)
    assert gzip.decompress(part.data) == b"{}" * 100
    assert (part.due_ns, part.completes) == (9, 1)
