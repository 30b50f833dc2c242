"""The arguments of a simulated tool call fit the tool's JSON schema."""

import jsonschema
import pytest

from pytest_llm_latency.simulator.tool_arguments import smallest

SCHEMAS = [
    ({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}, {"city": "text"}),
    ({"type": "object", "properties": {"city": {"type": "string"}}}, {}),
    ({"type": "object"}, {}),
    ({"type": "string", "enum": ["celsius", "kelvin"]}, "celsius"),
    ({"type": "string", "minLength": 6}, "texttt"),
    ({"type": "string", "maxLength": 2}, "te"),
    ({"type": "integer"}, 1),
    ({"type": "integer", "minimum": 5}, 5),
    ({"type": "integer", "maximum": -3}, -3),
    ({"type": "integer", "exclusiveMinimum": 5}, 6),
    ({"type": "number", "exclusiveMaximum": 0.5}, 0),
    ({"type": "number", "minimum": 1.5}, 1.5),
    ({"type": "boolean"}, False),
    ({"type": "null"}, None),
    ({"type": ["string", "null"]}, "text"),
    ({"type": "array", "items": {"type": "integer"}}, []),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
    ({"const": 3}, 3),
    ({"type": "integer", "default": 8}, 8),
    ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, False),
    (
        {"$defs": {"unit": {"enum": ["m"]}}, "properties": {"u": {"$ref": "#/$defs/unit"}}, "required": ["u"]},
        {"u": "m"},
    ),
]


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
def test_the_value_is_small_and_valid(schema: dict[str, object], expected: object) -> None:
    """What the simulator says is checked by a validator that others wrote."""
    value = smallest(schema)
    assert value == expected
    jsonschema.validate(value, schema)


def test_types_in_upper_case_are_understood() -> None:
    """Google writes them so."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}
    assert smallest(schema) == {"n": 1}


@pytest.mark.parametrize("schema", [None, {}, "text", {"type": "object", "required": 3}])
def test_a_schema_that_says_nothing_gets_no_arguments(schema: object) -> None:
    """A tool without parameters is called with an empty object."""
    assert smallest(schema) == {}


def test_a_required_property_without_a_schema_is_there() -> None:
    """Whatever it is, null is a value."""
    assert smallest({"required": ["a"]}) == {"a": None}


def test_a_schema_that_requires_itself_ends() -> None:
    """No value fits it, and the simulator must not hang over it."""
    schema = {"properties": {"self": {"$ref": "#"}}, "required": ["self"]}
    assert isinstance(smallest(schema), dict)
