"""What Ollama's lines and answers say, by its own description of its API."""

import json

import pytest

from pytest_llm_latency.execution.delta import ReportedError
from pytest_llm_latency.execution.dialects import ollama


def test_text_and_thoughts_are_told_apart_in_chat_and_generate() -> None:
    """The one has a message, the other a response."""
    lines = ollama.Lines()
    said = lines.event({
        "model": "m",
        "message": {"role": "assistant", "content": "Hi", "thinking": "hm"},
        "done": False,
    })
    assert (said.content, said.reasoning, said.served_model, said.finish_reason) == ("Hi", "hm", "m", None)
    said = lines.event({"response": "Hi", "thinking": "hm", "done": False})
    assert (said.content, said.reasoning) == ("Hi", "hm")


def test_text_that_begins_like_json_comes_when_it_comes() -> None:
    """A model that writes JSON has a first token too."""
    lines = ollama.Lines()
    parts = ["{", '"name"', ":", '"x"', "}"]
    assert [lines.event({"response": part, "done": False}).content for part in parts] == parts


def test_what_stands_between_the_tags_of_thinking_is_thought() -> None:
    """Some models write them into their text, alone or amid it."""
    lines = ollama.Lines()
    parts = ["<think>", "hm", " so</think>", "Hi", "a<think>b</think>c"]
    said = [lines.event({"response": part, "done": False}) for part in parts]
    assert [each.reasoning for each in said] == ["", "hm", " so", "", "b"]
    assert [each.content for each in said] == ["", "", "", "Hi", "ac"]


def test_each_call_is_one_of_its_own() -> None:
    """They come in lines of their own, each whole, without a number and without an identity."""
    lines = ollama.Lines()
    call = {"function": {"name": "weather", "arguments": {"city": "Köln"}}}
    said = [lines.event({"message": {"tool_calls": [call]}, "done": False}) for _ in range(2)]
    first, second = (each.tool_calls[0] for each in said)
    assert (first.index, second.index) == (0, 1)
    assert first.id
    assert first.id != second.id
    assert json.loads(first.arguments) == {"city": "Köln"}
    assert lines.event({"done": True, "done_reason": "stop"}).finish_reason == "tool_calls"


def test_a_call_without_arguments_is_called_with_none() -> None:
    """Arguments are JSON in any case."""
    said = ollama.Lines().event({"message": {"tool_calls": [{"function": {"name": "now"}}]}, "done": False})
    assert said.tool_calls[0].arguments == "{}"


@pytest.mark.parametrize("reason", ["stop", "length", "load"])
def test_the_last_line_has_the_reason_and_the_counts(reason: str) -> None:
    """They are those of prompt and answer."""
    line = {"response": "", "done": True, "done_reason": reason, "prompt_eval_count": 3, "eval_count": 4}
    said = ollama.Lines().event(line)
    assert said.finish_reason == reason
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (3, 4)
    assert ollama.ends(line)
    assert not ollama.ends({"done": False})
    assert not ollama.ends(None)


@pytest.mark.parametrize("line", [{}, {"done": "yes"}, {"message": {"content": "a"}}])
def test_a_line_that_does_not_say_whether_it_is_the_last_is_none(line: dict[str, object]) -> None:
    """Every line of Ollama's does."""
    with pytest.raises(ValueError, match="whether it is the last"):
        ollama.Lines().event(line)


def test_an_error_instead_of_an_answer_is_one() -> None:
    """Under HTTP 200 too."""
    with pytest.raises(ReportedError, match="out of memory"):
        ollama.Lines().answer({"error": "out of memory"})
