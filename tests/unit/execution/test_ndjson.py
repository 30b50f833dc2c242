"""Lines of JSON out of recorded pieces, however the network cut them."""

import contextlib
import gzip
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution import ndjson, sse
from pytest_llm_latency.model import Recording
from recordings import MS, recording

STREAM = '{"response": "Grüße, 世界 🎉"}\n\n{"a": 1}\r\n  {"done": true}\n'.encode()
LINES = ['{"response": "Grüße, 世界 🎉"}', '{"a": 1}', '{"done": true}']


def texts(record: Recording) -> list[str]:
    """Return the data of each event."""
    return [event.data for event in ndjson.events(record)]


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    """Return the body in pieces; none is empty."""
    places = sorted({0, len(body), *(each for each in cuts if each < len(body))})
    return [body[start:end] for start, end in pairwise(places)]


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM))))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    """Within a line's end or a character of several bytes."""
    assert texts(recording(*cut(STREAM, cuts))) == LINES
    packed = gzip.compress(STREAM, mtime=0)
    assert texts(recording(*cut(packed, cuts), headers=(("content-encoding", "gzip"),))) == LINES


@given(st.lists(st.binary(max_size=30), max_size=5))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_garbage_raises_nothing_but_a_value_error(pieces: list[bytes]) -> None:
    """Whatever it is."""
    with contextlib.suppress(ValueError):
        assert isinstance(texts(recording(*pieces)), list)


def test_an_event_has_the_stamp_of_the_piece_that_completed_it() -> None:
    """That is the one with the end of its line; several may share one."""
    first, second, third = ndjson.events(recording(b'{"a"', b':1}\n{"b":2}\n{"c"', b":3}"))
    assert [first.at_ns, second.at_ns, third.at_ns] == [2 * MS, 2 * MS, 3 * MS]


@pytest.mark.parametrize("body", [b'{"a": 1}\n{"b"', b'{"a": 1}\n{"b": "\xe4\xb8'])
def test_a_stream_that_ends_within_a_line_is_cut(body: bytes) -> None:
    """What was whole before is told first."""
    events = ndjson.events(recording(body))
    assert next(events).data == '{"a": 1}'
    with pytest.raises(sse.CutError, match="within a line"):
        next(events)
