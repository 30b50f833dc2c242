"""With workers of xdist: results arrive at the controller, which alone stores them and says the same."""

import re
import sys
from pathlib import Path

import pytest

from pytest_llm_latency import artefacts, cli
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

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(autouse=True)
def _workers_start_at_once(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let xdist start its workers as processes that have imported what is slow."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))


def test_workers_measure_and_the_controller_says_and_stores_the_same(suite: Suite) -> None:
    """Verdicts, numbers of requests and their order; each sample names its worker; one folder of runs.

    What several workers measured is reported again to the last byte.
    """
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
    folder = suite.path / ".llm-latency"
    written = {each.path: (folder / each.path).read_bytes() for each in artefacts.ARTEFACTS}
    assert cli.main(["report", "--output", "again"]) == 0
    assert {path: (suite.path / "again" / path).read_bytes() for path in written} == written


def test_a_worker_that_dies_in_each_attempt_fails_its_test_and_no_other(suite: Suite) -> None:
    """A wrong marker is said once; nothing hangs, nothing passes silently."""
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
    result = suite.measure("-n2", "--llm-latency-accept")
    result.assert_outcomes(passed=2, failed=2)
    text = " ".join(printed(result).split())
    assert result.outlines.count("llm_latency has no argument 'request': did you mean 'requests'?") == 1
    assert re.search(r"invalid: (worker gw\d was|its workers were) lost ", text)
    assert set(suite.verdicts) == {"test_one", "test_two"}
    assert suite.accepted == {"test_one": 1, "test_two": 1}


def test_workers_may_measure_different_tests_at_the_same_time(suite: Suite) -> None:
    """Which is another load, and a result that does not arrive fails the session."""
    suite.write(f"import os\n{QUICKER}\nasync def test_killer(llm):\n    os._exit(7)\n")
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
    result = suite.measure("-n2", "--llm-latency-workers=parallel", "--llm-latency-accept")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = " ".join(printed(result).split())
    assert "crashed while running 'test_suite.py::test_killer'" in text
    assert "FAILED test_suite.py::test_one - the result of this latency test was lost" in text
    assert "test_killer - the result" not in text
    assert list(suite.verdicts) == ["test_two"]
    assert "test_suite.py::test_one" in suite.document["summary"]["missing"]
    assert suite.accepted == {"test_two": 1}
    (run,) = (run for test in suite.session.tests for run in suite.session.runs(test))
    assert run.conditions[0].load == "closed, concurrency 1, beside the tests of 1 other worker"


def test_a_load_is_divided_and_comes_to_the_same_requests_and_verdicts(suite: Suite) -> None:
    """Without workers and with two or four: ids, prompts, schedule, and what is said of them."""
    suite.profile(ttft="60ms", inter_token="2ms", output_tokens=3)
    suite.write(
        """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=61, warmup=4, load="poisson 400/s seed 3")
async def test_open(llm):
    await llm("hi")

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=61, warmup=4, concurrency=10, prompts=["a", "b", "c"])
def test_closed(llm):
    if llm.prompt == "b":
        assert llm().text == "no"
    llm()
"""
    )
    suite.ini("llm_latency_error_limit = 50%")
    suite.measure("--llm-latency-accept").assert_outcomes(passed=2)
    found = {}
    for workers in ("-n0", "-n2", "-n4"):
        suite.measure(workers, "--llm-latency-simulate-slowdown=2").assert_outcomes(failed=2)
        runs = {test.test_id: suite.session.runs(test)[0] for test in suite.session.tests}
        planned = {}
        for name, run in runs.items():
            began_ns = min(sample.stamps.scheduled or sample.stamps.started for sample in run.samples[4:])
            offsets = [round(((sample.stamps.scheduled or began_ns) - began_ns) / 1e9, 6) for sample in run.samples[4:]]
            asked = sorted((sample.iteration, sample.step, sample.status) for sample in run.samples)
            planned[name] = asked, sorted(offsets), run.conditions, sorted(dict(run.iteration_failures))
            assert [sample.index for sample in run.samples] == list(range(len(run.samples)))
            assert len(run.workers) == int(workers[-1])
        found[workers] = planned, suite.verdicts
    assert found["-n0"] == found["-n2"] == found["-n4"]


def test_the_plugin_works_where_xdist_is_switched_off(suite: Suite) -> None:
    """Its hooks are optional."""
    suite.write(QUICKER)
    suite.measure("-p", "no:xdist").assert_outcomes(passed=2)


def test_an_adaptive_test_stops_where_what_all_have_measured_is_clear(suite: Suite) -> None:
    """The controller looks at the parts of all workers, and each of them stops."""
    suite.profile(ttft="25ms", inter_token="1ms", output_tokens=3)
    suite.write(
        """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=120, warmup=10, concurrency=10, adaptive=True)
def test_chat(llm):
    llm("hi")
"""
    )
    suite.measure("--llm-latency-accept").assert_outcomes(passed=1)
    suite.measure("-n2", "--llm-latency-tolerance=2", "--llm-latency-simulate-slowdown=6").assert_outcomes(failed=1)
    (run,) = (run for test in suite.session.tests for run in suite.session.runs(test))
    assert (run.complete, run.looks) == (True, (60,))
    measured = [sample for sample in run.samples if sample.phase == "measure"]
    assert sorted(sample.iteration for sample in measured) == list(range(10, 70))
    assert {sample.worker for sample in measured} == {"gw0", "gw1"}


def test_the_first_failure_ends_a_session_that_shall_stop_there(suite: Suite) -> None:
    """No further test is measured or reported, and the session was not interrupted by a person."""
    suite.write(
        """
import pytest

pytestmark = pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=4, warmup=2, concurrency=2)

def test_one(llm):
    llm("hi")

@pytest.mark.llm_latency(limits=["ttft.max < 1ms"])
def test_two(llm):
    llm("hi")

def test_three(llm):
    llm("hi")
"""
    )
    result = suite.measure("-n2", "-x", "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert set(suite.verdicts) == {"test_one", "test_two"}
    assert "interrupted" not in {each["code"] for each in suite.document["warnings"]}
    assert (suite.path / "junit.xml").read_text(encoding="utf-8").count("<testcase") == 2


@pytest.mark.parametrize("mode", ["gang", "parallel"])
def test_a_report_that_does_not_travel_fails_the_session(suite: Suite, mode: str) -> None:
    """The report may be that of an ordinary test; xdist alone would drop it and pass."""
    suite.write(QUICKER)
    kind = "import enum\n\ndef test_plain(record_property):\n    record_property('kind', enum.IntEnum('Kind', 'a').a)\n"
    suite.write(kind, name="test_ordinary")
    result = suite.measure("-n2", f"--llm-latency-workers={mode}")
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert "INTERNALERROR" in printed(result)


def test_measuring_each_test_on_each_worker_is_refused(suite: Suite) -> None:
    """Of several results at the same time one would be kept."""
    suite.write(QUICKER)
    result = suite.measure("--dist=each", "--tx=2*popen")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--dist=each would measure each latency test several times at once" in printed(result)
