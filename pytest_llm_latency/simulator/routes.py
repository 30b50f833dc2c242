"""What a protocol says about its paths: how a request to each is read, and how it is answered.

A path is a text with parameters: ``{model}`` is one segment, ``{model*}`` one or more, and
``{version:v1|v1beta}`` one of the stated values. Parameters arrive percent-decoded.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar
from urllib.parse import unquote

from pytest_llm_latency.simulator.answers import Answer, Piece, Question

Target = TypeVar("Target")

_PARAMETER = re.compile(r"\{(\w+)(\*|:[^}]+)?\}")


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a protocol reads it.

    ``fields`` is the JSON object of the body, empty where there is no body; ``parameters`` are
    those of the path; the names of ``headers`` are in lower case. ``base_url`` is the server's
    URL as the client calls it, without a slash at the end.
    """

    fields: Mapping[str, object]
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    query: Mapping[str, str] = field(default_factory=_nothing)
    headers: Mapping[str, str] = field(default_factory=_nothing)
    base_url: str = "http://simulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer that further requests fetch.

    ``generated`` is the number of its deltas that there are by now; ``base_url`` as in ``Call``.
    """

    answer: Answer
    base_url: str
    generated: int

    @property
    def complete(self) -> bool:
        """Whether the whole answer is there."""
        return self.generated == len(self.answer.deltas)


def malformed_data(event: bytes) -> bytes:
    """Cut the JSON of a server-sent event off in the middle, and leave the event's own end."""
    end = event[len(event.rstrip()) :]
    start = event.index(b"data: ")
    return event[: start + (len(event) - start) // 2].rstrip() + end


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How the events of a stream are framed.

    ``error_event`` is the event with which a stream that began well reports an error, and
    ``malformed`` breaks one sound event. ``is_sse`` says that they are server-sent events, which
    may have comments between them and other ends of lines.
    """

    content_type: str
    error_event: Callable[[str], bytes]
    malformed: Callable[[bytes], bytes] = malformed_data
    is_sse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question that is answered in the response: by a stream where it asks for one, else by a document.

    ``question`` raises ``QuestionError`` for what the provider refuses. Without ``events`` and
    ``framing`` there is no stream.
    """

    path: str
    question: Callable[[Call], Question]
    document: Callable[[Answer], bytes]
    events: Callable[[Answer], list[Piece]] | None = None
    framing: Framing | None = None
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A question that is answered by a receipt at once; the answer is kept under its ``id``.

    Where the client ``waits``, the receipt comes when the whole answer is there.
    """

    path: str
    question: Callable[[Call], Question]
    receipt: Callable[[Kept], bytes]
    waits: Callable[[Call], bool] = lambda _: False
    status: int = 201
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """How far the answer is that the path's ``{id}`` names."""

    path: str
    state: Callable[[Kept], bytes]
    method: str = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The stream of the answer that the path's ``{id}`` names; what is there already goes at once."""

    path: str
    events: Callable[[Answer], list[Piece]]
    framing: Framing
    method: str = "GET"


Route = Asked | Begun | Polled | Followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Target]):
    """What a router knows of a path: its target, or the methods that are allowed there instead."""

    target: Target | None
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    allowed: tuple[str, ...] = ()


@dataclass(slots=True)
class Router(Generic[Target]):
    """Finds what a method and a path lead to; the first pattern that fits counts."""

    _literal: dict[tuple[str, str], Target] = field(default_factory=dict)
    _patterns: list[tuple[str, re.Pattern[str], Target]] = field(default_factory=list)

    def add(self, method: str, path: str, target: Target) -> None:
        """Let a method and a path with parameters lead to ``target``."""
        if "{" not in path:
            self._literal.setdefault((method, path), target)
        self._patterns.append((method, _pattern(path), target))

    def find(self, method: str, path: str) -> Found[Target]:
        """Return what a path, still percent-encoded, leads to."""
        literal = self._literal.get((method, path))
        if literal is not None:
            return Found(target=literal)
        allowed = []
        for known, pattern, target in self._patterns:
            fits = pattern.fullmatch(path)
            if fits is None:
                continue
            if known == method:
                return Found(target=target, parameters={key: unquote(value) for key, value in fits.groupdict().items()})
            allowed.append(known)
        return Found(target=None, allowed=tuple(dict.fromkeys(allowed)))


def _pattern(path: str) -> re.Pattern[str]:
    parts, at = [], 0
    for found in _PARAMETER.finditer(path):
        name, form = found.groups()
        values = {None: "[^/]+", "*": ".+"}.get(form) or _one_of(form[1:].split("|"))
        parts += [re.escape(path[at : found.start()]), f"(?P<{name}>{values})"]
        at = found.end()
    return re.compile("".join([*parts, re.escape(path[at:])]))


def _one_of(values: Iterable[str]) -> str:
    return "|".join(map(re.escape, values))


def example(path: str) -> str:
    """Return a path for people to read: each parameter that has stated values with the first of them."""
    return _PARAMETER.sub(
        lambda found: found[2][1:].split("|")[0] if (found[2] or "").startswith(":") else found[0], path
    )
