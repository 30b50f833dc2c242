"""The JSON Schema of settings files, for editors: made of the same keys that a file is read with."""

from collections.abc import Mapping
from typing import Any

from pytest_llm_latency.config_file import keys
from pytest_llm_latency.config_file.keys import Key

_VARIABLE = {"$ref": "#/definitions/variable"}
_NAME = "[A-Za-z_][A-Za-z0-9_]*"


def schema() -> dict[str, Any]:
    """Return the schema. It refuses what is no setting or has no right type; what a text says is checked in reading."""
    sections = {section: _mapping(known) for section, known in keys.OF_OPTIONS.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of pytest-llm-latency",
        "description": "llm-latency.yaml, .json or .toml, or the table tool.pytest-llm-latency of pyproject.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            keys.SCHEMA: {"type": "string"},
            **sections,
            keys.PROVIDERS: {
                "description": "How providers are reached and what they are sent, by their names in models.",
                "type": ["object", "null"],
                "additionalProperties": _mapping(keys.OF_PROVIDER),
            },
            keys.LOAD_PROFILES: {
                "description": "Loads by names, for load='name' in a marker and --llm-latency-load=name.",
                "type": ["object", "null"],
                "additionalProperties": {"anyOf": [{"type": "string"}, _mapping(keys.OF_LOAD_PROFILE)]},
            },
        },
        "definitions": {"variable": {"type": "string", "pattern": rf"\$\{{{_NAME}(:-[^}}]*)?\}}"}},
    }


def _mapping(known: Mapping[str, Key]) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {key.name: _value(key) for key in known.values()},
    }


def _value(key: Key) -> dict[str, Any]:
    """Return the schema of one value; any may be a variable."""
    if key.secret:
        return {"description": key.help, "type": "string", "pattern": rf"^(none|\$\{{{_NAME}\}})$"}
    default = key.option.default if key.option is not None else None
    stated = (
        {} if default is None else {"default": default if isinstance(default, bool | int | float) else str(default)}
    )
    own = dict(key.read.schema)
    taken = own if own.get("type") == "string" else {"anyOf": [own, _VARIABLE]}
    return {"description": key.help, **stated, **taken}
