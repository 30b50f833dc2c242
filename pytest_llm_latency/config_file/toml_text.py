"""TOML with the place of each key: the standard library's parser tells none, so the lines are looked through."""

import re
from collections.abc import Iterator, Mapping

from pytest_llm_latency.config_file.nodes import Mistake, Node, Place, UnreadableError

_PART = r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_DOTTED = rf"(?:{_PART})(?:\s*\.\s*(?:{_PART}))*"
_TABLE = re.compile(rf"\s*\[{{1,2}}\s*({_DOTTED})\s*\]{{1,2}}")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_INNER = re.compile(rf"[{{,]\s*({_DOTTED})\s*=")
_WHERE = re.compile(r"(.*?) \(at line (\d+), column (\d+)\)", re.DOTALL)
Path = tuple[str, ...]


def parse(text: str) -> tuple[Node, list[Mistake]]:
    """Return the tree of a text; raise ``UnreadableError`` where it is no TOML. Keys are never repeated in what is."""
    import tomllib  # noqa: PLC0415  (only with such a file)

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _WHERE.fullmatch(str(error))
        if match is None:  # at the end of the document
            raise UnreadableError(str(error), Place(line=text.count("\n") + 1, column=0)) from None
        raise UnreadableError(match[1], Place(line=int(match[2]), column=int(match[3]))) from None
    return _node(content, (), Place(line=1, column=1), _places(text)), []


def _node(value: object, path: Path, around: Place, places: Mapping[Path, Place]) -> Node:
    """Return a value; one whose key was not found, as in a list of tables, stands where what is around it does."""
    at = places.get(path, around)
    inner: object = value
    if isinstance(value, dict):
        inner = {key: _node(each, (*path, key), at, places) for key, each in value.items()}
    elif isinstance(value, list):
        inner = [_node(each, path, at, places) for each in value]
    return Node(value=inner, at=at, key_at=at)


def _places(text: str) -> dict[Path, Place]:
    found: dict[Path, Place] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        for keys, column in _keys(line):
            if column == 0:
                table = keys
            path = table if column == 0 else (*table, *keys)
            at = Place(line=number, column=max(1, column))
            for length in range(len(path), 0, -1):  # the tables that only a dotted key names
                found.setdefault(path[:length], at)
    return found


def _keys(line: str) -> Iterator[tuple[Path, int]]:
    """Return the keys of a line with their columns; column 0 is that of a table's heading."""
    heading = _TABLE.match(line)
    if heading is not None:
        yield _parts(heading[1]), 0
        return
    key = _KEY.match(line)
    if key is None:
        return
    outer = _parts(key[1])
    yield outer, key.start(1) + 1
    if line[key.end() :].lstrip().startswith("{"):
        for inner in _INNER.finditer(line, key.end()):
            yield (*outer, *_parts(inner[1])), inner.start(1) + 1


def _parts(dotted: str) -> Path:
    return tuple(part if part[0] not in "'\"" else part[1:-1] for part in re.findall(_PART, dotted))
