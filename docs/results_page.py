"""The reference of ``results.json``, made of its schema."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_REF = "#/$defs/"
# Definitions without a section of their own, in words.
_NAMES = {
    "share": "share or null",
    "timestamp": "timestamp",
    "infinite": "list of names",
    "status": "verdict",
    "metrics": "mapping to [distribution](#distribution)",
}


def page(schema: Schema, note: str) -> str:
    """Return a section for the document and for each of the schema's definitions that has fields."""
    sections = [*_section("The document", schema)]
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            sections += _section(name.capitalize(), definition)
    version = schema["properties"]["version"]["const"]
    statuses = ", ".join(f"`{each}`" for each in schema["$defs"]["status"]["enum"])
    return "\n".join([
        note,
        "# results.json",
        "",
        schema["description"],
        "",
        f"The file follows version {version} of a JSON Schema (draft 2020-12) that ships",
        "with the package, as `pytest_llm_latency/report/schema/results-1.json`: a field that stands there is always",
        "there, and there is no other one. A file of another version is refused where it is read.",
        "",
        "Numbers that are infinite are null, with their names in the list `infinite` beside them. A benchmark is one",
        f"step of one test. A verdict is one of {statuses}:",
        "[Verdicts](verdicts.md) says what they mean.",
        "",
        *sections,
    ])


def _section(title: str, schema: Schema) -> Iterator[str]:
    yield from (f"## {title}", "")
    if title != "The document" and "description" in schema:
        yield from (schema["description"], "")
    yield from ("| field | type | what it says |", "|---|---|---|")
    for path, found in _fields(schema, ""):
        said = found.get("description", "").replace("|", "\\|")
        yield f"| `{path}` | {_type(found)} | {said} |"
    yield ""


def _fields(schema: Schema, above: str) -> Iterator[tuple[str, Schema]]:
    """Yield every field below an object that has no section of its own, with its path."""
    for name, found in schema.get("properties", {}).items():
        yield f"{above}{name}", found
        yield from _fields(found, f"{above}{name}.")


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return _NAMES.get(name, f"[{name}](#{name})")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join("null" if each is None else f"`{each}`" for each in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(map(_type, schema["oneOf"]))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_kind(kind, schema) for kind in kinds)


def _kind(kind: str, schema: Schema) -> str:
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"mapping to {_type(schema['additionalProperties'])}"
    return kind
