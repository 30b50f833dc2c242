"""What Cohere's events and answers say, by its reference of streaming."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta
from pytest_llm_latency.execution.dialects import cohere

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["delta", "message", "content", "text", "usage", "tokens", "tool_calls", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def delta(**message: Any) -> Delta:
    """Return what an event with this part of a message says."""
    return cohere.parse_event({"type": "x", "index": 1, "delta": {"message": message}})


def test_text_thoughts_and_the_plan_of_tools_are_told_apart() -> None:
    """A plan is thought aloud."""
    assert delta(content={"text": "Hi"}).content == "Hi"
    assert delta(content={"thinking": "hm"}).reasoning == "hm"
    assert delta(tool_plan="I will").reasoning == "I will"
    assert delta(content={"type": "text", "text": ""}).content == ""


def test_a_call_begins_with_its_name_and_goes_on_with_its_arguments() -> None:
    """All parts have the index of their call."""
    begun = delta(tool_calls={"id": "c", "type": "function", "function": {"name": "weather", "arguments": ""}})
    assert begun.tool_calls == (ToolCallDelta(index=1, id="c", name="weather", arguments=""),)
    further = delta(tool_calls={"function": {"arguments": '{"ci'}})
    assert further.tool_calls == (ToolCallDelta(index=1, id=None, name=None, arguments='{"ci'),)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("TIMEOUT", "timeout"),
    ],
)
def test_the_end_has_the_reason_and_the_usage(told: str, reason: str) -> None:
    """Cohere counts in floats."""
    usage = {"billed_units": {}, "tokens": {"input_tokens": 17.0, "output_tokens": 5.0}, "cached_tokens": 3}
    end = {"type": "message-end", "delta": {"finish_reason": told, "usage": usage}}
    said = cohere.parse_event(end)
    assert said.finish_reason == reason
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out, said.usage.tokens_cached) == (17, 5, 3)
    assert cohere.ends(end)
    assert not cohere.ends({"type": "content-end"})
    assert not cohere.ends(None)


@pytest.mark.parametrize(
    ("end", "words"), [({"finish_reason": "ERROR"}, "no reason"), ({"error": "overloaded"}, "overloaded")]
)
def test_an_error_at_the_end_is_one(end: dict[str, str], words: str) -> None:
    """In Cohere's own words, where there are any."""
    with pytest.raises(ReportedError, match=words):
        cohere.parse_event({"type": "message-end", "delta": end})


def test_a_whole_answer_says_what_its_events_would() -> None:
    """Several blocks are one text, and calls are told apart by their place."""
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "xy"]
    said = cohere.parse_answer({
        "id": "1",
        "finish_reason": "TOOL_CALL",
        "message": {"content": content, "tool_calls": calls},
        "usage": {"tokens": {"input_tokens": 1, "output_tokens": 2}},
    })
    assert (said.content, said.reasoning, said.finish_reason) == ("ab", "hm", "tool_calls")
    assert [(call.index, call.name) for call in said.tool_calls] == [(0, "x"), (1, "y")]


@pytest.mark.parametrize("answer", [{}, {"message": "no"}, {"message": None}])
def test_an_answer_without_a_message_is_none(answer: dict[str, Any]) -> None:
    """A gateway may say anything."""
    with pytest.raises(ValueError, match="no message"):
        cohere.parse_answer(answer)


@given(JSON)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_any_json_is_read_or_refused(said: object) -> None:
    """Nothing else is raised."""
    if isinstance(said, dict):
        for read in (cohere.parse_event, cohere.parse_answer):
            try:
                found = read(said)
            except (ValueError, ReportedError):
                continue
            assert isinstance(found, Delta)
