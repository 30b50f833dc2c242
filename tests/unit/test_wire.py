"""Nouns become exact builtins and come back."""

import dataclasses
import enum
import typing
from array import array

import numpy as np
import pytest

import nouns
from pytest_llm_latency import load, wire
from pytest_llm_latency.errors import WireError
from pytest_llm_latency.model import Load, Run, Sample, Stamps, Usage, Verdict

BUILTINS = (type(None), bool, int, float, str, bytes, list, dict)

USAGE: dict[str, typing.Any] = {
    "tokens_in": 1,
    "tokens_out": 2,
    "tokens_reasoning": None,
    "tokens_cached": None,
    "tokens_cache_written": None,
    "source": "usage",
}
VERDICT = Verdict(
    key="k",
    status="pass",
    baseline_runs=1,
    baseline=1.0,
    candidate=1.0,
    ratio=1.0,
    interval=(0.9, 1.1),
    raw_p_value=None,
    p_value=None,
    detectable=None,
    needed=None,
    information=None,
    reasons=("a", "b"),
)


def leaves(tree: object) -> list[object]:
    """Return every node of a tree of builtins."""
    if isinstance(tree, dict):
        return [tree, *tree.keys(), *(leaf for each in tree.values() for leaf in leaves(each))]
    return [tree, *(leaf for each in tree for leaf in leaves(each))] if isinstance(tree, list) else [tree]


class Colour(enum.StrEnum):
    """A string that is not exactly one."""

    RED = "red"


def test_a_whole_run_travels_as_exact_builtins_and_comes_back_equal() -> None:
    """Tuples, arrays, mappings, optional nouns and nested nouns are all in it."""
    run = nouns.run([0.2, None, 0.3], iteration_failures=((3, nouns.failure()),), complete=False)
    tree = wire.to_builtins(run)
    assert all(type(leaf) in BUILTINS for leaf in leaves(tree))
    assert wire.from_builtins(Run, tree) == run


def test_a_failed_sample_comes_back_equal() -> None:
    """Absent fields stay absent."""
    sample = nouns.sample(0, None, failed=nouns.failure(), stamps=Stamps(started=1))
    assert wire.from_builtins(Sample, wire.to_builtins(sample)) == sample


def test_arrays_come_back_as_compact_integers() -> None:
    """Eight bytes each, as they were."""
    back = wire.from_builtins(Sample, wire.to_builtins(nouns.sample(0, 0.2, 0.4)))
    assert isinstance(back.event_ns, array)
    assert back.event_ns.typecode == "q"


def test_a_tuple_of_fixed_length_comes_back() -> None:
    """An interval is a pair."""
    assert wire.from_builtins(Verdict, wire.to_builtins(VERDICT)) == VERDICT


def test_a_whole_number_where_a_fraction_belongs_becomes_one() -> None:
    """Writers of JSON drop the fraction of 1.0."""
    back = wire.from_builtins(Load, {"shape": "constant", "parameters": {"rate_per_s": 20}, "trace": None})
    assert back == load.constant(20)
    assert type(back.parameters["rate_per_s"]) is float


@pytest.mark.parametrize(
    "value",
    [np.float64(1.0), np.int64(1), Colour.RED, {1, 2}, object(), Usage, 1j],
    ids=["numpy-float", "numpy-int", "enum", "set", "object", "class", "complex"],
)
def test_a_value_that_is_no_exact_builtin_is_an_error_where_it_is_written(value: object) -> None:
    """Not a report that is lost later."""
    with pytest.raises(WireError, match=r"does not travel: convert it to a builtin first\.$"):
        wire.to_builtins([value])


@pytest.mark.parametrize("key", [1, None, Colour.RED], ids=["int", "none", "enum"])
def test_a_key_that_is_no_string_is_an_error(key: object) -> None:
    """A JSON writer would turn it into one silently."""
    with pytest.raises(WireError, match=r"keys must be strings\.$"):
        wire.to_builtins({key: 1})


def test_an_unknown_key_is_ignored() -> None:
    """A newer writer may add one."""
    assert wire.from_builtins(Usage, USAGE | {"tokens_audio": 7}) == Usage(**USAGE)


def test_missing_keys_are_named() -> None:
    """All of them, sorted."""
    with pytest.raises(WireError, match=r"^a Usage lacks source, tokens_in\.$"):
        wire.from_builtins(
            Usage, {"tokens_out": 1, "tokens_reasoning": 1, "tokens_cached": 1, "tokens_cache_written": 1}
        )


def test_a_noun_must_come_from_a_mapping() -> None:
    """A list is no noun."""
    with pytest.raises(WireError, match=r"^a Usage must be a mapping, not list\.$"):
        wire.from_builtins(Usage, [1, 2])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("key", 5, "5 stands where str belongs"),
        ("key", None, "None stands where str belongs"),
        ("baseline_runs", 1.0, r"1\.0 stands where int belongs"),
        ("baseline_runs", True, "True stands where int belongs"),
        ("baseline", "fast", "'fast' stands where float belongs"),
        ("status", "beautiful", "'beautiful' stands where .*Literal"),
        ("interval", [0.9], r"\[0\.9\] has 1 parts where 2 belong"),
        ("interval", "ab", "'ab' stands where a list belongs"),
        ("reasons", ["a", 1], "1 stands where str belongs"),
    ],
)
def test_a_value_of_another_type_is_damage_and_is_not_passed_on(field: str, value: object, message: str) -> None:
    """What was stored is checked before anything is computed from it."""
    with pytest.raises(WireError, match=rf"^{message}.*: the data is damaged\.$"):
        wire.from_builtins(Verdict, wire.to_builtins(VERDICT) | {field: value})


@pytest.mark.parametrize("events", [None, "abc", [1, 2.5]])
def test_stamps_that_are_no_list_of_integers_are_damage(events: object) -> None:
    """A fraction of a nanosecond is none of ours."""
    with pytest.raises(WireError, match="the data is damaged"):
        wire.from_builtins(Sample, wire.to_builtins(nouns.sample(0, 0.2, 0.4)) | {"event_ns": events})


def test_parameters_that_are_no_mapping_are_damage() -> None:
    """The kind that belongs there is named."""
    with pytest.raises(WireError, match="stands where a dict belongs"):
        wire.from_builtins(Load, {"shape": "closed", "parameters": [1], "trace": None})


def test_every_field_of_a_noun_travels() -> None:
    """No field is left out on the way."""
    assert wire.to_builtins(Usage(**USAGE)).keys() == {field.name for field in dataclasses.fields(Usage)}
