"""What a CI is to point at."""

import dataclasses

import materials
import nouns
from pytest_llm_latency.model import Result
from pytest_llm_latency.report.ci.problems import Problem, problems


def found(*results: Result, **changes: object) -> tuple[Problem, ...]:
    """Return the problems of a session of these results."""
    return problems(nouns.session(*results, **changes), materials.place())


def test_each_finding_is_a_problem_at_the_line_of_its_test() -> None:
    """What fails comes first, in the order of its size; the advice is said once a test."""
    compared = (
        nouns.comparison("ttft", "regressed"),
        nouns.comparison("e2e", "regressed", ratio=2.0),
        nouns.comparison("tpot", "inconclusive"),
        nouns.comparison("icl"),
    )
    limit = nouns.limit("ttft.p95 < 500ms", "regressed", message="ttft p95 is 561 ms, above the limit of 500 ms")
    told = found(nouns.result("regressed", comparisons=compared, limits=(limit,)))
    assert [(each.about, each.fails) for each in told] == [
        ("e2e", True),
        ("ttft", True),
        ("ttft.p95 < 500ms", True),
        ("tpot", False),
    ]
    assert {(each.file, each.line) for each in told} == {("tests/test_chat.py", 12)}
    assert [each.about for each in told if each.advice is not None] == ["e2e"]


def test_a_result_that_was_not_compared_is_a_problem_by_its_reasons() -> None:
    """There is no series to name."""
    (told,) = found(nouns.result("invalid", reasons=("All requests failed: raise the quota.", "more")))
    assert (told.status, told.sentence, told.reasons) == ("invalid", "All requests failed: raise the quota.", ("more",))


def test_what_passed_improved_was_told_to_be_silent_or_is_new_is_no_problem() -> None:
    """Unless the policy makes a missing baseline fail."""
    quiet = nouns.result("inconclusive", silent=True, comparisons=(nouns.comparison("ttft", "inconclusive"),))
    faster = nouns.result("improved", comparisons=(nouns.comparison("ttft", "improved"),))
    assert found(nouns.result(), faster, quiet, nouns.result("no_baseline")) == ()
    assert [each.status for each in found(nouns.result("no_baseline", fails=True))] == ["no_baseline"]


def test_a_regression_that_is_accepted_warns() -> None:
    """The build is green."""
    accepted = nouns.result(
        "regressed", fails=False, accepting=True, comparisons=(nouns.comparison("ttft", "regressed"),)
    )
    assert [each.fails for each in found(accepted)] == [False]


def test_a_lost_result_and_a_problem_of_the_session_are_problems() -> None:
    """A lost test says why it was lost, one that failed by itself that its report says it."""
    told = found(
        nouns.result(), expected=("a.py::lost", "a.py::failed"), problems=("a.py::lost: was lost: run it", "disk full")
    )
    assert [(each.test_id, each.file, each.sentence) for each in told] == [
        ("a.py::lost", "a.py", "was lost: run it"),
        ("a.py::failed", "a.py", "no result: the test failed before it was measured; its own report says why."),
        (None, None, "disk full"),
    ]
    assert found(nouns.result(), expected=("a.py::lost",), interrupted=True) == ()


def test_the_fingerprint_stays_while_the_problem_does() -> None:
    """Another figure of the same series is the same problem; another series, test or verdict is another."""

    def fingerprint(metric: str = "ttft", status: str = "regressed", **changes: object) -> str:
        result = nouns.result(status, comparisons=(nouns.comparison(metric, status, **changes),))
        return found(result)[0].fingerprint

    assert fingerprint() == fingerprint(candidate=9.9, ratio=3.0, reasons=("p95 412 ms → 9.90 s",))
    assert len({fingerprint(), fingerprint("e2e"), fingerprint(status="inconclusive"), fingerprint(step="a")}) == 4
    other = dataclasses.replace(
        nouns.result("regressed", comparisons=(nouns.comparison("ttft", "regressed"),)), test_id="x"
    )
    assert found(other)[0].fingerprint != fingerprint()
