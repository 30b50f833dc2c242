"""What requests are expected to use up, and what they used."""

import gzip
from typing import Any

import pytest

from pytest_llm_latency.execution import spending
from pytest_llm_latency.execution.spending import NOTHING, Expectations, Use
from pytest_llm_latency.model import Decoded, Recording, Stamps, Usage
from recordings import decoded, recording, request

EVENTS = [f'data: {{"n": {number}}}\n\n'.encode() for number in range(20)]


class Decoder:
    """A client that knows the usage of what has the first event and the last, and remembers what it was given."""

    def __init__(self, *, states: bool = True, source: Any = "usage", cost: float | None = 0.25) -> None:
        self.bodies: list[bytes] = []
        self._states, self._source, self._cost = states, source, cost

    async def send(self, _: object) -> Recording:
        """Nothing is sent here."""
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to close."""

    def decode(self, given: Recording) -> Decoded:
        """Return ten tokens in and thirty out."""
        self.bodies.append(b"".join(given.pieces))
        usage = Usage(
            tokens_in=10,
            tokens_out=30,
            tokens_reasoning=None,
            tokens_cached=None,
            tokens_cache_written=None,
            source=self._source,
        )
        return decoded(usage=usage if self._states else None, cost_usd=self._cost if self._states else None)


def test_only_the_events_that_state_the_usage_are_decoded() -> None:
    """The first one and the last three, whatever the pieces that they came in."""
    client = Decoder()
    body = b"".join(EVENTS)
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    assert spending.used(recording(*pieces), client, NOTHING) == Use(tokens=40, dollars=0.25)
    assert client.bodies == [b"".join([EVENTS[0], *EVENTS[-3:]])]


def test_lines_may_end_with_a_carriage_return() -> None:
    """Some servers write them so."""
    client = Decoder()
    events = [event.replace(b"\n", b"\r\n") for event in EVENTS]
    spending.used(recording(*events), client, NOTHING)
    assert client.bodies == [b"".join([events[0], *events[-3:]])]


def test_a_compressed_stream_is_unpacked() -> None:
    """And no longer said to be compressed."""
    client = Decoder()
    packed = gzip.compress(b"".join(EVENTS))
    pieces = [packed[start : start + 5] for start in range(0, len(packed), 5)]
    spending.used(recording(*pieces, headers=(("content-encoding", "gzip"),)), client, NOTHING)
    assert client.bodies == [b"".join([EVENTS[0], *EVENTS[-3:]])]


@pytest.mark.parametrize(
    "answer",
    [
        recording(*EVENTS[:4]),
        recording(*EVENTS, request=request(parameters={"stream": False})),
        recording(*EVENTS, headers=(("content-encoding", "br"),)),
    ],
)
def test_what_is_short_or_no_stream_is_decoded_in_whole(answer: Recording) -> None:
    """There is nothing to gain, or nothing to cut."""
    client = Decoder()
    spending.used(answer, client, NOTHING)
    assert client.bodies == [b"".join(answer.pieces)]


@pytest.mark.parametrize("client", [Decoder(states=False), Decoder(source="tokenizer")])
def test_a_stream_whose_last_events_state_no_usage_is_decoded_in_whole(client: Decoder) -> None:
    """What was counted over a part of an answer is no usage."""
    spending.used(recording(*EVENTS), client, NOTHING)
    assert client.bodies[1:] == [b"".join(EVENTS)]


def test_an_answer_without_usage_counts_its_pieces_and_has_no_price() -> None:
    """A guess, and never less than what was expected."""
    answer = recording(*EVENTS, request=request("x" * 40))
    assert spending.used(answer, Decoder(states=False), NOTHING) == Use(tokens=30, dollars=None)
    expected = Use(tokens=50, dollars=1)
    assert spending.used(answer, Decoder(states=False), expected) == Use(tokens=50, dollars=None)


def test_an_answer_that_broke_off_is_taken_to_have_used_what_was_expected() -> None:
    """It costs money, and nobody says how much."""
    expected = Use(tokens=500, dollars=0.5)
    answer = recording(*EVENTS[:2], status="timeout")
    assert spending.used(answer, Decoder(states=False), expected) == expected


@pytest.mark.parametrize(("status", "left"), [(None, False), (401, True), (429, True), (500, True)])
def test_a_request_that_was_refused_or_never_left_used_nothing(status: int | None, *, left: bool) -> None:
    """It is not decoded either."""
    client = Decoder()
    stamps = Stamps(started=0, send_end=1 if left else None)
    asked = recording(b"no", http_status=status, stamps=stamps)
    assert spending.used(asked, client, Use(tokens=500, dollars=0.5)) == NOTHING
    assert client.bodies == []


def test_a_request_that_was_given_up_before_its_answer_began_is_taken_to_have_used_what_was_expected() -> None:
    """Its provider may go on with it, and bill it: a budget that is never reached would be none."""
    expected = Use(tokens=500, dollars=0.5)
    asked = recording(http_status=None, status="timeout", stamps=Stamps(started=0, send_end=1))
    assert spending.used(asked, Decoder(), expected) == expected


def test_a_prompt_has_a_token_for_every_four_characters() -> None:
    """Of its texts; an image is none."""
    parts = [
        {"type": "text", "text": "y" * 40},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    asked = request(messages=({"role": "system", "content": "x" * 20}, {"role": "user", "content": parts}))
    assert spending.tokens_in(asked) == 15


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_a_request_is_expected_to_use_all_that_it_may_until_one_has_been_answered(name: str) -> None:
    """Then the mean of the answers; a provider that counts beforehand counts what is asked for."""
    expectations = Expectations()
    asked = request("x" * 40, parameters={name: 90})
    assert not expectations.known("k")
    assert expectations.of(asked, "k") == Use(tokens=100, dollars=0)
    expectations.note("k", Use(tokens=20, dollars=0.2))
    expectations.note("k", Use(tokens=40, dollars=None))
    assert expectations.known("k")
    assert expectations.of(asked, "k") == Use(tokens=30, dollars=0.1)
    assert expectations.claimed(asked, "k") == 100
    assert expectations.claimed(request("x" * 40), "k") == 30


def test_an_account_is_a_model_an_endpoint_and_a_key_and_shows_none_of_them() -> None:
    """Prompts and other parameters make no difference."""
    plain = spending.account(request())
    assert plain == spending.account(request("another prompt", parameters={"temperature": 1}))
    others = [
        request(model="openai/gpt-4o"),
        request(parameters={"api_key": "sk-very-secret"}),
        request(parameters={"api_key": "sk-other"}),
        request(parameters={"api_base": "http://localhost"}),
    ]
    keys = {plain, *map(spending.account, others)}
    assert len(keys) == 5
    assert not any("secret" in key or "gpt" in key for key in keys)
