"""Decisions of LLM-Auto-Optimizer as parameters of requests."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import decisions


def written(folder: Path, *changes: dict[str, Any]) -> Path:
    """Write a decision."""
    path = folder / "decision.json"
    path.write_text(json.dumps({"strategy": "cost", "changes": changes}), encoding="utf-8")
    return path


def test_a_decision_gives_the_parameters_before_and_after_it(tmp_path: Path) -> None:
    """What one side does not have is not among its parameters."""
    path = written(
        tmp_path,
        {"parameter": "temperature", "old_value": 0.7, "new_value": 0, "change_type": "decrease"},
        {"parameter": "model", "old_value": None, "new_value": "openai/gpt-4o"},
    )
    found = decisions.read(path)
    assert found == {"old": {"temperature": 0.7}, "new": {"temperature": 0, "model": "openai/gpt-4o"}}


def test_all_mistakes_of_a_decision_are_told_at_once(tmp_path: Path) -> None:
    """With their places."""
    path = written(
        tmp_path,
        {"parameter": "a", "old_value": 1, "new_valu": 2},
        {"parameter": "a", "new_value": 1},
        {"old_value": 1},
        {"parameter": "b"},
    )
    with pytest.raises(ScenarioError) as caught:
        decisions.read(path)
    said = str(caught.value)
    assert "has 4 mistakes" in said
    assert "the key 'new_valu' is unknown: did you mean 'new_value'?" in said
    assert "parameter 'a' is there twice: keep one of them" in said
    assert "the key 'parameter' is missing: write a text there." in said
    assert "it has neither 'old_value' nor 'new_value': write one of them." in said
