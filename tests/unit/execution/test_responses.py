"""The Responses API's events and answers, in the form of objects and of mappings."""

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llm_latency.execution import responses
from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta

USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
}


def event(kind: str, **fields: Any) -> Delta | None:
    """Return what an event comes to."""
    return responses.event(SimpleNamespace(type=kind, **fields))


def final(**fields: Any) -> dict[str, Any]:
    """Return a response that is over."""
    return {"status": "completed", "model": "m", "usage": USAGE, "output": [], **fields}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("response.output_text.delta", Delta(content="a")),
        ("response.refusal.delta", Delta(content="a")),
        ("response.reasoning_text.delta", Delta(reasoning="a")),
        ("response.reasoning_summary_text.delta", Delta(reasoning="a")),
        ("response.output_text.done", None),
        ("response.some_tool_of_tomorrow.delta", None),
    ],
)
def test_deltas_go_to_their_channel(kind: str, expected: Delta | None) -> None:
    """What is not known is no output."""
    assert event(kind, delta="a") == expected


def test_a_call_is_named_and_then_filled() -> None:
    """By the place of the item in the output."""
    item = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": ""}
    named = event("response.output_item.added", item=item, output_index=2)
    part = event("response.function_call_arguments.delta", delta="{}", output_index=2)
    assert named == Delta(tool_calls=(ToolCallDelta(index=2, id="c", name="weather", arguments=""),))
    assert part == Delta(tool_calls=(ToolCallDelta(index=2, id=None, name=None, arguments="{}"),))
    assert event("response.output_item.added", item={"type": "message"}, output_index=0) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "stop"),
        ({"output": [{"type": "function_call"}]}, "tool_calls"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
    ],
)
def test_the_end_has_the_reason_and_the_usage(fields: dict[str, Any], reason: str) -> None:
    """In the words of chats."""
    found = event("response.completed", response=final(**fields))
    assert found is not None
    assert (found.finish_reason, found.served_model, found.content) == (reason, "m", "")
    assert found.usage is not None
    counted = (found.usage.tokens_in, found.usage.tokens_out, found.usage.tokens_reasoning, found.usage.tokens_cached)
    assert counted == (7, 5, 2, 3)


@pytest.mark.parametrize(
    "failed",
    [
        {"type": "response.failed", "response": {"status": "failed", "error": {"message": "no capacity"}}},
        {"type": "error", "message": "no capacity"},
        {"type": "error", "error": {"message": "no capacity"}},
    ],
)
def test_a_failure_is_the_providers_report(failed: dict[str, Any]) -> None:
    """In each of its forms."""
    with pytest.raises(ReportedError, match=r"^no capacity$"):
        responses.event(SimpleNamespace(**failed))


def test_a_whole_answer_is_read_part_by_part() -> None:
    """Reasoning, text and calls beside each other."""
    output = [
        {"type": "reasoning", "summary": [{"text": "Hm."}], "content": None},
        {"type": "message", "content": [{"text": "Good "}, {"refusal": "night"}]},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
    ]
    found = responses.answer(final(output=output))
    assert found is not None
    assert (found.reasoning, found.content, found.finish_reason) == ("Hm.", "Good night", "tool_calls")
    assert found.tool_calls == (ToolCallDelta(index=2, id="c", name="weather", arguments="{}"),)
    with pytest.raises(ReportedError, match="no capacity"):
        responses.answer({"status": "failed", "error": {"message": "no capacity"}})
    with pytest.raises(ValueError, match="no output"):
        responses.answer(final())
