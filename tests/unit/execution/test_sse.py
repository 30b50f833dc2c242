"""Server-sent events out of recorded pieces, however the network cut them."""

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution import sse
from pytest_llm_latency.model import Recording
from recordings import MS, recording

STREAM = (
    ": a comment\r\n\r\n"
    'event: start\r\ndata: {"text": "Grüße, 世界 🎉"}\r\n\r\n'
    "id: 7\ndata:one\ndata: two\n\n"
    "retry: 5\n\n"
    "data: [DONE]\n\n"
).encode()
EVENTS = ['{"text": "Grüße, 世界 🎉"}', "one\ntwo", "[DONE]"]


def texts(record: Recording) -> list[str]:
    """Return the data of each event."""
    return [event.data for event in sse.events(record)]


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    """Return the body in pieces; none is empty."""
    places = sorted({0, len(body), *(each for each in cuts if each < len(body))})
    return [body[start:end] for start, end in pairwise(places)]


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM))))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    """Within a line's end, a character of several bytes or a field's name."""
    assert texts(recording(*cut(STREAM, cuts))) == EVENTS


@given(st.lists(st.integers(min_value=1, max_value=200)), st.sampled_from(["gzip", "x-gzip", "deflate", " GZip "]))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_cut_of_a_compressed_body_gives_the_same_events(cuts: list[int], encoding: str) -> None:
    """Content encoding is undone before lines are read."""
    body = zlib.compress(STREAM) if encoding == "deflate" else gzip.compress(STREAM, mtime=0)
    record = recording(*cut(body, cuts), headers=(("content-encoding", encoding),))
    assert texts(record) == EVENTS
    assert sse.body(record) == STREAM


@given(st.lists(st.sampled_from(["data: a", "data:", "data", ": c", "event: x", "", "noise"]), max_size=12))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_both_line_ends_mean_the_same(lines: list[str]) -> None:
    """Servers write either."""
    unix, network = ("".join(f"{line}{end}" for line in lines).encode() for end in ("\n", "\r\n"))
    assert texts(recording(unix)) == texts(recording(network))


def test_each_event_has_the_stamp_of_the_piece_that_completed_it() -> None:
    """An event counts when its empty line is there, not when it began."""
    record = recording(b"data: one\n", b"\ndata: two\n\ndata: th", b"ree\n", b"\n")
    assert [(event.data, event.at_ns) for event in sse.events(record)] == [
        ("one", 2 * MS),
        ("two", 2 * MS),
        ("three", 4 * MS),
    ]


def test_the_last_event_needs_no_empty_line() -> None:
    """Some servers close right after the last line."""
    assert [(event.data, event.at_ns) for event in sse.events(recording(b"data: one\n\nda", b"ta: two"))] == [
        ("one", MS),
        ("two", 2 * MS),
    ]


@pytest.mark.parametrize("body", [b"", b": ping\n\n", b"event: end\n\n", b"\n\n\n"])
def test_what_carries_no_data_is_no_event(body: bytes) -> None:
    """Comments, names and empty lines."""
    assert texts(recording(body) if body else recording()) == []


def test_one_space_after_the_colon_is_not_part_of_the_data() -> None:
    """A second one is."""
    assert texts(recording(b"data:  two spaces\n\ndata:none\n\n")) == [" two spaces", "none"]


def test_broken_characters_do_not_stop_the_reading() -> None:
    """They are replaced."""
    assert texts(recording(b"data: a\xff\n\n")) == ["a�"]


def test_an_unknown_encoding_is_an_error_that_names_it() -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="'br' is not known"):
        texts(recording(b"x", headers=(("content-encoding", "br"),)))


def test_a_broken_encoding_is_an_error() -> None:
    """The body says gzip and is not."""
    with pytest.raises(ValueError, match="compressed body is broken"):
        texts(recording(b"data: plain\n\n", headers=(("content-encoding", "gzip"),)))


def test_a_header_is_found_by_its_lower_case_name() -> None:
    """The first one counts, an absent one is ``None``."""
    record = recording(headers=(("a", "1"), ("b", "2"), ("a", "3")))
    assert [sse.header(record, name) for name in ("a", "b", "c")] == ["1", "2", None]
