"""From collected tests to their plans."""

from types import SimpleNamespace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import planning
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.planning import Plans


def test_what_an_option_makes_wrong_with_many_tests_is_said_once() -> None:
    """With their names where they are few, else with the first and the number of the others."""
    wrong = {"a": MarkerError("no load."), "b": MarkerError("no model."), "c": MarkerError("no load.")}
    assert planning.told(wrong) == "  a, c: no load.\n  b: no model."
    many = {**wrong, **dict.fromkeys("de", MarkerError("no load."))}
    assert planning.told(many).startswith("  a and 3 others: no load.\n")


def test_plans_are_made_when_one_is_asked_for_and_only_those_of_latency_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that collects names its tests without them; a wrong one is told apart."""
    made: list[str] = []

    def prepared(item: Any, _: object) -> Any:
        made.append(item.nodeid)
        if item.nodeid == "wrong":
            raise MarkerError("no model.")
        return SimpleNamespace(plan=nouns.plan())

    monkeypatch.setattr(planning, "prepared", prepared)
    names = {"plain": None, "right": "mark", "wrong": "mark"}
    items: Any = [
        SimpleNamespace(nodeid=name, get_closest_marker={"llm_latency": mark}.get) for name, mark in names.items()
    ]
    plans = Plans(items, None)  # type: ignore[arg-type]  (the settings are for what stands in)
    assert (plans.tests, made) == (("right", "wrong"), [])
    assert (dict(plans), list(plans.wrong)) == ({"right": nouns.plan()}, ["wrong"])
    assert made == ["right", "wrong"]
