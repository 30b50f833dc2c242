"""Files of LLM-Test-Bench in real suites: as the parameters of a marked test, and given to pytest directly."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency import cli
from suites import MODEL, SWITCH, Suite, printed

DATASET: dict[str, Any] = {
    "name": "counting",
    "version": "1.0",
    "defaults": {"max_tokens": 9},
    "test_cases": [
        {"id": "count", "prompt": "To {{n}}.", "variables": {"n": "3"}, "category": "easy-maths", "expected": "qqq"},
        {"id": "greet", "prompt": "Hi", "config": {"model": "anthropic/claude-3-haiku-20240307"}},
    ],
}
SUITE: dict[str, Any] = {
    "providers": [{"provider_name": "openai", "model_id": "gpt-4o-mini", "timeout_ms": 9000}],
    "suite": {"suite_id": "s", "suite_name": "S", "test_cases": [{"test_id": "a", "prompt": "Hi"}]},
    "execution_config": {"iterations_per_test": 3, "warm_up_runs": 1, "concurrency": 2},
}
TEST = f"""
import pytest
from pytest_llm_latency.testbench import scenarios

@scenarios("data/set.json")
@pytest.mark.llm_latency(model="{MODEL}", requests=3, warmup=0)
async def test_counting(llm, scenario):
    reply = await llm(scenario.prompt, **scenario.parameters)
    assert reply.usage.tokens_out <= 9
"""


@pytest.fixture(autouse=True)
def _workers_start_at_once(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let xdist start its workers as processes that have imported what is slow."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))


@pytest.fixture
def files(suite: Suite) -> Suite:
    """Return a suite with a dataset, in JSON and in YAML, and a suite of theirs."""
    folder = suite.path / "data"
    folder.mkdir()
    for name, content in (("set.json", DATASET), ("suite.json", SUITE), ("other.json", {"cases": []})):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "set.yaml").write_text(json.dumps(DATASET), encoding="utf-8")  # JSON is YAML
    suite.write(TEST)
    return suite


def models(suite: Suite) -> dict[str, tuple[str, int]]:
    """Return the model and the number of requests of each test of the last run."""
    return {
        each["metadata"]["test_id"]: (each["config"]["model"], each["config"]["requests"]) for each in suite.benchmarks
    }


@pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)])
def test_scenarios_of_a_test_and_of_a_file_are_measured(files: Suite, workers: tuple[str, ...]) -> None:
    """The model of a case beats the marker's; a suite needs no Python and brings its providers and its load."""
    files.measure("--strict-markers", "test_suite.py", "data/suite.json", *workers).assert_outcomes(passed=3)
    assert models(files) == {
        "test_suite.py::test_counting[count]": (MODEL, 3),
        "test_suite.py::test_counting[greet]": ("anthropic/claude-3-haiku-20240307", 3),
        "data/suite.json::scenario[openai/gpt-4o-mini-a]": ("openai/gpt-4o-mini", 3),
    }
    metadata, config = files.benchmarks[-1]["metadata"], files.benchmarks[-1]["config"]
    assert (metadata["file"], metadata["line"]) == ("data/suite.json", 1)
    assert (config["warmup"], config["load"]["description"]) == (1, "closed, concurrency 2")


def test_a_category_selects_its_scenarios(files: Suite) -> None:
    """With -m, as any mark."""
    files.run("--collect-only", "-m", "testbench_easy_maths").assert_outcomes(deselected=1)


def test_a_dataset_of_yaml_is_measured_too_and_its_answers_are_checked_where_that_is_asked(files: Suite) -> None:
    """Off by default: the latency comes first."""
    options = ("data/set.yaml", f"--llm-latency-model={MODEL}", "--llm-latency-requests=2", "-k", "count")
    files.measure(*options).assert_outcomes(passed=1, deselected=1)
    result = files.measure(*options, "--llm-latency-expected")
    result.assert_outcomes(failed=1, deselected=1)
    assert "the answer to count does not contain 'qqq'" in printed(result)


def test_only_files_of_scenarios_that_are_named_are_collected(files: Suite) -> None:
    """A folder's are not, and other JSON files never."""
    files.run("--collect-only", "data").assert_outcomes()
    assert files.run("data").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert files.run("data/other.json").ret == pytest.ExitCode.USAGE_ERROR
    files.run("data/set.json").assert_outcomes(skipped=2)


def test_a_named_file_that_nobody_else_takes_is_told_what_it_lacks(files: Suite) -> None:
    """Where latency is measured: pytest alone says that it has found nothing."""
    assert "other.json is no dataset, suite or fleet manifest" in printed(files.run(SWITCH, "data/other.json"))
    (files.path / "data" / "other.json").write_text("", encoding="utf-8")
    assert "other.json is empty: name another file" in printed(files.run(SWITCH, "data/other.json"))


def test_a_file_that_is_wrong_is_one_error_of_the_collection(files: Suite) -> None:
    """With its place and without a traceback, whether a test or the command line names it."""
    (files.path / "data" / "set.json").write_text('{"test_cases": [\n', encoding="utf-8")
    for arguments in (("test_suite.py",), ("data/set.json",)):
        result = files.run(SWITCH, *arguments)
        text = printed(result)
        assert result.ret == pytest.ExitCode.INTERRUPTED
        assert "set.json, line 2, column 1: Expecting value: write it as JSON." in text
        assert "Traceback" not in text
        assert "reader.py" not in text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (TEST.replace("llm, scenario)", "llm)").replace("**scenario.parameters", ""), "takes no argument scenario: wr"),
        (TEST.replace("set.json", "nowhere.json"), "nowhere.json: check the name, which counts from the test's folder"),
        (TEST.replace('set.json"', 'set.json", profile="x"'), "is no fleet manifest and has no profile 'x'"),
    ],
)
def test_a_wrong_use_of_scenarios_is_told_with_the_remedy(files: Suite, source: str, said: str) -> None:
    """In one message."""
    files.write(source)
    assert said in printed(files.run(SWITCH))


def test_a_decision_runs_a_test_before_and_after_it(files: Suite) -> None:
    """With the parameters of each."""
    (files.path / "data" / "decision.json").write_text(
        json.dumps({"changes": [{"parameter": "top_p", "old_value": 1, "new_value": 0.5}]}), encoding="utf-8"
    )
    files.write("""
        from pytest_llm_latency.testbench import changes

        @changes("data/decision.json")
        def test_it(parameters, request):
            assert parameters == {"top_p": {"old": 1, "new": 0.5}[request.node.callspec.id]}
    """)
    files.run("--strict-markers").assert_outcomes(passed=2)


def test_an_imported_suite_is_collected(files: Suite) -> None:
    """With a test for each of its cases."""
    assert cli.main(["testbench", "import", "data/suite.json", "-o", "imported"]) == 0
    files.run(SWITCH, "--collect-only", "-q", "imported").stdout.fnmatch_lines([
        "imported/test_suite.py::test_suite?openai/gpt-4o-mini-a?"
    ])
