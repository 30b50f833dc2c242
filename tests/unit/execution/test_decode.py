"""What a recording says, with a parser in place of litellm's: events, text, and whether the answer is whole."""

import json
from typing import Any

import pytest

from pytest_llm_latency.execution import endings, sse
from pytest_llm_latency.execution.decode import Json, Protocol, decode, refusal
from pytest_llm_latency.execution.delta import Delta, ToolCallDelta
from pytest_llm_latency.model import Decoded, Failure, Recording, ToolCall, Usage
from recordings import MS, recording, request


def usage(tokens_in: int | None = None, tokens_out: int | None = None) -> Usage:
    """Return a provider's usage."""
    return Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )


def delta(chunk: Json) -> Delta | None:
    """Read a chunk whose keys are those of a delta; ``skip`` is no delta at all."""
    if "skip" in chunk:
        return None
    said: Any = chunk
    return Delta(
        content=said.get("content", ""),
        reasoning=said.get("reasoning", ""),
        tool_calls=tuple(
            ToolCallDelta(index=index, id=name and f"id-{index}", name=name, arguments=arguments)
            for index, name, arguments in said.get("tools", [])
        ),
        finish_reason=said.get("finish"),
        served_model=said.get("model"),
        usage=usage(*said["usage"]) if "usage" in said else None,
    )


def whole(_: Recording, body: bytes) -> Delta:
    """Read a whole answer in the same form."""
    found = delta(json.loads(body))
    assert found is not None
    return found


PROTOCOL = Protocol(
    events=sse.events, parse_event=delta, parse_answer=whole, ends=lambda chunk: chunk is None or "end" in chunk
)


def stream(*events: object, **changes: Any) -> Decoded:
    """Decode a stream with one piece an event; a text stands for itself."""
    pieces = [f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n".encode() for each in events]
    return decode(recording(*pieces, **changes), PROTOCOL)


def answer(body: bytes, **changes: Any) -> Decoded:
    """Decode an answer that was not streamed."""
    return decode(recording(body, request=request(parameters={}), **changes), PROTOCOL)


def test_each_event_has_its_kind_stamp_and_size() -> None:
    """Generated deltas of three channels, and control."""
    said = stream(
        {"content": "", "model": "m-1"},
        {"reasoning": "hm"},
        {"content": "Hello"},
        {"skip": True},
        {"tools": [[0, "weather", ""]]},
        {"finish": "stop", "usage": [3, 9]},
        "[DONE]",
    )
    assert said.event_kinds == "xrcxtxx"
    assert said.event_characters == (0, 2, 5, 0, 7, 0, 0)
    assert said.event_ns == tuple(index * MS for index in range(1, 8))
    assert (said.status, said.failure) == ("ok", None)
    assert (said.text, said.reasoning, said.finish_reason, said.served_model) == ("Hello", "hm", "stop", "m-1")
    assert said.usage == usage(3, 9)
    assert said.cost_usd is None


@pytest.mark.parametrize(
    "event",
    [
        {"model": "m-1"},
        {"modelVersion": "m-1"},
        {"type": "message_start", "message": {"model": "m-1"}},
        {"message": "m-0", "model": "m-1"},
        {"model": 3, "finish": "stop"},
    ],
)
def test_the_model_that_answered_is_read_where_each_provider_names_it(event: Json) -> None:
    """Whatever the parser passes on; what is no text is no name."""
    said = stream({"skip": 1, **event}, {"content": "a"}, "[DONE]")
    assert said.served_model == (None if "finish" in event else "m-1")


def test_the_parts_of_tool_calls_are_joined_by_their_index() -> None:
    """Parts of two calls may alternate, and only the first part has the name."""
    said = stream(
        {"tools": [[0, "weather", '{"ci']]},
        {"tools": [[1, "time", ""]]},
        {"tools": [[0, None, 'ty": "Oslo"}'], [1, None, "{}"]]},
        "[DONE]",
    )
    assert said.tool_calls == (
        ToolCall(id="id-0", name="weather", arguments='{"city": "Oslo"}'),
        ToolCall(id="id-1", name="time", arguments="{}"),
    )
    assert said.event_kinds == "tttx"


def test_an_empty_part_of_a_tool_call_is_no_output() -> None:
    """Anthropic's first part of the arguments is empty."""
    assert stream({"tools": [[0, None, ""]]}, {"tools": [[0, None, "{}"]]}, "[DONE]").event_kinds == "xtx"


def test_usage_that_comes_in_two_events_is_whole() -> None:
    """Anthropic states the input at the start and the output at the end."""
    said = stream({"usage": [12, 1]}, {"content": "a"}, {"usage": [0, 30]}, {"usage": [None, None]}, "[DONE]")
    assert said.usage == usage(12, 30)


def test_an_empty_event_is_control() -> None:
    """Some servers keep a connection alive with it."""
    said = stream("", {"content": "a"}, "[DONE]")
    assert (said.status, said.event_kinds) == ("ok", "xcx")


def test_a_stream_without_the_protocols_end_is_truncated_although_all_else_is_sound() -> None:
    """Litellm calls it a success; what did come is kept."""
    said = stream({"content": "Hello"})
    assert said.status == "error"
    assert said.failure is not None
    assert (said.failure.error_class, said.failure.phase) == ("TruncatedStream", "protocol")
    assert (said.text, said.event_kinds) == ("Hello", "c")


@pytest.mark.parametrize("event", ['{"content": "a', "nonsense", "[1, 2]", '"text"', "3"])
def test_an_event_that_is_no_object_ends_the_answer_as_malformed(event: str) -> None:
    """What follows is not read, and the message shows the event."""
    said = stream({"content": "Hello"}, event, {"content": " world"}, "[DONE]")
    assert said.failure is not None
    assert (said.status, said.failure.error_class, said.text) == ("error", "MalformedStream", "Hello")
    assert event in said.failure.message


def test_an_event_that_the_parser_cannot_read_is_malformed() -> None:
    """Its own words are the message."""

    def refuse(_: Json) -> Delta | None:
        raise ValueError("litellm cannot read an event: no choices")

    protocol = Protocol(events=sse.events, parse_event=refuse, parse_answer=whole, ends=PROTOCOL.ends)
    said = decode(recording(b"data: {}\n\n"), protocol)
    assert said.failure == Failure(
        error_class="MalformedStream", message="litellm cannot read an event: no choices", phase="protocol"
    )


@pytest.mark.parametrize(
    "event",
    [
        {"error": {"message": "overloaded", "type": "server_error"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}},
        {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}},
        {"error": "overloaded"},
    ],
)
def test_an_error_event_is_the_providers_own_failure(event: Json) -> None:
    """In the shapes of OpenAI, Anthropic and Gemini, and as a plain text."""
    said = stream({"content": "Hello"}, event, "[DONE]")
    assert said.failure == Failure(error_class="ProviderError", message="overloaded", phase="provider")
    assert (said.status, said.text) == ("error", "Hello")


def test_no_error_in_an_event_is_none() -> None:
    """Some servers write ``"error": null`` into each."""
    assert stream({"content": "a", "error": None}, "[DONE]").status == "ok"


def test_an_answer_to_a_streamed_request_without_events_says_what_it_is() -> None:
    """A server that does not stream, or an error under HTTP 200."""
    said = decode(recording(b'{"error": {"message": "no streaming here"}}'), PROTOCOL)
    assert said.failure is not None
    assert (said.status, said.failure.error_class) == ("error", "NotAStream")
    assert said.failure.message.endswith("has no events: no streaming here")


def test_an_empty_stream_is_truncated() -> None:
    """Not a single byte came."""
    said = decode(recording(), PROTOCOL)
    assert said.failure is not None
    assert (said.status, said.failure.error_class) == ("error", "TruncatedStream")


def test_what_the_transport_says_goes_before_what_the_bytes_say() -> None:
    """A reset stream is truncated because it was reset."""
    reset = Failure(error_class="ConnectionResetError", message="reset", phase="body")
    said = stream({"content": "Hello"}, status="error", failure=reset)
    assert (said.status, said.failure, said.text) == ("error", reset, "Hello")


def test_a_request_without_an_answer_decodes_to_nothing() -> None:
    """Status and reason are the transport's."""
    refused = Failure(error_class="ConnectionRefusedError", message="refused", phase="connect")
    said = decode(recording(http_status=None, status="error", failure=refused), PROTOCOL)
    assert (said.status, said.failure, said.text, said.event_ns, said.usage) == ("error", refused, "", (), None)


def test_an_answer_that_was_not_streamed_is_one_event_at_its_last_piece() -> None:
    """Time to first token and to the last are the same."""
    body = b'{"content": "Hello", "finish": "stop", "usage": [3, 2]}'
    record = recording(body[:9], body[9:], request=request(parameters={"stream": False}))
    said = decode(record, PROTOCOL)
    assert (said.status, said.text, said.finish_reason, said.usage) == ("ok", "Hello", "stop", usage(3, 2))
    assert (said.event_kinds, said.event_ns, said.event_characters) == ("c", (2 * MS,), (5,))


@pytest.mark.parametrize("body", [b'{"content": "Hello', b"", b"<html>"])
def test_a_whole_answer_that_cannot_be_read_is_malformed(body: bytes) -> None:
    """Also an empty one."""
    said = answer(body)
    assert said.failure is not None
    assert (said.status, said.failure.error_class, said.failure.phase) == ("error", "MalformedAnswer", "protocol")


@pytest.mark.parametrize(
    ("code", "status"), [(400, "error"), (401, "error"), (429, "refused"), (500, "error"), (529, "error")]
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "no", "type": "t", "param": null, "code": null}}',
        b'{"type": "error", "error": {"type": "t", "message": "no"}, "request_id": "r"}',
        b'[{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}]',
        b'{"message": "no"}',
        b'{"error": "no"}',
        b" no\n",
    ],
)
def test_an_http_error_is_read_in_every_providers_shape(code: int, status: str, body: bytes) -> None:
    """OpenAI's, Anthropic's, Gemini's, which may be in a list, and others'; only 429 is a refusal."""
    failure = Failure(error_class=f"HTTP{code}", message=f"HTTP {code}: no", phase="provider")
    for said in (decode(recording(body, http_status=code), PROTOCOL), answer(body, http_status=code)):
        assert (said.status, said.failure, said.text) == (status, failure, "")
    assert refusal(recording(body, http_status=code)) == (status, failure)


def test_an_http_error_without_a_body_says_so() -> None:
    """A proxy's often has none."""
    _, failure = refusal(recording(http_status=502))
    assert failure is not None
    assert failure.message == "HTTP 502: no body"


def test_a_long_error_is_cut() -> None:
    """A page of HTML is not a message."""
    _, failure = refusal(recording(b"<p>" + b"x" * 5000, http_status=502))
    assert failure is not None
    assert len(failure.message) < 350


def test_a_redirection_is_an_error_that_names_its_target() -> None:
    """It is not followed."""
    moved = recording(http_status=307, headers=(("location", "https://eu.example.com/v1"),))
    said = decode(moved, PROTOCOL)
    assert said.status == "error"
    assert said.failure is not None
    assert said.failure.message == (
        "HTTP 307: the server redirects to https://eu.example.com/v1: set api_base to where it is"
    )


def test_a_sound_answer_is_no_refusal() -> None:
    """Nor is a request that never got one."""
    broken = Failure(error_class="Timeout", message="late", phase="headers")
    assert refusal(recording()) == ("ok", None)
    assert refusal(recording(http_status=None, status="timeout", failure=broken)) == ("timeout", broken)


@pytest.mark.parametrize(
    ("ends", "chunk", "expected"),
    [
        (endings.openai_ends, None, True),
        (endings.openai_ends, {"choices": [{"finish_reason": "stop"}]}, True),
        (endings.openai_ends, {"choices": [{"finish_reason": None}, {"finish_reason": "length"}]}, True),
        (endings.openai_ends, {"choices": [{"finish_reason": None}]}, False),
        (endings.openai_ends, {"choices": [], "usage": {}}, False),
        (endings.openai_ends, {"choices": None}, False),
        (endings.openai_ends, {"choices": ["stop"]}, False),
        (endings.openai_ends, {}, False),
        (endings.anthropic_ends, {"type": "message_stop"}, True),
        (endings.anthropic_ends, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, False),
        (endings.anthropic_ends, {}, False),
        (endings.anthropic_ends, None, False),
        (endings.gemini_ends, {"candidates": [{"finishReason": "STOP"}]}, True),
        (endings.gemini_ends, {"promptFeedback": {"blockReason": "SAFETY"}}, True),
        (endings.gemini_ends, {"promptFeedback": {"safetyRatings": []}, "candidates": [{"content": {}}]}, False),
        (endings.gemini_ends, {"promptFeedback": None}, False),
        (endings.gemini_ends, {"candidates": [{"content": {}}]}, False),
        (endings.gemini_ends, {"candidates": {}}, False),
        (endings.gemini_ends, {"usageMetadata": {}}, False),
        (endings.gemini_ends, None, False),
    ],
)
def test_each_protocol_has_its_own_end(ends: Any, chunk: Any, expected: bool) -> None:  # noqa: FBT001  (a row)
    """Other shapes are no end and no crash."""
    assert ends(chunk) is expected


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (stream({"model": "m-1"}, {"finish": "stop", "usage": [3, 0]}, "[DONE]"), "stop"),
        (stream("[DONE]"), "none"),
        (stream({"tools": [[0, None, ""]]}, {"finish": "length"}, "[DONE]"), "length"),
        (answer(b'{"content": "", "finish": "length"}'), "length"),
    ],
    ids=["control only", "nothing", "empty tool call", "whole"],
)
def test_an_answer_without_any_output_is_an_error_although_it_ends_properly(said: Decoded, reason: str) -> None:
    """It has no first token, so that it would have no latency either."""
    assert said.status == "error"
    assert said.failure == Failure(
        error_class="EmptyAnswer",
        message="the answer ended properly and has no output: no content, no reasoning and no tool call "
        f"(finish reason: {reason})",
        phase="protocol",
    )


@pytest.mark.parametrize(
    "said",
    [
        stream({"finish": "content_filter"}, "[DONE]"),
        answer(b'{"content": "", "finish": "content_filter"}'),
    ],
    ids=["streamed", "whole"],
)
def test_an_answer_that_was_held_back_whole_is_blocked(said: Decoded) -> None:
    """It is told from one that is empty for no reason."""
    assert said.failure is not None
    assert (said.status, said.failure.error_class, said.failure.phase) == ("error", "Blocked", "provider")


def test_an_answer_that_was_held_back_in_part_is_one() -> None:
    """Its end tells why it is short."""
    said = stream({"content": "a"}, {"finish": "content_filter"}, "[DONE]")
    assert (said.status, said.text, said.finish_reason) == ("ok", "a", "content_filter")


@pytest.mark.parametrize("event", [{"content": "a"}, {"reasoning": "a"}, {"tools": [[0, "f", ""]]}])
def test_one_delta_of_any_channel_is_output(event: Json) -> None:
    """A reasoning model may spend its bound on reasoning alone."""
    assert stream(event, "[DONE]").status == "ok"


LONG_KEY = "0123456789" * 4


@pytest.mark.parametrize(
    ("length", "body", "changes"),
    [
        (300, b"%s", {"http_status": 502}),
        (300, b'{"error": {"message": "%s"}}', {"http_status": 400}),
        (200, b"", {"http_status": 307, "headers": (("location", "%s"),)}),
        (300, b'data: {"error": {"message": "%s"}}\n\n', {}),
        (100, b"data: %s\n\n", {}),
        (100, b'data: "%s"\n\n', {}),
        (300, b'{"message": "%s"}', {}),
    ],
)
def test_a_secret_that_a_cut_would_divide_is_taken_out_before(length: int, body: bytes, changes: Any) -> None:
    """The half of a key is no longer known as one."""
    text = "x" * (length - 20) + LONG_KEY
    headers = tuple((name, value % text) for name, value in changes.get("headers", ()))
    protocol = Protocol(
        events=sse.events,
        parse_event=delta,
        parse_answer=whole,
        ends=PROTOCOL.ends,
        redact=lambda message: message.replace(LONG_KEY, "***"),
    )
    said = decode(recording(body.replace(b"%s", text.encode()), **{**changes, "headers": headers}), protocol)
    assert said.failure is not None
    assert "x" * 50 in said.failure.message
    assert LONG_KEY[:10] not in said.failure.message


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_an_error_whose_body_cannot_be_read_is_told_with_its_status(encoding: str) -> None:
    """A gateway may compress its page in a way that nobody asked for, or break off in it."""
    broken = recording(b"not compressed", http_status=503, headers=(("content-encoding", encoding),))
    status, failure = refusal(broken)
    assert status == "error"
    assert failure is not None
    assert failure.error_class == "HTTP503"
    assert failure.message.startswith(("HTTP 503: the content encoding", "HTTP 503: the compressed body"))
