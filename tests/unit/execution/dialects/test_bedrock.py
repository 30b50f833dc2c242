"""What is put right of what litellm reads of Bedrock's answers, and of Anthropic's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.dialects import anthropic, bedrock
from pytest_llm_latency.model import Usage

USAGE = Usage(tokens_in=10, tokens_out=5, tokens_reasoning=4, tokens_cached=3, tokens_cache_written=2, source="usage")
DELTA = Delta(content="a", reasoning="", tool_calls=(), finish_reason=None, served_model="asked for", usage=None)
GUESSED = replace(DELTA, usage=USAGE)
METRICS = {"inputTokenCount": 7, "outputTokenCount": 8, "invocationLatency": 9}


@pytest.mark.parametrize("mended", [anthropic.mended, bedrock.mended])
def test_reasoning_tokens_that_nobody_has_told_are_unknown(mended: Callable[..., Any]) -> None:
    """Litellm counts them with a tokenizer, which takes its time and is no fact."""
    assert mended({"usage": {"output_tokens": 5}}, GUESSED).usage == replace(USAGE, tokens_reasoning=None)
    told = {"usage": {"output_tokens_details": {"thinking_tokens": 6}}}
    assert mended(told, GUESSED).usage == replace(USAGE, tokens_reasoning=6)
    assert mended({"type": "message_start", "message": told}, GUESSED).usage == replace(USAGE, tokens_reasoning=6)
    assert mended({}, None) is None


def test_the_counts_of_an_invocation_stand_in_for_those_that_are_missing() -> None:
    """Anthropic's own, which tell of the cache, have come before."""
    metrics = {"amazon-bedrock-invocationMetrics": METRICS}
    said = bedrock.mended(metrics, DELTA)
    assert said is not None
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out, said.usage.source) == (7, 8, "usage")
    assert bedrock.mended({"type": "message_stop", **metrics}, DELTA) == replace(DELTA, served_model=None)


def test_metas_own_counts_and_reasons_are_told() -> None:
    """Litellm would count with a tokenizer, and takes any end for a stop."""
    told = {"generation": "a", "prompt_token_count": 7, "generation_token_count": 8, "stop_reason": "length"}
    said = bedrock.mended(told, GUESSED)
    assert said is not None
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out, said.finish_reason) == (7, 8, "length")


def test_a_model_that_only_was_asked_for_has_not_answered() -> None:
    """Litellm puts its name into every chunk."""
    assert bedrock.mended({"delta": {"text": "a"}}, DELTA) == replace(DELTA, served_model=None)
    assert bedrock.mended({"model": "claude"}, DELTA) == replace(DELTA, served_model="claude")


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ({"stopReason": "end_turn"}, True),
        ({"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS}, True),
        ({"generation": "", "stop_reason": "stop"}, False),
        ({"contentBlockIndex": 0}, False),
        (None, False),
    ],
)
def test_a_conversation_and_a_models_own_stream_have_their_ends(chunk: dict[str, object], *, expected: bool) -> None:
    """Only the last chunk has the metrics."""
    assert bedrock.ends(chunk) is expected
