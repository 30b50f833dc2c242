"""The embedded simulator's options, in processes of their own where it is started for real."""

import pytest

from pytest_llm_latency.simulator import process
from suites import SIMULATE, SWITCH, Suite, printed

REAL = process.SimulatorProcess


@pytest.mark.parametrize("option", ["--llm-latency-simulate-profile=quick.json", "--llm-latency-simulate-slowdown=2"])
def test_the_simulators_options_need_the_simulator(suite: Suite, option: str) -> None:
    """Otherwise somebody would measure and pay a provider by mistake."""
    suite.write()
    result = suite.run(SWITCH, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"llm-latency: {option.partition('=')[0]} needs --llm-latency-simulate." in printed(result)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "broken.json does not exist: check its path."),
        ("{", "broken.json is not sound"),
        ('{"profile": {}}', "broken.json: profile is no setting: did you mean 'profiles'?"),
        ('{"profiles": {"*": {"ttft": "-3s"}}}', "ttft"),
        ('{"faults": [{"kind": "rate_limits", "every": 2}]}', "did you mean 'rate_limit'?"),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_broken_profile_is_a_usage_error_before_anything_is_started(
    suite: Suite, content: str | None, message: str, workers: tuple[str, ...]
) -> None:
    """With its file and its key, with workers and without."""
    suite.write()
    if content is not None:
        (suite.path / "broken.json").write_text(content, encoding="utf-8")
    result = suite.run(SWITCH, SIMULATE, "--llm-latency-simulate-profile=broken.json", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{suite.path / 'broken.json'}" in printed(result)
    assert message in printed(result)
    assert "Traceback" not in printed(result)


def test_a_profile_in_yaml_sets_the_latencies_and_the_slowdown_multiplies_them(suite: Suite) -> None:
    """The file's own slowdown counts as well."""
    (suite.path / "model.yaml").write_text(
        "slowdown: 2\nprofiles:\n  gpt-*:\n    ttft: 20ms\n    inter_token: 0\n", encoding="utf-8"
    )
    suite.write()
    suite.run(
        SWITCH, SIMULATE, "--llm-latency-simulate-profile=model.yaml", "--llm-latency-simulate-slowdown=150%"
    ).assert_outcomes(passed=1)
    least = suite.benchmarks[0]["metrics"]["ttft"]["min"]
    assert 0.06 <= least < 0.12


def test_a_simulator_that_does_not_start_fails_each_test_with_its_message(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback."""
    monkeypatch.setattr(process, "SimulatorProcess", REAL)
    monkeypatch.setattr(process, "_MODULE", "pytest_llm_latency.simulator.nowhere")
    suite.write()
    result = suite.measure()
    result.assert_outcomes(failed=1)
    assert "the simulator's process ended with status 1" in printed(result)
    assert "Traceback" not in printed(result)


def test_the_public_fixture_serves_tests_of_peoples_own_code(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """One simulator for the session, with or without the switch."""
    suite.write(
        """
        import json
        import urllib.request

        def test_client(llm_simulator):
            body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
            request = urllib.request.Request(
                llm_simulator.api_base("openai") + "/chat/completions",
                data=json.dumps(body).encode(),
                headers={"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=10) as response:
                assert json.load(response)["choices"][0]["message"]["content"]

        def test_again(llm_simulator):
            assert len(llm_simulator.truths()) == 1
        """
    )
    monkeypatch.setattr(process, "SimulatorProcess", REAL)
    suite.run().assert_outcomes(passed=2)
