"""Two models or endpoints side by side: ``ab`` and its option, from the marker to the reports."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_llm_latency.simulator import process
from pytest_llm_latency.storage import samples
from suites import SWITCH, Suite, printed

REAL = process.SimulatorProcess  # the suites lend one
CLAUDE = "anthropic/claude-3-5-haiku-20241022"
KINDS = """
import pytest
from pytest_llm_latency import closed

pytestmark = pytest.mark.llm_latency(
    model="openai/gpt-4o-mini", requests=30, warmup=1, load=closed(10), prompts=["a", "b", "c"], tolerance="20%"
)

async def test_async(llm):
    reply = await llm()
    assert reply.text

def test_plain(llm):
    llm()

@pytest.mark.llm_latency(load="200/s")
async def test_open(llm):
    await llm(name="first")
    await llm("again", name="second")
"""
ONE = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=60, warmup=1, concurrency=10{})
async def test_chat(llm):
    await llm("hi"{})
"""


def profiles(suite: Suite, *, claude: str, gpt: str) -> None:
    """Write how fast each model answers."""
    suite.profile(ttft=gpt, inter_token="1ms", output_tokens=3)
    text = (suite.path / "quick.json").read_text(encoding="utf-8")
    mine = text.replace('"*"', f'"claude*": {{"ttft": "{claude}", "inter_token": "1ms", "output_tokens": 3}}, "*"')
    (suite.path / "quick.json").write_text(mine, encoding="utf-8")


@pytest.mark.parametrize("workers", [(), ("-n0",), ("-n2",)], ids=["plain", "n0", "n2"])
def test_a_test_is_red_where_it_is_slower_than_what_it_takes_turns_with(
    suite: Suite, workers: tuple[str, ...], programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every kind of body and load; each side has its requests, its prompts in the same order, and its figures."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    suite.write(KINDS)
    profiles(suite, claude="30ms", gpt="60ms")
    result = suite.measure(f"--llm-latency-ab={CLAUDE}", *workers)
    result.assert_outcomes(failed=3)
    text = " ".join(printed(result).split())
    assert f"against {CLAUDE}, interleaved" in text
    assert "The test's own side is slower than" in text
    assert "accept" not in text.partition("short test summary")[0].partition("llm latency ===")[2]
    for each in suite.benchmarks:
        assert each["config"]["ab"] == CLAUDE
        assert each["results"]["reliability"]["requests"] == 30
        assert each["baseline"]["results"]["reliability"]["requests"] == 30
        assert each["metrics"]["ttft"]["p50"] > 1.4 * each["baseline"]["metrics"]["ttft"]["p50"]
    assert suite.document["summary"]["requests"] == 2 * 30 * 4
    for path in (suite.path / ".llm-latency" / "runs").glob("*/*.parquet"):
        (run,) = samples.read_runs(path)
        turns = {each.iteration: each.side for each in run.samples}
        measured = [turns[iteration] for iteration in sorted(turns)][2 * run.plan.warmup :]
        assert measured == (["baseline", "candidate", "candidate", "baseline"] * 15)
        assert {each.model: each.side for each in run.conditions} == {
            CLAUDE: "baseline",
            "openai/gpt-4o-mini": "candidate",
        }
        assert len({(each.step, each.prompts) for each in run.conditions}) == len(run.conditions) / 2


def test_the_same_model_on_both_sides_is_a_calibration_that_passes(suite: Suite) -> None:
    """It says that it is one, and no baseline is asked for."""
    suite.write(ONE.format(', ab="openai/gpt-4o-mini"', ""))
    result = suite.measure("-o", "llm_latency_on_no_baseline=fail", "-o", "llm_latency_tolerance=50%")
    result.assert_outcomes(passed=1)
    assert "this is a calibration" in " ".join(printed(result).split())
    assert suite.verdicts == {"test_chat": "pass"}


@contextlib.contextmanager
def another_simulator(**profile: object) -> Iterator[str]:
    """Yield the base URL of a simulator that somebody started by hand."""
    with REAL({"profiles": {"*": {"output_tokens": 3, "inter_token": "1ms", **profile}}}) as simulator:
        yield simulator.api_bases["openai"]


def test_a_base_url_is_asked_for_real_in_a_dry_run_too(suite: Suite) -> None:
    """Its server gets the test's own model; the page and the stored run know both endpoints."""
    suite.write(ONE.format("", ""))
    suite.profile(ttft="60ms", output_tokens=3, inter_token="1ms")
    with another_simulator(ttft="30ms") as url:
        result = suite.measure(f"--llm-latency-ab={url}")
    result.assert_outcomes(failed=1)
    (path,) = (suite.path / ".llm-latency" / "runs").glob("*/*.parquet")
    (run,) = samples.read_runs(path)
    assert {each.side: each.endpoint for each in run.conditions} == {
        "baseline": url.removeprefix("http://").partition("/")[0],
        "candidate": "simulator",
    }
    assert {each.model for each in run.conditions} == {"openai/gpt-4o-mini"}
    page = (suite.path / ".llm-latency" / "report" / "index.html").read_text(encoding="utf-8")
    assert f"against {url}, interleaved" in page


@pytest.mark.parametrize(("own", "outcome"), [("40ms", {"passed": 1}), ("80ms", {"failed": 1})])
def test_providers_that_get_slower_while_they_are_measured_fool_nobody(
    suite: Suite, own: str, outcome: dict[str, int]
) -> None:
    """Both sides from 30 % below their level to 30 % above: equal ones stay green, a slower one goes red."""
    drift = {"factor": 1.3 / 0.7, "over_requests": 61}
    suite.write(ONE.format("", ""))
    suite.profile(ttft=own, output_tokens=3, inter_token="1ms", drift=drift)
    with another_simulator(ttft="40ms", drift=drift) as url:
        suite.measure(f"--llm-latency-ab={url}", "--llm-latency-tolerance=30%").assert_outcomes(**outcome)
    (entry,) = suite.benchmarks
    assert entry["baseline"]["metrics"]["ttft"]["max"] > 1.5 * entry["baseline"]["metrics"]["ttft"]["min"]


def test_a_dead_reference_is_no_pass(suite: Suite) -> None:
    """Nothing answers at its address."""
    suite.write(ONE.format("", ""))
    result = suite.measure("--llm-latency-ab=http://127.0.0.1:9", "-o", "llm_latency_on_inconclusive=fail")
    result.assert_outcomes(failed=1)
    assert suite.verdicts["test_chat"] in {"inconclusive", "invalid"}


@pytest.mark.parametrize(
    ("marker", "call", "message"),
    [
        (', ab="localhost:8000"', "", "looks like an address without its scheme: write 'http://localhost:8000'."),
        (', ab="openai/gpt-4o", gate=False', "", "gate a metric, or leave ab out."),
        (', ab="openai/gpt-4o"', ', model="openai/o1"', "name the model in the marker, or give ab a base URL."),
        (', ab="nobody/knows-it"', "", "litellm does not know the model 'nobody/knows-it'"),
        (', ab=""', "", "ab is '': it must be a text that is not empty."),
    ],
)
def test_what_cannot_be_measured_side_by_side_is_one_message(
    suite: Suite, marker: str, call: str, message: str
) -> None:
    """Before a request is sent."""
    suite.write(ONE.format(marker, call))
    result = suite.measure()
    assert result.ret != pytest.ExitCode.OK
    assert message in printed(result)
    assert "Traceback" not in printed(result)
    assert not suite.reported or suite.document["benchmarks"] == []


def test_a_key_that_the_other_provider_lacks_is_named_before_anything_is_sent(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test's own key does not help it."""
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-test-itself")
    suite.write(ONE.format(f', ab="{CLAUDE}"', ""))
    result = suite.run(SWITCH)
    result.assert_outcomes(failed=1)
    assert f"the key for '{CLAUDE}' is missing: set ANTHROPIC_API_KEY" in printed(result)
    assert "of-the-test-itself" not in printed(result)


def test_the_option_and_accepting_are_refused_together(suite: Suite) -> None:
    """Before anything is measured."""
    suite.write(ONE.format("", ""))
    result = suite.measure("--llm-latency-accept", f"--llm-latency-ab={CLAUDE}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "do not go together: a run with two sides is no baseline. Leave one of them out." in printed(result)


def test_accepting_a_suite_leaves_out_the_tests_with_two_sides(suite: Suite) -> None:
    """They are named, and judged as always."""
    suite.write(KINDS.replace("def test_plain", f"@pytest.mark.llm_latency(ab='{CLAUDE}')\ndef test_plain"))
    profiles(suite, claude="30ms", gpt="60ms")
    result = suite.measure("--llm-latency-accept")
    result.assert_outcomes(passed=2, failed=1)
    text = " ".join(printed(result).split())
    assert "nothing was accepted of test_suite.py::test_plain: measure without ab to accept." in text
    assert "(2 accepted)" in text
