"""What the simulator says as OpenAI follows the reference of chat completions."""

import json

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import openai
from pytest_llm_latency.simulator.routes import Call

USER = {"role": "user", "content": "Say something, please."}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a request's body."""
    question = openai.question(Call(fields={"model": "gpt-4o", "messages": [USER], **body}))
    return answer(question, profile or Profile(output_tokens=4))


def events(said: Answer) -> list[dict[str, object]]:
    """Return the JSON of the events before the end mark, after checks of the framing."""
    texts = [piece.data.decode() for piece in openai.events(said)]
    assert all(text.startswith("data: ") and text.endswith("\n\n") and text.count("\n") == 2 for text in texts)
    assert texts[-1] == "data: [DONE]\n\n"
    return [json.loads(text.removeprefix("data: ")) for text in texts[:-1]]


def deltas(said: Answer) -> list[dict[str, object]]:
    """Return the deltas of the events that have a choice."""
    return [event["choices"][0]["delta"] for event in events(said) if event["choices"]]


def test_a_stream_is_role_deltas_finish_and_done() -> None:
    """The role comes alone and empty, each delta has one token, the finish has an empty delta."""
    said = ask()
    first, *middle, last = deltas(said)
    assert first == {"role": "assistant", "content": "", "refusal": None}
    assert [list(delta) for delta in middle] == [["content"]] * 4
    assert "".join(delta["content"] for delta in middle) == said.text == "The simulated model answers"
    assert last == {}
    reasons = [event["choices"][0]["finish_reason"] for event in events(said)]
    assert reasons == [None] * 5 + ["stop"]


def test_every_event_carries_the_same_facts() -> None:
    """Id, object, time, model, tier and fingerprint stand in each chunk."""
    facts = [{key: event[key] for key in event if key not in {"choices", "usage"}} for event in events(ask())]
    assert all(each == facts[0] for each in facts)
    assert facts[0]["object"] == "chat.completion.chunk"
    assert facts[0]["model"] == "gpt-4o"
    assert facts[0]["id"].startswith("chatcmpl-")
    assert {"created", "service_tier", "system_fingerprint"} <= set(facts[0])


def test_usage_comes_last_without_choices_where_it_was_asked_for() -> None:
    """All events before it carry a usage of null, as the reference has it."""
    found = events(ask(stream_options={"include_usage": True}))
    *others, last = found
    assert all(event["usage"] is None and event["choices"] for event in others)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4
    assert last["usage"]["prompt_tokens"] == 7  # "user" and 22 characters make 26, four a token
    assert last["usage"]["total_tokens"] == 11


def test_no_event_mentions_usage_where_it_was_not_asked_for() -> None:
    """A stream without the option has no usage at all."""
    assert all("usage" not in event for event in events(ask()))


def test_pieces_are_classified_and_timed_by_their_tokens() -> None:
    """The role goes with the headers, the deltas with their tokens, the rest with the last token."""
    pieces = openai.events(ask(Profile(output_tokens=5, tokens_per_chunk=2)))
    assert "".join(piece.kind for piece in pieces) == "xcccxx"
    assert [piece.step for piece in pieces] == [-1, 0, 2, 3, 3, 3]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_requests_own_bound_cuts_the_answer(name: str) -> None:
    """The finish reason says so."""
    found = events(ask(**{name: 2}))
    assert found[-1]["choices"][0]["finish_reason"] == "length"
    assert len(found) == 4


def test_a_tool_call_comes_in_parts() -> None:
    """The name comes with the role, the arguments follow in pieces of JSON text."""
    said = ask(tools=[TOOL])
    first, *middle, last = deltas(said)
    call = first["tool_calls"][0]
    assert first["role"] == "assistant"
    assert first["content"] is None
    assert call == {
        "index": 0,
        "id": call["id"],
        "type": "function",
        "function": {"name": "weather", "arguments": ""},
    }
    parts = [delta["tool_calls"][0] for delta in middle]
    assert all(set(part) == {"index", "function"} for part in parts)
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == {"city": "text"}
    assert last == {}
    assert events(said)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [piece.kind for piece in openai.events(said)] == ["t"] * (1 + len(parts)) + ["x", "x"]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [USER, {"role": "tool", "tool_call_id": "call_1", "content": "{}"}]},
        {"tool_choice": "none"},
    ],
)
def test_a_tools_result_or_a_refused_tool_is_answered_with_text(body: dict[str, object]) -> None:
    """So that a round trip ends."""
    assert ask(tools=[TOOL], **body).finish == "stop"


def test_an_answer_that_is_not_streamed_is_one_completion() -> None:
    """Message, finish reason and usage stand in one object."""
    completion = json.loads(openai.document(ask()))
    assert completion["object"] == "chat.completion"
    choice = completion["choices"][0]
    assert choice["message"]["content"] == "The simulated model answers"
    assert choice["finish_reason"] == "stop"
    assert completion["usage"]["total_tokens"] == 11


def test_a_tool_call_that_is_not_streamed_has_whole_arguments() -> None:
    """The content is null beside it."""
    message = json.loads(openai.document(ask(tools=[TOOL])))["choices"][0]["message"]
    assert message["content"] is None
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "text"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_what_openai_refuses_is_refused(body: dict[str, object], message: str) -> None:
    """The message names the field."""
    with pytest.raises(QuestionError, match=message):
        ask(**body)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "invalid_request_error", "model_not_found"),
        (429, "requests", "rate_limit_exceeded"),
        (500, "server_error", None),
    ],
)
def test_errors_have_openais_shape(status: int, kind: str, code: str | None) -> None:
    """Four fields under ``error``."""
    body = json.loads(openai.error(Refusal(status=status, message="no")))
    assert body == {"error": {"message": "no", "type": kind, "param": None, "code": code}}


def test_an_error_in_mid_stream_is_an_event() -> None:
    """It is framed as the others."""
    text = openai.error_event("no").decode()
    assert text.startswith('data: {"error":{"message":"no"')
    assert text.endswith("\n\n")


def test_the_headers_are_openais() -> None:
    """The processing time is in whole milliseconds."""
    headers = openai.headers(Facts(request_id="1", model="gpt-4o", processing_s=0.0406))
    assert headers["openai-processing-ms"] == "41"
    assert headers["x-request-id"] == "req_1"


def test_what_is_thought_is_counted_and_not_shown() -> None:
    """The text waits for it."""
    said = ask(Profile(output_tokens=2, reasoning_tokens=3), stream_options={"include_usage": True})
    assert "".join(piece.kind for piece in openai.events(said)) == "xccxxx"
    assert [piece.step for piece in openai.events(said)] == [-1, 3, 4, 4, 4, 4]
    usage = events(said)[-1]["usage"]
    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (5, 3)
    assert "reasoning" not in openai.document(said).decode().replace("reasoning_tokens", "")


def test_the_requests_own_bound_holds_for_reasoning_and_text() -> None:
    """The text keeps one token."""
    said = ask(Profile(output_tokens=9, reasoning_tokens=9), max_completion_tokens=4)
    assert (said.reasoning_tokens, said.output_tokens, said.finish) == (3, 4, "length")


def test_cached_tokens_are_a_share_of_the_prompt() -> None:
    """They stay part of it."""
    usage = json.loads(openai.document(ask(Profile(cached_share=0.5))))["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (7, 3)


def test_a_named_tool_is_called() -> None:
    """Whatever its place among the declared ones; an unknown one is refused."""
    other = {"type": "function", "function": {"name": "time", "parameters": {}}}
    named = {"type": "function", "function": {"name": "time"}}
    said = ask(tools=[TOOL, other], tool_choice=named)
    assert said.question.tool is not None
    assert said.question.tool.name == "time"
    with pytest.raises(QuestionError, match="'time' is none of the tools: weather"):
        ask(tools=[TOOL], tool_choice=named)
