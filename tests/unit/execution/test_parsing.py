"""A library's parser may raise anything: that is data which cannot be read."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llm_latency.execution import parsing
from pytest_llm_latency.execution.decode import decode
from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta, delta
from pytest_llm_latency.execution.providers import Provider
from pytest_llm_latency.model import Usage
from recordings import decoded, recording, request


def chunk(message: str = "delta", **parts: Any) -> SimpleNamespace:
    """Return an object in the shape of litellm's."""
    said = SimpleNamespace(content=None, reasoning_content=None, tool_calls=None)
    vars(said).update({name: value for name, value in parts.items() if hasattr(said, name)})
    choice = SimpleNamespace(finish_reason=parts.get("finish_reason"), **{message: said})
    return SimpleNamespace(choices=[choice], model=parts.get("model"), usage=parts.get("usage"))


def protocol(chunk_parser: Any = None, transformed: Any = None) -> Any:
    """Return a protocol by these parsers."""
    return parsing.protocol(
        Provider(ends=lambda event: event is None),
        iterator=lambda: SimpleNamespace(chunk_parser=chunk_parser),
        transformed=transformed,
    )


@pytest.mark.parametrize("failure", [KeyError("choices"), AttributeError("no usage"), ValueError("x"), TypeError()])
def test_whatever_a_parser_raises_is_an_answer_that_cannot_be_read(failure: Exception) -> None:
    """The message names its class and keeps no key."""

    def refuse(*_: object) -> Any:
        raise failure

    said = decode(recording(b"data: {}\n\ndata: [DONE]\n\n"), protocol(refuse))
    assert said.failure is not None
    assert said.failure.error_class == "MalformedStream"
    assert said.failure.message.startswith(f"litellm cannot read an event: {type(failure).__name__}")
    with pytest.raises(ValueError, match="litellm cannot read the answer"):
        protocol(transformed=refuse).parse_answer(recording(), b"")


def test_a_parser_that_cannot_be_made_is_an_answer_that_cannot_be_read() -> None:
    """Another version of a library may want other arguments."""

    def refuse() -> Any:
        raise TypeError("unexpected keyword argument")

    made = parsing.protocol(Provider(), iterator=refuse, transformed=lambda *_: None)
    said = decode(recording(b"data: {}\n\n"), made)
    assert said.failure is not None
    assert "unexpected keyword argument" in said.failure.message


def test_an_error_of_a_parser_is_short_and_without_keys() -> None:
    """Litellm puts the whole answer into some."""

    def refuse(_: object) -> Any:
        raise ValueError("sk-proj-abcdefghijklmnop " + "x" * 5000)

    with pytest.raises(ValueError, match=r"\*\*\*") as caught:
        protocol(refuse).parse_event({})
    assert len(str(caught.value)) < 300


def test_one_parser_reads_all_events_of_an_answer() -> None:
    """Some keep what went before."""
    made = []

    def iterator() -> Any:
        made.append(1)
        return SimpleNamespace(chunk_parser=lambda _: chunk(content="a"))

    read = parsing.protocol(Provider(), iterator=iterator, transformed=lambda *_: None)
    assert decode(recording(b"data: {}\n\ndata: {}\n\ndata: [DONE]\n\n"), read).text == "aa"
    assert len(made) == 1


def test_no_whole_answer_is_an_error() -> None:
    """A parser may return nothing."""
    with pytest.raises(ValueError, match="has no content"):
        protocol(transformed=lambda *_: None).parse_answer(recording(), b"")


@pytest.mark.parametrize("message", ["delta", "message"])
def test_a_chunk_and_a_whole_answer_are_read_alike(message: str) -> None:
    """By the attributes that both have."""
    call = SimpleNamespace(index=1, id="c", function=SimpleNamespace(name="weather", arguments=None))
    details = SimpleNamespace(reasoning_tokens=2), SimpleNamespace(cached_tokens=1)
    usage = SimpleNamespace(
        prompt_tokens=3, completion_tokens=4, completion_tokens_details=details[0], prompt_tokens_details=details[1]
    )
    found = delta(
        chunk(
            message,
            content="a",
            reasoning_content="b",
            tool_calls=[call],
            finish_reason="stop",
            model="m",
            usage=usage,
        )
    )
    assert found == Delta(
        content="a",
        reasoning="b",
        tool_calls=(ToolCallDelta(index=1, id="c", name="weather", arguments=""),),
        finish_reason="stop",
        served_model="m",
        usage=Usage(
            tokens_in=3, tokens_out=4, tokens_reasoning=2, tokens_cached=1, tokens_cache_written=None, source="usage"
        ),
    )


def test_calls_without_an_index_are_told_apart_by_their_place() -> None:
    """A whole answer lists them."""
    calls = [SimpleNamespace(id=name, function=SimpleNamespace(name=name, arguments="{}")) for name in "ab"]
    found = delta(chunk("message", tool_calls=calls))
    assert found is not None
    assert [part.index for part in found.tool_calls] == [0, 1]


def test_an_answer_without_choices_or_details_has_empty_parts() -> None:
    """The usage event of OpenAI's stream has no choices."""
    usage = SimpleNamespace(
        prompt_tokens=3, completion_tokens=4, completion_tokens_details=None, prompt_tokens_details=None
    )
    found = delta(SimpleNamespace(choices=[], model="m", usage=usage))
    assert found is not None
    assert (found.content, found.reasoning, found.tool_calls, found.finish_reason) == ("", "", (), None)
    assert found.usage is not None
    assert (found.usage.tokens_reasoning, found.usage.tokens_cached) == (None, None)
    assert delta(None) is None
    assert decoded().usage != found.usage


def test_a_whole_answer_without_choices_is_none() -> None:
    """Whatever its parser made of it."""
    empty = SimpleNamespace(choices=[], model="m", usage=None)
    with pytest.raises(ValueError, match="has no choices"):
        protocol(transformed=lambda *_: empty).parse_answer(recording(), b"")


def test_a_secret_is_taken_out_of_a_parsers_error_before_it_is_cut() -> None:
    """The half of a key is no longer known as one."""
    key = "0123456789" * 4

    def refuse(_: object) -> Any:
        raise ValueError("x" * 170 + key)

    made = parsing.protocol(
        Provider(),
        iterator=lambda: SimpleNamespace(chunk_parser=refuse),
        transformed=refuse,
        redact=lambda text: text.replace(key, "***"),
    )
    with pytest.raises(ValueError, match="xxx") as caught:
        made.parse_event({})
    assert "0123" not in str(caught.value)


def test_a_refusal_in_words_is_content() -> None:
    """It was generated, and somebody reads it."""
    said = SimpleNamespace(content=None, refusal="I cannot help.", reasoning_content=None, tool_calls=None)
    found = delta(SimpleNamespace(choices=[SimpleNamespace(delta=said)], model="m", usage=None))
    assert found is not None
    assert found.content == "I cannot help."


def test_of_several_choices_the_first_is_read() -> None:
    """The others' events carry nothing that counts."""
    said = SimpleNamespace(content="two", reasoning_content=None, tool_calls=None)
    found = delta(SimpleNamespace(choices=[SimpleNamespace(index=1, delta=said)], model="m", usage=None))
    assert found is not None
    assert (found.content, found.tool_calls) == ("", ())


def test_litellms_other_form_of_a_chunk_is_read_too() -> None:
    """A dictionary."""
    call = {"index": 1, "id": "c", "function": {"name": "weather", "arguments": None}}
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    found = delta({"text": "a", "tool_use": call, "is_finished": True, "finish_reason": "stop", "usage": usage})
    assert found is not None
    assert (found.content, found.finish_reason, found.usage) == ("a", "stop", delta_usage(3, 4))
    assert found.tool_calls == (ToolCallDelta(index=1, id="c", name="weather", arguments=""),)
    assert delta({"text": None, "finish_reason": "", "usage": None, "tool_use": None}) == Delta(
        content="", reasoning="", tool_calls=(), finish_reason=None, served_model=None, usage=None
    )


def delta_usage(tokens_in: int, tokens_out: int) -> Usage:
    """Return a usage of two counts."""
    return Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )


class Refusing:
    """A reader of ours that raises."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def event(self, _: object) -> Any:
        """Raise."""
        raise self._failure

    def answer(self, _: object) -> Any:
        """Raise."""
        raise self._failure


@pytest.mark.parametrize(
    ("failure", "streamed", "whole"),
    [
        (ValueError("no"), "MalformedStream", "MalformedAnswer"),
        (RecursionError("deep"), "MalformedStream", "MalformedAnswer"),
        (ReportedError("no"), "ProviderError", "ProviderError"),
    ],
)
def test_what_a_reader_of_ours_cannot_read_is_told_from_what_the_provider_tells(
    failure: Exception, streamed: str, whole: str
) -> None:
    """And litellm's parsers are not asked."""

    def unwanted(*_: object) -> Any:
        raise AssertionError("litellm was asked")

    made = parsing.protocol(
        Provider(reader=lambda: Refusing(failure)), iterator=unwanted, transformed=unwanted, redact=str
    )
    said = decode(recording(b"data: {}\n\n"), made)
    assert said.failure is not None
    assert said.failure.error_class == streamed
    asked = dataclasses.replace(request(), parameters={"stream": False})
    said = decode(recording(b"{}", request=asked), made)
    assert said.failure is not None
    assert said.failure.error_class == whole
    said = decode(recording(b"[]", request=asked), made)
    assert said.failure is not None
    assert said.failure.error_class == "MalformedAnswer"
