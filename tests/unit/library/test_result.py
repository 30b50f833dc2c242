"""What becomes of a result: verdicts beside other runs, files, tables."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nouns
from pytest_llm_latency import options, profiles
from pytest_llm_latency.cli import main
from pytest_llm_latency.errors import RefusedBaselineError, StorageError, UnwritableError, UsageError, VerdictError
from pytest_llm_latency.library.result import ProfileResult
from pytest_llm_latency.model import Run

VALUES = options.resolve(lambda _: None, lambda _: None, Path()).values
NAME = "openai/gpt-4o-mini"


def run(*, factor: float = 1.0, seed: int = 1, **changes: Any) -> Run:
    """Return a run of eighty requests."""
    latencies = nouns.lognormal(80, median=0.3 * factor, seed=seed)
    named = {"test_id": NAME, "plan": nouns.plan(warmup=0, requests=80), "id": f"run-{seed}-{factor}"}
    return nouns.run(latencies, **named | changes)


def result(**changes: Any) -> ProfileResult:
    """Return the result of a run."""
    return ProfileResult(profiles.judged(run(**changes), (), VALUES))


def test_a_slower_run_regresses_beside_another() -> None:
    """Given as a result, as a run, or as a file; the figures stay."""
    slow, usual = result(factor=1.6, seed=2), result()
    for against in (usual, usual.run):
        judged = slow.gate(against)
        assert (judged.status, judged.fails) == ("regressed", True)
        assert judged.ttft == slow.ttft
        assert {each.metric for each in judged.comparisons} >= {"ttft", "e2e"}
        assert "ttft p95" in judged.reasons[0]
        with pytest.raises(VerdictError, match="regressed"):
            judged.check()
    assert slow.check() is slow


def test_a_file_is_gated_against_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command, too: both read what was written."""
    before = result().to_parquet(tmp_path / "made" / "before.parquet")
    after = result(factor=1.6, seed=2)
    assert after.gate(before).status == "regressed"
    assert main(["compare", str(before), str(after.to_parquet(tmp_path / "after.parquet"))]) == 1
    assert "regressed: openai/gpt-4o-mini" in capsys.readouterr().out


def test_the_last_session_is_looked_up_where_the_settings_say(tmp_path: Path) -> None:
    """As the options of the profiler, or their file, have it."""
    values = {**VALUES, "results": tmp_path / "out"}
    with pytest.raises(StorageError, match=re.escape(str(tmp_path / "out"))):
        ProfileResult(profiles.judged(run(), (), values)).gate("last")


def test_a_run_of_another_name_counts_where_it_is_the_only_one() -> None:
    """Of several, none can be chosen."""
    renamed = run(seed=3, test_id="tests/test_chat.py::test_a")
    assert result().gate(renamed).status == "pass"
    both = [renamed, run(seed=4, test_id="tests/test_chat.py::test_b")]
    with pytest.raises(UsageError, match=r"test_a, .*test_b, and none is of openai/gpt-4o-mini"):
        profiles.judged(run(), both, VALUES)


def test_nothing_is_judged_against_a_run_that_cannot_be_trusted() -> None:
    """Nor against something else."""
    with pytest.raises(RefusedBaselineError, match="no earlier run can be judged against: the run was interrupted"):
        result().gate(run(seed=3, complete=False))
    other = run(seed=3, conditions=(nouns.conditions(prompts="other"),))
    assert result().gate(other).status == "incomparable"
    with pytest.raises(UsageError, match=r"against \(nowhere\) does not exist"):
        result().gate("nowhere")


def test_limits_count_without_another_run() -> None:
    """They are part of the plan."""
    exceeded = result(plan=nouns.plan(warmup=0, requests=80, limits=("ttft.p95 < 1ms",)))
    assert (exceeded.status, exceeded.fails, [each.status for each in exceeded.limits]) == (
        "regressed",
        True,
        ["regressed"],
    )


def test_a_result_is_a_table_of_pandas() -> None:
    """With the metrics beside each request."""
    frame = result().to_pandas()
    assert len(frame) == 80
    assert {"ttft", "e2e", "status", "phase", "model"} <= set(frame.columns)
    assert frame.ttft.median() == pytest.approx(0.3, rel=0.1)


def test_json_follows_the_schema_of_results(tmp_path: Path) -> None:
    """Returned, and written where a path is given."""
    text = result().gate(run(seed=2)).to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == text
    schema = json.loads((resources.files("pytest_llm_latency.report") / "schema" / "results-1.json").read_text("utf-8"))
    jsonschema.validate(json.loads(text), schema)
    assert json.loads(result().to_json())["benchmarks"][0]["metadata"]["test_id"] == NAME


def test_the_report_is_one_file(tmp_path: Path) -> None:
    """With the other run beside it."""
    page = result().gate(run(seed=2)).report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert NAME in page
    assert page.startswith("<!DOCTYPE html>")


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The result is there still."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UnwritableError):
        result().to_parquet(tmp_path / "file" / "run.parquet")


def test_a_result_prints_as_a_table_with_its_verdict() -> None:
    """And names itself in short where it is looked at."""
    judged = result(factor=1.6, seed=2).gate(run())
    assert str(judged).startswith("regressed: openai/gpt-4o-mini")
    assert any(each.startswith("ttft p95 ") for each in str(judged).splitlines())
    assert repr(judged) == "<ProfileResult openai/gpt-4o-mini: regressed, 80 requests>"
