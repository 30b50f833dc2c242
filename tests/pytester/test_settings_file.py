"""The settings file of a suite: what it says counts, in workers too, and its secrets show nowhere."""

import pytest

from pytest_llm_latency import load
from pytest_llm_latency.simulator.process import SimulatorProcess
from suites import QUICK, SWITCH, Suite, printed

SECRET = "sk-of-the-settings-0123456789"
SETTINGS = """
providers:
  openai: {{api_key: "${{UNUSUAL_NAME}}", base_url: "{base}", max_concurrency: 2}}
profiling: {{requests: 6, load: pair}}
load_profiles:
  pair: {{concurrency: 2, warmup: 1}}
output: {{results: "${{RESULTS:-.llm-latency}}"}}
"""
BARE = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini")
def test_chat(llm):
    assert llm("hi").text
"""


@pytest.mark.usefixtures("warm")
def test_a_provider_is_reached_as_the_file_says_and_its_key_shows_nowhere(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other variable names the key or the server; a worker reads the file as a process without one does."""
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNUSUAL_NAME", SECRET)
    suite.write(BARE)
    with SimulatorProcess({"profiles": {"*": QUICK}}) as simulator:
        text = SETTINGS.format(base=simulator.api_base("openai"))
        (suite.path / "llm-latency.yaml").write_text(text, encoding="utf-8")
        result = suite.run(SWITCH, "-n1")
        result.assert_outcomes(passed=1)
        (run,) = suite.session.runs(suite.session.tests[0])
        assert (run.plan.requests, run.plan.load, run.plan.pacing.max_concurrency) == (6, load.closed(2), 2)
        assert SECRET not in printed(result)
        simulator.configure({"faults": [{"kind": "wrong_key", "every": 1}]})
        result = suite.run(SWITCH, "-vv")
        result.assert_outcomes(failed=1)
        assert SECRET not in printed(result)
    shown = [path for path, content in suite.texts().items() if SECRET.encode() in content]
    assert shown == []


def test_a_refused_request_is_sent_again_where_the_file_says_so(suite: Suite) -> None:
    """It is no error then, and its latencies begin with the first attempt; other runs are not compared with it."""
    suite.profile({"kind": "rate_limit", "every": 3, "retry_after_s": 0.05})
    text = "profiling: {retries: 2, retry_wait: 10ms, requests: 5, warmup: 0}\nglobal: {simulate: true}\n"
    (suite.path / "llm-latency.yaml").write_text(text, encoding="utf-8")
    suite.write(BARE)
    result = suite.measure()
    result.assert_outcomes(passed=1)
    (run,) = suite.session.runs(suite.session.tests[0])
    assert {sample.status for sample in run.samples} == {"ok"}
    again = [sample for sample in run.samples if sample.attempts == 2]
    assert again
    assert all(sample.event_ns[0] - sample.stamps.started > 50_000_000 for sample in again)
    assert "requests took several attempts, 2 at most" in " ".join(printed(result).split())
    assert run.conditions[0].load == "closed, concurrency 1, up to 2 retries after 0.01 s"


def test_mistakes_of_the_file_end_a_session_before_anything_is_collected(suite: Suite) -> None:
    """All in one message, with exit code 4; without the switch nobody reads it."""
    suite.write()
    (suite.path / "other.toml").write_text("[profiling]\nrequestz = 1\nwarmup = 'x'\n", encoding="utf-8")
    suite.ini("llm_latency_config = other.toml")
    suite.run().assert_outcomes(skipped=1)
    result = suite.measure()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: llm-latency: other.toml has 2 mistakes:" in printed(result)
    assert "  other.toml:2:1: profiling.requestz is no setting: did you mean 'requests'?" in printed(result)
    assert "Traceback" not in printed(result)
    assert "there is no settings file" in printed(suite.measure("--llm-latency-config=none.toml"))
