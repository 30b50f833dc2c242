"""Events and answers of the Responses API as deltas, read off litellm's objects."""

from collections.abc import Mapping
from typing import Any

from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta
from pytest_llm_latency.model import Usage


def event(given: Any) -> Delta | None:  # noqa: ANN401  (an event of the Responses API)
    """Return one event of a streamed response; ``None`` for one that carries nothing new."""
    kind, text = str(getattr(given.type, "value", given.type)), getattr(given, "delta", None)
    if kind in {"response.output_text.delta", "response.refusal.delta"}:
        return Delta(content=text or "")
    if kind in {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}:
        return Delta(reasoning=text or "")
    if kind == "response.function_call_arguments.delta":
        part = ToolCallDelta(index=given.output_index, id=None, name=None, arguments=text or "")
        return Delta(tool_calls=(part,))
    if kind == "response.output_item.added" and of(given.item, "type") == "function_call":
        return Delta(tool_calls=(_function_call(given.item, given.output_index),))
    if kind in {"response.completed", "response.incomplete"}:
        return _ending(given.response)
    if kind in {"response.failed", "error"}:
        raise ReportedError(_reason(of(given, "response") or given))
    return None


def answer(given: Any) -> Delta | None:  # noqa: ANN401  (a whole response)
    """Return a whole response as a delta."""
    if of(given, "status") == "failed":
        raise ReportedError(_reason(given))
    ending, output = _ending(given), list(enumerate(of(given, "output") or ()))
    if not output:
        raise ValueError("it has no output")
    return Delta(
        content="".join(
            of(part, "text") or of(part, "refusal") or ""
            for _, item in output
            if of(item, "type") == "message"
            for part in of(item, "content") or ()
        ),
        reasoning="".join(
            of(part, "text") or ""
            for _, item in output
            if of(item, "type") == "reasoning"
            for part in (*(of(item, "summary") or ()), *(of(item, "content") or ()))
        ),
        tool_calls=tuple(_function_call(item, at) for at, item in output if of(item, "type") == "function_call"),
        finish_reason=ending.finish_reason,
        served_model=ending.served_model,
        usage=ending.usage,
    )


def _ending(answer: Any) -> Delta:  # noqa: ANN401  (the same)
    """Return what a response says at its end; what it generated was told before."""
    usage = of(answer, "usage")
    called = any(of(item, "type") == "function_call" for item in of(answer, "output") or ())
    reason = "tool_calls" if called else "stop"
    if of(answer, "status") == "incomplete":
        cut_off = of(of(answer, "incomplete_details"), "reason") == "max_output_tokens"
        reason = "length" if cut_off else "content_filter"
    return Delta(
        finish_reason=reason,
        served_model=of(answer, "model"),
        usage=None
        if usage is None
        else Usage(
            tokens_in=of(usage, "input_tokens"),
            tokens_out=of(usage, "output_tokens"),
            tokens_reasoning=of(of(usage, "output_tokens_details"), "reasoning_tokens"),
            tokens_cached=of(of(usage, "input_tokens_details"), "cached_tokens"),
            tokens_cache_written=None,
            source="usage",
        ),
    )


def _reason(given: Any) -> str:  # noqa: ANN401  (the same)
    error = of(given, "error") or given
    return str(of(error, "message") or error)


def _function_call(item: Any, index: int) -> ToolCallDelta:  # noqa: ANN401  (the same)
    return ToolCallDelta(
        index=index, id=of(item, "call_id"), name=of(item, "name"), arguments=of(item, "arguments") or ""
    )


def of(value: Any, name: str) -> Any:  # noqa: ANN401  (litellm leaves some as mappings and makes objects of others)
    """Return what a mapping or an object has under a name, ``None`` where it has nothing."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
