"""JSON with the place of each value; keys that are repeated are noted on the way."""

import bisect
import json
import re
from typing import NoReturn

from pytest_llm_latency.config_file.nodes import Mistake, Node, Place, UnreadableError

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s,:{}\[\]"]+)')


def parse(text: str) -> tuple[Node, list[Mistake]]:
    """Return the tree of a text and its mistakes; raise ``UnreadableError`` where it is no JSON."""
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise UnreadableError(error.msg, Place(line=error.lineno, column=error.colno)) from None
    except ValueError as error:
        raise UnreadableError(str(error), None) from None
    scanner = _Scanner(text)
    return scanner.node(None), scanner.mistakes


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


class _Scanner:
    """Walks over a text that is known to be sound."""

    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self._text = text
        self._position = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def node(self, key_at: Place | None) -> Node:
        mark, at = self._next()
        if mark == "{":
            return Node(value=self._members(), at=at, key_at=key_at)
        if mark == "[":
            return Node(value=self._items(), at=at, key_at=key_at)
        return Node(value=json.loads(mark), at=at, key_at=key_at)

    def _members(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        mark, at = self._next()
        while mark != "}":
            if mark == ",":
                mark, at = self._next()
            key = str(json.loads(mark))
            if key in found and (first := found[key].key_at) is not None:
                message = f"the key {key!r} stands in line {first.line} already: keep one of the two."
                self.mistakes.append(Mistake(at=at, message=message))
            self._next()  # the colon
            found[key] = self.node(at)
            mark, at = self._next()
        return found

    def _items(self) -> list[Node]:
        found: list[Node] = []
        while True:
            before = self._position
            mark, _ = self._next()
            if mark == "]":
                return found
            if mark != ",":
                self._position = before
            found.append(self.node(None))

    def _next(self) -> tuple[str, Place]:
        match = _TOKEN.match(self._text, self._position)
        assert match is not None  # noqa: S101  (the text is sound)
        self._position = match.end()
        line = bisect.bisect_right(self._lines, match.start(1))
        return match[1], Place(line=line, column=match.start(1) - self._lines[line - 1] + 1)
