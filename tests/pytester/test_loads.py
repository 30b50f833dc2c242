"""Loads of every shape and prompts of every source, from the marker to the report."""

import pytest

from pytest_llm_latency import judge
from suites import Suite

SHAPES = """
import pytest
from pytest_llm_latency import generated, shuffled, stages

def measured(**arguments):
    return pytest.mark.llm_latency(**{"model": "openai/gpt-4o-mini", "warmup": 1, **arguments})

@measured(requests=6, concurrency=2, ramp_in=2, prompts=["One?", "Two?"])
async def test_closed(llm):
    await llm()

@measured(requests=6, load="poisson 100/s", prompts=generated(tokens=50), nonce=True)
async def test_poisson(llm):
    await llm(f"Summarise: {llm.prompt}")

@measured(load="ramp 20/s..80/s over 200ms", prompts="prompts.jsonl")
def test_ramp(llm):
    llm()

@measured(requests=6, load="burst 3 every 50ms", prompts=shuffled("prompts.jsonl"))
def test_burst(llm):
    assert llm.prompt
    llm()

@measured(load=stages(("20/s", "100ms"), ("60/s", "100ms")))
async def test_stages(llm):
    await llm("Hello")

@measured(load="replay trace.csv at 10x")
async def test_replay(llm):
    await llm()
"""
PROMPTS = '"Why?"\n{"prompt": "Name three rivers.", "max_tokens": 3}\n'
TRACE = "arrived_at,num_prefill_tokens,num_decode_tokens\n0,30,3\n0.5,300,1\n0.7,3,9\n"


@pytest.fixture
def loads(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return a suite with a test for each shape, and the files that they name; its machine may be busy."""
    monkeypatch.setattr(judge, "distrusted", lambda *_, **__: ())
    suite.write(SHAPES)
    (suite.path / "prompts.jsonl").write_text(PROMPTS, encoding="utf-8")
    (suite.path / "trace.csv").write_text(TRACE, encoding="utf-8")
    return suite


def test_a_load_of_each_shape_is_measured_and_compared_with_its_baseline(loads: Suite) -> None:
    """The prompts and starts of two runs are the same, so that nothing is incomparable."""
    loads.measure("--llm-latency-accept").assert_outcomes(passed=6)
    loads.measure().assert_outcomes(passed=6)
    assert set(loads.verdicts.values()) <= {"pass", "inconclusive", "improved"}
    found = {each["metadata"]["test_id"].partition("::")[2]: each for each in loads.benchmarks}
    requests = {name: each["results"]["reliability"]["requests"] for name, each in found.items()}
    assert requests == {
        "test_closed": 6,
        "test_poisson": 6,
        "test_ramp": 10,
        "test_burst": 6,
        "test_stages": 8,
        "test_replay": 3,
    }
    replayed = found["test_replay"]["config"]
    assert replayed["load"]["trace"]["name"] == "trace.csv"
    assert replayed["load"]["description"].endswith("3 requests, speed 10")
    assert replayed["prompts"].startswith("generated, lengths of trace.csv")
    assert found["test_poisson"]["conditions"]["prompts"].endswith(", nonce")
    session = loads.session
    [run] = session.runs(next(test for test in session.tests if test.test_id.endswith("test_replay")))
    measured = [sample.usage for sample in run.samples if sample.phase == "measure"]
    assert [None if usage is None else usage.tokens_out for usage in measured] == [3, 1, 4]  # four where it may


def test_another_trace_or_other_prompts_are_not_compared(loads: Suite) -> None:
    """The message says what differs."""
    chosen = ("-k", "replay or burst")
    loads.measure("--llm-latency-accept", *chosen).assert_outcomes(passed=2)
    (loads.path / "trace.csv").write_text(TRACE.replace("300", "301"), encoding="utf-8")
    (loads.path / "prompts.jsonl").write_text(PROMPTS.replace("three", "four"), encoding="utf-8")
    loads.measure(*chosen).assert_outcomes(passed=2)
    assert set(loads.verdicts.values()) == {"incomparable"}
    reasons = {each["metadata"]["test_id"][-6:]: str(each["verdict"]["reasons"]) for each in loads.benchmarks}
    assert "the load was replay of trace.csv (" in reasons["replay"]
    assert "the prompts' fingerprint was" in reasons["_burst"]


def test_a_share_of_cached_prompts_that_differs_from_the_baselines_is_told(loads: Suite) -> None:
    """On the terminal, with what to write."""
    loads.write()
    loads.measure("--llm-latency-accept").assert_outcomes(passed=1)
    loads.profile(cached_share=0.5)
    result = loads.measure()
    text = " ".join(result.stdout.str().split())
    assert "100 % of the requests read from the provider's prompt cache, 0 % in the baseline" in text
    assert "nonce=True" in text
    assert loads.benchmarks[0]["results"]["reliability"]["cache_hit_rate"] == 1.0


def test_what_is_wrong_with_a_load_or_its_files_is_one_usage_error(loads: Suite) -> None:
    """All of it at once, before anything is measured, with file and line."""
    (loads.path / "trace.csv").write_text(TRACE + "1,many,2\n", encoding="utf-8")
    (loads.path / "prompts.jsonl").write_text(PROMPTS + "3\n", encoding="utf-8")
    result = loads.measure("--llm-latency-requests=9")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        "*test_suite.py::test_ramp, test_suite.py::test_burst: *prompts.jsonl, line 3: this is no prompt: *",
        "*test_suite.py::test_replay: *trace.csv, line 5: num_prefill_tokens is 'many', which is no count: *",
    ])
