"""Events and answers in the terms that all providers share, read off litellm's objects by their attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llm_latency.model import Usage


class ReportedError(Exception):
    """What was read is the provider's report of an error, in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """A part of a tool call: pieces with the same index belong together."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """One event, or one whole answer, in the terms that all providers share; a refusal in words is content."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    served_model: str | None = None
    usage: Usage | None = None
    embeddings: tuple[tuple[float, ...], ...] = ()


def delta(answer: Any) -> Delta | None:  # noqa: ANN401  (a chunk or a whole answer)
    """Return one of litellm's chunks or whole answers as a delta; ``None`` stays ``None``."""
    if answer is None:
        return None
    if isinstance(answer, Mapping):
        return _generic(answer)
    # A server that answers with several choices mixes their events: the first counts.
    choice = next((each for each in answer.choices or () if not getattr(each, "index", 0)), None)
    message = None if choice is None else getattr(choice, "delta", None) or getattr(choice, "message", None)
    calls = getattr(message, "tool_calls", None) or ()
    return Delta(
        content=getattr(message, "content", None) or getattr(message, "refusal", None) or "",
        reasoning=getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or "",
        tool_calls=tuple(_tool_call(call, position) for position, call in enumerate(calls)),
        finish_reason=getattr(choice, "finish_reason", None),
        served_model=getattr(answer, "model", None),
        usage=usage(getattr(answer, "usage", None)),
    )


def _generic(chunk: Mapping[str, Any]) -> Delta:
    """Return litellm's other form of a chunk, a dictionary that some of its parsers still make."""
    call, usage = chunk.get("tool_use"), chunk.get("usage")
    return Delta(
        content=chunk.get("text") or "",
        reasoning="",
        tool_calls=(_generic_call(call),) if call else (),
        finish_reason=chunk.get("finish_reason") or None,
        served_model=None,
        usage=_generic_usage(usage) if usage else None,
    )


def _generic_call(call: Mapping[str, Any]) -> ToolCallDelta:
    function = call["function"]
    return ToolCallDelta(
        index=call.get("index") or 0,
        id=call.get("id"),
        name=function.get("name"),
        arguments=function.get("arguments") or "",
    )


def _generic_usage(usage: Mapping[str, Any]) -> Usage:
    return Usage(
        tokens_in=usage.get("prompt_tokens"),
        tokens_out=usage.get("completion_tokens"),
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )


def _tool_call(call: Any, position: int) -> ToolCallDelta:  # noqa: ANN401  (the same)
    function = call.function
    return ToolCallDelta(
        index=getattr(call, "index", position),
        id=call.id,
        name=function.name,
        arguments=function.arguments or "",
    )


def usage(counted: Any) -> Usage | None:  # noqa: ANN401  (the same)
    """Return litellm's count of tokens as ours."""
    if counted is None:
        return None
    inputs, outputs = counted.prompt_tokens_details, counted.completion_tokens_details
    cached = getattr(inputs, "cached_tokens", None)
    return Usage(
        tokens_in=counted.prompt_tokens,
        tokens_out=counted.completion_tokens,
        tokens_reasoning=getattr(outputs, "reasoning_tokens", None),
        tokens_cached=getattr(counted, "cached_tokens", None) if cached is None else cached,  # where Together AI has it
        tokens_cache_written=getattr(inputs, "cache_creation_tokens", None),
        source="usage",
    )
