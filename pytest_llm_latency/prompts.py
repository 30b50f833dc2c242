"""What the iterations of a benchmark are given to send: from a list, generated to a length, or as a trace says.

An iteration's place decides which prompt it gets, so that it is the same one in every run.
Only ``Random.random`` is used of a seeded generator: its numbers are the same on every Python.
"""

import functools
import hashlib
import json
import secrets
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Trace

Message = Mapping[str, object]
Prompt = str | tuple[Message, ...]

MOST_TOKENS = 10_000_000

# Each of these words is one token, with the space before it, in the tokenizers that the tests look at.
_TEXT = """
able act again air along always animal any arm art baby ball bed began believe better bit board bone both
branch broad brown busy camp card case cause certain change check choose class climb cloth cold column
company control corn cost count cover cross dance deal deep design direct divide dog double dream drive each
east effect either end enter evening every except face fall far favor feet few fill finger first five flow
food forest found fresh full garden gave get glass good grand great group guide hand hard head heart held
here hold hope hour human ice inch instant job jump kept king land late lay least leg let life like listen
locate long loud made major many market matter measure melody method milk mine mix month morning motion move
name nature need next noon nose notice number ocean office old only organ out oxygen pair party path people
person piece plain planet please port power press problem proper provide put quite rail ran reach reason red
reply result ring road room rose rule said same save school sea seat see select send serve seven share sheet
ship shore side silent simple sister size sky slow snow solve song south speech spend spread stand station
steam stick stood strange stretch student success sugar summer support swim tail tall teeth term that then
they think those through tire took total town train truck tube two unit valley verb village vowel want wash
wave weather went wheel which whole wild wind winter woman work write yellow
"""
_WORDS = tuple(_TEXT.split())
_REQUEST = "\n\nWrite a long story that uses these words."  # without it the answers have no usual length
_REQUEST_TOKENS = 10
_POOL = 65_536  # words; prompts are slices of them, as building each would take the time of the event loop
_STRIDE = 40_503  # odd, so that this many prompts begin at a word of their own

# Decimal digits: common tokenizers cut them into equal parts, so that the length in tokens stays the same.
_NONCE_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What one iteration sends; ``max_tokens`` bounds its answer where the source says how long it is."""

    prompt: Prompt
    max_tokens: int | None


class Source(Protocol):
    """Where inputs come from. Two sources with one ``digest`` give the same inputs."""

    @property
    def description(self) -> str:
        """The source in words."""

    @property
    def digest(self) -> str:
        """A short hash of everything that it gives."""

    def input(self, position: int) -> Input:
        """Return the input of an iteration, counted from the end of the warm-up, whose positions are negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled:
    """Prompts in an order of their seed, before they are read."""

    prompts: object
    seed: int


def shuffled(prompts: object, seed: object = 0) -> Shuffled:
    """Return prompts, a list or the name of a file, in an order that the seed decides."""
    return Shuffled(prompts=prompts, seed=_whole("the seed", seed, least=0))


def generated(tokens: object, seed: object = 0) -> "Generated":
    """Return prompts of about so many tokens, each iteration's different from its first word on."""
    return Generated(tokens=_whole("the number of tokens", tokens, least=1), seed=_whole("the seed", seed, least=0))


def _whole(name: str, value: object, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_TOKENS:
        raise MarkerError(f"{name} is {value!r}: it must be a whole number from {least} to {MOST_TOKENS}.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of inputs, in turn or, with a seed, in another order in every round. ``name`` is the file's."""

    name: str | None
    inputs: tuple[Input, ...]
    seed: int | None

    @property
    def description(self) -> str:
        """The source in words."""
        order = "in turn" if self.seed is None else f"shuffled with seed {self.seed}"
        count = len(self.inputs)
        place = "" if self.name is None else f" of {self.name}"
        return f"{count} prompt{'' if count == 1 else 's'}{place}, {order} ({self.digest})"

    @property
    def digest(self) -> str:
        """A hash of the inputs and their order."""
        content = [[each.prompt, each.max_tokens] for each in self.inputs]
        return hashed([content, self.seed])

    def input(self, position: int) -> Input:
        """Return one input after another, and begin again at the end."""
        round_, place = divmod(position, len(self.inputs))
        return self.inputs[place if self.seed is None else _order(len(self.inputs), self.seed, round_)[place]]


@functools.lru_cache(maxsize=8)
def _order(count: int, seed: int, round_: int) -> Sequence[int]:
    random = Random(f"{seed}:{round_}")  # noqa: S311  (an order is no secret)
    keys = [random.random() for _ in range(count)]
    return sorted(range(count), key=keys.__getitem__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Prompts of common words, all of one length in tokens."""

    tokens: int
    seed: int

    @property
    def description(self) -> str:
        """The source in words."""
        return f"generated, {self.tokens} tokens, seed {self.seed}"

    @property
    def digest(self) -> str:
        """A hash of what decides the words."""
        return hashed([self.tokens, self.seed])

    def input(self, position: int) -> Input:
        """Return the prompt of a position."""
        return Input(prompt=words(self.tokens, position=position, seed=self.seed), max_tokens=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The lengths of a trace: prompts generated to them where there is no ``source``, and bounds of the answers."""

    trace: Trace
    source: Source | None

    @property
    def description(self) -> str:
        """The source in words."""
        own = "generated" if self.source is None else self.source.description
        return f"{own}, lengths of {self.trace.name} ({self.trace.digest})"

    @property
    def digest(self) -> str:
        """A hash of the trace and the source."""
        return hashed([self.trace.digest, None if self.source is None else self.source.digest])

    def input(self, position: int) -> Input:
        """Return the input of the arrival at a position."""
        place = position % len(self.trace.offsets_s)
        bound = None if self.trace.tokens_out is None else self.trace.tokens_out[place]
        if self.source is not None:
            own = self.source.input(position)
            return Input(prompt=own.prompt, max_tokens=bound if own.max_tokens is None else own.max_tokens)
        tokens = () if self.trace.tokens_in is None else self.trace.tokens_in
        return Input(prompt=words(tokens[place], position=position, seed=0), max_tokens=bound)


def words(tokens: int, *, position: int, seed: int) -> str:
    """Return a prompt of so many tokens: a word is one, the request at its end ten."""
    asks = tokens >= 2 * _REQUEST_TOKENS
    text, starts = _pool(seed)
    left = tokens - _REQUEST_TOKENS if asks else tokens
    first, parts = position * _STRIDE % _POOL, []
    while left > 0:
        count = min(left, _POOL - first)
        parts.append(text[starts[first] : starts[first + count] - 1])
        left, first = left - count, 0
    return " ".join(parts) + (_REQUEST if asks else "")


@functools.lru_cache(maxsize=4)
def _pool(seed: int) -> tuple[str, "array[int]"]:
    random = Random(seed)  # noqa: S311  (words are no secret)
    chosen = [_WORDS[int(random.random() * len(_WORDS))] for _ in range(_POOL)]
    starts = array("q", [0])
    for word in chosen:
        starts.append(starts[-1] + len(word) + 1)
    return " ".join(chosen) + " ", starts


def hashed(value: object) -> str:
    """Return a short hash of a value."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def with_nonce(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return messages whose first text begins with a number that no request had before.

    A prompt cache knows a prompt by its beginning. The number has always as many digits.
    """
    number = secrets.randbelow(10**_NONCE_DIGITS)
    mark = f"[{number:0{_NONCE_DIGITS}d}]\n"
    first, *others = messages
    return ({**first, "content": _led(first.get("content"), mark)}, *others)


def without_nonce(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return messages as they were before ``with_nonce``."""
    first, *others = messages
    return ({**first, "content": _bared(first.get("content"))}, *others)


def _led(content: object, mark: str) -> object:
    if isinstance(content, str):
        return mark + content
    return [{"type": "text", "text": mark}, *content] if isinstance(content, list) else mark


def _bared(content: object) -> object:
    if isinstance(content, str):
        return content[_NONCE_DIGITS + 3 :]
    return content[1:] if isinstance(content, list) else content
