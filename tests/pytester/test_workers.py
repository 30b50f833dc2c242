"""With workers of xdist: results arrive at the controller, which alone stores them and says the same."""

import sys
from pathlib import Path

import pytest

from suites import Suite, printed

FOUR = """
import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=40, warmup=10, concurrency=10)

async def test_async(llm):
    reply = await llm("hi")
    assert reply.text

def test_plain(llm):
    llm("hi")

async def test_steps(llm):
    await llm("hi", name="first")
    await llm("hi again", name="second")

@pytest.mark.llm_latency(limits=["ttft.max < 1ms"])
def test_limit(llm):
    llm("hi")
"""
QUICKER = """
import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=4, warmup=1)

def test_one(llm):
    llm("hi")

def test_two(llm):
    llm("hi")
"""


@pytest.fixture(autouse=True)
def _workers_start_at_once(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let xdist start its workers as processes that have imported what is slow."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))


def test_workers_measure_and_the_controller_says_and_stores_the_same(suite: Suite) -> None:
    """Verdicts, numbers of requests and their order; each sample names its worker; one folder of runs."""
    suite.profile(ttft="60ms", inter_token="4ms", output_tokens=4)
    suite.write(FOUR)
    suite.measure("--llm-latency-accept").assert_outcomes(passed=3, failed=1)
    found = {}
    for workers in ("-n0", "-n2"):
        result = suite.measure(workers, "--llm-latency-simulate-slowdown=2", "--junitxml=junit.xml")
        result.assert_outcomes(failed=4)
        text = printed(result)
        assert "FAILED test_suite.py::test_limit - Failed: regressed: " in text
        assert text.count("Captured llm latency call") == 4
        assert "INTERNALERROR" not in text
        junit = (suite.path / "junit.xml").read_text(encoding="utf-8")
        assert junit.count('<property name="llm_latency_verdict" value="regressed"') == 4
        session = suite.session
        assert session.manifest is not None
        assert suite.document["summary"]["missing"] == []
        requests = [each["results"]["reliability"]["requests"] for each in suite.benchmarks]
        found[workers] = (suite.verdicts, requests, session.manifest.expected)
    assert found["-n0"] == found["-n2"]
    assert set(found["-n2"][0].values()) == {"regressed"}
    runs = [run for test in session.tests for run in session.runs(test)]
    assert {sample.worker for run in runs for sample in run.samples} == {"gw0", "gw1"}
    assert len(list((suite.path / ".llm-latency" / "runs").iterdir())) == 3
    assert suite.accepted == {"test_async": 1, "test_plain": 1, "test_steps": 1, "test_limit": 1}


def test_what_goes_wrong_on_a_worker_turns_the_session_red(suite: Suite) -> None:
    """A wrong marker, a worker that dies, a result that does not arrive: nothing hangs, nothing passes silently."""
    suite.write(
        f"""
import os
{QUICKER}
@pytest.mark.llm_latency(request=3)
def test_wrong(llm):
    llm("hi")

async def test_killer(llm):
    os._exit(7)
"""
    )
    suite.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_logreport(report):
            if hasattr(report, "node") and report.nodeid.endswith("test_one"):
                report.__dict__.pop("llm_latency_outcome", None)
            return (yield)
        """
    )
    result = suite.measure("-n2", "--llm-latency-accept")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = " ".join(printed(result).split())
    assert "llm_latency has no argument 'request': did you mean 'requests'?" in text
    assert "crashed while running 'test_suite.py::test_killer'" in text
    assert "FAILED test_suite.py::test_one - the result of this latency test was lost" in text
    assert "test_killer - the result" not in text
    assert list(suite.verdicts) == ["test_two"]
    assert "test_suite.py::test_one" in suite.document["summary"]["missing"]
    assert suite.accepted == {"test_two": 1}


def test_the_plugin_works_where_xdist_is_switched_off(suite: Suite) -> None:
    """Its hooks are optional."""
    suite.write(QUICKER)
    suite.measure("-p", "no:xdist").assert_outcomes(passed=2)
