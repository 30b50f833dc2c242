"""The JSON document and its schema."""

import json
import math
from importlib import resources
from typing import Any

import jsonschema
import pytest

import nouns
import sessions
from pytest_llm_latency import load
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Session
from pytest_llm_latency.report import json_report

SCHEMA = json.loads(
    (resources.files("pytest_llm_latency.report") / "schema" / "results-1.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def written(session: Session) -> Any:
    """Return a document after it was written, validated and read again."""
    tree = json.loads(
        json_report.dumps(json_report.document(session, definitions=METRICS)),
        parse_constant=lambda name: pytest.fail(f"{name} is not JSON"),
    )
    VALIDATOR.validate(tree)
    return tree


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == json_report.SCHEMA


@pytest.mark.parametrize("name", sessions.SESSIONS)
def test_the_document_follows_the_schema(name: str) -> None:
    """For a session with most of what can happen, an empty and a passing one."""
    written(sessions.SESSIONS[name]()[0])


def test_the_schema_refuses_a_field_that_it_does_not_know() -> None:
    """A field that is added without the schema is a failed test."""
    tree = json_report.document(sessions.passing()[0], definitions=METRICS)
    tree["benchmarks"][0]["results"]["latency"]["p42"] = 1.0
    assert [list(error.path)[-1] for error in VALIDATOR.iter_errors(tree)] == ["latency"]


def test_a_replay_is_named_without_its_arrivals() -> None:
    """They stand in the file of the run."""
    plan = nouns.plan(load=load.replayed(nouns.trace(), 2.0), requests=4)
    config = written(nouns.session(nouns.result(of=nouns.run([0.2] * 4, plan=plan))))["benchmarks"][0]["config"]
    assert config["load"] == {
        "shape": "replay",
        "parameters": {"speed": 2.0},
        "trace": {"name": "trace.csv", "digest": "0f1e2d3c4b5a"},
        "description": "replay of trace.csv (0f1e2d3c4b5a), 4 requests, speed 2",
    }


def test_a_benchmark_carries_latency_throughput_and_reliability() -> None:
    """Under the names that other tools read."""
    run = nouns.run([0.2] * 97 + [None] * 3)
    results = written(nouns.session(nouns.result(of=run)))["benchmarks"][0]["results"]
    assert results["latency"] == {
        "mean": pytest.approx(1.12),
        "median": 1.12,
        "p95": 1.12,
        "p99": None,
        "min": 1.12,
        "max": 1.12,
        "infinite": [],
    }
    assert results["throughput"] == {"tokens_per_second": 60.625, "requests_per_second": 2.5, "infinite": []}
    assert results["reliability"]["success_rate"] == 0.97
    assert (results["reliability"]["error_count"], results["reliability"]["errors"]) == (3, {"RateLimitError": 3})


def test_an_infinite_number_is_null_and_named() -> None:
    """Strict readers refuse Infinity."""
    comparison = nouns.comparison("ttft", "regressed", candidate=math.inf, ratio=math.inf, interval=(1.5, math.inf))
    (found,) = written(nouns.session(nouns.result("regressed", comparisons=(comparison,))))["benchmarks"][0][
        "comparisons"
    ]
    assert (found["ratio"], found["interval_low"], found["interval_high"]) == (None, 1.5, None)
    assert found["infinite"] == ["candidate", "ratio", "interval_high"]


def test_what_is_not_a_number_is_null() -> None:
    """NaN never leaves the package."""
    limit = nouns.limit(value=math.nan)
    (found,) = written(nouns.session(nouns.result(limits=(limit,))))["benchmarks"][0]["limits"]
    assert (found["value"], found["infinite"]) == (None, [])


def test_every_step_has_its_own_entry_and_nothing_judged_is_left_out() -> None:
    """What was judged of a step that was not measured stands in the first entry."""
    comparisons = (nouns.comparison(step="follow up"), nouns.comparison(step="gone"))
    result = nouns.result(of=sessions.talk(), comparisons=comparisons, limits=(nouns.limit(),))
    first, second = written(nouns.session(result))["benchmarks"]
    assert [first["metadata"]["step"], second["metadata"]["step"]] == ["question", "follow up"]
    assert [each["step"] for each in first["comparisons"]] == ["gone"]
    assert [each["step"] for each in second["comparisons"]] == ["follow up"]
    assert len(first["limits"]) == 1


def test_the_table_of_metrics_makes_the_definitions_and_the_keys() -> None:
    """Said once, in metrics.py."""
    tree = written(sessions.passing()[0])
    assert [each["id"] for each in tree["definitions"]] == list(METRICS)
    assert tree["benchmarks"][0]["metrics"].keys() <= METRICS.keys()
    assert {"ttft", "e2e", "cost", "server_wait"} <= tree["benchmarks"][0]["metrics"].keys()


def test_a_message_that_utf_8_cannot_hold_is_still_written() -> None:
    """A provider's message may hold half a character."""
    session = nouns.session(nouns.result("invalid", reasons=("half \udc80",)))
    json_report.dumps(json_report.document(session, definitions=METRICS)).encode("utf-8")


def test_a_histogram_stands_on_one_line() -> None:
    """A list of numbers is no page of lines."""
    text = json_report.dumps({"histogram": [1, 20, 3], "reasons": ["[\n 1\n]"]})
    assert '"histogram": [1, 20, 3]' in text
    assert json.loads(text) == {"histogram": [1, 20, 3], "reasons": ["[\n 1\n]"]}
