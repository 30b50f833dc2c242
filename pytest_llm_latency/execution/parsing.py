"""Runs a library's parser of provider answers: whatever it raises is data that cannot be read, and no crash."""

import functools
from collections.abc import Callable
from typing import Any

from pytest_llm_latency.execution import delta, redaction
from pytest_llm_latency.execution.decode import Json, Protocol, Redact
from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.execution.providers import Provider
from pytest_llm_latency.model import Recording


def protocol(
    row: Provider,
    *,
    iterator: Callable[[], Any],
    transformed: Callable[[Recording, bytes], Any],
    redact: Redact = redaction.redact,
) -> Protocol:
    """Return a protocol by a library's parsers: ``iterator`` makes that of events, ``transformed`` that of answers."""
    parser = functools.cache(iterator)  # made for the first event, where its errors are those of reading

    def parse_event(chunk: Json) -> Delta | None:
        return _read("an event", lambda: parser().chunk_parser(dict(chunk)), redact)

    def parse_answer(recording: Recording, body: bytes) -> Delta:
        answer = _read("the answer", lambda: _with_choices(transformed(recording, body)), redact)
        if answer is None:
            raise ValueError("the answer has no content")
        return answer

    return Protocol(events=row.events, parse_event=parse_event, parse_answer=parse_answer, ends=row.ends, redact=redact)


def _with_choices(answer: Any) -> Any:  # noqa: ANN401  (the library's own)
    """Return a whole answer; one without choices is none, whatever its parser made of it."""
    if answer is not None and not answer.choices:
        raise ValueError("it has no choices")
    return answer


def _read(what: str, read: Callable[[], Any], redact: Redact) -> Delta | None:
    try:
        return delta.delta(read())
    except Exception as failure:  # such parsers raise anything
        text = redact(f"{type(failure).__name__}: {failure}")[:200]
        raise ValueError(f"litellm cannot read {what}: {text}") from failure
