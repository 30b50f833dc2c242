"""What litellm says of Anthropic's answers that Anthropic does not."""

from dataclasses import replace

from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.dialects.reading import Json, count, mapping


def mended(told: Json, delta: Delta | None) -> Delta | None:
    """Return a delta with the reasoning tokens that were told: litellm counts some with a tokenizer otherwise."""
    if delta is None or delta.usage is None:
        return delta
    return replace(delta, usage=replace(delta.usage, tokens_reasoning=thinking_tokens(told)))


def thinking_tokens(told: Json) -> int | None:
    """Return the reasoning tokens that an event or an answer tells."""
    usage = mapping(told.get("usage")) or mapping(mapping(told.get("message")).get("usage"))
    return count(mapping(usage.get("output_tokens_details")).get("thinking_tokens"))
