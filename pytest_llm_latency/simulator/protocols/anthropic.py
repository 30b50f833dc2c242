"""Anthropic's messages: https://docs.anthropic.com/en/api/messages."""

from collections.abc import Mapping

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL, EventKind
from pytest_llm_latency.simulator.answers import (
    Answer,
    Facts,
    Piece,
    Question,
    QuestionError,
    Refusal,
    Tool,
    chosen,
    dump,
    objects,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.routes import Asked, Call, Framing

API_BASE = ""
ENVIRONMENT = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
JSON = "application/json"
_SIGNATURE = "c2ltdWxhdGVk"
_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use"}
_ERRORS = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}


def question(call: Call) -> Question:
    """Read a message."""
    body = call.fields
    model, messages = body.get("model"), objects(body.get("messages"))
    for name in ("model", "messages", "max_tokens"):
        if not body.get(name):
            raise QuestionError(f"{name}: Field required")
    if not isinstance(model, str) or not messages:
        raise QuestionError("messages: at least one message is required")
    return Question(
        model=model,
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens(body.get("system"), messages, body.get("tools")),
        max_tokens=positive(body["max_tokens"], "max_tokens"),
        tool=_tool(body, messages),
    )


def _tool(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> Tool | None:
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "none":
        return None
    if any(each.get("type") == "tool_result" for each in objects(messages[-1].get("content"))):
        return None
    tools = (each for each in objects(body.get("tools")) if "input_schema" in each)
    named = choice.get("name") if isinstance(choice, Mapping) and choice.get("type") == "tool" else None
    return chosen((Tool(name=str(each.get("name")), schema=each["input_schema"]) for each in tools), named)


def _output(answer: Answer) -> dict[str, object]:
    details = {"output_tokens_details": {"thinking_tokens": answer.reasoning_tokens}} if answer.reasoning else {}
    return {"output_tokens": answer.output_tokens, **details}


def _usage(answer: Answer, output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": answer.question.prompt_tokens - answer.cached_tokens - answer.cache_written_tokens,
        "cache_creation_input_tokens": answer.cache_written_tokens,
        "cache_read_input_tokens": answer.cached_tokens,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _message(answer: Answer) -> dict[str, object]:
    return {
        "id": f"msg_{answer.id[:24]}",
        "type": "message",
        "role": "assistant",
        "model": answer.question.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(answer, 1),
    }


def _block(answer: Answer, content: object) -> dict[str, object]:
    tool = answer.question.tool
    if tool is None:
        return {"type": "text", "text": content}
    return {"type": "tool_use", "id": f"toolu_{answer.id[:24]}", "name": tool.name, "input": content}


def _event(kind: str, fields: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}"{fields}}}\n\n'.encode()


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream, from ``message_start`` to ``message_stop``."""
    last = answer.steps[-1]
    stop = dump({"stop_reason": _FINISH[answer.finish], "stop_sequence": None})
    usage = dump(_output(answer))
    return [
        Piece(_event("message_start", f',"message":{dump(_message(answer))}'), CONTROL, -1),
        *_thinking(answer),
        *_said(answer),
        Piece(_event("message_delta", f',"delta":{stop},"usage":{usage}'), CONTROL, last),
        Piece(_event("message_stop", ""), CONTROL, last),
    ]


def _thinking(answer: Answer) -> list[Piece]:
    """Return the block of the reasoning, with the signature that ends it."""
    if not answer.reasoning:
        return []
    last = answer.reasoning_steps[-1]
    start = dump({"type": "thinking", "thinking": "", "signature": ""})
    head = ',"index":0,"delta":{"type":"thinking_delta","thinking":'
    signature = dump({"type": "signature_delta", "signature": _SIGNATURE})
    return [
        Piece(_event("content_block_start", f',"index":0,"content_block":{start}'), CONTROL, -1),
        *(
            Piece(_event("content_block_delta", f"{head}{dump(text)}}}"), REASONING, step)
            for text, step in zip(answer.reasoning, answer.reasoning_steps, strict=True)
        ),
        Piece(_event("content_block_delta", f',"index":0,"delta":{signature}'), CONTROL, last),
        Piece(_event("content_block_stop", ',"index":0'), CONTROL, last),
    ]


def _said(answer: Answer) -> list[Piece]:
    """Return the block of the text or of the tool call."""
    is_text = answer.question.tool is None
    index = 1 if answer.reasoning else 0
    opened = answer.reasoning_steps[-1] if answer.reasoning else -1
    # A text block opens at once and empty; a tool's block carries the generated name.
    opening: tuple[EventKind, int] = (CONTROL, opened) if is_text else (TOOL_CALL, answer.steps[0])
    start = f',"index":{index},"content_block":{dump(_block(answer, "" if is_text else {}))}'
    return [
        Piece(_event("content_block_start", start), *opening),
        Piece(_event("ping", ""), CONTROL, opening[1]),
        *_deltas(answer, index),
        Piece(_event("content_block_stop", f',"index":{index}'), CONTROL, answer.steps[-1]),
    ]


def _deltas(answer: Answer, index: int) -> list[Piece]:
    if answer.question.tool is None:
        kind, head = CONTENT, f',"index":{index},"delta":{{"type":"text_delta","text":'
    else:
        kind, head = TOOL_CALL, f',"index":{index},"delta":{{"type":"input_json_delta","partial_json":'
    return [
        Piece(_event("content_block_delta", f"{head}{dump(text)}}}"), kind if text else CONTROL, step)
        for text, step in zip(answer.deltas, answer.steps, strict=True)
    ]


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    content = answer.text if answer.question.tool is None else answer.arguments
    thought = {"type": "thinking", "thinking": "".join(answer.reasoning), "signature": _SIGNATURE}
    message = _message(answer) | {
        "content": [*([thought] if answer.reasoning else []), _block(answer, content)],
        "stop_reason": _FINISH[answer.finish],
        "usage": _usage(answer, answer.output_tokens) | _output(answer),
    }
    return dump(message).encode()


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
        "anthropic-ratelimit-requests-limit": "10000",
        "anthropic-ratelimit-requests-remaining": "9999",
        "request-id": f"req_{facts.request_id}",
        "x-envoy-upstream-service-time": str(round(facts.processing_s * 1000)),
    }


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    kind = _ERRORS.get(refusal.status, "api_error")
    body = {
        "type": "error",
        "error": {"type": kind, "message": refusal.message},
        "request_id": f"req_{refusal.request_id}",
    }
    return dump(body).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return _event("error", f',"error":{dump({"type": "overloaded_error", "message": message})}')


EVENTS = Framing(content_type="text/event-stream; charset=utf-8", error_event=error_event)
ROUTES = (Asked(path="/v1/messages", question=question, events=events, document=document, framing=EVENTS),)
