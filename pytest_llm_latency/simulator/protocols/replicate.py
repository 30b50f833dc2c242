"""Replicate's predictions: https://replicate.com/docs/reference/http#predictions.create.

A prediction is begun, and then waited for, polled, or followed as a stream.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pytest_llm_latency.model import CONTENT, CONTROL
from pytest_llm_latency.simulator.answers import (
    Answer,
    Facts,
    Piece,
    Question,
    QuestionError,
    Refusal,
    dump,
    positive,
    prompt_tokens,
)
from pytest_llm_latency.simulator.routes import Begun, Call, Followed, Framing, Kept, Polled, Route

API_BASE = "/v1"
ENVIRONMENT = ("REPLICATE_API_BASE", "REPLICATE_API_TOKEN")
JSON = "application/json"
_LIMITS = ("max_tokens", "max_new_tokens", "max_length")
_TITLES = {401: "Unauthenticated", 404: "Not Found", 422: "Input validation failed", 429: "Too Many Requests"}


def question(call: Call) -> Question:
    """Read what a prediction is for."""
    given = call.fields.get("input")
    if not isinstance(given, Mapping) or not isinstance(given.get("prompt"), str):
        raise QuestionError("- input: prompt is required")
    limits = (positive(given[name], name) for name in _LIMITS if given.get(name) is not None)
    owner, name = call.parameters.get("owner"), call.parameters.get("name")
    return Question(
        model=f"{owner}/{name}" if owner else str(call.fields.get("version", "unknown")),
        stream=given.get("stream") is True or call.fields.get("stream") is True,
        prompt_tokens=prompt_tokens(given.get("system_prompt"), given["prompt"]),
        max_tokens=next(limits, None),
        tool=None,
    )


def waits(call: Call) -> bool:
    """Whether the answer is to come with the response."""
    return call.headers.get("prefer", "").startswith("wait")


def prediction(kept: Kept) -> bytes:
    """Return how far a prediction is."""
    answer, urls = kept.answer, f"{kept.base_url}/v1/predictions/{kept.answer.id}"
    status = "succeeded" if kept.complete else "processing" if kept.generated else "starting"
    told: dict[str, object] = {
        "id": answer.id,
        "model": answer.question.model,
        "version": "hidden",
        "input": {},
        "logs": "",
        "output": list(answer.deltas[: kept.generated]) or None,
        "error": None,
        "status": status,
        "created_at": datetime.fromtimestamp(answer.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "urls": {
            "cancel": f"{urls}/cancel",
            "get": urls,
            "stream": f"{kept.base_url}/v1/streams/{answer.id}",
            "web": f"{kept.base_url}/p/{answer.id}",
        },
    }
    if kept.complete:
        told["metrics"] = {
            "input_token_count": answer.question.prompt_tokens,
            "output_token_count": answer.output_tokens,
            "predict_time": 0.001,
            "total_time": 0.001,
        }
    return dump(told).encode()


def _event(kind: str, data: str, number: int) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {kind}\nid: {number}:0\n{lines}\n".encode()


def events(answer: Answer) -> list[Piece]:
    """Return the events of a stream: the text as it is, then the end."""
    parts = enumerate(zip(answer.deltas, answer.steps, strict=True))
    return [
        *(Piece(_event("output", text, number), CONTENT, step) for number, (text, step) in parts),
        Piece(_event("done", "{}", len(answer.deltas)), CONTROL, answer.steps[-1]),
    ]


def headers(facts: Facts) -> dict[str, str]:
    """Return the headers that come with every response."""
    return {"preference-applied": "wait", "ratelimit-remaining": "599", "x-request-id": facts.request_id}


def error(refusal: Refusal) -> bytes:
    """Return the body of an error response."""
    title = _TITLES.get(refusal.status, "Internal Server Error")
    return dump({"title": title, "detail": refusal.message, "status": refusal.status}).encode()


def error_event(message: str) -> bytes:
    """Return the events with which a stream that began well reports an error."""
    return _event("error", message, 0) + _event("done", '{"reason":"error"}', 1)


def malformed(event: bytes) -> bytes:  # noqa: ARG001  (text is sound whatever it is: the end is broken instead)
    """Return an end whose JSON is cut off in the middle."""
    return _event("done", '{"rea', 0)


EVENTS = Framing(content_type="text/event-stream", error_event=error_event, malformed=malformed)
ROUTES: tuple[Route, ...] = (
    *(
        Begun(path=path, question=question, receipt=prediction, waits=waits)
        for path in (
            "/v1/models/{owner}/{name}/predictions",
            "/v1/deployments/{owner}/{name}/predictions",
            "/v1/predictions",
        )
    ),
    Polled(path="/v1/predictions/{id}", state=prediction),
    Followed(path="/v1/streams/{id}", events=events, framing=EVENTS),
)
