"""Bedrock's InvokeModel: each maker's own format, wrapped where it is streamed; Anthropic's and Meta's."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_llm_latency.model import CONTENT, CONTROL
from pytest_llm_latency.simulator import event_stream
from pytest_llm_latency.simulator.answers import (
    Answer,
    Piece,
    Question,
    QuestionError,
    dump,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.protocols import anthropic
from pytest_llm_latency.simulator.routes import Call

_METRICS = "amazon-bedrock-invocationMetrics"
_META_FINISH = {"stop": "stop", "length": "length", "tool_call": "stop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """How the models of one maker are asked and answer."""

    question: Callable[[Call], Question]
    events: Callable[[Answer], list[Piece]]
    document: Callable[[Answer], bytes]


def question(call: Call, *, stream: bool) -> Question:
    """Read what a model is asked in its own format."""
    model = call.parameters["model"]
    fields = {**call.fields, "model": model, "stream": stream}
    return _format(model).question(Call(fields=fields, parameters=call.parameters))


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream: each is a chunk around one of the model's own."""
    pieces = _format(answer.question.model).events(answer)
    last = pieces[-1]
    told = dump({**json.loads(last.data), _METRICS: _invocation(answer)}).encode()
    return [_wrapped(piece) for piece in (*pieces[:-1], last._replace(data=told))]


def _wrapped(piece: Piece) -> Piece:
    payload = {"bytes": base64.b64encode(piece.data).decode(), "p": "abcdefgh"}
    return piece._replace(data=event_stream.event("chunk", dump(payload).encode()))


def _invocation(answer: Answer) -> dict[str, object]:
    return {
        "inputTokenCount": answer.question.prompt_tokens,
        "outputTokenCount": answer.output_tokens,
        "invocationLatency": 1,
        "firstByteLatency": 1,
    }


def document(answer: Answer) -> bytes:
    """Return the body of an answer that is not streamed."""
    return _format(answer.question.model).document(answer)


def _anthropic_events(answer: Answer) -> list[Piece]:
    pieces = (piece for piece in anthropic.events(answer) if not piece.data.startswith(b"event: ping"))
    return [piece._replace(data=piece.data.partition(b"data: ")[2].strip()) for piece in pieces]


def _meta_question(call: Call) -> Question:
    body = call.fields
    if not isinstance(body.get("prompt"), str):
        raise QuestionError("Malformed input request: #: required key [prompt] not found, please reformat your input.")
    return Question(
        model=call.parameters["model"],
        stream=body["stream"] is True,
        prompt_tokens=prompt_tokens(body["prompt"]),
        max_tokens=positive(body.get("max_gen_len"), "max_gen_len"),
        tool=None,
    )


def _meta(text: str, counts: tuple[int | None, int], finish: str | None) -> bytes:
    prompt, tokens = counts
    told = {
        "generation": text,
        "prompt_token_count": prompt,
        "generation_token_count": tokens,
        "stop_reason": finish,
    }
    return dump(told).encode()


def _meta_events(answer: Answer) -> list[Piece]:
    finish, prompt, last = _META_FINISH[answer.finish], answer.question.prompt_tokens, answer.steps[-1]
    parts = enumerate(zip(answer.deltas, answer.tokens, answer.steps, strict=True))
    return [
        *(
            Piece(_meta(text, (None if index else prompt, tokens), None), CONTENT, step)
            for index, (text, tokens, step) in parts
        ),
        Piece(_meta("", (None, answer.output_tokens), finish), CONTROL, last),
    ]


def _meta_document(answer: Answer) -> bytes:
    counts = answer.question.prompt_tokens, answer.output_tokens
    return _meta(answer.text, counts, _META_FINISH[answer.finish])


_FORMATS: Mapping[str, _Format] = {
    "anthropic": _Format(question=anthropic.question, events=_anthropic_events, document=anthropic.document),
    "meta": _Format(question=_meta_question, events=_meta_events, document=_meta_document),
}


def _format(model: str) -> _Format:
    for maker, known in _FORMATS.items():
        if f"{maker}." in model:
            return known
    raise QuestionError(f"the format of {model} is not simulated: use Converse, or a model of {' or '.join(_FORMATS)}.")
