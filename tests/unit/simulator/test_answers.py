"""What the simulated model says depends on the question and the profile alone."""

import pytest

from pytest_llm_latency.simulator.answers import (
    Question,
    QuestionError,
    Tool,
    answer,
    objects,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.profiles import Profile


def question(*, max_tokens: int | None = None, tool: Tool | None = None) -> Question:
    """Build a question."""
    return Question(model="m", stream=True, prompt_tokens=10, max_tokens=max_tokens, tool=tool)


def test_an_answer_has_the_profiles_number_of_tokens() -> None:
    """One token a delta, whatever the number of words in stock."""
    said = answer(question(), Profile(output_tokens=60))
    assert len(said.deltas) == said.output_tokens == 60
    assert said.steps == tuple(range(60))
    assert said.total_tokens == 70


def test_a_bound_above_the_profiles_number_changes_nothing() -> None:
    """The model stops by itself."""
    said = answer(question(max_tokens=5), Profile(output_tokens=5))
    assert (said.output_tokens, said.finish) == (5, "stop")


def test_chunks_hold_tokens_and_leave_gaps_as_long_as_they_are() -> None:
    """A chunk goes as many inter-token latencies after the one before as it has tokens."""
    said = answer(question(), Profile(output_tokens=8, tokens_per_chunk=3))
    assert said.tokens == (3, 6, 8)
    assert said.steps == (0, 3, 5)


def test_a_tool_call_starts_with_its_name() -> None:
    """The empty first delta stands for the name, the others are the arguments."""
    schema = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    said = answer(question(tool=Tool(name="f", schema=schema)), Profile())
    assert said.deltas == ("", '{"a"', ":1}")
    assert said.arguments == {"a": 1}
    assert said.finish == "tool_call"
    assert said.steps == (0, 1, 2)


def test_prompt_tokens_count_every_text_once() -> None:
    """Four characters a token, rounded up, and one at least."""
    assert prompt_tokens({"role": "user", "content": [{"text": "abcd"}]}, None, 7) == 2
    assert prompt_tokens("abcde") == 2
    assert prompt_tokens(None) == 1


def test_an_image_in_a_prompt_counts_the_same_whatever_its_size() -> None:
    """Its bytes are no text."""
    assert prompt_tokens({"url": "data:image/png;base64,AAAA"}) == prompt_tokens("data:image/png;base64," + "A" * 9000)


def test_objects_of_anything_else_are_none() -> None:
    """A request may hold anything."""
    assert objects("text") == []
    assert objects([{"a": 1}, 2]) == [{"a": 1}]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_a_bound_that_is_no_count_is_refused(value: object) -> None:
    """As the providers do."""
    with pytest.raises(QuestionError, match="max_tokens"):
        positive(value, "max_tokens")
