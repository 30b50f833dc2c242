"""Events that repeat are read by their example, and every other event by the parser."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution import sse
from pytest_llm_latency.execution.decode import Json, Protocol, decode
from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.repeats import Repeats
from pytest_llm_latency.model import Decoded, Usage
from recordings import recording

USAGE = Usage(
    tokens_in=1, tokens_out=1, tokens_reasoning=None, tokens_cached=None, tokens_cache_written=None, source="usage"
)


def text(content: str, **changes: Any) -> Delta:
    """Return what a parser says of an event that has a text alone."""
    plain: dict[str, Any] = {"reasoning": "", "tool_calls": (), "finish_reason": None, "served_model": "m"}
    return Delta(content=content, **{**plain, "usage": None, **changes})


def event(content: str, **others: Any) -> str:
    """Return an event's data as providers write it."""
    return json.dumps({"id": "1", "choices": [{"delta": {"content": content}}], **others})


def taught(*events: tuple[str, Delta]) -> Repeats:
    """Return what has learnt from events that the parser read."""
    repeats = Repeats()
    for data, delta in events:
        repeats.learn(data, delta)
    return repeats


def test_an_event_that_is_equal_but_for_its_text_is_read_by_two_examples() -> None:
    """Whatever the text is, as long as nothing in it is escaped."""
    repeats = taught((event("a"), text("a")), (event(" b"), text(" b")))
    assert repeats.text(event("the third")) == "the third"
    assert (
        repeats.text(json.dumps({"id": "1", "choices": [{"delta": {"content": "ü €"}}]}, ensure_ascii=False)) == "ü €"
    )


def test_one_example_is_not_enough() -> None:
    """Its text may stand in the event by chance, where the content comes from elsewhere."""
    assert taught((event("a"), text("a"))).text(event("b")) is None


@pytest.mark.parametrize(
    "data",
    [
        event("c", id="2"),
        event("c", usage=None),
        event(""),
        event('say "hi"'),
        event("a\\b"),
        event("line\n"),
        event("é"),  # written as an escape
        event("c")[:-1],
        event("c").replace("c", "\x01"),
        "",
        "{}",
    ],
)
def test_any_other_event_goes_to_the_parser(data: str) -> None:
    """Another field, an escape in the text, broken JSON or no text."""
    assert taught((event("a"), text("a")), (event("b"), text("b"))).text(data) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"reasoning": "why"},
        {"finish_reason": "stop"},
        {"tool_calls": (object(),)},
        {"usage": USAGE},
        {"content": ""},
    ],
)
def test_an_event_that_says_more_than_its_text_is_no_example(changes: dict[str, Any]) -> None:
    """The next one might say something else."""
    said = text("a", **changes) if "content" not in changes else text("")
    assert taught((event("a"), said), (event("b"), said)).text(event("c")) is None


def test_a_text_that_stands_in_two_places_is_no_example() -> None:
    """Which of them the parser took cannot be told."""
    repeats = taught((event("1"), text("1")), (event("1"), text("1")))
    assert repeats.text(event("1").replace('"id": "1"', '"id": "2"')) is None


def test_an_example_that_ends_otherwise_replaces_the_first_when_it_repeats() -> None:
    """As where a second block begins."""
    repeats = taught(
        (event("a"), text("a")),
        (event("b"), text("b")),
        (event("c", index=1), text("c")),
        (event("d", index=1), text("d")),
    )
    assert repeats.text(event("e", index=1)) == "e"
    assert repeats.text(event("e")) is None


def parsed(chunk: Json) -> Delta:
    """Read an event of this module as a parser would."""
    found: Any = chunk
    delta = found["choices"][0]["delta"]
    return text(delta.get("content", ""), reasoning=delta.get("reasoning", ""), finish_reason=found.get("finish"))


def read(*, repeating: bool, events: list[str], monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """Decode a stream with or without what this module does."""
    protocol = Protocol(
        events=sse.events,
        parse_event=parsed,
        parse_answer=lambda *_: text(""),
        ends=lambda chunk: chunk is not None and "finish" in chunk,
    )
    with monkeypatch.context() as patch:
        if not repeating:
            patch.setattr(Repeats, "text", lambda *_: None)
        return decode(recording(*(f"data: {each}\n\n".encode() for each in events)), protocol)


SAID = st.sampled_from(["a", "1", "", "stop", '"', "\\", "\n", "é", "日本", "id", " x"]) | st.text(max_size=4)
EVENTS = st.builds(
    lambda content, reasoning, escaped, end: json.dumps(
        {
            "id": "1",
            "choices": [{"delta": {"content": content} if reasoning is None else {"reasoning": reasoning}}],
            **({"finish": "stop"} if end else {}),
        },
        ensure_ascii=escaped,
    ),
    SAID,
    st.none() | st.none() | SAID,
    st.booleans(),
    st.sampled_from([False] * 9 + [True]),
)


@given(events=st.lists(EVENTS, max_size=12))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_a_stream_says_the_same_as_with_the_parser_alone(events: list[str]) -> None:
    """Texts, kinds, characters, end and status, for whatever comes."""
    monkeypatch = pytest.MonkeyPatch()
    repeating = read(repeating=True, events=events, monkeypatch=monkeypatch)
    assert repeating == read(repeating=False, events=events, monkeypatch=monkeypatch)
