"""Cohere's chat in version 2.

litellm's parser of its stream looks for tool calls, the reason to stop and the usage where Cohere
does not put them, and does not know thoughts.
"""

from collections.abc import Mapping

from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta
from pytest_llm_latency.execution.dialects.reading import Functions, Json, count, mapping, mappings, text
from pytest_llm_latency.model import Usage

_FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}


def parse_event(chunk: Json) -> Delta:
    """Return what one event says; raises ``ReportedError`` for one that reports an error."""
    delta = mapping(chunk.get("delta"))
    if chunk.get("type") == "message-end":
        return _ended(delta)
    message = mapping(delta.get("message"))
    content = mapping(message.get("content"))
    call = mapping(message.get("tool_calls"))
    return Delta(
        content=text(content.get("text")),
        reasoning=text(content.get("thinking")) + text(message.get("tool_plan")),
        tool_calls=(_call(call, count(chunk.get("index")) or 0),) if call else (),
        finish_reason=None,
        served_model=None,
        usage=None,
    )


def _ended(delta: Json) -> Delta:
    reason = text(delta.get("finish_reason"))
    if delta.get("error") or reason == "ERROR":
        raise ReportedError(text(delta.get("error")) or "Cohere gives no reason")
    return Delta(
        content="",
        reasoning="",
        tool_calls=(),
        finish_reason=_FINISH.get(reason, reason.lower()) or None,
        served_model=None,
        usage=_usage(delta),
    )


def parse_answer(answer: Json) -> Delta:
    """Return what a whole answer says."""
    if "message" not in answer or not isinstance(answer["message"], Mapping):
        raise ValueError(f"it has no message: {text(answer.get('message'))}")
    message, reason = answer["message"], text(answer.get("finish_reason"))
    content = mappings(message.get("content"))
    calls = enumerate(mappings(message.get("tool_calls")))
    thoughts = "".join(text(each.get("thinking")) for each in content)
    return Delta(
        content="".join(text(each.get("text")) for each in content),
        reasoning=thoughts + text(message.get("tool_plan")),
        tool_calls=tuple(_call(call, index) for index, call in calls),
        finish_reason=_FINISH.get(reason, reason.lower()) or None,
        served_model=None,
        usage=_usage(answer),
    )


def _call(call: Json, index: int) -> ToolCallDelta:
    function = mapping(call.get("function"))
    return ToolCallDelta(
        index=index,
        id=text(call.get("id")) or None,
        name=text(function.get("name")) or None,
        arguments=text(function.get("arguments")),
    )


def _usage(told: Json) -> Usage | None:
    usage = mapping(told.get("usage"))
    tokens = mapping(usage.get("tokens"))
    if not tokens:
        return None
    return Usage(
        tokens_in=count(tokens.get("input_tokens")),
        tokens_out=count(tokens.get("output_tokens")),
        tokens_reasoning=None,
        tokens_cached=count(usage.get("cached_tokens")),
        tokens_cache_written=None,
        source="usage",
    )


def ends(chunk: Json | None) -> bool:
    """Whether this is the ``message-end`` event."""
    return chunk is not None and chunk.get("type") == "message-end"


DIALECT = Functions(event=parse_event, answer=parse_answer)
