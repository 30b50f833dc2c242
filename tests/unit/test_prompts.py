"""What iterations are given to send, by their place in the run."""

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import prompts
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Trace
from pytest_llm_latency.prompts import Input, Listed, Replayed, generated, shuffled

TRACE = Trace(name="a.csv", digest="0f1e2d", offsets_s=(0.0, 1.0), tokens_in=(30, 3), tokens_out=(7, 9))


def listed(*texts: str, seed: int | None = None) -> Listed:
    """Return a list of texts as a source."""
    return Listed(name=None, inputs=tuple(Input(prompt=text, max_tokens=None) for text in texts), seed=seed)


def order(source: prompts.Source, positions: Sequence[int]) -> list[Any]:
    """Return the prompts at these positions."""
    return [source.input(position).prompt for position in positions]


def test_prompts_come_in_turn_and_begin_again() -> None:
    """The warm-up, whose positions are negative, has those from the end."""
    assert order(listed("a", "b", "c"), range(5)) == ["a", "b", "c", "a", "b"]
    assert order(listed("a", "b", "c"), (-1, -2)) == ["c", "b"]


def test_a_shuffled_order_is_that_of_its_seed_in_every_round() -> None:
    """Every prompt once a round, each round in another order, the same on every Python."""
    source = listed(*"abcdef", seed=1)
    first, second = order(source, range(6)), order(source, range(6, 12))
    assert sorted(first) == sorted(second) == [*"abcdef"]
    assert first == [*"fcbdae"]
    assert first != second
    assert order(listed(*"abcdef", seed=2), range(6)) != first


def test_a_source_is_known_by_what_it_gives() -> None:
    """Not by the name of its file."""
    one = listed("a", "b")
    assert one.digest == Listed(name="x.txt", inputs=one.inputs, seed=None).digest
    assert one.digest not in {listed("b", "a").digest, listed("a").digest, listed("a", "b", seed=0).digest}
    assert generated(5).digest not in {generated(6).digest, generated(5, seed=1).digest}


def test_a_source_is_described_in_words() -> None:
    """As the results show it."""
    assert listed("a").description == f"1 prompt, in turn ({listed('a').digest})"
    named = Listed(name="x.txt", inputs=listed("a", "b").inputs, seed=3)
    assert named.description == f"2 prompts of x.txt, shuffled with seed 3 ({named.digest})"
    assert generated(500, seed=1).description == "generated, 500 tokens, seed 1"
    assert Replayed(trace=TRACE, source=None).description == "generated, lengths of a.csv (0f1e2d)"


def test_generated_prompts_are_the_same_in_every_run_and_differ_from_the_first_words_on() -> None:
    """A cache that compares beginnings finds none twice."""
    source = generated(40, seed=3)
    assert order(source, range(50)) == order(generated(40, seed=3), range(50))
    assert len({text[:40] for text in order(source, range(-5, 2000))}) == 2005
    assert order(source, [0]) != order(generated(40, seed=4), [0])
    assert prompts.words(4, position=1, seed=0) == "great forest send person"


@pytest.mark.parametrize("tokens", [1, 19, 20, 500, 70_000])
def test_a_generated_prompt_has_a_word_a_token(tokens: int) -> None:
    """From twenty on it ends with a request of ten tokens."""
    text = prompts.words(tokens, position=65_530, seed=0)
    asked = text.removesuffix(prompts._REQUEST)
    assert len(asked.split(" ")) == (tokens if tokens < 20 else tokens - 10)
    assert (asked != text) == (tokens >= 20)


def test_every_word_is_one_token_and_a_number_always_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the tokenizers that are on this machine; the request may take one more."""
    litellm = importlib.util.find_spec("litellm")  # it brings their tables, and would be slow to import
    assert litellm is not None
    assert litellm.origin is not None
    tables = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tables))
    tiktoken = pytest.importorskip("tiktoken")
    for name in ("cl100k_base", "o200k_base"):
        encode = tiktoken.get_encoding(name).encode
        for tokens in (1, 19, 200):
            assert len(encode(prompts.words(tokens, position=3, seed=0))) == tokens
        marked = [prompts.with_nonce([{"content": ""}])[0]["content"] for _ in range(50)]
        assert len({len(encode(str(text))) for text in marked}) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: generated(0), "the number of tokens is 0: it must be a whole number from 1 to 10000000."),
        (lambda: generated("500"), "the number of tokens is '500'"),
        (lambda: generated(5, seed=-1), "the seed is -1: it must be a whole number from 0"),
        (lambda: shuffled(["a"], seed=True), "the seed is True"),
    ],
)
def test_what_cannot_be_generated_is_refused(make: Callable[[], Any], message: str) -> None:
    """The message says what it must be."""
    with pytest.raises(MarkerError, match="^" + re.escape(message)):
        make()


def test_a_replay_generates_to_the_lengths_of_its_trace_and_bounds_the_answers() -> None:
    """The warm-up has the lengths from the end."""
    source = Replayed(trace=TRACE, source=None)
    assert [source.input(position).max_tokens for position in (0, 1, 2, -1)] == [7, 9, 7, 9]
    assert source.input(1).prompt == prompts.words(3, position=1, seed=0)


def test_a_replay_with_prompts_of_its_own_only_bounds_the_answers() -> None:
    """What a prompt says of its answer counts more."""
    given = Listed(
        name=None,
        inputs=(Input(prompt="a", max_tokens=None), Input(prompt="b", max_tokens=50)),
        seed=None,
    )
    source = Replayed(trace=TRACE, source=given)
    assert [source.input(position) for position in (0, 1)] == [
        Input(prompt="a", max_tokens=7),
        Input(prompt="b", max_tokens=50),
    ]


def test_a_nonce_has_its_digits_whatever_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros lead a small one."""
    monkeypatch.setattr(prompts.secrets, "randbelow", lambda _: 7)
    assert prompts.with_nonce([{"content": "Hi"}])[0]["content"] == f"[{'7'.zfill(18)}]\nHi"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", lambda content: content),
        ([{"type": "image_url"}], lambda content: content[0]["text"]),
        (None, lambda content: content),
    ],
)
def test_a_nonce_leads_the_first_message_and_can_be_taken_away(content: Any, text: Callable[[Any], str]) -> None:
    """It is another one each time, always as long."""
    messages = ({"role": "system", "content": content}, {"role": "user", "content": "Why?"})
    one, two = prompts.with_nonce(messages), prompts.with_nonce(messages)
    assert re.match(r"\[\d{18}\]\n", text(one[0]["content"]))
    assert text(one[0]["content"]) != text(two[0]["content"])
    assert one[1] == messages[1]
    assert prompts.without_nonce(one) == prompts.without_nonce(two)
    if content is not None:
        assert prompts.without_nonce(one) == messages
