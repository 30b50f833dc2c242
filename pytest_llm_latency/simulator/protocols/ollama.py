"""Ollama's chat and generate: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from collections.abc import Mapping
from datetime import UTC, datetime

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
ENVIRONMENT = ("OLLAMA_API_BASE", "OLLAMA_API_KEY")
JSON = "application/json; charset=utf-8"
_NANOSECONDS_PER_TOKEN = 1_000_000
_Part = tuple[EventKind, Mapping[str, object], int]
_FINISH = {"stop": "stop", "length": "length", "tool_call": "stop"}


def chat_question(call: Call) -> Question:
    """Read a chat."""
    body = call.fields
    messages = objects(body.get("messages"))
    return _question(call, _tool(body, messages), prompt_tokens(messages, body.get("tools")))


def generate_question(call: Call) -> Question:
    """Read a prompt."""
    return _question(call, None, prompt_tokens(call.fields.get("system"), call.fields.get("prompt")))


def _question(call: Call, tool: Tool | None, tokens: int) -> Question:
    body = call.fields
    model, options = body.get("model"), body.get("options")
    if not isinstance(model, str) or not model:
        raise QuestionError("model is required")
    limit = options.get("num_predict") if isinstance(options, Mapping) else None
    return Question(
        model=model,
        stream=body.get("stream", True) is True,
        prompt_tokens=tokens,
        max_tokens=positive(None if limit in {-1, -2} else limit, "num_predict"),  # endless, until the context is full
        tool=tool,
    )


def _tool(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> Tool | None:
    if messages and messages[-1].get("role") == "tool":
        return None
    functions = objects([each.get("function") for each in objects(body.get("tools"))])
    return chosen(Tool(name=str(each.get("name")), schema=each.get("parameters")) for each in functions)


def _line(answer: Answer, fields: Mapping[str, object], *, done: bool = False) -> dict[str, object]:
    now = datetime.fromtimestamp(answer.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"model": answer.question.model, "created_at": now, **fields, "done": done}


def _said(text: str) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": text}}


def _thought(text: str) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": "", "thinking": text}}


def _called(answer: Answer, tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "arguments": answer.arguments}
    return {"message": {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}}


def _counts(answer: Answer) -> dict[str, object]:
    prompt, tokens = answer.question.prompt_tokens, answer.output_tokens
    return {
        "done_reason": _FINISH[answer.finish],
        "total_duration": (prompt + tokens) * _NANOSECONDS_PER_TOKEN,
        "load_duration": 0,
        "prompt_eval_count": prompt,
        "prompt_eval_duration": prompt * _NANOSECONDS_PER_TOKEN,
        "eval_count": tokens,
        "eval_duration": tokens * _NANOSECONDS_PER_TOKEN,
    }


def _encoded(line: Mapping[str, object]) -> bytes:
    return f"{dump(line)}\n".encode()


def _last(answer: Answer, empty: Mapping[str, object]) -> Piece:
    return Piece(_encoded(_line(answer, empty, done=True) | _counts(answer)), CONTROL, answer.steps[-1])


def _each(answer: Answer, parts: list[_Part]) -> list[Piece]:
    return [Piece(_encoded(_line(answer, fields)), kind, step) for kind, fields, step in parts]


def chat_events(answer: Answer) -> list[Piece]:
    """Return the lines of a stream: thoughts, then text or a call that is whole, then the counts."""
    tool = answer.question.tool
    thoughts = zip(answer.reasoning, answer.reasoning_steps, strict=True)
    parts: list[_Part] = [(REASONING, _thought(text), step) for text, step in thoughts]
    if tool is None:
        parts += [(CONTENT, _said(text), step) for text, step in zip(answer.deltas, answer.steps, strict=True)]
    else:
        parts.append((TOOL_CALL, _called(answer, tool), answer.steps[-1]))
    return [*_each(answer, parts), _last(answer, _said(""))]


def generate_events(answer: Answer) -> list[Piece]:
    """Return the lines of a stream: thoughts, text, then the counts."""
    thoughts = zip(answer.reasoning, answer.reasoning_steps, strict=True)
    texts = zip(answer.deltas, answer.steps, strict=True)
    parts: list[_Part] = [
        *((REASONING, {"response": "", "thinking": text}, step) for text, step in thoughts),
        *((CONTENT, {"response": text}, step) for text, step in texts),
    ]
    return [*_each(answer, parts), _last(answer, {"response": ""})]


def chat_document(answer: Answer) -> bytes:
    """Return the body of a chat that is not streamed."""
    tool, thought = answer.question.tool, "".join(answer.reasoning)
    message = (_said(answer.text) if tool is None else _called(answer, tool))["message"]
    told = {**message, "thinking": thought} if thought and isinstance(message, dict) else message
    return dump(_line(answer, {"message": told}, done=True) | _counts(answer)).encode()


def generate_document(answer: Answer) -> bytes:
    """Return the body of an answer to a prompt that is not streamed."""
    thought = {"thinking": "".join(answer.reasoning)} if answer.reasoning else {}
    return dump(_line(answer, {"response": answer.text, **thought}, done=True) | _counts(answer)).encode()


def headers(facts: Facts) -> dict[str, str]:  # noqa: ARG001  (the other protocols say more)
    """Return the headers that come with every response: Ollama has none of its own."""
    return {}


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    return dump({"error": refusal.message}).encode()


def error_event(message: str) -> bytes:
    """Return the line with which a stream that began well reports an error."""
    return _encoded({"error": message})


def malformed(line: bytes) -> bytes:
    """Cut the JSON of a line off in the middle."""
    return line[: len(line) // 2] + b"\n"


EVENTS = Framing(content_type="application/x-ndjson", error_event=error_event, malformed=malformed, is_sse=False)
ROUTES = (
    Asked(path="/api/chat", question=chat_question, events=chat_events, document=chat_document, framing=EVENTS),
    Asked(
        path="/api/generate",
        question=generate_question,
        events=generate_events,
        document=generate_document,
        framing=EVENTS,
    ),
)
