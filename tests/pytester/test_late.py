"""A test whose verdict needs the other tests' p values is reported once, when it is known."""

import dataclasses
from xml.etree import ElementTree as ET

import pytest

from pytest_llm_latency import judge
from pytest_llm_latency.judge import Baseline, Policy
from pytest_llm_latency.model import Result, Run
from pytest_llm_latency.stats import Noise
from suites import Suite, printed

THREE = """
import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=4, warmup=1)

def test_one(llm):
    llm("hi")

def test_two(llm):
    llm("hi")

async def test_three(llm, request):
    request.node.user_properties[:] = [("mine", 7)]
    await llm("hi")
"""


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests one and three wait for the others, and three regress in the end: chance alone decides it otherwise."""
    at_once, seen = judge.judge, set()

    def judged(run: Run, baseline: Baseline | None, policy: Policy, noise: Noise | None) -> Result:
        result = at_once(run, baseline, policy, noise)
        again, _ = run.id in seen, seen.add(run.id)
        if again and run.test_id.endswith("three"):
            return dataclasses.replace(result, status="regressed", fails=True, reasons=("p fell",))
        return result

    def undecided(results: list[Result], _: object) -> tuple[str, ...]:
        return tuple(each.test_id for each in results if not each.test_id.endswith("two"))

    monkeypatch.setattr(judge, "judge", judged)
    monkeypatch.setattr(judge, "undecided", undecided)


@pytest.mark.parametrize("verbosity", ["-q", "-v", "-rA"])
def test_a_late_regression_is_one_failed_test(suite: Suite, verbosity: str) -> None:
    """It never passes on the screen, the exit code is right, and its section is there."""
    suite.write(THREE)
    result = suite.measure(verbosity, "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    text = printed(result)
    assert "test_three PASSED" not in text
    assert text.count("FAILED test_suite.py::test_three - regressed: p fell") == 1
    assert suite.verdicts == {"test_one": "no_baseline", "test_two": "no_baseline", "test_three": "regressed"}
    cases = list(ET.parse(suite.path / "junit.xml").getroot().iter("testcase"))
    assert sorted(case.attrib["name"] for case in cases) == ["test_one", "test_three", "test_two"]
    (late,) = [case for case in cases if case.attrib["name"] == "test_three"]
    assert [each.attrib["message"].partition("\n")[0] for each in late.iter("failure")] == ["regressed: p fell"]
    properties = {each.attrib["name"]: each.attrib["value"] for each in late.iter("property")}
    assert (properties["mine"], properties["llm_latency_verdict"]) == ("7", "regressed")


def test_a_late_failure_is_one_of_the_last_failed(suite: Suite) -> None:
    """The memory that pytest has of failures knows it."""
    suite.write(THREE)
    suite.measure()
    suite.measure("--lf")
    assert list(suite.verdicts) == ["test_three"]


def test_a_held_report_is_shown_when_the_session_is_cut_off(suite: Suite) -> None:
    """Nothing that was reported to pytest is swallowed."""
    suite.write(THREE)
    suite.write("import pytest\n\ndef test_end():\n    pytest.exit('enough')\n", name="test_zone")
    result = suite.measure("-v")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    text = printed(result)
    for name in ("test_one", "test_two", "test_three"):
        assert f"test_suite.py::{name} " in text
