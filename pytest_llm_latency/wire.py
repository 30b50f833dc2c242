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
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from pytest_llm_latency.errors import WireError

_SCALARS = (bool, int, float, str, bytes, type(None))
Noun = TypeVar("Noun")
Tree = TypeVar("Tree", dict[str, Any], list[Any])


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

    Unknown keys are ignored, so that a newer writer can add one; a missing key or a value of
    another type is a ``WireError``.
    """
    if not isinstance(data, dict):
        raise WireError(f"a {noun.__name__} must be a mapping, not {type(data).__name__}.")
    hints = _hints(typing.cast("Hashable", noun))
    missing = sorted(hints.keys() - data.keys())
    if missing:
        raise WireError(f"a {noun.__name__} lacks {', '.join(missing)}.")
    return noun(**{name: _value(hint, data[name]) for name, hint in hints.items()})


@functools.cache
def _hints(noun: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(noun)


def _value(hint: Any, data: Any) -> Any:  # noqa: ANN401  (types and trees are dynamic here)
    if hint is object:
        return data
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        return None if data is None else _value(next(each for each in arguments if each is not type(None)), data)
    if dataclasses.is_dataclass(hint):
        return from_builtins(typing.cast("type[Any]", hint), data)
    if hint in _SCALARS or origin is typing.Literal:
        return _scalar(hint, data)
    if origin is Mapping:
        return {key: _value(arguments[1], each) for key, each in _of_type(dict, data).items()}
    return _sequence(hint, arguments, _of_type(list, data))


def _sequence(hint: Any, arguments: tuple[Any, ...], items: list[Any]) -> Any:  # noqa: ANN401  (types are dynamic here)
    if hint is array:
        return array("q", [_scalar(int, each) for each in items])
    parts = arguments if Ellipsis not in arguments else (arguments[0],) * len(items)
    if len(parts) != len(items):
        raise WireError(f"{items!r} has {len(items)} parts where {len(parts)} belong: the data is damaged.")
    return tuple(_value(part, item) for part, item in zip(parts, items, strict=True))


def _scalar(hint: Any, data: Any) -> Any:  # noqa: ANN401  (types and trees are dynamic here)
    if hint is float and type(data) is int:
        return float(data)
    if data not in typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else type(data) is not hint:
        raise WireError(f"{data!r} stands where {getattr(hint, '__name__', hint)} belongs: the data is damaged.")
    return data


def _of_type(kind: type[Tree], data: Any) -> Tree:  # noqa: ANN401  (trees are dynamic here)
    if not isinstance(data, kind):
        raise WireError(f"{data!r} stands where a {kind.__name__} belongs: the data is damaged.")
    return data
