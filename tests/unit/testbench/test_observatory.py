"""Service-level objectives of LLM-Observatory as limits."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import marker, options, plan
from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import observatory

DATA = Path(__file__).parents[4] / "shared" / "data" / "observatory" / "slo-test-evaluate.json"


def written(folder: Path, *objectives: dict[str, Any]) -> Path:
    """Write a file of objectives; each is of a p95 of 500 ms where it says nothing else."""
    usual = {"slo_id": "a", "indicator": "latency_p95", "operator": "lt", "threshold": 500, "window": "5m"}
    path = folder / "slo.json"
    path.write_text(json.dumps({"slo_definitions": [usual | each for each in objectives]}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("objective", "limit"),
    [
        ({}, "e2e.p95 < 500ms"),
        ({"unit": "s", "operator": "lte", "threshold": 1.5}, "e2e.p95 <= 1.5s"),
        ({"indicator": "ttft", "unit": "ms"}, "ttft.p95 < 500ms"),
        ({"indicator": "token_rate", "operator": "gte", "threshold": 40}, "throughput.mean >= 40"),
        ({"indicator": "throughput", "operator": "gt", "threshold": 2, "unit": "rps"}, "requests_per_s > 2"),
        ({"indicator": "cost_per_request", "threshold": 0.00002, "unit": "usd"}, "cost.mean < $0.00002"),
        ({"indicator": "error_rate", "threshold": 1.0, "unit": "%"}, "error_rate < 1%"),
        ({"indicator": "availability", "operator": "gte", "threshold": 99.9, "unit": "%"}, "error_rate <= 0.1%"),
        ({"indicator": "availability", "operator": "gt", "threshold": 0.999, "unit": "ratio"}, "error_rate < 0.1%"),
    ],
)
def test_an_objective_is_a_limit(tmp_path: Path, objective: dict[str, Any], limit: str) -> None:
    """In the words of limits, which can be read."""
    assert observatory.limits(written(tmp_path, objective), None, "ci") == (limit,)
    assert plan.parse_limit(limit).text == limit


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        (None, 1),
        ("openai/gpt-4", 3),
        ("openai/gpt-4o", 2),
        ("gemini/gpt-4", 1),
        ("gemini/flash", 2),
        ("gpt-4", 2),
    ],
)
def test_an_objective_of_a_model_is_for_that_alone(tmp_path: Path, model: str | None, kept: int) -> None:
    """By the provider's name there or here; one of another environment is for none, and neither is a disabled one."""
    of_model, of_provider = {"provider": "openai", "model": "gpt-4"}, {"provider": "openai"}
    others = [{"enabled": False, "indicator": "saturation"}, {"environment": "production"}]
    path = written(
        tmp_path, {"environment": "ci"}, of_model, of_provider, {"provider": "google", "model": "flash"}, *others
    )
    assert len(observatory.limits(path, model, "ci")) == kept


def test_the_limits_of_objectives_come_beside_those_of_a_marker(tmp_path: Path) -> None:
    """For the model that is measured."""
    path = written(tmp_path, {}, {"provider": "anthropic", "threshold": 1})
    settings = options.resolve(lambda option: str(path) if option.name == "slo" else None, lambda _: None, tmp_path)
    arguments = marker.read((), {"model": "openai/gpt-4", "limits": "ttft.p95 < 1s"})
    assert marker.make_plan(arguments, settings).limits == ("ttft.p95 < 1s", "e2e.p95 < 500ms")


def test_all_mistakes_of_objectives_are_told_at_once(tmp_path: Path) -> None:
    """Each with its place and the right words."""
    path = written(
        tmp_path,
        {"indicator": "latency_p59", "operator": "eq"},
        {"unit": "parsecs", "enabled": "yes"},
        {"threshold": None},
    )
    with pytest.raises(ScenarioError) as caught:
        observatory.limits(path, None, "ci")
    said = str(caught.value)
    assert "has 5 mistakes" in said
    assert "no limit is on the indicator 'latency_p59': did you mean 'latency_p9" in said
    assert "operator is 'eq', which no limit has: write one of lt, lte, gt, gte, or enabled" in said
    assert "unit is 'parsecs': latency_p95 has one of ms, s." in said
    assert "enabled is 'yes': it must be true or false." in said
    assert "the key 'threshold' is missing: write a number there." in said


def test_a_share_that_may_be_a_percentage_is_refused(tmp_path: Path) -> None:
    """An availability of 0.999 is 99.9 % to its author, and read as 0.999 % it would never fail."""
    share = {"indicator": "availability", "operator": "gte", "threshold": 0.999, "unit": None}
    with pytest.raises(ScenarioError, match=r"availability is 0.999 without a unit.*write the unit, 'ratio' or '%'"):
        observatory.limits(written(tmp_path, share), None, "ci")
    assert observatory.limits(written(tmp_path, {**share, "threshold": 99.9}), None, "ci") == ("error_rate <= 0.1%",)


@pytest.mark.skipif(not DATA.is_file(), reason="needs ../shared/data beside the checkout")
def test_the_objectives_of_the_system_itself_are_read() -> None:
    """One of the four is for a model alone."""
    general = ("e2e.p95 < 500ms", "error_rate < 1%", "error_rate <= 0.1%")
    assert observatory.limits(DATA, "anthropic/claude", "ci") == general
    assert observatory.limits(DATA, "openai/gpt-4", "ci") == (*general, "e2e.p95 < 2000ms")
