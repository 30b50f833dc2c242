"""At which line and column of a JSON or YAML text, which is known to be sound, a value stands."""

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml.nodes import Node

Keys = tuple[str | int, ...]
Place = tuple[int, int]

_SPACE = re.compile(r"[ \t\r\n]*")


def finder(text: str, suffix: str) -> Callable[[Keys], Place | None]:
    """Return what tells the line and the column of the value of some keys, or of the nearest one around it."""
    return _in_json(text) if suffix == ".json" else _in_yaml(text)


def _in_json(text: str) -> Callable[[Keys], Place]:
    members = functools.cache(functools.partial(_members, text))

    def place(keys: Keys) -> Place:
        position = _after_space(text, 0)
        for key in keys:
            inner = members(position).get(key)
            if inner is None:
                break
            position = inner
        return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)

    return place


def _members(text: str, position: int) -> dict[object, int]:
    """Return where the values of an object or a list begin, by their keys or numbers; of a repeated key the last."""
    decode, opening = json.JSONDecoder().raw_decode, text[position]
    found: dict[object, int] = {}
    if opening not in "{[":
        return found
    position = _after_space(text, position + 1)
    while text[position] not in "}]":
        key: object = len(found)
        if opening == "{":
            key, position = decode(text, position)
            position = _after_space(text, _after_space(text, position) + 1)  # the colon
        found[key] = position
        position = _after_space(text, decode(text, position)[1])
        if text[position] == ",":
            position = _after_space(text, position + 1)
    return found


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def _in_yaml(text: str) -> Callable[[Keys], Place | None]:
    import yaml  # noqa: PLC0415  (only where something is wrong)

    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        root = None

    def place(keys: Keys) -> Place | None:
        if root is None:
            return None
        mark = _found(root, keys).start_mark
        return mark.line + 1, mark.column + 1

    return place


def _found(node: "Node", keys: Sequence[str | int]) -> "Node":
    for key in keys:
        inner = _child(node, key)
        if inner is None:
            return node
        node = inner
    return node


def _child(node: "Node", key: str | int) -> "Node | None":
    inner = node.value  # of a mapping pairs of nodes, of a list nodes, of anything else its text
    if isinstance(inner, str):
        return None
    if isinstance(key, int):
        return inner[key] if key < len(inner) else None
    return next((value for name, value in reversed(inner) if name.value == key), None)
