"""Files of YAML and JSON that users write: reading them, and saying where they go wrong."""

import json


def parse(text: str, *, suffix: str) -> object:
    """Return the content of a JSON or YAML text; ``ValueError`` says where it goes wrong and how."""
    if suffix == ".json":
        return parse_json(text)
    import yaml  # noqa: PLC0415  (slow to import, and most runs read none)

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise ValueError(f"{place}{error.problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def parse_json(text: str) -> object:
    """Return the content of a JSON text; ``ValueError`` says where it goes wrong and how."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
