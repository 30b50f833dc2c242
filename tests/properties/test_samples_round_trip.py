"""Whatever a sample holds, it comes back from Parquet and from MessagePack as it was."""

import dataclasses
import types
import typing
from array import array
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import nouns
from pytest_llm_latency.model import Sample
from pytest_llm_latency.storage import messagepack, samples
from pytest_llm_latency.storage.wide import Samples

INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: INTEGERS,
    float: st.floats(allow_nan=False),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    array: st.lists(INTEGERS | st.sampled_from([7, 8]), max_size=4).map(lambda values: array("q", values)),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of an annotation of a sample."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if dataclasses.is_dataclass(hint):
        fields = typing.get_type_hints(hint)
        return st.builds(typing.cast("type[Any]", hint), **{name: values(each) for name, each in fields.items()})
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    assert origin in {types.UnionType, typing.Union}
    return st.none() | values(next(each for each in arguments if each is not type(None)))


@settings(max_examples=40, derandomize=True, deadline=None)
@given(drawn=st.lists(values(Sample), max_size=4))
def test_samples_come_back_equal_from_parquet(drawn: list[Sample]) -> None:
    """Every field with every kind of value that its annotation allows, in two runs of one file."""
    runs = (nouns.run([], id="a", samples=tuple(drawn)), nouns.run([], id="b", samples=tuple(drawn[:1])))
    assert samples.decode(samples.encode(runs), Path("a.parquet")) == runs


@settings(max_examples=40, derandomize=True, deadline=None)
@given(drawn=st.lists(values(Sample), max_size=4))
def test_columns_come_back_equal_from_messagepack(drawn: list[Sample]) -> None:
    """The same, whatever the lists and their lengths."""
    runs, table = samples.opened(samples.encode([nouns.run([], samples=tuple(drawn))]), Path("a.parquet"))
    found = messagepack.decode(messagepack.encode(Samples(runs=runs, table=table)), Path("a.msgpack"))
    assert (found.runs, found.table.to_pylist()) == (runs, table.to_pylist())
