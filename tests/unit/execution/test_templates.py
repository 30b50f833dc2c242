"""Requests are built by example where two of a kind agree in all but their text, and only there."""

import json
from typing import Any

import pytest

from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.execution.routes import Origin, Route
from pytest_llm_latency.execution.templates import KEPT, Templates
from pytest_llm_latency.model import Request
from recordings import request

ROUTE = Route(origin=Origin(scheme="https", host="example.org", port=443))


def wire(body: bytes, head: str = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nX: y\r\n\r\n") -> WireRequest:
    """Return a built request with this body."""
    return WireRequest(route=ROUTE, endpoint="example.org", head=head.format(len(body)).encode(), body=body)


def built(text: str, *, only_ascii: bool = False, **others: Any) -> WireRequest:
    """Return what a builder makes of a text."""
    document = {"messages": [{"role": "user", "content": text}], "n": 1, **others}
    return wire(json.dumps(document, ensure_ascii=only_ascii, separators=(",", ":")).encode())


def asked(text: str, **parameters: Any) -> Request:
    """Return a request for a text."""
    return request(text, parameters=parameters)


def taught(*pairs: tuple[Request, WireRequest]) -> Templates:
    """Return what has learnt from built requests."""
    templates = Templates()
    for each in pairs:
        templates.learn(*each)
    return templates


TWO = ((asked("one"), built("one")), (asked("two"), built("two")))


@pytest.mark.parametrize("text", ["three", 'say "hi"', "a\nb\\c", "three, " * 500 + "four"])
def test_a_third_request_is_built_by_two_examples(text: str) -> None:
    """With its own length, and its text escaped."""
    assert taught(*TWO).fill(asked(text)) == built(text)


def test_one_example_is_not_enough() -> None:
    """Something else in it may differ each time."""
    assert taught(TWO[0]).fill(asked("two")) is None


def test_another_kind_of_request_is_built_by_litellm() -> None:
    """Other parameters, another model or other messages before the last."""
    templates = taught(*TWO)
    conversation = request("three")
    assert templates.fill(asked("three", temperature=1)) is None
    assert templates.fill(request("three", model="openai/other")) is None
    assert templates.fill(request("three", messages=(*asked("zero").messages, *conversation.messages))) is None


@pytest.mark.parametrize("only_ascii", [True, False])
def test_other_characters_are_written_as_an_example_showed_it(*, only_ascii: bool) -> None:
    """A text that has none does not show it."""
    assert taught(*TWO).fill(asked("Größe")) is None
    shown = taught(
        (asked("one"), built("one", only_ascii=only_ascii)),
        (asked("zwö"), built("zwö", only_ascii=only_ascii)),
        (asked("three"), built("three", only_ascii=only_ascii)),
    )
    assert shown.fill(asked("Größe")) == built("Größe", only_ascii=only_ascii)


@pytest.mark.parametrize("text", ["", " ", " leading", "trailing\n"])
def test_a_text_that_a_builder_may_trim_is_no_example_and_is_built_by_litellm(text: str) -> None:
    """Some providers refuse white space at the end, so it is taken away for them."""
    assert taught(*TWO).fill(asked(text)) is None
    assert taught((asked(text), built(text)), (asked(text), built(text))).fill(asked("two")) is None


def test_messages_in_parts_are_built_by_litellm() -> None:
    """As those with images."""
    parts = request("x", messages=({"role": "user", "content": [{"type": "text", "text": "x"}]},))
    assert taught((parts, built("x")), (parts, built("x"))).fill(parts) is None


@pytest.mark.parametrize(
    "pairs",
    [
        [(asked("one"), built("one", id="a1")), (asked("two"), built("two", id="a2"))],
        [(asked("one"), built("one", copy="one")), (asked("two"), built("two", copy="two"))],
        [(asked("one"), wire(b"one=1")), (asked("two"), wire(b"two=1"))],
        [(asked(text), wire(built(text).body, "POST / HTTP/1.1\r\n\r\n")) for text in ("one", "two")],
        [
            (
                asked(text),
                wire(built(text).body, f"POST / HTTP/1.1\r\nSignature: {text}\r\nContent-Length: {{}}\r\n\r\n"),
            )
            for text in ("one", "two")
        ],
    ],
    ids=["an id", "a copy", "no JSON", "no length", "a signature"],
)
def test_requests_that_differ_in_more_than_their_text_teach_nothing(pairs: list[tuple[Request, WireRequest]]) -> None:
    """Or in a way that cannot be told."""
    assert taught(*pairs).fill(asked("three")) is None


def test_what_was_learnt_is_forgotten_with_the_rest() -> None:
    """The environment may have changed: a key, a proxy."""
    templates = taught(*TWO)
    templates.clear()
    assert templates.fill(asked("three")) is None
    templates.learn(*TWO[0])
    assert templates.fill(asked("three")) is None


def test_the_oldest_example_goes_where_each_request_is_of_a_kind_of_its_own() -> None:
    """As in conversations, whose earlier messages differ: a run of thousands must not keep them all."""
    templates = taught(*TWO)
    for number in range(KEPT):
        templates.learn(asked("one", seed=number), built("one", seed=number))
    templates.learn(*TWO[0])
    assert templates.fill(asked("three")) is not None
    assert len(templates._seen_once) == KEPT
    for number in range(KEPT):
        templates.learn(asked("one", user=str(number)), built("one", user=str(number)))
        templates.learn(asked("two", user=str(number)), built("two", user=str(number)))
    assert templates.fill(asked("three")) is None
    assert len(templates._known) == KEPT
