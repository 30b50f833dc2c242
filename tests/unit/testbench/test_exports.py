"""What is exported has the fields of the systems around, by readers that their lists of fields make."""

import csv
import dataclasses
import io
import json
import math
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

import nouns
from pytest_llm_latency.commands import testbench
from pytest_llm_latency.model import Run
from pytest_llm_latency.testbench import rows
from pytest_llm_latency.testbench.formats import FORMATS
from pytest_llm_latency.testbench.scenario import Case, Scenario

TIMED_OUT = nouns.failure("Timeout", "no answer in 60 s")
SAMPLES = (
    nouns.sample(0, 9.0, 9.9, phase="warmup"),
    nouns.sample(1, 0.1, 0.5),
    nouns.sample(2, None),
    nouns.sample(3, 0.3, 1.1, finish_reason="function_call"),
    dataclasses.replace(nouns.sample(4, None, failed=TIMED_OUT), status="timeout"),
)
RUN = nouns.run(test_id="data/set.json::scenario[count]", file="data/set.json", samples=SAMPLES)
OTHER = nouns.run(
    [0.2], test_id="tests/test_a.py::test_a", conditions=(nouns.conditions(provider="anthropic", model="anthropic/c"),)
)
GROQ = nouns.run([0.2], conditions=(nouns.conditions(provider="groq", model="groq/x"),))
GEMINI = nouns.run([0.2], conditions=(nouns.conditions(provider="gemini", model="gemini/x"),))
RATES = [f"{name}_tokens_per_second" for name in ("mean", "min", "max", "std_dev", "p50", "p95", "p99")]
CASE = Case(
    id="count",
    scenario=Scenario(id="count", prompt="To 3.", parameters={}, category="maths", expected=None, references=()),
    arguments={},
)


def exported(name: str, *runs: Run, cases: tuple[Case, ...] = (CASE,)) -> str:
    """Return the text of a file."""
    return FORMATS[name].encode(rows.of_runs(runs, dict.fromkeys((run.file for run in runs), cases)), "set")


def is_moment(text: str) -> bool:
    """Say whether a text is a moment in UTC."""
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None


def checked(
    found: dict[str, Any], required: dict[str, type | tuple[type, ...]], optional: set[str] = frozenset()
) -> None:  # type: ignore[assignment]  # (a set that nobody changes)
    """Read a mapping as theirs do: every required field with its type, none that they do not know."""
    for name, kind in required.items():
        assert isinstance(found[name], kind), name
        assert not (kind in {int, float} and isinstance(found[name], bool)), name
    assert found.keys() - required.keys() <= optional


RESULT = {
    "test_id": str,
    "category": (str, type(None)),
    "status": str,
    "response": (dict, type(None)),
    "duration_ms": int,
    "timestamp": str,
}
EXTRA = {"error", "ttft_ms", "itl_mean_ms", "tokens_per_second", "tokens_used", "estimated_cost"}
FLAT = {"provider", "model", "total_latency_ms", "inter_token_latencies_ms", "input_tokens", "output_tokens", "success"}
FIRST = {"ttft_ms", "ttft"}  # the two names of the time to the first token that LLM-Latency-Lens needs in a line


def read_result(found: dict[str, Any], extra: set[str]) -> None:
    """Read one result as LLM-Test-Bench does."""
    checked(found, RESULT, extra)
    assert found["status"] in {"success", "failure", "timeout", "skipped"}
    assert is_moment(found["timestamp"])
    assert ("error" in found) == (found["status"] != "success")
    if found["response"] is not None:
        fields = {"id": str, "model": str, "content": str, "usage": dict, "finish_reason": str, "created_at": int}
        checked(found["response"], fields)
        assert found["response"]["finish_reason"] in {"stop", "length", "content_filter", "tool_calls", "error"}
        checked(found["response"]["usage"], {"prompt_tokens": int, "completion_tokens": int, "total_tokens": int})


def test_results_are_one_a_measured_request_with_a_summary_of_all() -> None:
    """Warm-up requests are none; the percentiles are theirs, over failures too."""
    found = json.loads(exported("results", RUN))
    assert (found["dataset_name"], found["provider_name"], found["total_tests"]) == ("set", "openai", 4)
    assert isinstance(found["total_duration_ms"], int)
    for each in found["results"]:
        read_result(each, EXTRA)
    assert [each["status"] for each in found["results"]] == ["success", "failure", "success", "timeout"]
    assert found["results"][0] == {
        "test_id": "count",
        "category": "maths",
        "status": "success",
        "response": {
            "id": found["results"][0]["response"]["id"],
            "model": "gpt-4o-mini-2024-07-18",
            "content": "",
            "usage": {"prompt_tokens": 412, "completion_tokens": 25, "total_tokens": 437},
            "finish_reason": "stop",
            "created_at": 1772442900,
        },
        "duration_ms": 500,
        "timestamp": "2026-03-02T09:15:00.400Z",
        "ttft_ms": 100.0,
        "itl_mean_ms": 100.0,
        "tokens_per_second": 50.0,
        "tokens_used": 437,
        "estimated_cost": 0.00008,
    }
    assert found["results"][2]["response"]["finish_reason"] == "tool_calls"
    durations = sorted(each["duration_ms"] for each in found["results"])
    summary = found["summary"]
    assert summary["p95_duration_ms"] == durations[math.ceil(0.95 * 3)] == 1100
    assert summary["p50_duration_ms"] == durations[math.ceil(0.5 * 3)]
    assert (summary["min_duration_ms"], summary["max_duration_ms"]) == (durations[0], durations[-1])
    counts = ("total", "succeeded", "failed", "timeout", "skipped", "success_rate", "total_tokens")
    assert [summary[name] for name in counts] == [4, 2, 1, 1, 0, 0.5, 874]
    assert summary["total_cost"] == pytest.approx(0.00016)
    assert len(summary) == 15


def test_providers_have_the_names_that_they_have_there() -> None:
    """So that results of the one are those of the other's provider."""
    assert json.loads(exported("results", GEMINI))["provider_name"] == "google"
    assert json.loads(exported("results", GROQ))["provider_name"] == "groq"


def test_a_line_of_a_result_is_one_of_llm_latency_lens_too() -> None:
    """With its flat keys beside."""
    found = [json.loads(line) for line in exported("jsonl", RUN, OTHER).splitlines()]
    for each in found:
        read_result(each, EXTRA | FLAT | {"cost_usd", "ttft"})
        assert each.keys() >= FLAT
        assert len(each.keys() & FIRST) == 1
    assert found[0]["total_latency_ms"] == 500.0
    assert found[0]["inter_token_latencies_ms"] == [100.0] * 4
    assert [each["success"] for each in found] == [True, False, True, False, True]
    assert (found[-1]["provider"], found[-1]["model"]) == ("anthropic", "c")
    assert found[-1]["test_id"] == "tests/test_a.py::test_a"


def test_csv_has_their_columns_in_their_order() -> None:
    """What is unknown is an empty cell, and every row has all of them."""
    lines = list(csv.reader(io.StringIO(exported("csv", RUN))))
    assert ",".join(lines[0]) == (
        "test_id,category,status,duration_ms,tokens,cost,model,prompt_length,response_length,prompt_tokens,"
        "completion_tokens,finish_reason,error,timestamp"
    )
    assert {len(line) for line in lines} == {14}
    moment = "2026-03-02T09:15:00.400Z"
    model = "gpt-4o-mini-2024-07-18"
    assert lines[1] == [
        "count",
        "maths",
        "success",
        "500",
        "437",
        "0.000080",
        model,
        "5",
        "100",
        "412",
        "25",
        "stop",
        "",
        moment,
    ]
    assert lines[2][2:7] == ["failure", "0", "0", "0.000000", ""]
    assert lines[2][12] == "429: too many requests"


def test_the_output_of_the_newer_runner_has_its_fields() -> None:
    """Its percentiles are nearest ranks over the successes; ids are UUIDs."""
    found = json.loads(exported("runner", RUN, OTHER))
    assert UUID(found["execution_id"])
    assert [found[name] for name in ("total_tests", "total_executions", "successful_executions")] == [2, 5, 3]
    assert found["failed_executions"] == 2
    assert is_moment(found["started_at"])
    assert found["providers_tested"] == [
        {"provider_name": "openai", "model_id": "gpt-4o-mini"},
        {"provider_name": "anthropic", "model_id": "c"},
    ]
    assert found["execution_config"]["concurrency"] == 8
    execution = {
        "test_id": str,
        "iteration": int,
        "provider_name": str,
        "model_id": str,
        "success": bool,
        "latency": dict,
    }
    execution |= {"started_at": str, "completed_at": str, "token_usage": dict}
    for each in found["results"]:
        checked(each, execution, {"error_message", "finish_reason", "response_content", "cost"})
        checked(each["latency"], {"total_ms": float}, {"time_to_first_token_ms", "tokens_per_second"})
    first = found["aggregated_stats"][0]
    names = ("p50", "p95", "p99", "mean", "min", "max", "stddev")
    numbers = {*(f"latency_{name}_ms" for name in names), "success_rate", "avg_tokens_per_request"}
    numbers |= {"total_cost_usd", "avg_cost_per_request_usd"}
    counts = dict.fromkeys(("total_executions", "successful_executions", "failed_executions", "total_tokens"), int)
    kinds = {"provider_name": str, "model_id": str, **counts, **dict.fromkeys(numbers, (int, float))}
    checked(first, kinds, {"avg_tokens_per_second"})
    assert [first[f"latency_{name}_ms"] for name in ("p50", "p95", "min", "max", "mean")] == [500, 1100, 500, 1100, 800]
    assert (first["success_rate"], first["total_executions"], first["latency_stddev_ms"]) == (0.5, 4, 300)
    assert first["avg_tokens_per_second"] == pytest.approx((25 / 0.5 + 25 / 1.1) / 2)


def test_the_texts_of_answers_and_the_parts_of_the_cost_are_exported_where_they_are_known() -> None:
    """What a failed request has said is no response."""
    said = {"text": "Drei.", "cost_in_usd": 0.00003}
    told = tuple(dataclasses.replace(each, **said) for each in SAMPLES)
    run = dataclasses.replace(RUN, samples=told, plan=nouns.plan(keep_answers=True))
    results = json.loads(exported("results", run))["results"]
    assert [each["response"] and each["response"]["content"] for each in results] == ["Drei.", None, "Drei.", None]
    found = json.loads(exported("runner", run))
    assert found["execution_config"]["save_responses"] is True
    assert [each.get("response_content") for each in found["results"]] == ["Drei.", None, "Drei.", None]
    costs = found["results"][0]["cost"]
    assert list(costs) == ["input_cost_usd", "output_cost_usd", "total_cost_usd"]
    assert list(costs.values()) == pytest.approx([0.00003, 0.00005, 0.00008])


def test_llm_latency_lens_gets_whole_nanoseconds() -> None:
    """Of each request, and of all."""
    first, second, *_ = [json.loads(line) for line in exported("lens", RUN).splitlines()]
    assert (first["ttft"], first["total_latency"]) == (100_000_000, 500_000_000)
    assert first["inter_token_latencies"] == [100_000_000] * 4
    assert (first["provider"], first["success"], "error" in first) == ("openai", True, False)
    assert UUID(first["session_id"]) == UUID(second["session_id"]) != UUID(first["request_id"])
    for run, provider in ((GROQ, "generic"), (GEMINI, "google")):
        (other,) = [json.loads(line) for line in exported("lens", run).splitlines()]
        assert other["provider"] == provider
    assert (second["success"], second["error"]) == (False, "429: too many requests")
    whole = json.loads(exported("lens-summary", RUN))
    assert (whole["total_requests"], whole["successful_requests"], whole["failed_requests"]) == (4, 2, 2)
    distribution = whole["total_latency_distribution"]
    assert distribution == {
        "min": 500_000_000,
        "max": 1_100_000_000,
        "mean": 800_000_000,
        "std_dev": 300_000_000,
        "p50": 500_000_000,
        "p90": 1_100_000_000,
        "p95": 1_100_000_000,
        "p99": 1_100_000_000,
        "p99_9": 1_100_000_000,
        "sample_count": 2,
    }
    assert whole["ttft_distribution"]["sample_count"] == 2
    assert whole["model_breakdown"] == [["gpt-4o-mini", 4]]
    assert whole["provider_breakdown"] == [["openai", 4]]
    assert UUID(whole["session_id"]) == UUID(first["session_id"])
    for run in (RUN, nouns.run([None])):
        rates = json.loads(exported("lens-summary", run))["throughput"]
        checked(rates, dict.fromkeys(RATES, float), {f"{name}_tokens_per_second" for name in ("p90", "p99_9")})


def test_llm_auto_optimizer_gets_events_latencies_and_profiles() -> None:
    """Ids are UUIDs, and the same for the same run."""
    events = [json.loads(line) for line in exported("optimizer-events", RUN).splitlines()]
    assert exported("optimizer-events", RUN) == exported("optimizer-events", RUN)
    assert {each["type"] for each in events} == {"performance_metrics"}
    assert len({UUID(each["id"]) for each in events} | {UUID(each["request_id"]) for each in events}) == 8
    assert (events[0]["latency_ms"], events[0]["metrics"]["ttft_ms"]) == (500.0, 100.0)
    assert "error" in events[1]
    latency = json.loads(exported("optimizer-latency", RUN))["latency_metrics"]
    own = latency.pop("by_model")["gpt-4o-mini"]
    assert latency == {"p50_ms": 500.0, "p95_ms": 1100.0, "p99_ms": 1100.0, "avg_ms": 800.0}
    assert own == {"p50_ms": 500.0, "p95_ms": 1100.0, "p99_ms": 1100.0, "request_count": 4, "timeout_rate": 0.25}
    (profile,) = json.loads(exported("optimizer-profiles", RUN))["profiles"]
    assert (profile["modelId"], profile["provider"], profile["sampleCount"]) == ("gpt-4o-mini", "openai", 2)
    assert (profile["p90Ms"], profile["ttftMs"]) == (1100.0, 200.0)


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_in_which_everything_failed_is_exported_too(name: str) -> None:
    """No figure of it is made up from nothing, and none is no number."""
    text = exported(name, nouns.run([None, None]))
    assert text
    assert "NaN" not in text
    assert "Infinity" not in text


def test_the_command_knows_every_format() -> None:
    """It names them without importing what writes them."""
    assert tuple(FORMATS) == testbench.NAMES
