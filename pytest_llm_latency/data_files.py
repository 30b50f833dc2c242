"""Files of YAML and JSON that users write: reading them, and saying where they go wrong."""

import gc
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

_DEEPEST = 100


def parse(text: str, *, suffix: str) -> object:
    """Return the content of a JSON or YAML text; ``ValueError`` says where it goes wrong and how."""
    if suffix == ".json":
        return parse_json(text)
    import yaml  # noqa: PLC0415  (slow to import, and most runs read none)

    try:
        return _content(text)
    except yaml.reader.ReaderError as error:
        line, column = 1 + text.count("\n", 0, error.position), error.position - text.rfind("\n", 0, error.position)
        reason = f"the character U+{error.character:04X} is not allowed"
        raise ValueError(f"line {line}, column {column}: {reason}") from None
    except yaml.MarkedYAMLError as error:
        raise ValueError(_told(error)) from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ValueError as error:
        raise ValueError(f"it has a date that there is not ({error}), unless it is put in quotes") from None


def _content(text: str) -> object:
    """Return what a YAML text holds, by libyaml where it can: its parser takes half the time of that in Python."""
    import yaml  # noqa: PLC0415  (the same)

    quick = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = quick if _is_flat(text, quick) else yaml.SafeLoader
    collecting = gc.isenabled()
    gc.disable()  # it would look at all that has been read again and again, for most of the time
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506  (both of them are safe loaders)
    finally:
        if collecting:
            gc.enable()


def _is_flat(text: str, loader: "type[Any]") -> bool:
    """Say whether a text is sound and not nested so deeply that libyaml ends the process.

    What is broken is none: Python's parser says better what is wrong.
    """
    import yaml  # noqa: PLC0415  (the same)

    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return False
    except yaml.YAMLError:
        return False
    return True


def _told(error: "yaml.MarkedYAMLError") -> str:
    mark, problem = error.problem_mark, str(error.problem)
    place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    return f"{place}{error.context} {problem}" if problem.startswith("but ") else f"{place}{problem}"


def parse_json(text: str) -> object:
    """Return the content of a JSON text; ``ValueError`` says where it goes wrong and how."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
