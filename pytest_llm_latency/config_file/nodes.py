"""A parsed file as values that know where they stand, and what is wrong with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time

from pytest_llm_latency.errors import SettingsError

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A line and a column, both from 1 on; ``column`` is 0 where it is not known."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value: a mapping of texts to nodes, a list of nodes, or a scalar. ``key_at`` is where its own key stands."""

    value: object
    at: Place
    key_at: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, and where; the message ends with the remedy."""

    at: Place
    message: str


class UnreadableError(Exception):
    """A text that is broken from one place on, so that nothing else of it can be checked."""

    def __init__(self, message: str, at: Place | None) -> None:
        super().__init__(message)
        self.at = at


def described(value: object) -> str:
    """Return a value as a message shows it, with what it is where people may not expect it."""
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return words if kind in {dict, list, type(None)} else f"{_plain(value)}, {words}"
    return repr(value)


_KINDS: Sequence[tuple[type, str]] = (
    (bool, "a truth value"),
    (int, "a number"),
    (float, "a number"),
    (date, "a date"),  # a date with a time is one too
    (time, "a time of day"),
    (bytes, "bytes"),
    (dict, "a mapping"),
    (list, "a list"),
    (type(None), "empty"),
)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def placed(at: Place | None, name: str) -> str:
    """Return ``llm-latency.yaml:3:5``, or what of it is known."""
    if at is None:
        return name
    return f"{name}:{at.line}:{at.column}" if at.column else f"{name}:{at.line}"


def refuse(mistakes: Sequence[Mistake], name: str) -> None:
    """Raise ``SettingsError`` that tells every mistake with its place; nothing where there is none."""
    if mistakes:
        told = list(_told(mistakes, name))
        if len(told) == 1:
            raise SettingsError(told[0])
        lines = "\n".join(f"  {line}" for line in told)
        raise SettingsError(f"{name} has {len(mistakes)} mistakes:\n{lines}")


def _told(mistakes: Sequence[Mistake], name: str) -> Iterator[str]:
    ordered = sorted(mistakes, key=lambda each: each.at)
    for each in ordered[:_SHOWN]:
        yield f"{placed(each.at, name)}: {each.message}"
    if len(ordered) > _SHOWN:
        yield f"and {len(ordered) - _SHOWN} others: mend these first."
