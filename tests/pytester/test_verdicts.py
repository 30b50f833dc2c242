"""The main job: accept, compare, fail; and what is said where nothing can be compared."""

import importlib.resources
import json
import re

import jsonschema
import pytest

from suites import Suite, printed

ACCEPT = "--llm-latency-accept"
SLOWER = "--llm-latency-simulate-slowdown=1.6"
CHAT = """
import pytest

@pytest.mark.llm_latency(model={model!r}, requests={requests}, warmup=10, concurrency=10, gate={gate}{more})
{kind}def test_chat(llm):
    {wait}llm({prompt!r}{call})
"""
USUAL = {
    "model": "openai/gpt-4o-mini",
    "requests": 40,
    "gate": ["ttft", "e2e"],
    "more": "",
    "kind": "async ",
    "wait": "await ",
    "prompt": "Say hello.",
    "call": "",
}


def chat(**changes: object) -> str:
    """Return the suite with some of its usual parts changed."""
    return CHAT.format(**{**USUAL, **changes})


@pytest.fixture(autouse=True)
def _quick(suite: Suite) -> None:
    suite.profile(ttft="60ms", inter_token="4ms", output_tokens=4)


def one_text(result: pytest.RunResult) -> str:
    """Return what a run has printed as one line."""
    return " ".join(printed(result).split())


@pytest.mark.parametrize(("kind", "wait"), [("async ", "await "), ("", "")])
def test_the_way_of_a_baseline(suite: Suite, kind: str, wait: str) -> None:
    """None yet, accepted, the same, slower, faster: the fourth run alone is red."""
    suite.write(chat(kind=kind, wait=wait))
    first = suite.measure()
    first.assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "no_baseline"}
    assert "llm-latency baseline accept --test test_suite.py::test_chat" in printed(first)
    suite.measure(ACCEPT, "--llm-latency-reason=first").assert_outcomes(passed=1)
    assert suite.accepted == {"test_chat": 1}
    suite.measure("--llm-latency-margin=60%").assert_outcomes(passed=1)  # the machine is busy with other tests
    assert suite.verdicts == {"test_chat": "pass"}
    assert suite.accepted == {"test_chat": 1}
    slower = suite.measure(SLOWER)
    slower.assert_outcomes(failed=1)
    assert slower.ret == pytest.ExitCode.TESTS_FAILED
    assert suite.verdicts == {"test_chat": "regressed"}
    suite.measure("--llm-latency-simulate-slowdown=0.5").assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "improved"}


def test_a_regression_says_what_it_was_what_it_is_and_how_sure_that_is(suite: Suite) -> None:
    """In the failure, in the table, and in the report, which follows its schema."""
    suite.write(chat())
    suite.measure(ACCEPT)
    result = suite.measure(SLOWER)
    text = one_text(result)
    assert re.search(r"regressed: (ttft|e2e) p95 \d\S* ms → \d\S* ms \(\+\d+ %", text)
    assert "95 % interval +" in text
    assert "over 1 baseline run" in text
    assert "accept it without measuring again: llm-latency baseline accept --test test_suite.py::test_chat" in text
    schema = json.loads(
        (importlib.resources.files("pytest_llm_latency.report") / "schema" / "results-1.json").read_text("utf-8")
    )
    jsonschema.Draft202012Validator(schema).validate(suite.document)
    (benchmark,) = suite.benchmarks
    assert benchmark["verdict"]["fails"]
    found = {each["metric"]: each for each in benchmark["comparisons"]}
    ttft = found["ttft"]["verdict"] if "verdict" in found["ttft"] else found["ttft"]
    assert ttft["status"] == "regressed"
    assert 1.3 < ttft["ratio"] < 2.0
    assert ttft["p_value"] < 0.05
    assert ttft["baseline"] < 0.09 < ttft["candidate"]


def test_the_simulated_environment_has_baselines_of_its_own(suite: Suite) -> None:
    """Another label has none yet."""
    suite.write(chat(requests=10))
    suite.measure(ACCEPT)
    suite.measure("--llm-latency-environment=other")
    assert suite.verdicts == {"test_chat": "no_baseline"}


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"prompt": "Say goodbye."}, "the prompts' fingerprint was"),
        ({"model": "openai/gpt-4o"}, "the model was openai/gpt-4o-mini in the baseline and is openai/gpt-4o"),
        ({"more": ", version='2'"}, "the version label was not set in the baseline and is 2"),
        ({"more": ", load='200/s'"}, "the load was closed, concurrency 10 in the baseline and is constant, 200/s"),
        ({"call": ", temperature=0.5"}, 'the set of parameters was {} in the baseline and is {"temperature": 0.5}'),
        ({"call": ", stream=False"}, "the stream mode was on in the baseline and is off"),
        ({"call": ", name='hello'"}, "step 'hello' was not measured before"),
    ],
)
def test_what_was_measured_otherwise_is_not_compared_and_the_difference_is_named(
    suite: Suite, changes: dict[str, object], difference: str
) -> None:
    """The policy for a missing baseline holds: a warning, or a failure."""
    suite.write(chat(requests=10))
    suite.measure(ACCEPT)
    changed = chat(requests=10, **changes)
    if "load" in str(changes):
        changed = changed.replace("concurrency=10, ", "")
    suite.write(changed)
    result = suite.measure(SLOWER)
    result.assert_outcomes(passed=1)
    assert set(suite.verdicts.values()) == {"incomparable"}
    assert difference in one_text(result)
    assert "accept a new baseline, or measure as the baseline was measured" in one_text(result)


def test_an_incomparable_run_follows_the_policy_for_a_missing_baseline_and_can_be_accepted(suite: Suite) -> None:
    """The runs before it are replaced."""
    suite.write(chat(requests=10))
    suite.measure(ACCEPT)
    suite.write(chat(requests=10, prompt="Say goodbye."))
    suite.measure("--llm-latency-on-no-baseline=fail").assert_outcomes(failed=1)
    suite.measure(ACCEPT).assert_outcomes(passed=1)
    assert suite.accepted == {"test_chat": 1}
    suite.measure("--llm-latency-on-no-baseline=fail").assert_outcomes(passed=1)


@pytest.mark.parametrize(("policy", "outcome"), [("warn", "passed"), ("pass", "passed"), ("fail", "failed")])
def test_policies_decide_what_an_open_question_does(suite: Suite, policy: str, outcome: str) -> None:
    """Ten requests compare and settle nothing; no baseline is a question of its own. ``pass`` says nothing of it."""
    suite.write(chat(requests=10))
    arguments = (f"--llm-latency-on-no-baseline={policy}", f"--llm-latency-on-inconclusive={policy}")
    suite.measure(*arguments).assert_outcomes(**{outcome: 1})
    assert suite.verdicts == {"test_chat": "no_baseline"}
    suite.measure(ACCEPT, *arguments).assert_outcomes(passed=1)
    result = suite.measure(*arguments)
    result.assert_outcomes(**{outcome: 1})
    assert suite.verdicts == {"test_chat": "inconclusive"}
    assert ("Raise requests" in one_text(result)) == (policy != "pass")


def test_accepting_a_slower_run_fails_nothing_and_makes_it_the_baseline(suite: Suite) -> None:
    """Limits still fail."""
    suite.write(chat())
    suite.measure(ACCEPT)
    suite.measure(ACCEPT, SLOWER).assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "regressed"}
    suite.write(chat(more=", limits=['ttft.p50 < 1ms']"))
    suite.measure(ACCEPT).assert_outcomes(failed=1)


def test_accepting_touches_only_what_was_selected(suite: Suite) -> None:
    """Every other byte of the baselines stays."""
    suite.write(chat(requests=10) + chat(requests=10).replace("test_chat", "test_tool"))
    suite.measure(ACCEPT)
    folder = suite.path / "baselines"
    before = {path: content for path, content in suite.texts().items() if folder in path.parents}
    suite.measure(ACCEPT, "-k", "tool").assert_outcomes(passed=1, deselected=1)
    assert suite.accepted == {"test_chat": 1, "test_tool": 2}
    after = {path: content for path, content in suite.texts().items() if folder in path.parents}
    assert {path.name.partition("-")[2][:9] for path in after if after[path] != before[path]} <= {"test_tool", ""}
    assert [path for path in after if "test_chat" in path.name and after[path] != before[path]] == []


def test_a_gate_that_is_off_leaves_the_limits(suite: Suite) -> None:
    """A test with limits alone needs no baseline to pass."""
    suite.write(chat(requests=10, gate=False, more=", limits=['ttft.max < 10s']"))
    suite.measure().assert_outcomes(passed=1)
    assert suite.verdicts == {"test_chat": "pass"}
    suite.write(chat(requests=10, gate=False, more=", limits=['ttft.max < 10ms']"))
    suite.measure().assert_outcomes(failed=1)
    assert suite.verdicts == {"test_chat": "regressed"}


def test_more_errors_than_in_the_baseline_are_a_regression_of_their_own(suite: Suite) -> None:
    """Even where the error limit allows them."""
    suite.write(chat())
    suite.measure(ACCEPT)
    suite.profile({"kind": "server_error", "every": 3}, ttft="60ms", inter_token="4ms", output_tokens=4)
    result = suite.measure("--llm-latency-error-limit=50%")
    result.assert_outcomes(failed=1)
    assert "error_rate: 0 of 40 requests (0 %) failed in the baseline, 1" in one_text(result)
