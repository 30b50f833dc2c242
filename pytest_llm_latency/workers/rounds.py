"""The nouns of a gang: its members, the rounds that they are in, and what it needs of others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pytest_llm_latency.model import Notice
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.words import DONE

MOST_ATTEMPTS = 2


class Voice(Protocol):
    """What the gang needs of a connected worker."""

    name: str

    def send(self, kind: str, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Send a message."""

    def reply(self, message: Message, body: Mapping[str, Any], data: bytes = b"") -> None:
        """Answer a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a test: the result as it travels, or why there is none."""

    body: Mapping[str, Any] | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What the gang leaves to others.

    ``judge`` puts the parts of a test together, ``settle`` says of what there is at a look whether it
    is enough, ``end`` ends a worker that is of no more use, and
    ``begin_ns`` names a moment in the near future, by the clock of each worker.
    """

    judge: Callable[[Mapping[str, tuple[Mapping[str, Any], bytes]], tuple[Notice, ...]], Verdict]
    settle: Callable[[Mapping[str, tuple[Mapping[str, Any], bytes]]], Mapping[str, Any]]
    end: Callable[[str], None]
    begin_ns: Callable[[Sequence[str]], Mapping[str, int]]


@dataclass(slots=True, kw_only=True)
class Member:
    """One worker; ``asked`` is what it waits for, ``sign_s`` when it was last seen to get on."""

    sign_s: float
    voice: Voice | None = None
    test: str | None = None
    asked: Message | None = None
    done: int = 0
    data: list[bytes] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Round:
    """One attempt at one test by the workers of ``names``, who are not known before all have arrived.

    ``off`` says why it cannot be finished, ``lost`` who is missing.
    """

    test: str
    attempt: int
    names: frozenset[str] | None = None
    patience_s: float
    off: str | None = None
    lost: list[Notice] = field(default_factory=list)
    met: bool = False
    judged: bool = False
    lead: str | None = None


def order(name: str) -> tuple[int, str]:
    """Return what sorts workers as xdist numbers them."""
    return len(name), name


def when(current: Round, member: Member) -> str:
    """Say at which point of a round a worker was."""
    if not current.met:
        return "before the load began"
    if member.data or (member.asked is not None and member.asked.kind == DONE):
        return "while it sent what it had measured"
    return f"in the load, after {member.done:,} iterations or more" if member.done else "in the load"
