"""Tokens of an answer whose provider sent no usage."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import recordings
from pytest_llm_latency.execution.counting import counted
from pytest_llm_latency.model import Decoded, ToolCall, Usage


def words(text: str) -> int:
    """Count as a tokenizer of words does."""
    return len(text.split())


def asked(messages: Sequence[Mapping[str, object]]) -> int:
    """Count the words of all messages."""
    return sum(words(str(message["content"])) for message in messages)


def none(_: object) -> None:
    """Be no tokenizer."""


def silent(**changes: Any) -> Decoded:
    """Return an answer without usage."""
    return recordings.decoded(**{"usage": None, "text": "one two three", **changes})


def found(tokens_in: int | None, tokens_out: int, reasoning: int | None, source: Any) -> Usage:
    """Return a usage that was counted."""
    return Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_reasoning=reasoning,
        tokens_cached=None,
        tokens_cache_written=None,
        source=source,
    )


def test_a_tokenizer_counts_what_was_asked_and_what_came() -> None:
    """Reasoning and tool calls are output."""
    recording = recordings.recording(request=recordings.request("what is it"))
    calls = (ToolCall(id="1", name=" look", arguments=" up"),)
    answer = silent(reasoning="let me see ", tool_calls=calls)
    assert counted(recording, answer, words, asked) == found(3, 8, 3, "tokenizer")
    assert counted(recording, silent(), words, asked) == found(3, 3, None, "tokenizer")


def test_without_a_tokenizer_each_generated_chunk_of_a_stream_is_a_token() -> None:
    """A role, a usage and the end are none."""
    answer = silent(event_kinds="xccrtxx")
    assert counted(recordings.recording(), answer, none, none) == found(None, 4, None, "chunks")


def test_a_whole_answer_has_no_chunks_to_count() -> None:
    """One is not its number of tokens."""
    whole = recordings.recording(request=recordings.request(parameters={}))
    assert counted(whole, silent(), none, none) is None


@pytest.mark.parametrize("status", ["error", "timeout", "cancelled"])
def test_an_answer_that_failed_is_not_counted(status: str) -> None:
    """Its text may be cut anywhere."""
    assert counted(recordings.recording(), silent(status=status), words, asked) is None


def test_what_the_provider_says_counts_more() -> None:
    """It is what is billed."""
    answer = recordings.decoded()
    assert counted(recordings.recording(), answer, words, asked) is answer.usage
