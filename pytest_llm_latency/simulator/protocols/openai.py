"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat."""

from collections.abc import Callable, Mapping

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL
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

API_BASE = "/v1"
ENVIRONMENT = ("OPENAI_BASE_URL", "OPENAI_API_KEY")
JSON = "application/json"
_FINGERPRINT = "fp_simulator"
_FINISH = {"stop": "stop", "length": "length", "tool_call": "tool_calls"}
_ERRORS = {
    400: ("invalid_request_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def question(call: Call) -> Question:
    """Read a chat."""
    body = call.fields
    model, messages = body.get("model"), objects(body.get("messages"))
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


def _tool(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> Tool | None:
    choice = body.get("tool_choice")
    if messages[-1].get("role") == "tool" or choice == "none":
        return None
    named = choice.get("function") if isinstance(choice, Mapping) else None
    functions = objects([each.get("function") for each in objects(body.get("tools"))])
    return chosen(
        (Tool(name=str(each.get("name")), schema=each.get("parameters")) for each in functions),
        named.get("name") if isinstance(named, Mapping) else None,
    )


def _usage(answer: Answer) -> dict[str, object]:
    return {
        "prompt_tokens": answer.question.prompt_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.total_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _common(answer: Answer, kind: str) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{answer.id[:29]}",
        "object": kind,
        "created": answer.created,
        "model": answer.question.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream: role, deltas, finish, usage where it was asked for, done."""
    common = dump(_common(answer, "chat.completion.chunk"))[:-1]
    usage = ',"usage":null' if answer.question.include_usage else ""

    def chunk(delta: str, finish: str = "null") -> bytes:
        choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}'
        return f'data: {common},"choices":[{choice}]{usage}}}\n\n'.encode()

    last = answer.steps[-1]
    deltas = _text_deltas if answer.question.tool is None else _tool_deltas
    pieces = [*deltas(answer, chunk), Piece(chunk("{}", dump(_FINISH[answer.finish])), CONTROL, last)]
    if answer.question.include_usage:
        event = f'data: {common},"choices":[],"usage":{dump(_usage(answer))}}}\n\n'
        pieces.append(Piece(event.encode(), CONTROL, last))
    return [*pieces, Piece(b"data: [DONE]\n\n", CONTROL, last)]


def _text_deltas(answer: Answer, chunk: Callable[[str], bytes]) -> list[Piece]:
    role = Piece(chunk('{"role":"assistant","content":"","refusal":null}'), CONTROL, -1)
    deltas = zip(answer.deltas, answer.steps, strict=True)
    texts = (Piece(chunk(f'{{"content":{dump(text)}}}'), CONTENT, step) for text, step in deltas)
    return [role, *_reasoning(answer, chunk), *texts]


def _reasoning(answer: Answer, chunk: Callable[[str], bytes]) -> list[Piece]:
    """Return the reasoning as servers of open models stream it."""
    deltas = zip(answer.reasoning, answer.reasoning_steps, strict=True)
    return [Piece(chunk(f'{{"reasoning_content":{dump(text)}}}'), REASONING, step) for text, step in deltas]


def _tool_deltas(answer: Answer, chunk: Callable[[str], bytes]) -> list[Piece]:
    """Return the call's name, which comes with the role, and its arguments in parts; before it what was thought."""
    call = dump({"index": 0, **_call(answer, "")})
    name = Piece(
        chunk(f'{{"role":"assistant","content":null,"tool_calls":[{call}],"refusal":null}}'), TOOL_CALL, answer.steps[0]
    )
    deltas = list(zip(answer.deltas, answer.steps, strict=True))[1:]
    parts = (
        Piece(chunk(f'{{"tool_calls":[{{"index":0,"function":{{"arguments":{dump(text)}}}}}]}}'), TOOL_CALL, step)
        for text, step in deltas
    )
    return [*_reasoning(answer, chunk), name, *parts]


def _call(answer: Answer, arguments: str) -> dict[str, object]:
    tool = answer.question.tool
    name = None if tool is None else tool.name
    return {"id": f"call_{answer.id[:24]}", "type": "function", "function": {"name": name, "arguments": arguments}}


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    message: dict[str, object] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.question.tool is not None:
        message |= {"content": None, "tool_calls": [_call(answer, answer.text)]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.finish]}
    return dump({**_common(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}).encode()


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {
        "openai-organization": "simulator",
        "openai-processing-ms": str(round(facts.processing_s * 1000)),
        "openai-version": "2020-10-01",
        "openai-model": facts.model,
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-request-id": f"req_{facts.request_id}",
    }


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    kind, code = _ERRORS.get(refusal.status, ("server_error", None))
    return dump({"error": {"message": refusal.message, "type": kind, "param": None, "code": code}}).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return f"data: {error(Refusal(status=500, message=message)).decode()}\n\n".encode()


EVENTS = Framing(content_type="text/event-stream; charset=utf-8", error_event=error_event)
ROUTES = tuple(
    Asked(path=path, question=question, events=events, document=document, framing=EVENTS)
    for path in ("/v1/chat/completions", "/chat/completions")
)
