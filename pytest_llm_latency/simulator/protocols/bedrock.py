"""Amazon Bedrock's Converse and InvokeModel: https://docs.aws.amazon.com/bedrock/latest/APIReference/.

What InvokeModel passes through is in ``bedrock_models``. Signatures are not checked.
"""

from collections.abc import Mapping

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL
from pytest_llm_latency.simulator import event_stream
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
from pytest_llm_latency.simulator.protocols import bedrock_models
from pytest_llm_latency.simulator.routes import Asked, Call, Framing

API_BASE = ""
ENVIRONMENT = ("AWS_BEDROCK_RUNTIME_ENDPOINT", "AWS_BEARER_TOKEN_BEDROCK")
JSON = "application/json"
_SIGNATURE = "c2ltdWxhdGVk"
_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use"}
_ERRORS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def converse_question(call: Call, *, stream: bool) -> Question:
    """Read a conversation."""
    body = call.fields
    messages, config = objects(body.get("messages")), body.get("inferenceConfig")
    if not messages:
        raise QuestionError("A conversation must start with a user message.")
    limit = config.get("maxTokens") if isinstance(config, Mapping) else None
    return Question(
        model=call.parameters["model"],
        stream=stream,
        prompt_tokens=prompt_tokens(body.get("system"), messages, body.get("toolConfig")),
        max_tokens=positive(limit, "inferenceConfig.maxTokens"),
        tool=_tool(body, messages),
    )


def _tool(body: Mapping[str, object], messages: list[Mapping[str, object]]) -> Tool | None:
    config = body.get("toolConfig")
    if not isinstance(config, Mapping) or any("toolResult" in each for each in objects(messages[-1].get("content"))):
        return None
    choice = config.get("toolChoice")
    named = choice.get("tool") if isinstance(choice, Mapping) else None
    specs = objects([each.get("toolSpec") for each in objects(config.get("tools"))])
    return chosen(
        (Tool(name=str(each.get("name")), schema=_schema(each)) for each in specs),
        named.get("name") if isinstance(named, Mapping) else None,
    )


def _schema(spec: Mapping[str, object]) -> object:
    schema = spec.get("inputSchema")
    return schema.get("json") if isinstance(schema, Mapping) else None


def converse_events(answer: Answer) -> list[Piece]:
    """Return the events of a stream, from ``messageStart`` to ``metadata``."""
    last = answer.steps[-1]
    return [
        Piece(_event("messageStart", {"role": "assistant"}), CONTROL, -1),
        *_thoughts(answer),
        *(_texts(answer) if answer.question.tool is None else _call(answer)),
        Piece(_event("messageStop", {"stopReason": _FINISH[answer.finish]}), CONTROL, last),
        Piece(_event("metadata", {"usage": _usage(answer), "metrics": {"latencyMs": 1}}), CONTROL, last),
    ]


def _event(kind: str, payload: Mapping[str, object]) -> bytes:
    return event_stream.event(kind, dump({**payload, "p": "abcdefgh"}).encode())


def _delta(index: int, delta: Mapping[str, object]) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _thoughts(answer: Answer) -> list[Piece]:
    if not answer.reasoning:
        return []
    parts = zip(answer.reasoning, answer.reasoning_steps, strict=True)
    last = answer.reasoning_steps[-1]
    return [
        *(Piece(_delta(0, {"reasoningContent": {"text": text}}), REASONING, step) for text, step in parts),
        Piece(_delta(0, {"reasoningContent": {"signature": _SIGNATURE}}), CONTROL, last),
        Piece(_event("contentBlockStop", {"contentBlockIndex": 0}), CONTROL, last),
    ]


def _texts(answer: Answer) -> list[Piece]:
    index = 1 if answer.reasoning else 0
    parts = zip(answer.deltas, answer.steps, strict=True)
    return [
        *(Piece(_delta(index, {"text": text}), CONTENT, step) for text, step in parts),
        Piece(_event("contentBlockStop", {"contentBlockIndex": index}), CONTROL, answer.steps[-1]),
    ]


def _call(answer: Answer) -> list[Piece]:
    index = 1 if answer.reasoning else 0
    first, *parts = zip(answer.deltas, answer.steps, strict=True)
    start = {"contentBlockIndex": index, "start": {"toolUse": _named(answer)}}
    return [
        Piece(_event("contentBlockStart", start), TOOL_CALL, first[1]),
        *(Piece(_delta(index, {"toolUse": {"input": text}}), TOOL_CALL, step) for text, step in parts),
        Piece(_event("contentBlockStop", {"contentBlockIndex": index}), CONTROL, answer.steps[-1]),
    ]


def _named(answer: Answer) -> dict[str, object]:
    tool = answer.question.tool
    return {"name": None if tool is None else tool.name, "toolUseId": f"tooluse_{answer.id[:22]}"}


def _usage(answer: Answer) -> dict[str, object]:
    fresh = answer.question.prompt_tokens - answer.cached_tokens - answer.cache_written_tokens
    return {
        "inputTokens": fresh,
        "outputTokens": answer.output_tokens,
        "totalTokens": answer.total_tokens,
        "cacheReadInputTokens": answer.cached_tokens,
        "cacheWriteInputTokens": answer.cache_written_tokens,
    }


def converse_document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    content: list[object] = []
    if answer.reasoning:
        thought = {"text": "".join(answer.reasoning), "signature": _SIGNATURE}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if answer.question.tool is None:
        content.append({"text": answer.text})
    else:
        content.append({"toolUse": {**_named(answer), "input": answer.arguments}})
    told = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _FINISH[answer.finish],
        "usage": _usage(answer),
        "metrics": {"latencyMs": 1},
    }
    return dump(told).encode()


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    found = {"x-amzn-requestid": facts.request_id}
    if facts.status in _ERRORS:
        found["x-amzn-errortype"] = f"{_ERRORS[facts.status]}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    elif not facts.stream:
        found |= {
            "x-amzn-bedrock-invocation-latency": str(round(facts.processing_s * 1000)),
            "x-amzn-bedrock-input-token-count": str(facts.prompt_tokens or 0),
            "x-amzn-bedrock-output-token-count": str(facts.output_tokens or 0),
        }
    return found


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    return dump({"message": refusal.message}).encode()


def error_event(message: str) -> bytes:
    """Return the event with which a stream that began well reports an error."""
    return event_stream.exception("modelStreamErrorException", dump({"message": message}).encode())


EVENTS = Framing(
    content_type=event_stream.CONTENT_TYPE, error_event=error_event, malformed=event_stream.malformed, is_sse=False
)
ROUTES = (
    Asked(
        path="/model/{model}/converse-stream",
        question=lambda call: converse_question(call, stream=True),
        events=converse_events,
        document=converse_document,
        framing=EVENTS,
    ),
    Asked(
        path="/model/{model}/converse",
        question=lambda call: converse_question(call, stream=False),
        document=converse_document,
    ),
    Asked(
        path="/model/{model}/invoke-with-response-stream",
        question=lambda call: bedrock_models.question(call, stream=True),
        events=bedrock_models.events,
        document=bedrock_models.document,
        framing=EVENTS,
    ),
    Asked(
        path="/model/{model}/invoke",
        question=lambda call: bedrock_models.question(call, stream=False),
        document=bedrock_models.document,
    ),
)
