"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL, EventKind
from pytest_llm_latency.simulator.answers import (
    Answer,
    Piece,
    Question,
    QuestionError,
    Tool,
    chosen,
    dump,
    objects,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.routes import Asked, Call, Framing

Json = Mapping[str, object]


def question(call: Call) -> Question:
    """Read a request for a response."""
    body = call.fields
    model, given = body.get("model", call.parameters.get("model")), body.get("input")
    if not isinstance(model, str) or not model:
        raise QuestionError("Missing required parameter: 'model'.")
    if not given or not isinstance(given, str | list):
        raise QuestionError("Missing required parameter: 'input'.")
    return Question(
        model=model,
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens(body.get("instructions"), given, body.get("tools")),
        max_tokens=positive(body.get("max_output_tokens"), "max_output_tokens"),
        tool=_tool(body, objects(given)),
    )


def _tool(body: Json, items: list[Json]) -> Tool | None:
    choice = body.get("tool_choice")
    if (items and items[-1].get("type") == "function_call_output") or choice == "none":
        return None
    functions = [each for each in objects(body.get("tools")) if each.get("type") == "function"]
    return chosen(
        (Tool(name=str(each.get("name")), schema=each.get("parameters")) for each in functions),
        choice.get("name") if isinstance(choice, Mapping) else None,
    )


def _usage(answer: Answer) -> Json:
    return {
        "input_tokens": answer.question.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.total_tokens,
    }


def _response(answer: Answer, status: str, output: list[Json]) -> dict[str, object]:
    is_over = status in {"completed", "incomplete"}
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": answer.question.max_tokens,
        "metadata": {},
        "model": answer.question.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(answer) if is_over else None,
        "user": None,
    }


def _final(answer: Answer) -> dict[str, object]:
    thought = "".join(answer.reasoning)
    items = [_reasoning(answer, thought)] if thought else []
    items.append(
        _message(answer, "completed", answer.text) if answer.question.tool is None else _call(answer, answer.text)
    )
    return _response(answer, "incomplete" if answer.finish == "length" else "completed", items)


def _message(answer: Answer, status: str, text: str | None) -> Json:
    content = [] if text is None else [_part(text)]
    return {"id": f"msg_{answer.id}", "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(answer: Answer, arguments: str | None) -> Json:
    tool = answer.question.tool
    return {
        "id": f"fc_{answer.id}",
        "type": "function_call",
        "status": "in_progress" if arguments is None else "completed",
        "name": None if tool is None else tool.name,
        "call_id": f"call_{answer.id[:24]}",
        "arguments": arguments or "",
    }


def _reasoning(answer: Answer, summary: str | None) -> Json:
    parts = [] if summary is None else [{"type": "summary_text", "text": summary}]
    return {"id": f"rs_{answer.id}", "type": "reasoning", "summary": parts}


class _Events:
    """The events of one stream, numbered in their order."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def piece(self, name: str, fields: Json, kind: EventKind, step: int) -> Piece:
        content = {"type": f"response.{name}", "sequence_number": next(self._numbers), **fields}
        return Piece(_event(content), kind, step)


def _event(content: Json) -> bytes:
    return f"event: {content['type']}\ndata: {dump(content)}\n\n".encode()


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream, from ``response.created`` to ``response.completed``."""
    made, last = _Events(), answer.steps[-1]
    begun = _response(answer, "in_progress", [])
    pieces = [made.piece(name, {"response": begun}, CONTROL, -1) for name in ("created", "in_progress")]
    index = 0
    if answer.reasoning:
        pieces += _thoughts(answer, made)
        index = 1
    pieces += (_text if answer.question.tool is None else _called)(answer, made, index)
    final = _final(answer)
    return [*pieces, made.piece(str(final["status"]), {"response": final}, CONTROL, last)]


def _thoughts(answer: Answer, made: _Events) -> Iterator[Piece]:
    place = {"item_id": f"rs_{answer.id}", "output_index": 0, "summary_index": 0}
    whole = "".join(answer.reasoning)
    part = {"type": "summary_text", "text": ""}
    yield made.piece("output_item.added", {"output_index": 0, "item": _reasoning(answer, None)}, CONTROL, -1)
    yield made.piece("reasoning_summary_part.added", {**place, "part": part}, CONTROL, -1)
    for text, step in zip(answer.reasoning, answer.reasoning_steps, strict=True):
        yield made.piece("reasoning_summary_text.delta", {**place, "delta": text}, REASONING, step)
    last = answer.reasoning_steps[-1]
    yield made.piece("reasoning_summary_text.done", {**place, "text": whole}, CONTROL, last)
    yield made.piece("reasoning_summary_part.done", {**place, "part": {**part, "text": whole}}, CONTROL, last)
    yield made.piece("output_item.done", {"output_index": 0, "item": _reasoning(answer, whole)}, CONTROL, last)


def _text(answer: Answer, made: _Events, index: int) -> Iterator[Piece]:
    place = {"item_id": f"msg_{answer.id}", "output_index": index, "content_index": 0}
    first, last = -1 if index == 0 else answer.reasoning_steps[-1], answer.steps[-1]
    item = _message(answer, "in_progress", None)
    yield made.piece("output_item.added", {"output_index": index, "item": item}, CONTROL, first)
    yield made.piece("content_part.added", {**place, "part": _part("")}, CONTROL, first)
    for text, step in zip(answer.deltas, answer.steps, strict=True):
        yield made.piece("output_text.delta", {**place, "delta": text, "logprobs": []}, CONTENT, step)
    yield made.piece("output_text.done", {**place, "text": answer.text, "logprobs": []}, CONTROL, last)
    yield made.piece("content_part.done", {**place, "part": _part(answer.text)}, CONTROL, last)
    done = _message(answer, "completed", answer.text)
    yield made.piece("output_item.done", {"output_index": index, "item": done}, CONTROL, last)


def _called(answer: Answer, made: _Events, index: int) -> Iterator[Piece]:
    place = {"item_id": f"fc_{answer.id}", "output_index": index}
    last = answer.steps[-1]
    item = _call(answer, None)
    yield made.piece("output_item.added", {"output_index": index, "item": item}, TOOL_CALL, answer.steps[0])
    for text, step in list(zip(answer.deltas, answer.steps, strict=True))[1:]:
        yield made.piece("function_call_arguments.delta", {**place, "delta": text}, TOOL_CALL, step)
    yield made.piece("function_call_arguments.done", {**place, "arguments": answer.text}, CONTROL, last)
    done = _call(answer, answer.text)
    yield made.piece("output_item.done", {"output_index": index, "item": done}, CONTROL, last)


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    return dump(_final(answer)).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return _event({"type": "error", "sequence_number": 0, "code": "server_error", "message": message, "param": None})


FRAMING = Framing(content_type="text/event-stream; charset=utf-8", error_event=error_event)


def routes(paths: Iterable[str]) -> tuple[Asked, ...]:
    """Return the routes of responses at these paths."""
    return tuple(
        Asked(path=path, question=question, events=events, document=document, framing=FRAMING) for path in paths
    )
