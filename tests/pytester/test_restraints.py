"""Rate limits and budgets, as their user sees them."""

import pytest

from suites import Suite, printed

TWO = """
import pytest

@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=20, warmup=1, concurrency=5)
async def test_chat(llm, name):
    reply = await llm("Say hello.")
    assert reply.text
"""

CALM = """
import pytest

@pytest.mark.llm_latency(
    model="openai/gpt-4o-mini",
    requests=20,
    warmup=1,
    load="200/s",
    requests_per_minute=3000,
    limits=["error_rate < 50%"],
)
def test_chat(llm):
    assert llm("Say hello.").text
"""


def test_a_used_up_budget_ends_a_test_and_fails_those_after_it(suite: Suite) -> None:
    """The one that it ended keeps what it has; the others are never green."""
    suite.write(TWO)
    result = suite.measure("--llm-latency-budget-requests=15")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert suite.verdicts == {"test_chat[first]": "inconclusive"}
    (first,) = suite.benchmarks
    assert first["results"]["reliability"]["requests"] == 14
    assert first["results"]["reliability"]["error_count"] == 0
    text = " ".join(printed(result).split())
    assert "stopped after 14 of 20 iterations: p95 needs 59 requests" in text
    assert (
        "warning: the run was stopped after 14 of 20 iterations: the session's budget of 15 requests allows no further "
        "request, after 15 requests with the warm-up. Raise --llm-latency-budget-requests, lower requests, or select "
        "fewer tests." in text
    )
    assert "nothing was measured: the session's budget of 15 requests allows no further request" in text
    assert "Traceback" not in text


def test_waiting_and_refusals_are_reported_and_are_in_no_latency(suite: Suite) -> None:
    """200 requests a second are planned and 50 are allowed, and a few are refused on top."""
    suite.profile({"kind": "rate_limit", "every": 8, "retry_after_s": 1})
    suite.write(CALM)
    result = suite.measure()
    (found,) = suite.benchmarks
    assert found["results"]["reliability"]["errors"] == {"HTTP429": 2}
    assert found["metrics"]["paced"]["max"] > 0.9
    assert found["metrics"]["e2e"]["max"] < 0.9
    assert found["metrics"]["e2e_scheduled"]["max"] > 0.9
    assert found["conditions"]["load"].endswith(", at most 3000 requests/min")
    text = " ".join(printed(result).split())
    assert "requests were held back for" in text
    assert "the provider refused 2 of 21 requests, which count as errors. The load was lighter than planned" in text


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("budget={'second': 3}", "budget names 'second': did you mean 'seconds'?"),
        ("requests_per_minute=-1", "requests_per_minute is -1: it must be a number above 0."),
    ],
)
def test_a_wrong_bound_is_a_usage_error(suite: Suite, marker: str, message: str) -> None:
    """Before anything is sent."""
    suite.write(TWO.replace("concurrency=5", f"concurrency=5, {marker}"))
    result = suite.measure()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in printed(result)
