"""What a simulated model is asked and what it answers, whatever the protocol."""

import json
import math
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_llm_latency.model import EventKind
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.tool_arguments import smallest

Finish = Literal["stop", "length", "tool_call"]

CHARACTERS_PER_TOKEN = 4
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_WORDS = (
    *("The", "simulated", "model", "answers", "with", "words", "that", "say", "nothing", "about", "your"),
    *("question,", "but", "each", "of", "them", "leaves", "at", "a", "time", "that", "is", "known."),
)


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
    request's own bound. ``include_usage`` is OpenAI's option of that name.
    """

    model: str
    stream: bool
    prompt_tokens: int
    max_tokens: int | None
    tool: Tool | None
    include_usage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says to one question.

    ``deltas`` are the parts of the text, or of the tool call's arguments where there is a
    ``tool``: then the first delta is empty and stands for the tool's name. ``steps[i]`` is when
    ``deltas[i]`` goes (see ``Piece``), ``tokens[i]`` how many tokens there are up to it.
    """

    question: Question
    deltas: tuple[str, ...]
    steps: tuple[int, ...]
    tokens: tuple[int, ...]
    finish: Finish
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
        """Return the number of generated tokens."""
        return self.tokens[-1]

    @property
    def total_tokens(self) -> int:
        """Return the tokens of question and answer."""
        return self.question.prompt_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a response's headers tell; ``processing_s`` is the time that the provider claims."""

    request_id: str
    model: str
    processing_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error response."""

    status: int
    message: str
    request_id: str = ""
    retry_after_s: float | None = None


def answer(question: Question, profile: Profile) -> Answer:
    """Return the answer of a model that behaves like ``profile``."""
    if question.tool is not None:
        return _tool_call(question, question.tool, profile)
    wanted = profile.output_tokens
    count = wanted if question.max_tokens is None else min(wanted, question.max_tokens)
    words = [_WORDS[index % len(_WORDS)] if index == 0 else f" {_WORDS[index % len(_WORDS)]}" for index in range(count)]
    return _answer(question, _chunked(words, profile.tokens_per_chunk), "stop" if count == wanted else "length")


def _tool_call(question: Question, tool: Tool, profile: Profile) -> Answer:
    text = dump(smallest(tool.schema))
    size = CHARACTERS_PER_TOKEN
    tokens = [text[start : start + size] for start in range(0, len(text), size)]
    return _answer(question, [("", 1), *_chunked(tokens, profile.tokens_per_chunk)], "tool_call")


def _chunked(tokens: list[str], size: int) -> list[tuple[str, int]]:
    parts = (tokens[start : start + size] for start in range(0, len(tokens), size))
    return [("".join(part), len(part)) for part in parts]


def _answer(question: Question, chunks: list[tuple[str, int]], finish: Finish) -> Answer:
    tokens, total = [], 0
    for _, count in chunks:
        total += count
        tokens.append(total)
    return Answer(
        question=question,
        deltas=tuple(text for text, _ in chunks),
        # A gap between two chunks holds as many inter-token latencies as the later one has tokens.
        steps=tuple(each - tokens[0] for each in tokens),
        tokens=tuple(tokens),
        finish=finish,
    )


def prompt_tokens(*parts: object) -> int:
    """Count the tokens of a prompt: one for every four characters of text in it, at least one."""
    return max(1, math.ceil(sum(_characters(parts)) / CHARACTERS_PER_TOKEN))


def _characters(value: object) -> Iterable[int]:
    if isinstance(value, str):
        yield len(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _characters(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _characters(each)


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
