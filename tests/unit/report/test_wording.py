"""The sentences that more than one report says."""

import math
import shlex

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.model import Notice, VerdictStatus
from pytest_llm_latency.report import wording
from pytest_llm_latency.report.rows import rows


def test_the_headline_of_a_regression_stands_by_itself() -> None:
    """It is the line of pytest's short summary."""
    result = nouns.result("regressed", comparisons=(nouns.comparison("ttft", "regressed"), nouns.comparison("e2e")))
    expected = "regressed: ttft p95 412 ms → 561 ms (+36 %, 95 % interval +21 … +53 %), p = 0.0004 over 3 baseline runs"
    assert wording.headline(result) == expected


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


@pytest.mark.parametrize(
    ("status", "part", "command"),
    [
        (
            "regressed",
            "accept it without measuring again",
            "llm-latency baseline accept --test tests/test_chat.py::test_summarise",
        ),
        (
            "no_baseline",
            "make it the baseline",
            "llm-latency baseline accept --test tests/test_chat.py::test_summarise",
        ),
        (
            "incomparable",
            "make this run the baseline",
            "llm-latency baseline accept --test tests/test_chat.py::test_summarise",
        ),
        ("inconclusive", "Raise requests from 100 to about 240", None),
        ("invalid", "measure again", None),
    ],
)
def test_each_verdict_that_needs_a_hand_says_what_to_do(status: VerdictStatus, part: str, command: str | None) -> None:
    """The command is whole and can be copied."""
    result = nouns.result(status, comparisons=(nouns.comparison("ttft", status, needed=240),))
    advice = wording.advice(result, command=wording.accept_command(result))
    assert advice is not None
    assert part in advice.sentence
    assert advice.command == command


def test_a_pass_needs_no_hand() -> None:
    """Neither does an improvement."""
    for status in ("pass", "improved"):
        assert wording.advice(nouns.result(status), command="") is None


def test_a_limit_is_not_advised_away_by_accepting_a_baseline() -> None:
    """A new baseline changes no limit."""
    result = nouns.result("regressed", limits=(nouns.limit("ttft.p95 < 500ms", "regressed"),))
    advice = wording.advice(result, command=wording.accept_command(result))
    assert advice is not None
    assert advice.command is None


def test_the_accept_command_names_one_test_whatever_its_characters() -> None:
    """A part of the name would accept others with it."""
    result = nouns.result(of=nouns.run([0.2], test_id="t/test_a.py::TestA::test_b[gpt-4o or it's]"))
    command = wording.accept_command(result)
    assert shlex.split(command) == ["llm-latency", "baseline", "accept", "--test", result.test_id]


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


def test_the_error_rate_is_judged_beside_the_metrics() -> None:
    """It is told like a metric, and a new baseline is no remedy."""
    worse = nouns.comparison(
        "error_rate", "regressed", step="answer", baseline=0.0, candidate=0.07, reasons=("7 of 100 requests failed",)
    )
    result = nouns.result("regressed", comparisons=(nouns.comparison("ttft", step="answer"), worse))
    assert wording.headline(result) == "regressed: error_rate of step 'answer': 7 of 100 requests failed"
    advice = wording.advice(result, command="accept")
    assert advice is not None
    assert advice.command is None


@pytest.mark.parametrize("status", ["invalid", "incomparable"])
def test_a_run_that_cannot_be_compared_is_not_told_as_one_that_was(status: VerdictStatus) -> None:
    """What the gate says of its series means nothing."""
    comparison = nouns.comparison("ttft", "no_baseline", reasons=("no accepted run",))
    result = nouns.result(status, comparisons=(comparison,), reasons=("the model differs", "ttft: no accepted run"))
    assert wording.findings(result, passing=True) == []
    assert wording.headline(result) == f"{status}: the model differs"
    assert {row.status for row in rows(result)} == {status}


def test_the_accept_command_names_folders_that_are_not_the_usual_ones() -> None:
    """Copied from the terminal, the command has to find what this session wrote."""
    result = nouns.result("regressed", folders={"results": "out put", "baselines": "perf"})
    assert wording.accept_all_command(result) == "llm-latency baseline accept --baselines perf --results 'out put'"


def test_nothing_is_left_to_accept_where_the_run_becomes_the_baseline_by_itself() -> None:
    """With the option to accept, the advice to accept would be done twice."""
    advice = wording.advice(nouns.result("no_baseline", accepting=True), command="llm-latency baseline accept")
    assert advice is not None
    assert advice.command is None


def test_a_run_with_too_many_errors_is_not_offered_as_a_baseline() -> None:
    """It would be refused."""
    limit = nouns.limit("error_rate <= 1 %", "regressed", message="7 of 60 requests failed")
    slower = nouns.comparison("ttft", "regressed")
    advice = wording.advice(nouns.result("regressed", comparisons=(slower,), limits=(limit,)), command="accept")
    assert advice is not None
    assert "Repair what fails first" in advice.sentence
    assert advice.command is None


def test_a_session_with_a_problem_is_red_though_its_tests_are_green() -> None:
    """A lost result or a file that could not be written fails the build."""
    green = nouns.result()
    assert not wording.fails(nouns.session(green))
    assert wording.fails(nouns.session(green, problems=("the disk is full",)))
    assert wording.fails(nouns.session(green, expected=(green.test_id, "t::lost")))


def test_a_load_that_knows_its_requests_is_made_longer() -> None:
    """The marker has no number to raise."""
    measured = nouns.run(nouns.lognormal(20, median=0.3), plan=nouns.plan(load=load.stages((2, 10)), requests=20))
    result = nouns.result(
        "inconclusive", of=measured, comparisons=(nouns.comparison("ttft", "inconclusive", needed=240),)
    )
    advice = wording.advice(result, command="")
    assert advice is not None
    assert advice.sentence == "Make the load longer, from 20 requests to about 240, to settle it."
