"""Whatever a noun holds, it comes back from its builtins as it was."""

import dataclasses
import json
import types
import typing
from array import array
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency import model, wire

INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: INTEGERS,
    float: st.floats(allow_nan=False),
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    object: st.none() | st.booleans() | INTEGERS | st.text(max_size=8),
    array: st.lists(INTEGERS, max_size=3).map(lambda values: array("q", values)),
}
# Read from where runs are stored and never sent: they hold NumPy arrays.
COLUMNS = (model.Columns, model.Events, model.Evidence)
NOUNS = [
    each
    for each in (getattr(model, name) for name in model.__all__)
    if dataclasses.is_dataclass(each) and isinstance(each, type) and each not in COLUMNS
]


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an annotation, in the forms that our nouns use."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return nouns(hint)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in {types.UnionType, typing.Union}:
        return st.none() | values(next(each for each in arguments if each is not type(None)))
    if origin is Mapping:
        return st.dictionaries(st.text(max_size=4), values(arguments[1]), max_size=2)
    assert origin is tuple
    many = Ellipsis in arguments
    return st.lists(values(arguments[0]), max_size=2).map(tuple) if many else st.tuples(*map(values, arguments))


def nouns(noun: type[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a noun of the model."""
    return st.builds(noun, **{name: values(hint) for name, hint in typing.get_type_hints(noun).items()})


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
@settings(max_examples=15, derandomize=True, deadline=None)
@given(data=st.data())
def test_a_noun_comes_back_equal_from_its_builtins(noun: type[Any], data: st.DataObject) -> None:
    """Every noun of the model, with every kind of value that its annotations allow."""
    value = data.draw(nouns(noun))
    assert wire.from_builtins(noun, wire.to_builtins(value)) == value


@settings(max_examples=30, derandomize=True, deadline=None)
@given(value=values(model.Verdict))
def test_a_noun_comes_back_equal_through_json(value: model.Verdict) -> None:
    """Infinities are Python's own extension of JSON."""
    assert wire.from_builtins(model.Verdict, json.loads(json.dumps(wire.to_builtins(value)))) == value
