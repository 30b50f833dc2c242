"""Chat completions as OpenAI made them, and how the answers of those who took them over differ."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL
from pytest_llm_latency.simulator.answers import (
    Answer,
    Finish,
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

Json = Mapping[str, object]

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
_NOTHING: Json = MappingProxyType({})
_FINISH: Mapping[Finish, str] = MappingProxyType({"stop": "stop", "length": "length", "tool_call": "tool_calls"})


def usage(answer: Answer) -> dict[str, object]:
    """Return the three counts that all give."""
    return {
        "prompt_tokens": answer.question.prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.total_tokens,
    }


def reasoned(field_name: str) -> Callable[[str], Json]:
    """Return how a delta or a message carries reasoning in a field of its own."""
    return lambda text: {field_name: text}


def _none(_: Answer) -> Json:
    return _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one server's chat completions differ.

    ``facts`` stand in every chunk and in a whole answer, ``choice`` beside each delta, ``role`` in
    the first chunk, ``final`` in the one with the finish reason, and ``whole`` in a whole answer.
    ``prelude`` has the events that come before the role, and ``comments`` is what stands before
    all. ``role_delta`` is the role's own, ``None`` where it comes with each delta;
    ``role_with_call`` lets it wait for a tool call's name. ``thought`` is how a delta carries
    reasoning, ``None`` where it is hidden, and ``thought_whole`` how a message does, from the
    reasoning and the text. ``usage_chunk`` says when a chunk of its own has the usage, and
    ``usage_choices`` what choices that has; ``usage_fields`` stand beside it.
    """

    facts: Json = field(default_factory=dict)
    id_of: Callable[[Answer], str] = lambda answer: f"chatcmpl-{answer.id[:29]}"
    choice: Json = field(default_factory=dict)
    delta: Json = field(default_factory=dict)
    role_delta: Json | None = field(default_factory=lambda: {"role": "assistant", "content": ""})
    role_with_call: bool = False
    role: Callable[[Answer], Json] = _none
    final_delta: Json = field(default_factory=dict)
    final: Callable[[Answer], Json] = _none
    whole: Callable[[Answer], Json] = _none
    message: Json = field(default_factory=dict)
    prelude: Callable[[Answer], Iterable[bytes]] = lambda _: ()
    comments: bytes = b""
    thought: Callable[[str], Json] | None = None
    thought_whole: Callable[[str, str | None], Json] | None = None
    usage: Callable[[Answer], Json] = usage
    usage_chunk: Literal["asked", "always", "never"] = "asked"
    usage_choices: tuple[Json, ...] = ()
    usage_fields: Callable[[Answer], Json] = _none
    null_usage: bool = False


def question(call: Call) -> Question:
    """Read a chat."""
    body = call.fields
    model, messages = body.get("model", call.parameters.get("model")), objects(body.get("messages"))
    if not isinstance(model, str) or not model:
        raise QuestionError("you must provide a model parameter")
    if not messages:
        raise QuestionError("Invalid 'messages': empty array. Expected an array with minimum length 1.")
    options = body.get("stream_options")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return Question(
        model=model,
        stream=body.get("stream") is True,
        prompt_tokens=prompt_tokens(messages, body.get("tools")),
        max_tokens=positive(limit, "max_tokens"),
        tool=_tool(body, messages),
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
    )


def _tool(body: Json, messages: list[Json]) -> Tool | None:
    choice = body.get("tool_choice")
    if messages[-1].get("role") == "tool" or choice == "none":
        return None
    named = choice.get("function") if isinstance(choice, Mapping) else None
    functions = objects([each.get("function") for each in objects(body.get("tools"))])
    return chosen(
        (Tool(name=str(each.get("name")), schema=each.get("parameters")) for each in functions),
        named.get("name") if isinstance(named, Mapping) else None,
    )


def event(content: Json) -> bytes:
    """Return one server-sent event."""
    return f"data: {dump(content)}\n\n".encode()


def _facts(answer: Answer, dialect: Dialect, kind: str) -> dict[str, object]:
    return {
        "id": dialect.id_of(answer),
        "object": kind,
        "created": answer.created,
        "model": answer.question.model,
        **dialect.facts,
    }


class _Chunks:
    """The chunks of one stream; what they have in common is encoded once."""

    def __init__(self, answer: Answer, dialect: Dialect) -> None:
        self._common = dump(_facts(answer, dialect, "chat.completion.chunk"))[:-1]
        self._usage = ',"usage":null' if dialect.null_usage and answer.question.include_usage else ""
        delta = "".join(f"{dump({name: value})[1:-1]}," for name, value in dialect.delta.items())
        choice = dump({"finish_reason": None, **dialect.choice})[1:-1]
        self._before = f'data: {self._common},"choices":[{{"index":0,"delta":{{{delta}'
        self._after = f"}},{choice}}}]{self._usage}}}\n\n"

    def part(self, delta: Json) -> bytes:
        """Return a chunk in mid-stream."""
        return f"{self._before}{dump(delta)[1:-1]}{self._after}".encode()

    def content(self, text: str) -> bytes:
        """Return a chunk of text, of which there are the most."""
        return f'{self._before}"content":{dump(text)}{self._after}'.encode()

    def with_fields(self, choice: Json, fields: Json) -> bytes:
        """Return a chunk with a choice as given and further fields."""
        further = "".join(f",{dump({name: value})[1:-1]}" for name, value in fields.items())
        usage = "" if "usage" in fields else self._usage
        return f'data: {self._common},"choices":[{dump(choice)}]{usage}{further}}}\n\n'.encode()

    def last(self, choices: tuple[Json, ...], fields: Json) -> bytes:
        """Return the chunk of the usage."""
        return f'data: {self._common},"choices":{dump(choices)},{dump(fields)[1:-1]}}}\n\n'.encode()


def events(answer: Answer, dialect: Dialect) -> list[Piece]:
    """Return the events of a stream: role, reasoning, deltas, finish, usage, done."""
    chunks, last = _Chunks(answer, dialect), answer.steps[-1]
    thoughts = _thoughts(answer, dialect, chunks)
    waits = dialect.role_with_call and answer.question.tool is not None and not thoughts
    finish = {"index": 0, "delta": {**dialect.delta, **dialect.final_delta}, **dialect.choice}
    final = chunks.with_fields({**finish, "finish_reason": _FINISH[answer.finish]}, dialect.final(answer))
    pieces = [
        *(Piece(data, CONTROL, -1) for data in dialect.prelude(answer)),
        *([] if waits else _role(answer, dialect, chunks)),
        *thoughts,
        *_deltas(answer, chunks, dialect.role_delta if waits else None),
        Piece(final, CONTROL, last),
    ]
    if dialect.usage_chunk == "always" or (dialect.usage_chunk == "asked" and answer.question.include_usage):
        counted = {"usage": dialect.usage(answer), **dialect.usage_fields(answer)}
        pieces.append(Piece(chunks.last(dialect.usage_choices, counted), CONTROL, last))
    first, *others = pieces
    return [first._replace(data=dialect.comments + first.data), *others, Piece(DONE, CONTROL, last)]


def _role(answer: Answer, dialect: Dialect, chunks: _Chunks) -> list[Piece]:
    if dialect.role_delta is None:
        return []
    choice = {"index": 0, "delta": dialect.role_delta, **dialect.choice, "finish_reason": None}
    return [Piece(chunks.with_fields(choice, dialect.role(answer)), CONTROL, -1)]


def _thoughts(answer: Answer, dialect: Dialect, chunks: _Chunks) -> list[Piece]:
    thought = dialect.thought
    if thought is None:
        return []
    said = zip(answer.reasoning, answer.reasoning_steps, strict=True)
    return [Piece(chunks.part(thought(text)), REASONING, step) for text, step in said]


def _deltas(answer: Answer, chunks: _Chunks, role: Json | None) -> list[Piece]:
    """Return the deltas of the text; or a tool call's name, with the role where that waited, and its arguments."""
    said = list(zip(answer.deltas, answer.steps, strict=True))
    if answer.question.tool is None:
        return [Piece(chunks.content(text), CONTENT, step) for text, step in said]
    named = {**(role or {}), "content": None, "tool_calls": [{"index": 0, **_call(answer, "")}]}
    name = Piece(chunks.part(named), TOOL_CALL, said[0][1])
    parts = (
        Piece(chunks.part({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}), TOOL_CALL, step)
        for text, step in said[1:]
    )
    return [name, *parts]


def _call(answer: Answer, arguments: str) -> dict[str, object]:
    tool = answer.question.tool
    name = None if tool is None else tool.name
    return {"id": f"call_{answer.id[:24]}", "type": "function", "function": {"name": name, "arguments": arguments}}


def document(answer: Answer, dialect: Dialect) -> bytes:
    """Return the body of an answer that is not streamed."""
    message: dict[str, object] = {"role": "assistant", "content": answer.text, **dialect.message}
    if answer.question.tool is not None:
        message |= {"content": None, "tool_calls": [_call(answer, answer.text)]}
    if answer.reasoning and dialect.thought is not None:
        thought = "".join(answer.reasoning)
        text = answer.text if answer.question.tool is None else None
        message |= dialect.thought(thought) if dialect.thought_whole is None else dialect.thought_whole(thought, text)
    choice = {"index": 0, "message": message, **dialect.choice, "finish_reason": _FINISH[answer.finish]}
    facts = _facts(answer, dialect, "chat.completion")
    return dump({**facts, "choices": [choice], "usage": dialect.usage(answer), **dialect.whole(answer)}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """How one server words errors: ``kinds`` has type and code by status, ``shape`` the body around them."""

    kinds: Mapping[int, tuple[object, object]]
    shape: Callable[[Refusal, object, object], Json]
    other: tuple[object, object] = ("server_error", None)

    def body(self, refusal: Refusal) -> bytes:
        """Return the body of an error response."""
        return dump(self.shape(refusal, *self.kinds.get(refusal.status, self.other))).encode()

    def event(self, message: str) -> bytes:
        """Return the event with which a stream that began well reports an error."""
        return f"data: {self.body(Refusal(status=500, message=message)).decode()}\n\n".encode()


def under_error(refusal: Refusal, kind: object, code: object) -> Json:
    """Return OpenAI's shape: four fields under ``error``."""
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": code}}


def routes(
    paths: Iterable[str], dialect: Dialect, errors: Errors, read: Callable[[Call], Question] = question
) -> tuple[Asked, ...]:
    """Return the routes of chat completions at these paths."""
    framing = Framing(content_type=SSE, error_event=errors.event)
    return tuple(
        Asked(
            path=path,
            question=read,
            events=lambda answer: events(answer, dialect),
            document=lambda answer: document(answer, dialect),
            framing=framing,
        )
        for path in paths
    )
