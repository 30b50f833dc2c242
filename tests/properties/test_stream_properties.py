"""However a stream is cut, and whatever comes in its place, its events are read the same or refused."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution import decode, endings, providers, sse
from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.model import Recording
from pytest_llm_latency.simulator.answers import Question, answer
from pytest_llm_latency.simulator.profiles import Profile, Shape, Timing
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.routes import Asked, Followed
from pytest_llm_latency.simulator.shaping import shaped
from pytest_llm_latency.simulator.transmission import stream
from recordings import recording, request

QUESTION = Question(model="anthropic.m", stream=True, prompt_tokens=7, max_tokens=None, tool=None, include_usage=True)
PROFILE = Profile(output_tokens=4, reasoning_tokens=2)
TIMING = Timing(headers_s=0.0, tokens_s=(0.0,) * 6)
STREAMS = {
    f"{name} {route.path}": (name, route)
    for name, protocol in PROTOCOLS.items()
    for route in protocol.ROUTES
    if isinstance(route, Asked | Followed) and route.events is not None
}
READERS = sorted({row.events for row in providers.PROVIDERS.values()}, key=lambda each: each.__module__)
SHAPES = st.builds(
    Shape,
    comments=st.booleans(),
    line_ends=st.sampled_from(["own", "crlf"]),
    encoding=st.sampled_from(["identity", "gzip", "deflate"]),
)


def body(key: str, shape: Shape) -> bytes:
    """Return the bytes of a provider's stream in a form."""
    _, route = STREAMS[key]
    assert route.events is not None
    pieces = route.events(replace(answer(QUESTION, PROFILE, "unicode"), id="1" * 32, created=1))
    return b"".join(part.data for part in shaped(stream(pieces, TIMING, 1), shape, route.framing))


def cut(whole: bytes, places: Sequence[int]) -> list[bytes]:
    """Return bytes in pieces, cut at these places."""
    ends = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[start:end] for start, end in pairwise(ends)]


def recorded(pieces: Sequence[bytes], encoding: str = "identity") -> Recording:
    """Return a recording of these pieces."""
    return recording(*pieces, headers=(("content-encoding", encoding),))


def read(key: str, record: Recording) -> list[tuple[str, str | None]]:
    """Return data and name of a stream's events."""
    events = list(providers.row(STREAMS[key][0]).events(record))
    assert [event.at_ns for event in events] == sorted(event.at_ns for event in events)
    assert {event.at_ns for event in events} <= set(record.piece_ns)
    return [(event.data, event.name) for event in events]


@pytest.mark.parametrize("key", STREAMS)
@given(shape=SHAPES, places=st.lists(st.integers(0, 9999), max_size=30) | st.just(range(9999)))
@settings(max_examples=12, derandomize=True, deadline=None)
def test_a_stream_says_the_same_however_it_is_cut_and_whatever_its_form(
    key: str, shape: Shape, places: Sequence[int]
) -> None:
    """Every provider's: within characters, frames, line ends and the parts of a compressed body."""
    sent = body(key, shape)
    whole = read(key, recorded([sent], shape.encoding))
    assert len(whole) > 3
    assert read(key, recorded(cut(sent, places), shape.encoding)) == whole


GARBAGE = st.lists(
    st.binary(min_size=1, max_size=40)
    | st.sampled_from([
        b"data: ",
        b"data: {",
        b"\n",
        b"\n\n",
        b"\r",
        b"event: x",
        b"\x1f\x8b\x08",
        b"\x00\x00\x00\x20",
    ]),
    max_size=12,
)
ENCODINGS = st.sampled_from(["identity", "gzip", "x-gzip", "deflate", "br", "gzip, gzip", ""])


@pytest.mark.parametrize("events", READERS, ids=lambda each: str(each.__module__.rpartition(".")[2]))
@given(pieces=GARBAGE, encoding=ENCODINGS)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_garbage_is_read_or_refused_with_a_value_error(events: Any, pieces: list[bytes], encoding: str) -> None:
    """Nothing else is raised, and nothing hangs."""
    try:
        found = list(events(recorded(pieces, encoding)))
    except ValueError:
        return
    assert all(isinstance(event, sse.ServerSentEvent) for event in found)


def refuse(*_: object) -> Delta:
    """Read nothing."""
    raise ValueError("it cannot be read")


@pytest.mark.parametrize("events", READERS, ids=lambda each: str(each.__module__.rpartition(".")[2]))
@pytest.mark.parametrize("http_status", [200, 302, 404, 429, 503])
@given(pieces=GARBAGE, encoding=ENCODINGS, stream=st.booleans())
@settings(max_examples=25, derandomize=True, deadline=None)
def test_a_recording_of_garbage_is_decoded_to_an_error(
    events: Any, http_status: int, pieces: list[bytes], encoding: str, *, stream: bool
) -> None:
    """With a class and a message, whatever the HTTP status."""
    protocol = decode.Protocol(events=events, parse_event=refuse, parse_answer=refuse, ends=endings.openai_ends)
    asked = request(parameters={"stream": stream})
    said = decode.decode(replace(recorded(pieces, encoding), request=asked, http_status=http_status), protocol)
    assert said.status in {"error", "refused"}
    assert said.failure is not None
    assert said.failure.message
