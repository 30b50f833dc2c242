"""YAML with the place of each value: what is repeated or of no use as a setting is noted on the way.

Composed by the parser in Python: the one in C ends the process where a text is nested too deeply.
"""

from typing import TYPE_CHECKING, Any

from pytest_llm_latency.config_file.nodes import Mistake, Node, Place, UnreadableError

if TYPE_CHECKING:
    import yaml


def parse(text: str) -> tuple[Node, list[Mistake]]:
    """Return the tree of a text and its mistakes; raise ``UnreadableError`` where it is no YAML."""
    import yaml  # noqa: PLC0415  (slow to import, and most runs read none)

    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line, column = 1 + text.count("\n", 0, error.position), error.position - text.rfind("\n", 0, error.position)
        reason = f"the character U+{error.character:04X} is not allowed"
        raise UnreadableError(reason, Place(line=line, column=column)) from None
    try:
        root = loader.get_single_node()
        if root is None:
            return Node(value=None, at=Place(line=1, column=1)), []
        reading = _Reading(loader)
        return reading.node(root, None), reading.mistakes
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or str(error.context)
        raise UnreadableError(problem, None if mark is None else _place(mark)) from None
    finally:
        loader.dispose()


def _place(mark: Any) -> Place:  # noqa: ANN401  (a mark has no type of its own in the stubs)
    return Place(line=mark.line + 1, column=mark.column + 1)


class _Reading:
    """Turns composed nodes into ours, each once: an alias stands for the same value, however often it is used."""

    def __init__(self, loader: "yaml.SafeLoader") -> None:
        self.mistakes: list[Mistake] = []
        self._loader = loader
        self._values: dict[int, object] = {}
        self._open: set[int] = set()

    def node(self, given: "yaml.Node", key_at: Place | None) -> Node:
        at = _place(given.start_mark)
        if id(given) in self._open:
            self.mistakes.append(Mistake(at=at, message="the value contains itself: write it out."))
            return Node(value=None, at=at, key_at=key_at)
        if id(given) not in self._values:
            self._open.add(id(given))
            self._values[id(given)] = self._value(given, at)
            self._open.remove(id(given))
        return Node(value=self._values[id(given)], at=at, key_at=key_at)

    def _value(self, given: "yaml.Node", at: Place) -> object:
        import yaml  # noqa: PLC0415  (imported by now)

        if isinstance(given, yaml.MappingNode):
            return self._mapping(given)
        if isinstance(given, yaml.SequenceNode):
            return [self.node(each, None) for each in given.value]
        try:
            return self._loader.construct_object(given)
        except ValueError as error:  # as of the 31st of February
            self.mistakes.append(Mistake(at=at, message=f"{given.value!r} is no value ({error}): put it in quotes."))
            return given.value

    def _mapping(self, given: "yaml.MappingNode") -> dict[str, Node]:
        seen: dict[str, Place] = {}
        for key, _ in given.value:
            at = _place(key.start_mark)
            first = seen.setdefault(key.value, at) if isinstance(key.value, str) else at
            if first != at:
                message = f"the key {key.value!r} stands in line {first.line} already: keep one of the two."
                self.mistakes.append(Mistake(at=at, message=message))
        self._loader.flatten_mapping(given)
        found = {}
        for key, value in given.value:
            at = _place(key.start_mark)
            if key.tag == "tag:yaml.org,2002:str":
                found[key.value] = self.node(value, at)
            else:
                said = f"the key {key.value!r}" if isinstance(key.value, str) else "a key of several values"
                message = f"{said} is no text to YAML: put it in quotes."
                self.mistakes.append(Mistake(at=at, message=message))
        return found
