"""Other tools' definitions against stamps that can be added up by hand."""

import dataclasses
from array import array
from typing import Any

import pytest

import nouns
from pytest_llm_latency.definitions import TOOLS
from pytest_llm_latency.model import Sample, Stamps

MS = 1_000_000
USAGE = nouns.sample(0, 0.1, 0.2).usage


def stream(kinds: str = "xccccxxx", **changes: Any) -> Sample:
    """Return ten tokens in four deltas: a role before, a finish reason, a usage and the end behind."""
    at = {"x": iter((100, 410, 420, 421, 422)), "c": iter((200, 250, 350, 400))}
    stamps = [next(at[kind]) * MS for kind in kinds]
    assert USAGE is not None
    values: dict[str, Any] = {
        "stamps": Stamps(started=0, connect_start=MS, send_start=8 * MS, send_end=9 * MS, closed=425 * MS),
        "event_ns": array("q", stamps),
        "event_kinds": kinds,
        "event_characters": array("q", [10] * len(kinds)),
        "usage": dataclasses.replace(USAGE, tokens_out=10),
    }
    return nouns.sample(0, 0.2, **{**values, **changes})


def taken(tool: str, figure: str, sample: Sample) -> list[tuple[float, float]]:
    """Return the values of one figure with their weights."""
    (found,) = [each for each in TOOLS[tool].figures if each.id == figure]
    return found.take(sample)


@pytest.mark.parametrize(
    ("tool", "figure", "values"),
    [
        ("vllm", "ttft", [(0.1, 1)]),
        ("vllm", "itl", [(0.1, 1), (0.05, 1), (0.1, 1), (0.05, 1), (0.01, 1)]),
        ("vllm", "tpot", [(0.31 / 9, 1)]),
        ("vllm", "e2e", [(0.41, 1)]),
        ("guidellm", "ttft", [(0.192, 1)]),
        ("guidellm", "itl", [(0.2 / 9, 9)]),
        ("guidellm", "tpot", [(0.392 / 10, 10)]),
        ("guidellm", "e2e", [(0.417, 1)]),
        ("aiperf", "ttft", [(0.2, 1)]),
        ("aiperf", "itl", [(0.2 / 9, 1)]),
        ("aiperf", "e2e", [(0.4, 1)]),
    ],
)
def test_each_tool_has_its_own_figures_of_the_same_stream(
    tool: str, figure: str, values: list[tuple[float, float]]
) -> None:
    """The role at 100 ms, deltas from 200 to 400, the finish reason at 410; sent at 8, closed at 425."""
    assert taken(tool, figure, stream()) == [(pytest.approx(value), weight) for value, weight in values]


def test_the_table_is_what_the_test_above_covers() -> None:
    """A figure without a hand-computed value would be a missing test."""
    assert [(tool, [each.id for each in TOOLS[tool].figures]) for tool in TOOLS] == [
        ("vllm", ["ttft", "itl", "tpot", "e2e"]),
        ("guidellm", ["ttft", "itl", "tpot", "e2e"]),
        ("aiperf", ["ttft", "itl", "e2e"]),
    ]


@pytest.mark.parametrize(
    ("kinds", "changes", "last_s"),
    [
        ("xccccxxx", {}, 0.410),
        ("xccccxx", {}, 0.400),
        ("cccc", {}, 0.400),
        ("xccccxx", {"usage": None}, 0.410),
    ],
    ids=["finish, usage, end", "finish with the last delta", "no end", "no usage: finish, end"],
)
def test_of_the_events_behind_the_last_delta_the_usage_and_the_end_have_no_choice(
    kinds: str, changes: dict[str, Any], last_s: float
) -> None:
    """What is left of them is the chunk of the finish reason."""
    assert taken("vllm", "e2e", stream(kinds, **changes)) == [(pytest.approx(last_s), 1)]


@pytest.mark.parametrize(("tool", "figure"), [("vllm", "tpot"), ("guidellm", "itl"), ("aiperf", "itl")])
def test_one_token_has_no_gap(tool: str, figure: str) -> None:
    """As in the tools."""
    assert USAGE is not None
    assert taken(tool, figure, stream(usage=dataclasses.replace(USAGE, tokens_out=1))) == []


@pytest.mark.parametrize(("tool", "figure"), [(tool, each.id) for tool in TOOLS for each in TOOLS[tool].figures])
def test_an_answer_without_a_delta_has_no_figure(tool: str, figure: str) -> None:
    """Nor one that was never closed."""
    nothing = nouns.sample(0, None, event_ns=array("q"), event_kinds="", event_characters=array("q"))
    assert taken(tool, figure, nothing) == []


def test_guidellm_counts_deltas_where_no_usage_is() -> None:
    """One each is a token; the others have no figure then."""
    silent = stream(usage=None)
    assert taken("guidellm", "itl", silent) == [(pytest.approx(0.2 / 3), 3)]
    assert taken("vllm", "tpot", silent) == []
    assert taken("aiperf", "itl", silent) == []
