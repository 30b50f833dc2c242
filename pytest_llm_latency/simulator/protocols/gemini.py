"""Gemini's generateContent and streamGenerateContent: https://ai.google.dev/api/generate-content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_llm_latency.model import CONTENT, REASONING, TOOL_CALL
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

API_BASE = "/v1beta"
ENVIRONMENT = ("GEMINI_API_BASE", "GEMINI_API_KEY")
JSON = "application/json; charset=UTF-8"
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_call": "STOP"}
_ERRORS = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def question(call: Call) -> Question:
    """Read a request's body and the path's ``model:method``."""
    body = call.fields
    model, _, method = call.parameters["call"].rpartition(":")
    if method not in {"generateContent", "streamGenerateContent"}:
        raise QuestionError(f"{method} is not simulated: call generateContent or streamGenerateContent?alt=sse")
    contents = objects(body.get("contents"))
    if not contents:
        raise QuestionError("* GenerateContentRequest.contents: contents is not specified")
    options = _either(body, "generationConfig", "generation_config")
    limit = _either(options, "maxOutputTokens", "max_output_tokens") if isinstance(options, Mapping) else None
    system = _either(body, "systemInstruction", "system_instruction")
    return Question(
        model=model,
        stream=method == "streamGenerateContent",
        prompt_tokens=prompt_tokens(system, contents, body.get("tools")),
        max_tokens=positive(limit, "generation_config.max_output_tokens"),
        tool=_tool(body, contents),
    )


def _either(fields: Mapping[str, object], name: str, other: str) -> object:
    """Return a field that Google's JSON knows in two spellings."""
    return fields.get(name, fields.get(other))


def _tool(body: Mapping[str, object], contents: list[Mapping[str, object]]) -> Tool | None:
    if any(_either(part, "functionResponse", "function_response") for part in objects(contents[-1].get("parts"))):
        return None
    config = _either(body, "toolConfig", "tool_config")
    calling = _either(config, "functionCallingConfig", "function_calling_config") if isinstance(config, Mapping) else 0
    if isinstance(calling, Mapping) and calling.get("mode") == "NONE":
        return None
    allowed = (
        _either(calling, "allowedFunctionNames", "allowed_function_names") if isinstance(calling, Mapping) else None
    )
    named = allowed[0] if isinstance(allowed, list) and allowed else None
    return chosen(_declared(body), named)


def _declared(body: Mapping[str, object]) -> Iterator[Tool]:
    for tool in objects(body.get("tools")):
        for declared in objects(_either(tool, "functionDeclarations", "function_declarations")):
            schema = declared.get("parameters", declared.get("parametersJsonSchema"))
            yield Tool(name=str(declared.get("name")), schema=schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """How far an answer is: the tokens of its text, those of its reasoning, and the end."""

    tokens: int
    thoughts: int = 0
    finish: str = ""


def _response(answer: Answer, part: str, said: _Said) -> str:
    """Return the JSON of one event or of the whole answer; the parts given are JSON already."""
    prompt = answer.question.prompt_tokens
    thoughts = f'"thoughtsTokenCount":{said.thoughts},' if answer.reasoning else ""
    cached = f'"cachedContentTokenCount":{answer.cached_tokens},' if answer.cached_tokens else ""
    return (
        f'{{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}}{said.finish},"index":0}}],'
        f'"usageMetadata":{{"promptTokenCount":{prompt},"candidatesTokenCount":{said.tokens},{thoughts}{cached}'
        f'"totalTokenCount":{prompt + said.tokens + said.thoughts},'
        f'"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{prompt}}}]}},'
        f'"modelVersion":{dump(answer.question.model)},"responseId":"{answer.id[:22]}"}}'
    )


def _thought(text: str) -> str:
    return f'{{"text":{dump(text)},"thought":true}}'


def _finish(answer: Answer) -> str:
    return f',"finishReason":"{_FINISH[answer.finish]}"'


def _function_call(answer: Answer, tool: Tool) -> str:
    return dump({"functionCall": {"name": tool.name, "args": answer.arguments}})


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream: the last carries the finish reason, a function call is whole."""
    tool, pieces, last, thoughts = (
        answer.question.tool,
        _thoughts(answer),
        len(answer.deltas) - 1,
        answer.reasoning_tokens,
    )
    if tool is not None:
        said = _Said(tokens=answer.tokens[-1], thoughts=thoughts, finish=_finish(answer))
        return [
            *pieces,
            Piece(_event(_response(answer, _function_call(answer, tool), said)), TOOL_CALL, answer.steps[0]),
        ]
    for index, text in enumerate(answer.deltas):
        finish = _finish(answer) if index == last else ""
        said = _Said(tokens=answer.tokens[index], thoughts=thoughts, finish=finish)
        pieces.append(Piece(_event(_response(answer, f'{{"text":{dump(text)}}}', said)), CONTENT, answer.steps[index]))
    return pieces


def _thoughts(answer: Answer) -> list[Piece]:
    pieces, first = [], answer.reasoning_tokens - answer.reasoning_steps[-1] if answer.reasoning else 0
    for text, step in zip(answer.reasoning, answer.reasoning_steps, strict=True):
        said = _Said(tokens=0, thoughts=step + first)
        pieces.append(Piece(_event(_response(answer, _thought(text), said)), REASONING, step))
    return pieces


def _event(text: str) -> bytes:
    return f"data: {text}\r\n\r\n".encode()


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    tool, thought = answer.question.tool, "".join(answer.reasoning)
    part = f'{{"text":{dump(answer.text)}}}' if tool is None else _function_call(answer, tool)
    parts = f"{_thought(thought)},{part}" if thought else part
    said = _Said(tokens=answer.tokens[-1], thoughts=answer.reasoning_tokens, finish=_finish(answer))
    return _response(answer, parts, said).encode()


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "server-timing": f"gfet4t7; dur={round(facts.processing_s * 1000)}",
        "vary": "Origin, X-Origin, Referer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
    }


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    fields: dict[str, object] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": _ERRORS.get(refusal.status, "INTERNAL"),
    }
    if refusal.retry_after_s is not None:
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refusal.retry_after_s:g}s"}
        fields["details"] = [retry]
    return dump({"error": fields}).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return _event(error(Refusal(status=503, message=message)).decode())


EVENTS = Framing(content_type="text/event-stream", error_event=error_event)
ROUTES = tuple(
    Asked(path=path, question=question, events=events, document=document, framing=EVENTS)
    for path in ("/{version:v1beta|v1|v1alpha}/models/{call}", "/models/{call}")
)
