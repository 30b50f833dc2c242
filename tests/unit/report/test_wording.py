"""The sentences that more than one report says."""

import math

import pytest

import nouns
from pytest_llm_latency.model import Notice, VerdictStatus
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.rows import rows


def test_the_headline_of_a_regression_stands_by_itself() -> None:
    """It is the line of pytest's short summary."""
    result = nouns.result("regressed", comparisons=(nouns.comparison("ttft", "regressed"), nouns.comparison("e2e")))
    expected = "regressed: ttft p95 412 ms → 561 ms (+36 %, 95 % interval +21 … +53 %), p = 0.0004 over 3 baseline runs"
    assert wording.headline(result) == expected


def test_the_models_are_those_that_were_asked() -> None:
    """Also where the test sets them and its marker does not; what asked nothing has the plan's."""
    plan = nouns.plan(model=None)
    asked = tuple(nouns.conditions(step=step, model=step) for step in ("openai/a", "groq/b", "openai/a"))
    assert wording.models(nouns.run(plan=plan, conditions=asked)) == "openai/a, groq/b"
    assert wording.models(nouns.run(conditions=())) == "openai/gpt-4o-mini"
    assert wording.models(nouns.run(plan=plan, conditions=())) == "no model"


def test_the_headline_names_the_largest_of_several_regressions_and_its_step() -> None:
    """The others are counted."""
    worse = nouns.comparison("ttft", "regressed", step="answer", ratio=2.0, reasons=())
    result = nouns.result("regressed", comparisons=(nouns.comparison("e2e", "regressed"), worse))
    headline = wording.headline(result)
    assert headline.startswith("regressed: ttft of step 'answer' p95 412 ms → 561 ms (+100 %, 95 % interval +21")
    assert headline.endswith("(and 1 more)")


def test_the_headline_of_a_limit_says_what_was_measured() -> None:
    """A limit has its own message."""
    limit = nouns.limit("error_rate < 1%", "regressed", message="error_rate is 7 %, above 1 %.")
    assert wording.headline(nouns.result("regressed", limits=(limit,))) == "regressed: error_rate is 7 %, above 1 %."


def test_the_headline_of_an_invalid_run_is_its_reason() -> None:
    """Nothing was compared."""
    result = nouns.result("invalid", reasons=("The client was overloaded: lower concurrency.",))
    assert wording.headline(result) == "invalid: The client was overloaded: lower concurrency."


def test_the_headline_of_an_undecided_gate_is_what_it_needs() -> None:
    """A change that cannot be told from noise is not told as one."""
    undecided = nouns.comparison("ttft", "inconclusive", reasons=("Needs about 240 requests.",))
    result = nouns.result("inconclusive", fails=True, comparisons=(undecided,))
    assert wording.headline(result) == "inconclusive: ttft: Needs about 240 requests."


def test_an_unbounded_change_is_told_without_a_made_up_number() -> None:
    """All requests failed, so that the p95 has no end."""
    unbounded = {"candidate": math.inf, "ratio": math.inf, "interval": (1.5, math.inf), "reasons": ()}
    comparison = nouns.comparison("ttft", "regressed", **unbounded)
    headline = wording.headline(nouns.result("regressed", comparisons=(comparison,)))
    assert "p95 412 ms → ∞ (+∞, 95 % interval +50 … +∞)" in headline


def test_a_cost_that_is_known_in_part_is_a_bound() -> None:
    """An unknown cost is never nothing."""
    known, unknown = nouns.result(of=nouns.run([0.2] * 5)), nouns.result(of=nouns.run([None] * 5))
    assert wording.cost(wording.totals([known])) == "$0.00040"
    assert wording.cost(wording.totals([known, unknown])) == "≥ $0.00040"
    assert wording.cost(wording.totals([unknown])) == "cost unknown"


def test_a_test_that_gave_no_result_is_missed() -> None:
    """Lost data is said before anything else."""
    session = nouns.session(nouns.result(), expected=(nouns.TEST_ID, "tests/test_chat.py::test_lost"))
    assert wording.missing(session) == ["tests/test_chat.py::test_lost"]
    assert wording.verdict(session) == "The results of 1 benchmark are missing"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), "No benchmark was measured"),
        (("pass", "improved"), "Nothing got slower in 2 benchmarks"),
        (("pass", "inconclusive"), "No regression found; 1 of 2 benchmarks could not be decided"),
        (("pass", "regressed", "invalid"), "2 of 3 benchmarks failed: 1 invalid, 1 regressed"),
    ],
)
def test_the_verdict_of_a_session_is_one_sentence(statuses: tuple[VerdictStatus, ...], expected: str) -> None:
    """The page's largest words."""
    assert wording.verdict(nouns.session(*map(nouns.result, statuses))) == expected


def test_the_same_warning_of_several_tests_is_said_once() -> None:
    """With the number of tests that have it."""
    warning = Notice(code="lag", message="The loop lagged.")
    session = nouns.session(nouns.result(warnings=(warning,)), nouns.result(warnings=(warning,)))
    assert wording.notices(session) == [(warning, "2 benchmarks")]


def test_a_warning_of_one_test_among_several_names_it() -> None:
    """A reader must know whose budget was used up; where there is one test alone, it needs no name."""
    warning = Notice(code="lag", message="The loop lagged.")
    lagging, other = nouns.result(warnings=(warning,)), nouns.result()
    assert wording.notices(nouns.session(lagging, other)) == [(warning, lagging.test_id)]
    assert wording.notices(nouns.session(lagging)) == [(warning, "")]


@pytest.mark.parametrize("status", ["invalid", "incomparable"])
def test_a_run_that_cannot_be_compared_is_not_told_as_one_that_was(status: VerdictStatus) -> None:
    """What the gate says of its series means nothing."""
    comparison = nouns.comparison("ttft", "no_baseline", reasons=("no accepted run",))
    result = nouns.result(status, comparisons=(comparison,), reasons=("the model differs", "ttft: no accepted run"))
    assert wording.findings(result, passing=True) == []
    assert wording.headline(result) == f"{status}: the model differs"
    assert {row.status for row in rows(result)} == {status}


def test_a_session_with_a_problem_is_red_though_its_tests_are_green() -> None:
    """A lost result or a file that could not be written fails the build."""
    green = nouns.result()
    assert not wording.fails(nouns.session(green))
    assert wording.fails(nouns.session(green, problems=("the disk is full",)))
    assert wording.fails(nouns.session(green, expected=(green.test_id, "t::lost")))


def test_a_regression_that_is_accepted_is_not_called_undecided() -> None:
    """It is green, and it got slower."""
    slower = nouns.result(
        "regressed", fails=False, accepting=True, comparisons=(nouns.comparison("ttft", "regressed"),)
    )
    expected = "1 of 2 benchmarks got slower; what was measured becomes the baseline"
    assert wording.verdict(nouns.session(slower, nouns.result())) == expected
