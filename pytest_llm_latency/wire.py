"""Nouns to exact builtins and back: the only form in which results travel and metadata is stored.

Only ``None``, ``bool``, ``int``, ``float``, ``str``, ``bytes``, ``list`` and ``dict`` with string
keys come out, each of exactly that type: a NumPy scalar or an enum is an error here, not a report
that is lost later. Infinities stay; a JSON writer has its own rule for them.
"""

import dataclasses
import functools
import types
import typing
from array import array
from collections.abc import Mapping
from typing import Any, TypeVar

from pytest_llm_latency.errors import WireError

_SCALARS = (bool, int, float, str, bytes, type(None))
Noun = TypeVar("Noun")


def to_builtins(value: object) -> Any:  # noqa: ANN401  (a tree of builtins has no narrower type)
    """Return ``value`` as exact builtins; raise ``WireError`` for anything that has no such form."""
    if type(value) in _SCALARS:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_builtins(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, array):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [to_builtins(each) for each in value]
    if isinstance(value, Mapping):
        return {_key(key): to_builtins(each) for key, each in value.items()}
    raise WireError(
        f"{value!r} is of type {type(value).__name__}, which does not travel: convert it to a builtin first."
    )


def _key(key: object) -> str:
    if type(key) is not str:
        raise WireError(f"the key {key!r} is of type {type(key).__name__}: keys must be strings.")
    return key


def from_builtins(noun: type[Noun], data: object) -> Noun:
    """Return ``data``, made by ``to_builtins``, as the noun again.

    Unknown keys are ignored, so that a newer writer can add one; a missing key is a ``WireError``.
    """
    if not isinstance(data, dict):
        raise WireError(f"a {noun.__name__} must be a mapping, not {type(data).__name__}.")
    hints = _hints(noun)
    missing = sorted(hints.keys() - data.keys())
    if missing:
        raise WireError(f"a {noun.__name__} lacks {', '.join(missing)}.")
    return noun(**{name: _value(hint, data[name]) for name, hint in hints.items()})


@functools.cache
def _hints(noun: type) -> dict[str, Any]:
    return typing.get_type_hints(noun)


def _value(hint: Any, data: Any) -> Any:  # noqa: ANN401  (types and trees are dynamic here)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if data is None or hint in _SCALARS or origin is typing.Literal:
        return float(data) if hint is float else data
    if origin in (types.UnionType, typing.Union):
        return _value(next(each for each in arguments if each is not type(None)), data)
    if origin is tuple:
        each = arguments if Ellipsis not in arguments else (arguments[0],) * len(data)
        return tuple(_value(part, item) for part, item in zip(each, data, strict=True))
    if hint is array:
        return array("q", data)
    if dataclasses.is_dataclass(hint):
        return from_builtins(typing.cast("type[Any]", hint), data)
    return data
