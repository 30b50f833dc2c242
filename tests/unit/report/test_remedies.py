"""What is to be done about a verdict, and the command that does it."""

import shlex

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.model import VerdictStatus
from pytest_llm_latency.report import remedies, wording

SLOWER = nouns.comparison("ttft", "regressed")


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
    advice = remedies.advice(result, command=remedies.accept_command(result))
    assert advice is not None
    assert part in advice.sentence
    assert advice.command == command


def test_a_pass_needs_no_hand() -> None:
    """Neither does an improvement."""
    for status in ("pass", "improved"):
        assert remedies.advice(nouns.result(status), command="") is None


def test_a_limit_is_not_advised_away_by_accepting_a_baseline() -> None:
    """A new baseline changes no limit."""
    result = nouns.result("regressed", limits=(nouns.limit("ttft.p95 < 500ms", "regressed"),))
    advice = remedies.advice(result, command=remedies.accept_command(result))
    assert advice is not None
    assert advice.command is None


def test_the_accept_command_names_one_test_whatever_its_characters() -> None:
    """A part of the name would accept others with it."""
    result = nouns.result(of=nouns.run([0.2], test_id="t/test_a.py::TestA::test_b[gpt-4o or it's]"))
    command = remedies.accept_command(result)
    assert shlex.split(command) == ["llm-latency", "baseline", "accept", "--test", result.test_id]


def test_the_error_rate_is_judged_beside_the_metrics() -> None:
    """It is told like a metric, and a new baseline is no remedy."""
    worse = nouns.comparison(
        "error_rate", "regressed", step="answer", baseline=0.0, candidate=0.07, reasons=("7 of 100 requests failed",)
    )
    result = nouns.result("regressed", comparisons=(nouns.comparison("ttft", step="answer"), worse))
    assert wording.headline(result) == "regressed: error_rate of step 'answer': 7 of 100 requests failed"
    advice = remedies.advice(result, command="accept")
    assert advice is not None
    assert advice.command is None


def test_the_accept_command_names_folders_that_are_not_the_usual_ones() -> None:
    """Copied from the terminal, the command has to find what this session wrote."""
    result = nouns.result("regressed", folders={"results": "out put", "baselines": "perf"})
    assert remedies.accept_all_command(result) == "llm-latency baseline accept --baselines perf --results 'out put'"


def test_nothing_is_left_to_accept_where_the_run_becomes_the_baseline_by_itself() -> None:
    """With the option to accept, the advice to accept would be done twice."""
    advice = remedies.advice(nouns.result("no_baseline", accepting=True), command="llm-latency baseline accept")
    assert advice is not None
    assert advice.command is None


def test_a_run_with_too_many_errors_is_not_offered_as_a_baseline() -> None:
    """It would be refused."""
    limit = nouns.limit("error_rate <= 1 %", "regressed", message="7 of 60 requests failed")
    slower = nouns.comparison("ttft", "regressed")
    advice = remedies.advice(nouns.result("regressed", comparisons=(slower,), limits=(limit,)), command="accept")
    assert advice is not None
    assert "Repair what fails first" in advice.sentence
    assert advice.command is None


def test_a_load_that_knows_its_requests_is_made_longer() -> None:
    """The marker has no number to raise."""
    measured = nouns.run(nouns.lognormal(20, median=0.3), plan=nouns.plan(load=load.stages((2, 10)), requests=20))
    result = nouns.result(
        "inconclusive", of=measured, comparisons=(nouns.comparison("ttft", "inconclusive", needed=240),)
    )
    advice = remedies.advice(result, command="")
    assert advice is not None
    assert advice.sentence == "Make the load longer, from 20 requests to about 240, to settle it."


def test_an_advice_that_several_tests_get_is_told_once_with_the_first_of_their_commands() -> None:
    """In the order in which they are told; what only one gets stays with it, and so does what has no command."""
    slow = [
        nouns.result("regressed", of=nouns.run([0.3], test_id=f"t.py::{name}"), comparisons=(SLOWER,))
        for name in ("b", "a", "c")
    ]
    alone = nouns.result("no_baseline", of=nouns.run([0.3], test_id="t.py::new"))
    (found,) = remedies.shared([*slow, alone, nouns.result("invalid"), nouns.result("invalid")])
    assert found.command == "llm-latency baseline accept --test t.py::b"
    assert (found.sentence.partition(".")[0], found.more) == ("Find what changed", 2)
