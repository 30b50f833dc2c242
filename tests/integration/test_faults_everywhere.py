"""Every fault of the simulator at every point of an exchange, and every form of a body, as the client records it.

Server and client share one event loop: all requests of this file take little longer than one deadline.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_llm_latency.model import CONTENT, Decoded, Recording
from pytest_llm_latency.simulator import precise_loop
from pytest_llm_latency.simulator.faults import EVERY_FAULT, FaultKind, FaultPoint
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.server import Options, serving
from pytest_llm_latency.simulator.simulation import Simulation
from pytest_llm_latency.simulator.truth import Exchange
from recordings import request

SHORT_S = 0.3
LONG_S = 30.0
QUICK = {"ttft": 0.004, "inter_token": 0.001, "headers_s": 0.002, "output_tokens": 5}
WHOLE = "The simulated model answers with"
BEGUN = "The simulated"

Fault = tuple[FaultKind, FaultPoint | None]
Row = tuple[str, str | None, int | None]

OK: Row = ("ok", None, 200)
RESET: Row = ("error", "ConnectionResetError", 200)
RESET_EARLY: Row = ("error", "ConnectionResetError", None)
LATE: Row = ("timeout", "Timeout", 200)
LATE_EARLY: Row = ("timeout", "Timeout", None)
NOT_HTTP: Row = ("error", "HTTPProtocolError", 200)
NOT_HTTP_EARLY: Row = ("error", "HTTPProtocolError", None)
STREAM: Row = ("error", "MalformedStream", 200)
ANSWER: Row = ("error", "MalformedAnswer", 200)

# What each fault is told as: for a streamed answer, and for one that is not.
OF_KINDS: Mapping[FaultKind, tuple[Row, Row]] = {
    "rate_limit": (("refused", "HTTP429", 429),) * 2,
    "wrong_key": (("error", "HTTP401", 401),) * 2,
    "unknown_model": (("error", "HTTP404", 404),) * 2,
    "server_error": (("error", "HTTP500", 500),) * 2,
    "reset_before_headers": (RESET_EARLY,) * 2,
    "reset_mid_stream": (RESET,) * 2,
    "stall": (LATE,) * 2,
    "malformed": (STREAM, ANSWER),
    "truncated": (("error", "TruncatedStream", 200), RESET),
    "slow_headers": (LATE_EARLY,) * 2,
    "error_event": (("error", "ProviderError", 200), ("error", "HTTP500", 500)),
    "content_length_long": (RESET,) * 2,
    "content_length_short": (STREAM, ANSWER),
    "broken_chunk_size": (NOT_HTTP, LATE),
    "oversized_header": (OK,) * 2,
    "wrong_content_type": (OK,) * 2,
    "html_error": (("error", "HTTP502", 502),) * 2,
    "unavailable": (("error", "HTTP503", 503),) * 2,
    "drip": (LATE,) * 2,
}
BEFORE_HEADERS: frozenset[FaultPoint] = frozenset({"connect", "before_headers", "in_headers"})
OF_POINTED: Mapping[FaultKind, tuple[Row, Row]] = {
    "reset": (RESET_EARLY, RESET),
    "close": (RESET_EARLY, RESET),
    "stall": (LATE_EARLY, LATE),
}
OF_GARBAGE: Mapping[FaultPoint, tuple[Row, Row]] = {
    "connect": (NOT_HTTP_EARLY,) * 2,
    "before_headers": (NOT_HTTP_EARLY,) * 2,
    "in_headers": (NOT_HTTP_EARLY,) * 2,
    "after_headers": (NOT_HTTP, ANSWER),
    "between_events": (NOT_HTTP, ANSWER),
    "inside_event": (STREAM, ANSWER),
    "inside_chunk_framing": (NOT_HTTP, ANSWER),
    "before_end": (NOT_HTTP, ANSWER),
}

# What has come of a stream before each point: the text, and whether first byte and headers have.
TEXT_AT: Mapping[FaultPoint, str] = {
    "connect": "",
    "before_headers": "",
    "in_headers": "",
    "after_headers": "",
    "between_events": BEGUN,
    "inside_event": BEGUN,
    "inside_chunk_framing": BEGUN,
    "before_end": WHOLE,
}

SHAPES: Mapping[str, Mapping[str, object]] = {
    "every byte on its own": {"fragment": 1},
    "odd parts of multi-byte text": {"fragment": 7, "text": "unicode"},
    "every byte of multi-byte text on its own": {"fragment": 1, "text": "unicode"},
    "several events in one piece": {"coalesce": 3},
    "comments": {"comments": True},
    "lines that end in CRLF": {"line_ends": "crlf"},
    "gzip": {"encoding": "gzip"},
    "deflate": {"encoding": "deflate"},
    "gzip, every byte on its own": {"encoding": "gzip", "fragment": 1},
    "all at once": {
        "encoding": "gzip",
        "fragment": 3,
        "text": "unicode",
        "comments": True,
        "line_ends": "crlf",
        "coalesce": 2,
    },
}
MODELS = {
    "openai": "openai/m",
    "anthropic": "anthropic/m",
    "gemini": "gemini/m",
    "ollama_chat": "ollama_chat/m",  # lines of JSON
    "bedrock": "bedrock/converse/m",  # binary frames
}


def expected(fault: Fault, *, stream: bool) -> Row:
    """Return status, error class and HTTP status of a fault's request."""
    kind, point = fault
    if point is None:
        return OF_KINDS[kind][0 if stream else 1]
    if kind == "garbage":
        return OF_GARBAGE[point][0 if stream else 1]
    return OF_POINTED[kind][0 if point in BEFORE_HEADERS else 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request: its recording, what it says, and the truth, which is absent where no request was read."""

    recording: Recording
    said: Decoded
    truth: Exchange | None


@pytest.fixture(scope="module")
def make() -> Callable[..., Any]:
    """Return the client's class; litellm takes seconds to import."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    return LiteLLMClient


async def ask(make: Callable[..., Any], settings: Mapping[str, object], **changes: Any) -> Seen:
    """Send one request to a server of its own."""
    simulation = Simulation({"profiles": {"*": QUICK}, **settings})
    with serving(simulation, Options(announce=lambda _: None)) as address:
        bases = {name: f"{address.base_url}{PROTOCOLS[name].API_BASE}" for name in MODELS}
        with closing(make(api_bases=bases)) as client:
            async with asyncio.timeout(LONG_S):  # a request that hangs fails here
                recording = await client.send(request(**changes))
            said = client.decode(recording)
    return Seen(recording=recording, said=said, truth=next(iter(simulation.log.since(0)), None))


def run(each: Mapping[Any, Callable[[], Any]]) -> dict[Any, Any]:
    """Await everything side by side on a loop of the simulator's kind."""

    async def gather() -> list[Any]:
        return await asyncio.gather(*(start() for start in each.values()))

    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        return dict(zip(each, runner.run(gather()), strict=True))


CASES = [(fault, stream) for fault in EVERY_FAULT for stream in (True, False)]


@pytest.fixture(scope="module")
def struck(make: Callable[..., Any]) -> Iterator[dict[tuple[Fault, bool], Seen]]:
    """Send a request for every fault at every point: those that are late side by side, the others one by one."""

    def asking(fault: Fault, *, stream: bool) -> Callable[[], Any]:
        kind, point = fault
        where = {} if point is None else {"point": point}
        settings = {"faults": [{"kind": kind, "every": 1, "after_chunks": 2, "delay_s": 60, **where}]}
        late = expected(fault, stream=stream)[0] == "timeout"
        deadline_s = SHORT_S if late else LONG_S
        return lambda: ask(make, settings, deadline_s=deadline_s, parameters={"stream": stream})

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        starts = {(fault, stream): asking(fault, stream=stream) for fault, stream in CASES}
        late = {case: starts[case] for case in CASES if expected(case[0], stream=case[1])[0] == "timeout"}
        seen = run(late)
        for case in CASES:
            if case not in late:
                seen |= run({case: starts[case]})
        yield seen


def named(case: tuple[Fault, bool]) -> str:
    """Return a test's name."""
    (kind, point), stream = case
    return f"{kind}{'' if point is None else f' {point}'} {'streamed' if stream else 'whole'}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_every_fault_at_every_point_is_told_as_what_it_is(
    struck: dict[tuple[Fault, bool], Seen], case: tuple[Fault, bool]
) -> None:
    """With a recording, within the deadline, after one attempt."""
    seen, (fault, stream) = struck[case], case
    failure = seen.said.failure
    found = (seen.said.status, None if failure is None else failure.error_class, seen.recording.http_status)
    assert found == expected(fault, stream=stream)
    assert seen.recording.attempts == 1
    assert seen.truth is None or seen.truth.fault == fault[0] + ("" if fault[1] is None else f" at {fault[1]}")
    assert (seen.truth is None) is (fault[1] == "connect")


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_happened_is_stamped_and_what_did_not_is_not(
    struck: dict[tuple[Fault, bool], Seen], case: tuple[Fault, bool]
) -> None:
    """Every stamp up to the fault is there, in order, and none after it."""
    seen, (fault, stream) = struck[case], case
    recording, stamps = seen.recording, seen.recording.stamps
    has_headers = recording.http_status is not None
    assert (stamps.headers is not None) is has_headers
    is_heard = has_headers or fault[1] == "in_headers" or fault[0] == "garbage"
    assert (stamps.first_byte is not None) is is_heard
    assert len(recording.pieces) == len(recording.piece_ns)
    # What a server says as soon as it accepts a connection may be there before the request is sent.
    sent = None if fault == ("garbage", "connect") else stamps.send_start
    happened = [stamps.started, sent, stamps.first_byte, stamps.headers, *recording.piece_ns, stamps.closed]
    known = [each for each in happened if each is not None]
    assert known == sorted(known)
    if seen.said.status == "timeout":
        assert stamps.closed is None
    if stream and seen.truth is not None and seen.truth.sent_ns and has_headers:
        pairs = zip(seen.said.event_ns, seen.truth.sent_ns, strict=False)
        assert all(ours >= theirs for ours, theirs in pairs)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case[0][1] is not None], ids=lambda case: f"{case[0][0]} {case[0][1]} {case[1]}"
)
def test_what_came_before_a_point_is_kept(struck: dict[tuple[Fault, bool], Seen], case: tuple[Fault, bool]) -> None:
    """A stream keeps the events that were whole; an answer that is not streamed has none."""
    seen, ((_, point), stream) = struck[case], case
    assert point is not None
    assert seen.said.text == (TEXT_AT[point] if stream else "")
    assert seen.said.event_kinds.count(CONTENT) == len(seen.said.text.split())


def test_every_fault_has_its_row() -> None:
    """A new one must be judged."""
    kinds = {kind for kind, point in EVERY_FAULT if point is None}
    assert kinds == OF_KINDS.keys()
    assert {(kind, point) for kind, point in EVERY_FAULT if point is not None} == {
        (kind, point) for kind in ("garbage", *OF_POINTED) for point in TEXT_AT
    }


@pytest.fixture(scope="module")
def shaped(make: Callable[..., Any]) -> dict[tuple[str, str, bool], Seen]:
    """Ask every provider in every form, streamed and not."""

    def asking(shape: str, provider: str, *, stream: bool) -> Callable[[], Any]:
        settings = {"wire": {"*": SHAPES[shape]}}
        changes = {"model": MODELS[provider], "deadline_s": LONG_S, "parameters": {"stream": stream}}
        return lambda: ask(make, settings, **changes)

    cases = [(shape, provider, stream) for shape in SHAPES for provider in MODELS for stream in (True, False)]
    return run({case: asking(case[0], case[1], stream=case[2]) for case in cases})


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_of_a_body_says_the_same(
    shaped: dict[tuple[str, str, bool], Seen], shape: str, provider: str, *, stream: bool
) -> None:
    """Events, text and usage; each event is there when its last byte is and never before it was sent."""
    seen = shaped[shape, provider, stream]
    said, truth = seen.said, seen.truth
    assert truth is not None
    assert (said.status, said.failure, said.event_kinds) == ("ok", None, truth.kinds)
    assert len(said.text.split()) == 5
    assert said.text.isascii() is (SHAPES[shape].get("text") != "unicode")
    assert said.usage is not None
    assert said.usage.tokens_out == truth.output_tokens == 5
    assert len(truth.sent_ns) == len(truth.kinds)
    if not {"encoding", "fragment"} <= SHAPES[shape].keys():  # the last bytes of a flush carry no text
        assert all(ours >= theirs for ours, theirs in zip(said.event_ns, truth.sent_ns, strict=True))
