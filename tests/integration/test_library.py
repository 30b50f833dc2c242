"""A profiler with litellm and the simulator: real requests over real sockets."""

import json
from pathlib import Path

import pytest

import suites
from pytest_llm_latency import judge
from pytest_llm_latency.errors import MissingKeyError
from pytest_llm_latency.library.profiler import LatencyProfiler


def test_a_profile_measures_the_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in its settings, in time, tokens and money."""
    monkeypatch.setattr(judge, "distrusted", lambda *_, **__: ())  # the machine is busy with other tests
    profile = tmp_path / "quick.json"
    profile.write_text(json.dumps({"profiles": {"*": suites.QUICK}}), encoding="utf-8")
    profiler = LatencyProfiler(suites.MODEL, simulate=True, simulate_profile=profile)
    result = profiler.profile("Say hello.", requests=20, warmup=1, concurrency=10, max_tokens=50)
    assert (result.successes, result.tokens_out.maximum, result.run.environment.label) == (20, 4, "simulator")
    assert result.ttft.minimum is not None
    assert result.ttft.minimum >= 0.03
    assert result.cost_usd is not None
    assert result.cost_usd > 0


def test_a_missing_key_is_told_in_the_words_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no command line to change."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError, match=r"set OPENAI_API_KEY, or try simulate=True\.$"):
        LatencyProfiler(suites.MODEL).profile("hi", requests=1)
