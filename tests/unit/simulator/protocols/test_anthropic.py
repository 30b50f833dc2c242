"""What the simulator says as Anthropic follows the reference of messages and of streaming them."""

import json

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import anthropic
from pytest_llm_latency.simulator.routes import Call

USER = {"role": "user", "content": "Say something, please."}
TOOL = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a request's body."""
    content = {"model": "claude", "max_tokens": 100, "messages": [USER], **body}
    return answer(anthropic.question(Call(fields=content)), profile or Profile(output_tokens=3))


def events(said: Answer) -> list[dict[str, object]]:
    """Return the events' JSON, after checks of the framing: the event's name is its type."""
    found = []
    for piece in anthropic.events(said):
        name, data, *rest = piece.data.decode().split("\n")
        assert rest == ["", ""]
        content = json.loads(data.removeprefix("data: "))
        assert name == f"event: {content['type']}"
        found.append(content)
    return found


def test_a_stream_has_the_documented_order_of_events() -> None:
    """From ``message_start`` to ``message_stop``, with a ping in between."""
    assert [event["type"] for event in events(ask())] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_start_is_a_message_without_content() -> None:
    """Its usage has the prompt's tokens."""
    message = events(ask())[0]["message"]
    assert message["role"] == "assistant"
    assert message["content"] == []
    assert message["stop_reason"] is None
    assert message["usage"]["input_tokens"] == 7
    assert message["usage"]["output_tokens"] == 1
    assert message["id"].startswith("msg_")


def test_the_text_comes_in_deltas_and_usage_with_the_stop_reason() -> None:
    """Usage in ``message_delta`` is cumulative."""
    found = events(ask())
    text = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert all(delta["type"] == "text_delta" for delta in text)
    assert "".join(delta["text"] for delta in text) == "The simulated model"
    assert found[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert found[-2]["usage"] == {"output_tokens": 3}


def test_pieces_are_classified_and_timed_by_their_tokens() -> None:
    """What comes before the first token goes with the headers."""
    pieces = anthropic.events(ask())
    assert "".join(piece.kind for piece in pieces) == "xxxcccxxx"
    assert [piece.step for piece in pieces] == [-1, -1, -1, 0, 1, 2, 2, 2, 2]


def test_a_tool_call_is_a_block_with_json_in_parts() -> None:
    """The block's start carries the name, the first delta is empty."""
    said = ask(tools=[TOOL])
    found = events(said)
    block = found[1]["content_block"]
    assert block == {"type": "tool_use", "id": block["id"], "name": "weather", "input": {}}
    parts = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert {part["type"] for part in parts} == {"input_json_delta"}
    assert not parts[0]["partial_json"]
    assert json.loads("".join(part["partial_json"] for part in parts)) == {"city": "text"}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    assert "".join(piece.kind for piece in anthropic.events(said)).startswith("xtxxt")


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "{}"}]}]},
        {"tool_choice": {"type": "none"}},
    ],
)
def test_a_tools_result_or_a_refused_tool_is_answered_with_text(body: dict[str, object]) -> None:
    """So that a round trip ends."""
    assert ask(tools=[TOOL], **body).finish == "stop"


def test_the_requests_own_bound_cuts_the_answer() -> None:
    """The stop reason says so."""
    found = events(ask(max_tokens=2))
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"
    assert found[-2]["usage"] == {"output_tokens": 2}


def test_an_answer_that_is_not_streamed_is_one_message() -> None:
    """Content, stop reason and usage stand in one object."""
    message = json.loads(anthropic.document(ask()))
    assert message["type"] == "message"
    assert message["content"] == [{"type": "text", "text": "The simulated model"}]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["output_tokens"] == 3


def test_a_tool_call_that_is_not_streamed_has_its_input() -> None:
    """The input is an object, not a text."""
    block = json.loads(anthropic.document(ask(tools=[TOOL])))["content"][0]
    assert block["type"] == "tool_use"
    assert block["input"] == {"city": "text"}


@pytest.mark.parametrize("name", ["model", "messages", "max_tokens"])
def test_a_missing_field_is_refused(name: str) -> None:
    """Anthropic's message is the field's name and what is wrong."""
    with pytest.raises(QuestionError, match=f"^{name}: Field required$"):
        ask(**{name: None})


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "api_error")],
)
def test_errors_have_anthropics_shape(status: int, kind: str) -> None:
    """The request's id stands in the body too."""
    body = json.loads(anthropic.error(Refusal(status=status, message="no", request_id="1")))
    assert body == {"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_1"}


def test_an_error_in_mid_stream_is_an_error_event() -> None:
    """It has a name of its own."""
    text = anthropic.error_event("no").decode()
    assert text == 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n'


def test_the_headers_are_anthropics() -> None:
    """The processing time is in whole milliseconds."""
    headers = anthropic.headers(Facts(request_id="1", model="claude", processing_s=0.04))
    assert headers["request-id"] == "req_1"
    assert headers["x-envoy-upstream-service-time"] == "40"


def test_thinking_is_a_block_of_its_own_that_ends_with_a_signature() -> None:
    """The text's block comes second."""
    said = ask(Profile(output_tokens=2, reasoning_tokens=2))
    found = events(said)
    assert [event.get("index") for event in found] == [None, 0, 0, 0, 0, 0, 1, None, 1, 1, 1, None, None]
    assert [event["delta"]["type"] for event in found[2:5]] == ["thinking_delta"] * 2 + ["signature_delta"]
    assert "".join(piece.kind for piece in anthropic.events(said)) == "xxrrxxxxccxxx"
    assert found[-2]["usage"]["output_tokens"] == 4
    thought, text = json.loads(anthropic.document(said))["content"]
    assert (thought["type"], thought["thinking"], text["text"]) == ("thinking", "First the", "The simulated")
    assert thought["signature"]


def test_what_came_from_the_cache_and_went_there_is_counted_apart_from_the_input() -> None:
    """The three together are the prompt."""
    usage = events(ask(Profile(cached_share=0.5, cache_written_share=0.3)))[0]["message"]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (2, 3, 2)


def test_a_named_tool_is_called() -> None:
    """Whatever its place among the declared ones."""
    said = ask(tools=[TOOL, {"name": "time", "input_schema": {}}], tool_choice={"type": "tool", "name": "time"})
    assert said.question.tool is not None
    assert said.question.tool.name == "time"
