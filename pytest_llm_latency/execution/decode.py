"""What a recording says: events with their stamps, text, usage, and whether it ended as its protocol promises.

The status comes from the recording alone. litellm's parser turns each event into a delta; it is
not asked whether the answer was whole, because it calls a truncated answer a success.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pytest_llm_latency.execution import redaction, sse
from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta
from pytest_llm_latency.execution.repeats import Repeats
from pytest_llm_latency.model import (
    CONTENT,
    CONTROL,
    REASONING,
    TOOL_CALL,
    Decoded,
    EventKind,
    Failure,
    Recording,
    Status,
    ToolCall,
    Usage,
)

DONE = "[DONE]"
_BLOCKED = "content_filter"
_WORDS = ("message", "detail", "title")  # where an error's own words stand
_KIND_HEADER = "x-amzn-errortype"
_REDIRECTION = 300  # from here on an answer is none: redirections are not followed, a POST would be lost
_TOO_MANY_REQUESTS = 429

Json = Mapping[str, object]
Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How one provider's answers are read.

    ``events`` cuts a streamed body into its events. ``parse_event`` and ``parse_answer`` are
    litellm's own parser for the provider, or ours; they raise ``ValueError`` for what cannot be
    read, and ``ReportedError`` for an error that the provider tells of.
    ``ends`` says whether an event is the protocol's own end; it gets ``None`` for the ``[DONE]``
    of OpenAI's protocol. ``redact`` takes secrets out of what the provider wrote, before it is cut
    to the length of a message.
    """

    events: Callable[[Recording], Iterator[sse.ServerSentEvent]]
    parse_event: Callable[[Json], Delta | None]
    parse_answer: Callable[[Recording, bytes], Delta]
    ends: Callable[[Json | None], bool]
    redact: Redact = redaction.redact


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read of a stream so far."""

    at_ns: list[int] = field(default_factory=list)
    kinds: list[EventKind] = field(default_factory=list)
    characters: list[int] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    finish_reason: str | None = None
    served_model: str | None = None
    usage: Usage | None = None
    embeddings: tuple[tuple[float, ...], ...] = ()
    ended: bool = False
    repeats: Repeats = field(default_factory=Repeats)

    def add_event(self, at_ns: int, kind: EventKind, characters: int) -> None:
        self.at_ns.append(at_ns)
        self.kinds.append(kind)
        self.characters.append(characters)

    def add_text(self, text: str, at_ns: int) -> None:
        self.add_event(at_ns, CONTENT, len(text))
        self.content.append(text)

    def add_delta(self, delta: Delta, at_ns: int) -> None:
        self.add_event(at_ns, *_classify(delta))
        self.content.append(delta.content)
        self.reasoning.append(delta.reasoning)
        for part in delta.tool_calls:
            self.calls[part.index] = _joined(self.calls.get(part.index), part)
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.served_model = self.served_model or delta.served_model
        self.usage = _merged(self.usage, delta.usage)
        self.embeddings += delta.embeddings


def decode(recording: Recording, protocol: Protocol) -> Decoded:
    """Return what the recording says; whatever is wrong with it is in ``status`` and ``failure``."""
    reading = _Reading()
    status, failure = recording.status, recording.failure
    if recording.http_status is not None and recording.http_status >= _REDIRECTION:
        status, failure = refusal(recording, protocol.redact)
    elif recording.http_status is not None:
        read = _read_stream if recording.request.parameters.get("stream") else _read_answer
        found = read(recording, protocol, reading) or _empty(reading)
        if status == "ok" and found is not None:
            status, failure = "error", found
    return _decoded(reading, status, failure)


def _empty(reading: _Reading) -> Failure | None:
    if any(kind != CONTROL for kind in reading.kinds):
        return None
    if reading.finish_reason == _BLOCKED:
        message = "the provider has blocked the prompt or the whole answer, by its policies"
        return Failure(error_class="Blocked", message=message, phase="provider")
    message = (
        "the answer ended properly and has no output: no content, no reasoning and no tool call "
        f"(finish reason: {reading.finish_reason or 'none'})"
    )
    return Failure(error_class="EmptyAnswer", message=message, phase="protocol")


def refusal(recording: Recording, redact: Redact = redaction.redact) -> tuple[Status, Failure | None]:
    """Return the status and the reason of an answer with an HTTP error; the recording's own for any other."""
    code = recording.http_status
    if code is None or code < _REDIRECTION:
        return recording.status, recording.failure
    status: Status = "refused" if code == _TOO_MANY_REQUESTS else "error"
    message = f"HTTP {code}: {_error_text(recording, redact)}"
    return status, Failure(error_class=f"HTTP{code}", message=message, phase="provider")


def _error_text(recording: Recording, redact: Redact) -> str:
    target = sse.header(recording, "location")
    if target is not None:
        return f"the server redirects to {redact(target)[:200]}: set api_base to where it is"
    try:
        text = sse.body(recording).decode("utf-8", "replace")
    except ValueError as error:  # of the content encoding
        return str(error)
    try:
        answer = json.loads(text)
    except ValueError:
        return " ".join(redact(text).split())[:300] or "no body"
    said = _message(answer[0] if isinstance(answer, list) and answer else answer, redact)
    kind = (sse.header(recording, _KIND_HEADER) or "").partition(":")[0]
    return f"{kind}: {said}" if kind else said


def _message(answer: object, redact: Redact) -> str:
    error = (answer.get("error") or answer) if isinstance(answer, dict) else answer
    message = next(filter(None, map(error.get, _WORDS)), None) if isinstance(error, dict) else error
    return redact(str(message if message is not None else error))[:300]


def _read_stream(recording: Recording, protocol: Protocol, reading: _Reading) -> Failure | None:
    try:
        for event in protocol.events(recording):
            failure = _read_event(event, protocol, reading)
            if failure is not None:
                return failure
    except ReportedError as error:
        return _reported(error, protocol)
    except ValueError as error:
        kind = "TruncatedStream" if isinstance(error, sse.CutError) else "MalformedStream"
        return Failure(error_class=kind, message=protocol.redact(str(error)), phase="protocol")
    if reading.ended:
        return None
    if not reading.kinds and recording.status == "ok" and recording.pieces:
        message = f"the answer to a streamed request has no events: {_error_text(recording, protocol.redact)}"
        return Failure(error_class="NotAStream", message=message, phase="protocol")
    return Failure(
        error_class="TruncatedStream",
        message="the stream ended before its protocol's own end: the answer is not whole",
        phase="protocol",
    )


def _read_event(event: sse.ServerSentEvent, protocol: Protocol, reading: _Reading) -> Failure | None:
    text = reading.repeats.text(event.data)
    if text is not None:
        reading.add_text(text, event.at_ns)
        return None
    if event.data == DONE:
        reading.add_event(event.at_ns, CONTROL, 0)
        reading.ended = reading.ended or protocol.ends(None)
        return None
    if not event.data.strip():  # some servers keep a connection alive so
        reading.add_event(event.at_ns, CONTROL, 0)
        return None
    try:
        chunk = json.loads(event.data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"an event is not JSON ({error}): {protocol.redact(event.data)[:100]}") from None
    if not isinstance(chunk, dict):
        raise ValueError(f"an event is not an object: {protocol.redact(event.data)[:100]}")  # noqa: TRY004  (the data is wrong, not a type)
    if chunk.get("error") or chunk.get("object") == "error":  # Mistral's form, and that of older versions of vLLM
        return Failure(error_class="ProviderError", message=_message(chunk, protocol.redact), phase="provider")
    reading.served_model = _served_model(chunk) or reading.served_model
    try:
        delta, ends = protocol.parse_event(chunk), protocol.ends(chunk)
    except ReportedError as error:
        return _reported(error, protocol)
    if delta is None:
        reading.add_event(event.at_ns, CONTROL, 0)
    else:
        reading.add_delta(delta, event.at_ns)
        if not ends:
            reading.repeats.learn(event.data, delta)
    reading.ended = reading.ended or ends
    return None


def _reported(error: ReportedError, protocol: Protocol) -> Failure:
    return Failure(error_class="ProviderError", message=protocol.redact(str(error))[:300], phase="provider")


def _served_model(chunk: Json) -> str | None:
    """Return the model that an event names, where OpenAI, Gemini or Anthropic does; not every litellm passes it on."""
    message = chunk.get("message")
    within = message.get("model") if isinstance(message, dict) else None
    found = chunk.get("model") or chunk.get("modelVersion") or within
    return found if isinstance(found, str) else None


def _read_answer(recording: Recording, protocol: Protocol, reading: _Reading) -> Failure | None:
    try:
        delta = protocol.parse_answer(recording, sse.body(recording))
    except ReportedError as error:
        return _reported(error, protocol)
    except ValueError as error:
        return Failure(error_class="MalformedAnswer", message=protocol.redact(str(error)), phase="protocol")
    reading.add_delta(delta, recording.piece_ns[-1])
    return None


def _classify(delta: Delta) -> tuple[EventKind, int]:
    if delta.content or delta.embeddings:
        return CONTENT, len(delta.content)
    called = sum(len(part.name or "") + len(part.arguments) for part in delta.tool_calls)
    if called:
        return TOOL_CALL, called
    if delta.reasoning:
        return REASONING, len(delta.reasoning)
    return CONTROL, 0


def _merged(earlier: Usage | None, later: Usage | None) -> Usage | None:
    """Return the later usage; what only the earlier one states, as Anthropic's first event does, stays."""
    if earlier is None or later is None:
        return later or earlier
    return Usage(
        tokens_in=later.tokens_in or earlier.tokens_in,
        tokens_out=later.tokens_out or earlier.tokens_out,
        tokens_reasoning=later.tokens_reasoning or earlier.tokens_reasoning,
        tokens_cached=later.tokens_cached or earlier.tokens_cached,
        tokens_cache_written=later.tokens_cache_written or earlier.tokens_cache_written,
        source=later.source,
    )


def _joined(call: ToolCall | None, part: ToolCallDelta) -> ToolCall:
    if call is None:
        return ToolCall(id=part.id, name=part.name, arguments=part.arguments)
    return ToolCall(id=call.id or part.id, name=call.name or part.name, arguments=call.arguments + part.arguments)


def _decoded(reading: _Reading, status: Status, failure: Failure | None) -> Decoded:
    return Decoded(
        status=status,
        failure=failure,
        event_ns=tuple(reading.at_ns),
        event_kinds="".join(reading.kinds),
        event_characters=tuple(reading.characters),
        text="".join(reading.content),
        reasoning="".join(reading.reasoning),
        tool_calls=tuple(call for _, call in sorted(reading.calls.items())),
        finish_reason=reading.finish_reason,
        served_model=reading.served_model,
        usage=reading.usage,
        cost_usd=None,
        embeddings=reading.embeddings,
    )
