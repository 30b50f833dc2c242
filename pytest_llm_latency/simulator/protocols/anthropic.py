"""Anthropic's messages: https://docs.anthropic.com/en/api/messages."""

from collections.abc import Mapping

from pytest_llm_latency.model import CONTENT, CONTROL, TOOL_CALL, EventKind
from pytest_llm_latency.simulator.answers import (
    Answer,
    Facts,
    Piece,
    Question,
    QuestionError,
    Refusal,
    Tool,
    dump,
    objects,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.routes import Asked, Call, Framing

API_BASE = ""
ENVIRONMENT = ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")
JSON = "application/json"
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
    tools = [each for each in objects(body.get("tools")) if "input_schema" in each]
    return Tool(name=str(tools[0].get("name")), schema=tools[0]["input_schema"]) if tools else None


def _usage(answer: Answer, output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": answer.question.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
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
    is_text = answer.question.tool is None
    # A text block opens at once and empty; a tool's block carries the generated name.
    opening: tuple[EventKind, int] = (CONTROL, -1) if is_text else (TOOL_CALL, answer.steps[0])
    start = f',"index":0,"content_block":{dump(_block(answer, "" if is_text else {}))}'
    stop = dump({"stop_reason": _FINISH[answer.finish], "stop_sequence": None})
    usage = dump({"output_tokens": answer.output_tokens})
    return [
        Piece(_event("message_start", f',"message":{dump(_message(answer))}'), CONTROL, -1),
        Piece(_event("content_block_start", start), *opening),
        Piece(_event("ping", ""), CONTROL, opening[1]),
        *_deltas(answer),
        Piece(_event("content_block_stop", ',"index":0'), CONTROL, last),
        Piece(_event("message_delta", f',"delta":{stop},"usage":{usage}'), CONTROL, last),
        Piece(_event("message_stop", ""), CONTROL, last),
    ]


def _deltas(answer: Answer) -> list[Piece]:
    if answer.question.tool is None:
        kind, head = CONTENT, ',"index":0,"delta":{"type":"text_delta","text":'
    else:
        kind, head = TOOL_CALL, ',"index":0,"delta":{"type":"input_json_delta","partial_json":'
    return [
        Piece(_event("content_block_delta", f"{head}{dump(text)}}}"), kind if text else CONTROL, step)
        for text, step in zip(answer.deltas, answer.steps, strict=True)
    ]


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    content = answer.text if answer.question.tool is None else answer.arguments
    message = _message(answer) | {
        "content": [_block(answer, content)],
        "stop_reason": _FINISH[answer.finish],
        "usage": _usage(answer, answer.output_tokens),
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
