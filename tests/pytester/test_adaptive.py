"""Adaptive runs: what stops early, what does not, and what is said and stored of it."""

import sys
from pathlib import Path

import pytest

from pytest_llm_latency.cli import main
from suites import Suite, printed

ADAPTIVE = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", warmup=10, {more})
{kind}def test_chat(llm):
    {wait}llm("Say hello.")
"""
CLOSED = "adaptive=True, requests=120, concurrency=10"
OPEN = "adaptive=True, requests=120, load='200/s'"
STEADY = ("--llm-latency-margin=50", "--llm-latency-tolerance=2")  # the machine is busy with other tests
SLOWER = ("--llm-latency-tolerance=2", "--llm-latency-simulate-slowdown=6")
KINDS = {"async": ("async ", "await "), "plain": ("", "")}


def chat(more: str = CLOSED, kind: str = "async") -> str:
    """Return a suite of one test."""
    before, wait = KINDS[kind]
    return ADAPTIVE.format(more=more, kind=before, wait=wait)


def notes(suite: Suite) -> list[str]:
    """Return the messages of the last run."""
    return [notice["message"] for notice in suite.benchmarks[0]["warnings"] if notice["code"] == "settled"]


def measured(suite: Suite) -> int:
    """Return how many requests the last run has stored."""
    (test,) = suite.session.tests
    (run,) = suite.session.runs(test)
    return sum(sample.phase == "measure" for sample in run.samples)


@pytest.fixture(autouse=True)
def _quick(suite: Suite) -> None:
    suite.profile(ttft="25ms", inter_token="1ms", output_tokens=3)


@pytest.mark.parametrize(("more", "kind"), [(CLOSED, "plain"), (OPEN, "async")])
def test_a_run_stops_where_the_verdict_is_clear_and_measures_everything_where_none_can_be(
    suite: Suite, more: str, kind: str
) -> None:
    """Without a baseline and while accepting, all of it; unchanged and slower, what the first look has."""
    suite.write(chat(more, kind))
    suite.measure("--llm-latency-accept").assert_outcomes(passed=1)
    assert (measured(suite), notes(suite)) == (120, [])
    unchanged = suite.measure(*STEADY)
    unchanged.assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "pass"}
    assert measured(suite) == 60
    assert notes(suite) == ["stopped after 60 of 120 requests: the verdict was clear."]
    assert "note: stopped after 60 of 120 requests: the verdict was clear." in printed(unchanged)
    assert "Note: stopped after 60 of 120 requests" in (suite.path / ".llm-latency/report/index.html").read_text(
        "utf-8"
    )
    slower = suite.measure(*SLOWER)
    slower.assert_outcomes(failed=1)
    assert measured(suite) == 60
    assert "note: stopped after 60 of 120 requests: ttft regressed." in printed(slower)


def test_a_stored_run_that_stopped_early_is_judged_again_as_it_was(
    suite: Suite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its looks, which are stored with it."""
    suite.write(chat())
    suite.measure("--llm-latency-accept")
    suite.measure(*SLOWER)
    (run,) = suite.session.runs(suite.session.tests[0])
    assert (run.looks, run.complete) == ((60,), True)
    said = {each["metric"]: each for each in suite.benchmarks[0]["comparisons"]}
    monkeypatch.chdir(suite.path)
    capsys.readouterr()
    assert main(["compare", "baselines", ".llm-latency", "--json"]) == 1
    text = capsys.readouterr().out
    assert f'"raw_p_value": {said["ttft"]["raw_p_value"]}' in text
    assert "p and the interval allow for one look at the run as it grew" in text


def test_limits_that_are_exceeded_and_what_is_not_compared_are_measured_to_the_end(suite: Suite) -> None:
    """Few requests may exceed a limit that many keep; a body that has changed has no baseline."""
    suite.write(chat())
    suite.measure("--llm-latency-accept")
    suite.write(chat(f"{CLOSED}, limits=['ttft.p50 < 1ms']"))
    suite.measure(*STEADY).assert_outcomes(failed=1)
    assert (measured(suite), notes(suite)) == (120, [])
    suite.write(chat().replace("Say hello.", "Say goodbye."))
    suite.measure(*STEADY)
    assert suite.verdicts == {"test_chat": "incomparable"}
    assert measured(suite) == 120


def test_a_budget_ends_an_adaptive_run_as_any_other(suite: Suite) -> None:
    """It stands before the looks."""
    suite.write(chat())
    suite.measure("--llm-latency-accept")
    suite.write(chat(f"{CLOSED}, budget={{'requests': 50}}"))
    suite.measure(*STEADY).assert_outcomes(passed=1)
    assert measured(suite) == 40
    assert suite.verdicts == {"test_chat": "inconclusive"}
    assert notes(suite) == []


def test_workers_stop_where_one_process_does(suite: Suite, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them asks for the runs that it measures alone."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    beside = ("-n2", "--llm-latency-workers=parallel")
    suite.write(chat())
    suite.measure("--llm-latency-accept", *beside).assert_outcomes(passed=1)
    suite.measure(*STEADY, *beside).assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "pass"}
    assert measured(suite) == 60
    assert notes(suite) == ["stopped after 60 of 120 requests: the verdict was clear."]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("adaptive='yes'", "adaptive is 'yes': it must be True or False."),
        ("adaptive=True, requests=60", "raise requests to at least 120, or leave adaptive out."),
        ("adaptive=True, gate=False", "gate=False gates nothing: leave one of them out."),
    ],
)
def test_what_cannot_be_adaptive_is_a_usage_error(suite: Suite, more: str, message: str) -> None:
    """Before anything is measured."""
    suite.write(chat(more))
    result = suite.measure()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in printed(result)
