"""What the simulator says as Ollama follows its description of chat and generate."""

import json
from typing import Any

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, Piece, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import ollama
from pytest_llm_latency.simulator.routes import Call

USER = {"role": "user", "content": "Say something, please."}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "required": ["city"]}}}
THOUGHTFUL = Profile(output_tokens=2, reasoning_tokens=1)


def chat(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a chat."""
    call = Call(fields={"model": "llama", "messages": [USER], **body})
    return answer(ollama.chat_question(call), profile or Profile(output_tokens=2))


def generate(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a prompt."""
    call = Call(fields={"model": "llama", "prompt": "Say something, please.", **body})
    return answer(ollama.generate_question(call), profile or Profile(output_tokens=2))


def lines(pieces: list[Piece]) -> list[dict[str, Any]]:
    """Return the JSON of the pieces, of which each is a line."""
    assert all(piece.data.endswith(b"\n") and piece.data.count(b"\n") == 1 for piece in pieces)
    return [json.loads(piece.data) for piece in pieces]


def test_a_chat_is_a_line_for_each_part_and_one_with_the_counts() -> None:
    """Thoughts have a field of their own."""
    said = lines(ollama.chat_events(chat(THOUGHTFUL)))
    assert [line["message"].get("thinking") for line in said] == ["First", None, None, None]
    assert [line["message"]["content"] for line in said] == ["", "The", " simulated", ""]
    assert [line["done"] for line in said] == [False, False, False, True]
    assert {line["model"] for line in said} == {"llama"}
    last = said[-1]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 7, 3)
    assert last["total_duration"] == last["load_duration"] + last["prompt_eval_duration"] + last["eval_duration"]


def test_a_prompt_is_answered_likewise() -> None:
    """In fields of its own."""
    said = lines(ollama.generate_events(generate(THOUGHTFUL)))
    assert [line.get("thinking") for line in said] == ["First", None, None, None]
    assert [line["response"] for line in said] == ["", "The", " simulated", ""]
    assert lines(ollama.generate_events(generate(options={"num_predict": 1})))[-1]["done_reason"] == "length"


def test_a_call_comes_whole() -> None:
    """With arguments that are no text."""
    first, last = lines(ollama.chat_events(chat(tools=[TOOL])))
    assert first["message"]["tool_calls"] == [{"function": {"name": "weather", "arguments": {"city": None}}}]
    assert (last["done"], last["done_reason"]) == (True, "stop")
    again = [USER, {"role": "tool", "content": "{}"}]
    assert ollama.chat_question(Call(fields={"model": "l", "messages": again, "tools": [TOOL]})).tool is None


def test_a_whole_answer_has_text_thoughts_and_counts() -> None:
    """In one line without an end."""
    said = json.loads(ollama.chat_document(chat(THOUGHTFUL)))
    assert said["message"] == {"role": "assistant", "content": "The simulated", "thinking": "First"}
    assert (said["done"], said["eval_count"]) == (True, 3)
    said = json.loads(ollama.generate_document(generate(THOUGHTFUL)))
    assert (said["response"], said["thinking"], said["done"]) == ("The simulated", "First", True)


@pytest.mark.parametrize(("given", "stream"), [({}, True), ({"stream": True}, True), ({"stream": False}, False)])
def test_an_answer_is_streamed_unless_it_must_not_be(given: dict[str, object], *, stream: bool) -> None:
    """Ollama's own default."""
    assert chat(**given).question.stream is stream


def test_a_bound_may_be_none() -> None:
    """By Ollama's own numbers for it."""
    for endless in (-1, -2):
        assert chat(options={"num_predict": endless}).question.max_tokens is None
    with pytest.raises(QuestionError, match="num_predict"):
        chat(options={"num_predict": 0})
    with pytest.raises(QuestionError, match="model is required"):
        ollama.generate_question(Call(fields={"prompt": "a"}))


def test_errors_have_ollamas_shape() -> None:
    """One line, wherever; a malformed one stays a line."""
    assert json.loads(ollama.error(Refusal(status=404, message="no"))) == {"error": "no"}
    assert ollama.error_event("no") == b'{"error":"no"}\n'
    assert ollama.malformed(b'{"response":"a"}\n') == b'{"respon\n'
    assert ollama.headers(Facts(request_id="1", model="m", processing_s=0.5)) == {}
