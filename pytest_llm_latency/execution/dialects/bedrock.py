"""What litellm's parsers of Bedrock's answers leave out or add, and how Bedrock's streams end."""

from dataclasses import replace

from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.dialects.anthropic import thinking_tokens
from pytest_llm_latency.execution.dialects.reading import Json, count, mapping, text
from pytest_llm_latency.model import Usage

_METRICS = "amazon-bedrock-invocationMetrics"
_FINISH = {"stop": "stop", "length": "length"}


def mended(told: Json, delta: Delta | None) -> Delta | None:
    """Return a delta with what was told: litellm passes some of it over, and fills in some of what was not.

    A model's own format has its usage and its reason to stop in fields of its own. Bedrock tells
    neither reasoning tokens nor the model that has answered: a model's own format may.
    """
    if delta is None:
        return None
    usage, reason = _usage(told, delta), delta.finish_reason
    if "generation" in told:  # Meta's
        reason = _FINISH.get(text(told.get("stop_reason"))) or reason
    return replace(delta, usage=usage, finish_reason=reason, served_model=text(told.get("model")) or None)


def _usage(told: Json, delta: Delta) -> Usage | None:
    metrics = mapping(told.get(_METRICS))
    if metrics and told.get("type") != "message_stop":  # Anthropic's has told it before
        return _counted(metrics.get("inputTokenCount"), metrics.get("outputTokenCount"))
    if "generation_token_count" in told:
        return _counted(told.get("prompt_token_count"), told.get("generation_token_count"))
    return None if delta.usage is None else replace(delta.usage, tokens_reasoning=thinking_tokens(told))


def _counted(inputs: object, outputs: object) -> Usage:
    return Usage(
        tokens_in=count(inputs),
        tokens_out=count(outputs),
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )


def ends(chunk: Json | None) -> bool:
    """Whether this is the end of a conversation, or the last chunk of a model's own stream."""
    return chunk is not None and ("stopReason" in chunk or _METRICS in chunk)
