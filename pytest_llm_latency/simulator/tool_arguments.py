"""The smallest JSON value that fits a JSON schema, as the arguments of a simulated tool call."""

import math
from collections.abc import Mapping

_DEEPEST = 16


def smallest(schema: object) -> object:
    """Return a value that fits ``schema``: required properties only, the first of every choice.

    Understands the keywords that tool declarations use, in lower and in upper case type names.
    """
    root = schema if isinstance(schema, Mapping) else {}
    return _value(root, root, 0)


def _value(schema: object, root: Mapping[str, object], depth: int) -> object:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    if isinstance(reference := schema.get("$ref"), str):
        return _value(_resolve(reference, root), root, depth + 1)
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("enum", "anyOf", "oneOf", "allOf"):
        choices = schema.get(keyword)
        if isinstance(choices, list) and choices:
            return choices[0] if keyword == "enum" else _value(choices[0], root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> object:
    is_object = not schema or "properties" in schema or "required" in schema
    kind = schema.get("type", "object" if is_object else "null")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match str(kind).lower():
        case "object":
            return _object(schema, root, depth)
        case "array":
            return [_value(schema.get("items", {}), root, depth + 1)] * _count(schema, "minItems")
        case "string":
            return "text".ljust(_count(schema, "minLength"), "t")[: _count(schema, "maxLength", 4096)]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return False
    return None


def _object(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> dict[str, object]:
    properties, required = schema.get("properties"), schema.get("required")
    declared = properties if isinstance(properties, Mapping) else {}
    names = required if isinstance(required, list) else []
    return {str(name): _value(declared.get(name), root, depth + 1) for name in names}


def _number(schema: Mapping[str, object]) -> int | float:
    """Return 1, or the whole number nearest to it that the bounds allow, or a bound itself."""
    lowest, highest = _bound(schema, "minimum", -math.inf), _bound(schema, "maximum", math.inf)
    above, below = _bound(schema, "exclusiveMinimum", -math.inf), _bound(schema, "exclusiveMaximum", math.inf)
    least = max(lowest, math.floor(above) + 1 if math.isfinite(above) else above)
    most = min(highest, math.ceil(below) - 1 if math.isfinite(below) else below)
    value = min(max(1, least), most)
    return int(value) if float(value).is_integer() else value


def _bound(schema: Mapping[str, object], keyword: str, otherwise: float) -> float:
    value = schema.get(keyword)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _count(schema: Mapping[str, object], keyword: str, otherwise: int = 0) -> int:
    return int(_bound(schema, keyword, otherwise))


def _resolve(reference: str, root: Mapping[str, object]) -> object:
    found: object = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
