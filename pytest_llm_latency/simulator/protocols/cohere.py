"""Cohere's chat in version 2: https://docs.cohere.com/reference/chat-stream."""

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

API_BASE = "/v2/chat"
ENVIRONMENT = ("COHERE_API_BASE", "COHERE_API_KEY")
JSON = "application/json"
_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_call": "TOOL_CALL"}


def question(call: Call) -> Question:
    """Read a chat."""
    body = call.fields
    model, messages = body.get("model"), objects(body.get("messages"))
    if not isinstance(model, str) or not model:
        raise QuestionError("invalid request: model is required")
    if not messages:
        raise QuestionError("invalid request: messages must contain at least one message")
    return Question(
        model=model,
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens(messages, body.get("tools")),
        max_tokens=positive(body.get("max_tokens"), "max_tokens"),
        tool=_tool(body, messages),
    )


def _tool(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> Tool | None:
    if messages[-1].get("role") == "tool" or body.get("tool_choice") == "NONE":
        return None
    functions = objects([each.get("function") for each in objects(body.get("tools"))])
    return chosen(Tool(name=str(each.get("name")), schema=each.get("parameters")) for each in functions)


def _usage(answer: Answer) -> dict[str, object]:
    tokens = {"input_tokens": answer.question.prompt_tokens, "output_tokens": answer.output_tokens}
    return {"billed_units": tokens, "tokens": tokens, "cached_tokens": answer.cached_tokens}


def _event(kind: str, fields: Mapping[str, object]) -> bytes:
    return f"event: {kind}\ndata: {dump({'type': kind, **fields})}\n\n".encode()


def _message(kind: str, message: object, index: int | None = 0) -> bytes:
    place = {} if index is None else {"index": index}
    return _event(kind, {**place, "delta": {"message": message}})


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream, from ``message-start`` to ``message-end``."""
    last = answer.steps[-1]
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    ended = {"finish_reason": _FINISH[answer.finish], "usage": _usage(answer)}
    return [
        Piece(_event("message-start", {"id": answer.id, "delta": {"message": start}}), CONTROL, -1),
        *_thoughts(answer),
        *(_texts(answer) if answer.question.tool is None else _call(answer)),
        Piece(_event("message-end", {"id": answer.id, "delta": ended}), CONTROL, last),
        Piece(b"data: [DONE]\n\n", CONTROL, last),
    ]


def _thoughts(answer: Answer) -> list[Piece]:
    steps = answer.reasoning_steps
    return _block("thinking", list(zip(answer.reasoning, steps, strict=True)), REASONING, 0) if steps else []


def _texts(answer: Answer) -> list[Piece]:
    return _block("text", list(zip(answer.deltas, answer.steps, strict=True)), CONTENT, 1 if answer.reasoning else 0)


def _block(name: str, parts: list[tuple[str, int]], kind: EventKind, index: int) -> list[Piece]:
    """Return a block of content: it opens empty, with its first part, and is closed after its last."""
    opening = -1 if index == 0 else parts[0][1]
    return [
        Piece(_message("content-start", {"content": {"type": name, name: ""}}, index), CONTROL, opening),
        *(Piece(_message("content-delta", {"content": {name: text}}, index), kind, step) for text, step in parts),
        Piece(_event("content-end", {"index": index}), CONTROL, parts[-1][1]),
    ]


def _call(answer: Answer) -> list[Piece]:
    first, *parts = zip(answer.deltas, answer.steps, strict=True)
    return [
        Piece(_message("tool-call-start", {"tool_calls": _called(answer, "")}), TOOL_CALL, first[1]),
        *(
            Piece(
                _message("tool-call-delta", {"tool_calls": {"function": {"arguments": text}}}),
                TOOL_CALL if text else CONTROL,
                step,
            )
            for text, step in parts
        ),
        Piece(_event("tool-call-end", {"index": 0}), CONTROL, answer.steps[-1]),
    ]


def _called(answer: Answer, arguments: str) -> dict[str, object]:
    tool = answer.question.tool
    name = None if tool is None else tool.name
    return {"id": f"{name}_{answer.id[:12]}", "type": "function", "function": {"name": name, "arguments": arguments}}


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    content: list[object] = []
    if answer.reasoning:
        content.append({"type": "thinking", "thinking": "".join(answer.reasoning)})
    message: dict[str, object] = {"role": "assistant"}
    if answer.question.tool is None:
        content.append({"type": "text", "text": answer.text})
    else:
        message |= {"tool_plan": "", "tool_calls": [_called(answer, answer.text)]}
    if content:
        message["content"] = content
    told = {"id": answer.id, "finish_reason": _FINISH[answer.finish], "message": message, "usage": _usage(answer)}
    return dump(told).encode()


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "num_chars": "0",
        "num_tokens": "0",
        "x-debug-trace-id": facts.request_id,
        "x-envoy-upstream-service-time": str(round(facts.processing_s * 1000)),
    }


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    return dump({"id": refusal.request_id, "message": refusal.message}).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return _event("message-end", {"delta": {"error": message, "finish_reason": "ERROR"}})


EVENTS = Framing(content_type="text/event-stream", error_event=error_event)
ROUTES = (Asked(path="/v2/chat", question=question, events=events, document=document, framing=EVENTS),)
