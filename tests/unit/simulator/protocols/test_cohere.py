"""What the simulator says as Cohere follows the reference of chat and of streaming it."""

import json
from typing import Any

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import cohere
from pytest_llm_latency.simulator.routes import Call

USER = {"role": "user", "content": "Say something, please."}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "required": ["city"]}}}


def ask(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a request's body."""
    call = Call(fields={"model": "command", "messages": [USER], **body})
    return answer(cohere.question(call), profile or Profile(output_tokens=2))


def events(said: Answer) -> list[dict[str, Any]]:
    """Return the events' JSON, after checks of the framing: the event's name is its type."""
    *pieces, last = cohere.events(said)
    assert last.data == b"data: [DONE]\n\n"
    found = []
    for piece in pieces:
        name, data, *rest = piece.data.decode().split("\n")
        assert rest == ["", ""]
        content = json.loads(data.removeprefix("data: "))
        assert name == f"event: {content['type']}"
        found.append(content)
    return found


def test_a_stream_has_the_documented_order_of_events() -> None:
    """Blocks open and close."""
    said = events(ask(Profile(output_tokens=1, reasoning_tokens=1)))
    block = ["content-start", "content-delta", "content-end"]
    assert [event["type"] for event in said] == ["message-start", *block, *block, "message-end"]
    assert [event["index"] for event in said[1:-1]] == [0, 0, 0, 1, 1, 1]
    assert said[2]["delta"]["message"]["content"] == {"thinking": "First"}
    assert said[5]["delta"]["message"]["content"] == {"text": "The"}


def test_the_end_has_the_reason_and_the_usage() -> None:
    """What is billed and what was read."""
    end = events(ask(Profile(output_tokens=2, cached_share=0.5)))[-1]["delta"]
    tokens = {"input_tokens": 7, "output_tokens": 2}
    assert end["finish_reason"] == "COMPLETE"
    assert end["usage"] == {"billed_units": tokens, "tokens": tokens, "cached_tokens": 3}
    assert events(ask(max_tokens=1))[-1]["delta"]["finish_reason"] == "MAX_TOKENS"


def test_a_call_comes_in_parts() -> None:
    """Its name first."""
    said = events(ask(tools=[TOOL]))
    assert [event["type"] for event in said[1:3]] == ["tool-call-start", "tool-call-delta"]
    first = said[1]["delta"]["message"]["tool_calls"]
    assert (first["function"]["name"], first["function"]["arguments"]) == ("weather", "")
    assert said[-1]["delta"]["finish_reason"] == "TOOL_CALL"
    further = [event["delta"]["message"]["tool_calls"] for event in said if event["type"] == "tool-call-delta"]
    assert json.loads("".join(part["function"]["arguments"] for part in further)) == {"city": None}
    assert (
        cohere.question(Call(fields={"model": "c", "messages": [USER], "tools": [TOOL], "tool_choice": "NONE"})).tool
        is None
    )


def test_a_whole_answer_is_one_message() -> None:
    """Text in blocks, calls beside them."""
    message = json.loads(cohere.document(ask(Profile(output_tokens=2, reasoning_tokens=1))))["message"]
    assert message["content"] == [{"type": "thinking", "thinking": "First"}, {"type": "text", "text": "The simulated"}]
    message = json.loads(cohere.document(ask(tools=[TOOL])))["message"]
    assert "content" not in message
    assert message["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":null}'}


def test_errors_have_coheres_shape() -> None:
    """A message; in a stream its end."""
    assert json.loads(cohere.error(Refusal(status=429, message="no", request_id="1"))) == {"id": "1", "message": "no"}
    assert b'"type":"message-end","delta":{"error":"no","finish_reason":"ERROR"}' in cohere.error_event("no")
    facts = Facts(request_id="1", model="m", processing_s=0.5)
    assert cohere.headers(facts)["x-envoy-upstream-service-time"] == "500"


@pytest.mark.parametrize("body", [{}, {"model": "c"}, {"model": "c", "messages": []}, {"messages": [USER]}])
def test_what_cannot_be_answered_is_refused(body: dict[str, object]) -> None:
    """In words."""
    with pytest.raises(QuestionError, match="invalid request"):
        cohere.question(Call(fields=body))
