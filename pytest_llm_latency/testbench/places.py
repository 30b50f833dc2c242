"""At which line and column of a JSON or YAML text a value stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml.nodes import Node

Keys = tuple[str | int, ...]


class Places:
    """The places of one text. JSON is read as YAML for this alone, as only that parser tells where it is."""

    def __init__(self, text: str) -> None:
        import yaml  # noqa: PLC0415  (only where something is wrong)

        try:
            self._root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, RecursionError):
            self._root = None

    def of(self, keys: Keys) -> tuple[int, int] | None:
        """Return the line and the column of the value of these keys, or of the nearest one around it."""
        if self._root is None:
            return None
        mark = _found(self._root, keys).start_mark
        return mark.line + 1, mark.column + 1


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
