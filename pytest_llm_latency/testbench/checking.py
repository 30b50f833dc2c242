"""Reading a parsed file key by key: what is wrong is noted with its place, and all of it is told at once."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench.places import Keys, finder

_SHOWN, _PLACED = 20, 100
_HALF_OF_A_PAIR = re.compile(r"[\ud800-\udfff]")
_NEAR = 0.8  # of difflib: a slip of the pen, not another word

_KINDS: Sequence[tuple[type, str]] = (
    (bool, "a truth value"),
    (int, "a number"),
    (float, "a number"),
    (date, "a date"),  # a date with a time is one too
    (Mapping, "a mapping"),
    (list, "a list"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong with the value of these keys; the message ends with the remedy."""

    keys: Keys
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A mapping of a file. Each reading notes a mistake and returns the fallback where the value is wrong."""

    values: Mapping[Any, Any]
    keys: Keys = ()
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, key: str | int | None, message: str) -> None:
        """Note a mistake of a key, or of the mapping itself."""
        keys = self.keys if key is None else (*self.keys, key)
        self.mistakes.append(Mistake(keys=keys, message=message))

    def know(self, *known: str) -> None:
        """Note keys that are slips of known ones; what is another word is the author's own."""
        absent = [each for each in known if each not in self.values]
        for key in self.values:
            near = [] if key in known else difflib.get_close_matches(str(key), absent, n=1, cutoff=_NEAR)
            if near:
                self.wrong(key, f"the key {key!r} is unknown: did you mean {near[0]!r}?")

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Return a text, which is not empty where it is required."""
        value = self.values.get(key)
        if value is None:
            if required and key in self.values:
                self.wrong(key, f"{key} is null: write a text there.")
            elif required:
                self.wrong(None, f"the key {key!r} is missing: write a text there.")
            return None
        if not isinstance(value, str):
            self.wrong(key, f"{key} is {_shown(value)}: it must be a text, put it in quotes.")
            return None
        if required and not value.strip():
            self.wrong(key, f"{key} is empty: write a text there.")
        if _HALF_OF_A_PAIR.search(value):
            self.wrong(key, f"{key} has half of a surrogate pair, which is no character: write both halves, or none.")
        return value

    def number(self, key: str, *, required: bool = False) -> float | None:
        """Return a number of at least 0."""
        value = self.values.get(key)
        if value is None:
            if required:
                self.wrong(None, f"the key {key!r} is missing: write a number there.")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            self.wrong(key, f"{key} is {_shown(value)}: it must be a number of at least 0.")
            return None
        return value

    def count(self, key: str, *, least: int) -> int | None:
        """Return a whole number."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.wrong(key, f"{key} is {_shown(value)}: it must be a whole number of at least {least}.")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            self.wrong(key, f"{key} is {_shown(value)}: it must be a list of texts.")
            return None
        inner = Fields(values={}, keys=(*self.keys, key), mistakes=self.mistakes)
        for place, each in enumerate(value):
            if not isinstance(each, str):
                inner.wrong(place, f"{key} has {_shown(each)}: it must be a text, put it in quotes.")
        return tuple(each for each in value if isinstance(each, str))

    def named_texts(self, key: str) -> dict[str, str]:
        """Return a mapping of texts to texts; empty where there is none."""
        inner = self.fields(key)
        return {str(name): inner.text(name) or "" for name in inner.values}

    def fields(self, key: str, *, required: bool = False) -> "Fields":
        """Return a mapping that stands under a key; an empty one where there is none."""
        value = self.values.get(key)
        if value is None and required:
            self.wrong(None, f"the key {key!r} is missing: write a mapping there.")
        elif value is not None and not isinstance(value, Mapping):
            self.wrong(key, f"{key} is {_shown(value)}: it must be a mapping.")
        return self._inner(value, key)

    def list_of_fields(self, key: str) -> list["Fields"]:
        """Return the mappings of a list, which has at least one."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value:
            said = "is missing" if value is None else "is empty" if value == [] else f"is {_shown(value)}"
            self.wrong(None if value is None else key, f"{key} {said}: write a list with at least one mapping there.")
            return []
        inner = Fields(values={}, keys=(*self.keys, key), mistakes=self.mistakes)
        for place, each in enumerate(value):
            if not isinstance(each, Mapping):
                inner.wrong(place, f"{key} has {_shown(each)}: it must be a mapping.")
        return [inner._inner(each, place) for place, each in enumerate(value) if isinstance(each, Mapping)]

    def _inner(self, value: object, key: str | int) -> "Fields":
        values = value if isinstance(value, Mapping) else {}
        return Fields(values=values, keys=(*self.keys, key), mistakes=self.mistakes)


def refuse(mistakes: Sequence[Mistake], path: Path, text: str) -> None:
    """Raise ``ScenarioError`` that tells all mistakes with their places; nothing where there is none."""
    if not mistakes:
        return
    place = finder(text, path.suffix.lower())
    first = mistakes[:_PLACED]  # they were noted nearly in the order in which they stand
    placed = sorted(((place(each.keys), each.message) for each in first), key=lambda each: each[0] or (0, 0))
    lines = [_line(place, message) for place, message in placed[:_SHOWN]]
    if len(mistakes) == 1:
        raise ScenarioError(f"{path}, {lines[0]}" if lines[0].startswith("line ") else f"{path}: {lines[0]}")
    more = [f"and {len(mistakes) - _SHOWN} others: mend these first."] if len(mistakes) > _SHOWN else []
    told = "\n".join(f"  {line}" for line in (*lines, *more))
    raise ScenarioError(f"{path} has {len(mistakes)} mistakes:\n{told}")


def _line(place: tuple[int, int] | None, message: str) -> str:
    return message if place is None else f"line {place[0]}, column {place[1]}: {message}"


def _shown(value: object) -> str:
    kind = next((words for kind, words in _KINDS if isinstance(value, kind)), None)
    if isinstance(value, Mapping | list):
        return str(kind)
    said = str(value) if isinstance(value, date) else repr(value)
    return said if kind is None else f"{said}, {kind}"
