"""What a simulated model is asked and what it answers, whatever the protocol."""

import itertools
import json
import math
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_llm_latency.model import EventKind
from pytest_llm_latency.simulator.profiles import Profile, Text
from pytest_llm_latency.simulator.tool_arguments import smallest

Finish = Literal["stop", "length", "tool_call"]

CHARACTERS_PER_TOKEN = 4
_IMAGE_TOKENS = 85  # of an image that stands in the request itself, whatever its size
_RATE_LIMITED = 429
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_THOUGHTS = (
    *("First", "the", "simulated", "model", "pretends", "to", "think", "about", "what", "it", "was", "asked,"),
    *("then", "it", "weighs", "words", "that", "nobody", "will", "read,", "and", "at", "last", "decides."),
)
_WORDS = (
    *("The", "simulated", "model", "answers", "with", "words", "that", "say", "nothing", "about", "your"),
    *("question,", "but", "each", "of", "them", "leaves", "at", "a", "time", "that", "is", "known."),
)

_FOREIGN = ("é", "ß", "–", "字", "🙂", "n̈", "€")  # two to four bytes each, one of them in two characters


class QuestionError(Exception):
    """A request that the provider would refuse with status 400; the message goes to the caller."""


class Piece(NamedTuple):
    """A part of the body that is sent in one write.

    ``step`` is the number of the token, from 0, at whose time it goes; −1 is the headers' time.
    """

    data: bytes
    kind: EventKind
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the request declares, with the JSON schema of its arguments."""

    name: str
    schema: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request as the simulated model understands it.

    ``tool`` is the tool to call, ``None`` where the answer is text. ``max_tokens`` is the
    request's own bound. ``include_usage`` is OpenAI's option of that name. Where nothing
    ``is_generated``, as for an embedding, the answer has no text and no output tokens: it has a
    vector of ``dimensions`` numbers for each of the ``inputs``, ``is_packed`` in base64 or not.
    """

    model: str
    stream: bool
    prompt_tokens: int
    max_tokens: int | None
    tool: Tool | None
    include_usage: bool = False
    is_generated: bool = True
    inputs: int = 1
    dimensions: int = 16
    is_packed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says to one question.

    ``deltas`` are the parts of the text, or of the tool call's arguments where there is a
    ``tool``: then the first delta is empty and stands for the tool's name. ``steps[i]`` is when
    ``deltas[i]`` goes (see ``Piece``), ``tokens[i]`` how many tokens there are up to it, without
    those of the ``reasoning``, whose parts and steps come first. Of the prompt,
    ``cached_tokens`` were read from a cache and ``cache_written_tokens`` put into it.
    """

    question: Question
    deltas: tuple[str, ...]
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    finish: Finish
    reasoning: tuple[str, ...] = ()
    reasoning_steps: tuple[int, ...] = ()
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def text(self) -> str:
        """Return the whole text or the whole arguments."""
        return "".join(self.deltas)

    @property
    def arguments(self) -> object:
        """Return the tool call's arguments as a value."""
        return json.loads(self.text)

    @property
    def output_tokens(self) -> int:
        """Return the number of generated tokens, those of the reasoning among them."""
        return self.reasoning_tokens + self.tokens[-1]

    @property
    def total_tokens(self) -> int:
        """Return the tokens of question and answer."""
        return self.question.prompt_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a response's headers tell; ``processing_s`` is the time that the provider claims.

    The token counts are those of a whole answer, ``None`` for any other response.
    """

    request_id: str
    model: str
    processing_s: float
    status: int = 200
    stream: bool = False
    prompt_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def requests_left(self) -> str:
        """Return how many requests the rate limit still allows."""
        return "0" if self.status == _RATE_LIMITED else "9999"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error response."""

    status: int
    message: str
    request_id: str = ""
    retry_after_s: float | None = None


def answer(question: Question, profile: Profile, text: Text = "ascii") -> Answer:
    """Return the answer of a model that behaves like ``profile``.

    The request's own bound holds for reasoning and text together, and leaves the text one token.
    """
    if not question.is_generated:
        return _answer(question, profile, _Said(chunks=[("", 0)], finish="stop"))
    bound = question.max_tokens
    thought = profile.reasoning_tokens if bound is None else min(profile.reasoning_tokens, bound - 1)
    thoughts = _chunked(_spoken(_THOUGHTS, thought, text), profile.tokens_per_chunk)
    if question.tool is not None:
        called = dump(smallest(question.tool.schema))
        tokens = [called[start : start + CHARACTERS_PER_TOKEN] for start in range(0, len(called), CHARACTERS_PER_TOKEN)]
        chunks = [("", 1), *_chunked(tokens, profile.tokens_per_chunk)]
        return _answer(question, profile, _Said(thoughts=thoughts, chunks=chunks, finish="tool_call"))
    wanted = profile.output_tokens
    count = wanted if bound is None else min(wanted, bound - thought)
    chunks = _chunked(_spoken(_WORDS, count, text), profile.tokens_per_chunk)
    return _answer(
        question, profile, _Said(thoughts=thoughts, chunks=chunks, finish="stop" if count == wanted else "length")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The parts of an answer, each with its number of tokens."""

    chunks: list[tuple[str, int]]
    finish: Finish
    thoughts: list[tuple[str, int]] = field(default_factory=list)


def _spoken(words: tuple[str, ...], count: int, text: Text) -> list[str]:
    spoken = (
        words if text == "ascii" else tuple(f"{word}{_FOREIGN[at % len(_FOREIGN)]}" for at, word in enumerate(words))
    )
    size = len(spoken)
    return [f" {spoken[index % size]}" if index else spoken[0] for index in range(count)]


def _chunked(tokens: list[str], size: int) -> list[tuple[str, int]]:
    if size == 1:
        return [(token, 1) for token in tokens]
    parts = (tokens[start : start + size] for start in range(0, len(tokens), size))
    return [("".join(part), len(part)) for part in parts]


def _answer(question: Question, profile: Profile, said: _Said) -> Answer:
    totals = list(itertools.accumulate(count for _, count in (*said.thoughts, *said.chunks)))
    # A gap between two chunks holds as many inter-token latencies as the later one has tokens.
    steps = tuple(each - totals[0] for each in totals)
    thoughts = len(said.thoughts)
    reasoning_tokens = sum(count for _, count in said.thoughts)
    return Answer(
        question=question,
        deltas=tuple(text for text, _ in said.chunks),
        steps=steps[thoughts:],
        tokens=tuple(each - reasoning_tokens for each in totals[thoughts:]),
        finish=said.finish,
        reasoning=tuple(text for text, _ in said.thoughts),
        reasoning_steps=steps[:thoughts],
        reasoning_tokens=reasoning_tokens,
        cached_tokens=int(question.prompt_tokens * profile.cached_share),
        cache_written_tokens=int(question.prompt_tokens * profile.cache_written_share),
    )


def prompt_tokens(*parts: object) -> int:
    """Count the tokens of a prompt: one for every four characters of text in it, at least one."""
    return max(1, math.ceil(sum(_characters(parts)) / CHARACTERS_PER_TOKEN))


def _characters(value: object) -> Iterable[int]:
    if isinstance(value, str):
        yield _IMAGE_TOKENS * CHARACTERS_PER_TOKEN if value.startswith("data:image/") else len(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _characters(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _characters(each)


def chosen(tools: Iterable[Tool], name: object = None) -> Tool | None:
    """Return the tool that a request names, or its first; raise ``QuestionError`` for one that it does not declare."""
    declared = list(tools)
    if name is None:
        return declared[0] if declared else None
    for tool in declared:
        if tool.name == name:
            return tool
    raise QuestionError(f"tool_choice: {name!r} is none of the tools: {', '.join(tool.name for tool in declared)}.")


def dump(value: object) -> str:
    """Return JSON without spaces, as the providers send it."""
    return _ENCODER.encode(value)


def objects(value: object) -> list[Mapping[str, object]]:
    """Return the mappings in a list, an empty list for anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def positive(value: object, name: str) -> int | None:
    """Return a whole number of at least 1, ``None`` for an absent one; else raise ``QuestionError``."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise QuestionError(f"{name}: {value!r} must be a whole number of at least 1.")
    return value
