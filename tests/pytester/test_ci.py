"""What a CI shows of a run by itself: noticed by its variables, written as the format asks."""

import json
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from suites import CHAT, Suite, printed

QUICK = CHAT.replace("requests=20", "requests=2").replace("concurrency=10", "concurrency=2")
SLOWER = "--llm-latency-simulate-slowdown=3"


@pytest.fixture(name="accepted")
def a_suite_with_a_baseline(suite: Suite) -> Suite:
    """Return a suite that regresses when it is measured three times as slow."""
    suite.write(CHAT.replace("requests=20", "requests=40"))
    suite.measure("--llm-latency-accept").assert_outcomes(passed=1)
    return suite


def artefact(suite: Suite, name: str) -> str:
    """Return one file of the report folder."""
    return (suite.path / ".llm-latency" / "report" / name).read_text(encoding="utf-8")


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)], ids=["alone", "n0", "n2"])
def test_github_gets_a_summary_annotations_outputs_and_a_comment(
    accepted: Suite, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without workers, at the line of the test."""
    suite = accepted
    summary, outputs = suite.path / "step-summary.md", suite.path / "outputs"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(suite.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    result = suite.measure(SLOWER, *workers)
    result.assert_outcomes(failed=1)
    assert "## ❌ LLM latency: 1 of 1 benchmark failed: 1 regressed" in summary.read_text(encoding="utf-8")
    assert outputs.read_text(encoding="utf-8") == "verdict=regressed\nfails=true\n"
    errors = [line for line in result.outlines if line.startswith("::error ")]
    assert len(errors) == 1
    assert f"file={suite.path.name}/test_suite.py,line=3," in errors[0]
    comment = artefact(suite, "comment.md").replace("\u00a0", " ")
    assert comment.startswith("<!-- pytest-llm-latency: simulator -->\n")
    assert re.search(
        r"\| `test_suite.py::test_chat` \| (ttft|e2e) \| [\d.]+ ms → [\d.]+ ms \| \*\*\+\d+ %\*\*", comment
    )
    assert re.search(r"(?m)^github +\.llm-latency/report \(6 files\)$", printed(result))


def test_gitlab_gets_its_reports(accepted: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by the rules of their parsers."""
    suite = accepted
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_PROJECT_DIR", str(suite.path))
    suite.measure(SLOWER, "--junitxml=theirs.xml", "-o", "junit_family=xunit1").assert_outcomes(failed=1)
    issues = json.loads(artefact(suite, "code-quality.json"))
    assert {(each["check_name"], each["location"]["path"]) for each in issues} == {
        ("llm-latency/regressed", "test_suite.py")
    }
    ((subject,),) = [json.loads(artefact(suite, "browser-performance.json"))]
    assert subject["subject"] == "test_suite.py::test_chat"
    names = [shlex.split(re.sub("#.*", "", line)) for line in artefact(suite, "metrics.txt").splitlines()]
    assert "llm_latency_ttft_ms{benchmark=test_suite.py::test_chat,quantile=0.5}" in {each[0] for each in names if each}
    load = json.loads(artefact(suite, "load-performance.json"))["metrics"]
    assert load["checks"] == {"passes": 40, "fails": 0}
    same_as_pytest(suite.path / "theirs.xml", suite.path / ".llm-latency" / "report" / "junit.xml")


def same_as_pytest(theirs: Path, ours: Path) -> None:
    """Compare what both say of the one case: names, place, properties, failure."""
    ((expected,), (case,)) = (list(ET.parse(path).getroot().iter("testcase")) for path in (theirs, ours))
    names = ("classname", "name", "file", "line")
    assert [case.get(name) for name in names] == [expected.get(name) for name in names]
    properties = [[each.attrib for each in one.iter("property")] for one in (case, expected)]
    assert properties[0] == properties[1]
    failures = [one.find("failure") for one in (case, expected)]
    assert failures[0] is not None
    assert failures[1] is not None
    assert (failures[0].text or "").split() == (failures[1].text or "").split()


def test_jenkins_gets_its_files(accepted: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a request, a plot, issues."""
    suite = accepted
    monkeypatch.setenv("JENKINS_URL", "https://jenkins.example/")
    suite.measure(SLOWER).assert_outcomes(failed=1)
    head, *lines = artefact(suite, "performance.csv").splitlines()
    assert head == "timeStamp,elapsed,label,responseCode,success,bytes"
    assert len(lines) == 40
    assert all(re.fullmatch(r"1\d{12},\d+,test_suite.py::test_chat,200,true,[1-9]\d*", line) for line in lines)
    names, values = artefact(suite, "plot.csv").splitlines()
    assert len(names.split(",")) == len(values.split(","))
    issues = json.loads(artefact(suite, "warnings.json"))["issues"]
    assert {(each["fileName"], each["lineStart"], each["severity"]) for each in issues} == {
        ("test_suite.py", 3, "ERROR")
    }


def test_no_file_is_written_where_none_is_wanted(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """``none`` counts more than where the run is; the page and the JSON report are there as always."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    suite.write(QUICK)
    suite.measure("--llm-latency-ci=none").assert_outcomes(passed=1)
    assert [path.name for path in (suite.path / ".llm-latency" / "report").iterdir()] == ["index.html"]


def test_a_summary_that_cannot_be_written_ends_the_run_before_it_measures(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message with what to do; an unknown CI is one too."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(suite.path / "gone" / "summary"))
    suite.write()
    result = suite.measure("--llm-latency-ci=github")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "llm-latency: " in printed(result)
    assert "gone/summary cannot be written" in printed(result)
    assert "Traceback" not in printed(result)
    result = suite.measure("--llm-latency-ci=travis")
    assert "'travis' is no CI: write one of auto, github, gitlab, jenkins, none." in printed(result)


def test_an_earlier_run_is_not_shown_as_one_that_was_cut_off(suite: Suite) -> None:
    """Its files are gone when the first test begins; a run without latency tests leaves them."""
    suite.write(QUICK)
    suite.measure("--llm-latency-ci=jenkins").assert_outcomes(passed=1)
    suite.measure("--collect-only")
    suite.measure("--llm-latency-ci=jenkins", "-k", "nothing")
    assert artefact(suite, "junit.xml")
    looking = """
        from pathlib import Path

        def test_look():
            assert not Path(".llm-latency/report/junit.xml").exists()
    """
    suite.write(looking, name="test_before")
    suite.measure("--llm-latency-ci=jenkins").assert_outcomes(passed=2)
    assert artefact(suite, "junit.xml")
