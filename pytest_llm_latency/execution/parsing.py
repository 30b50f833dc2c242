"""Runs the parsers of provider answers: whatever they raise is data that cannot be read, and no crash."""

import functools
import json
from collections.abc import Callable
from typing import Any

from pytest_llm_latency.execution import delta, embedding, endings, redaction, responses, sse
from pytest_llm_latency.execution.decode import Json, Protocol, Redact
from pytest_llm_latency.execution.delta import Delta, ReportedError
from pytest_llm_latency.execution.dialects.reading import Reader, mapping
from pytest_llm_latency.execution.providers import Provider
from pytest_llm_latency.model import Recording


def of_responses(
    parser: Callable[[Json], Any],
    transformed: Callable[[Recording, bytes], Any],
    redact: Redact = redaction.redact,
) -> Protocol:
    """Return the protocol of the Responses API by a library's parsers of its events and answers."""
    return Protocol(
        events=sse.events,
        parse_event=lambda chunk: _read("an event", lambda: responses.event(parser(chunk)), redact),
        parse_answer=lambda sent, body: _found(
            _read("the answer", lambda: responses.answer(transformed(sent, body)), redact)
        ),
        ends=endings.responses_end,
        redact=redact,
    )


def of_embeddings(transformed: Callable[[Recording, bytes], Any], redact: Redact = redaction.redact) -> Protocol:
    """Return the protocol of embeddings by a library's parser of answers: there are no events."""
    return Protocol(
        events=sse.events,
        parse_event=lambda _: None,
        parse_answer=lambda sent, body: _found(
            _read("the answer", lambda: embedding.answer(transformed(sent, body)), redact)
        ),
        ends=lambda _: False,
        redact=redact,
    )


def protocol(
    row: Provider,
    *,
    iterator: Callable[[], Any],
    transformed: Callable[[Recording, bytes], Any],
    redact: Redact = redaction.redact,
) -> Protocol:
    """Return a protocol by the row's own reader, or by a library's parsers.

    Of these ``iterator`` makes that of events, and ``transformed`` is that of whole answers.
    """
    if row.reader is not None:
        return _own(row, row.reader, redact)
    parser = functools.cache(iterator)  # made for the first event, where its errors are those of reading

    def parse_event(chunk: Json) -> Delta | None:
        return row.mended(chunk, _read("an event", lambda: delta.delta(parser().chunk_parser(dict(chunk))), redact))

    def parse_answer(recording: Recording, body: bytes) -> Delta:
        read = _read("the answer", lambda: delta.delta(_with_choices(transformed(recording, body))), redact)
        answer = _found(read)
        return row.mended(mapping(json.loads(body)), answer) or answer

    return Protocol(events=row.events, parse_event=parse_event, parse_answer=parse_answer, ends=row.ends, redact=redact)


def _own(row: Provider, reader: Reader, redact: Redact) -> Protocol:
    """Return a protocol by a reader of ours, which is made anew for each answer."""
    made = functools.cache(reader)

    def parse_event(chunk: Json) -> Delta | None:
        return _told("an event", lambda: made().event(chunk), redact)

    def parse_answer(_: Recording, body: bytes) -> Delta:
        return _found(_told("the answer", lambda: made().answer(_object(body)), redact))

    return Protocol(events=row.events, parse_event=parse_event, parse_answer=parse_answer, ends=row.ends, redact=redact)


def _object(body: bytes) -> Json:
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("it is not an object")  # noqa: TRY004  (the data is wrong, not a type)
    return content


def _told(what: str, read: Callable[[], Delta | None], redact: Redact) -> Delta | None:
    try:
        return read()
    except (ValueError, RecursionError) as failure:
        raise ValueError(f"{what} cannot be read: {redact(str(failure))[:200]}") from failure


def _with_choices(answer: Any) -> Any:  # noqa: ANN401  (the library's own)
    """Return a whole answer; one without choices is none, whatever its parser made of it."""
    if answer is not None and not answer.choices:
        raise ValueError("it has no choices")
    return answer


def _found(answer: Delta | None) -> Delta:
    if answer is None:
        raise ValueError("the answer has no content")
    return answer


def _read(what: str, read: Callable[[], Delta | None], redact: Redact) -> Delta | None:
    try:
        return read()
    except ReportedError:
        raise
    except Exception as failure:  # such parsers raise anything
        text = redact(f"{type(failure).__name__}: {failure}")[:200]
        raise ValueError(f"litellm cannot read {what}: {text}") from failure
