"""What a run could have shown, and how many requests would."""

import dataclasses
import math

import pytest

from pytest_llm_latency.stats.joint import Change, Contrast
from pytest_llm_latency.stats.power import MOST_REQUESTS, TAIL_CONFIDENCE, Question, detectable, needed, needed_for_tail

CHANGE = Change(
    baseline=0.0,
    candidate=0.0,
    size=0.0,
    error=math.sqrt(0.02),
    slower=0.5,
    faster=0.5,
    between=0.0025,
    within=0.0175,
    degrees=200.0,
    tail=None,
)
QUESTION = Question(alpha=0.05, hypotheses=1, tolerance=math.log(1.1), margin=math.log(1.3), requests=50)


def test_the_detectable_change_is_significant_and_large_in_four_of_five_cases() -> None:
    """Normal theory: (1.65 + 0.84) standard errors, here 0.141."""
    assert detectable(CHANGE, QUESTION) == pytest.approx(math.exp(2.5 * math.sqrt(0.02)), rel=0.01)


def test_a_second_look_at_the_tail_is_paid_for() -> None:
    """With a tail to be tested beside it, a change of everything must be a little larger."""
    tail = Contrast(value=0.0, variance=0.01, degrees=10.0, third=0.0)

    alone, beside = (detectable(each, QUESTION) for each in (CHANGE, dataclasses.replace(CHANGE, tail=tail)))

    assert alone < beside < 1.1 * alone


def test_the_needed_requests_would_exclude_a_tail_as_slow_as_the_margin() -> None:
    """With that many, the upper bound of the same estimate is at the margin or below it."""
    tail = Contrast(value=0.05, variance=0.09, degrees=10.0, third=0.0)

    found = needed_for_tail(tail, QUESTION)

    assert found is not None
    then = dataclasses.replace(tail, variance=tail.variance * QUESTION.requests / found.requests)
    assert 0.95 * QUESTION.margin < then.highest(TAIL_CONFIDENCE) <= QUESTION.margin


def test_a_tail_that_got_slower_by_the_margin_is_not_excluded_by_more_requests() -> None:
    """No number is made up."""
    tail = Contrast(value=0.3, variance=0.09, degrees=10.0, third=0.0)

    assert needed_for_tail(tail, QUESTION) is None


def test_more_tests_make_less_detectable() -> None:
    """The false alarms of a session are shared."""
    many = dataclasses.replace(QUESTION, hypotheses=40)

    assert detectable(CHANGE, many) > detectable(CHANGE, QUESTION)


def test_the_needed_requests_would_show_the_change_that_they_name() -> None:
    """With that many, what is detectable is at most the target."""
    found = needed(CHANGE, QUESTION)

    assert found is not None
    within = CHANGE.within * QUESTION.requests / found.requests
    total = math.sqrt(CHANGE.between + within)
    then = dataclasses.replace(CHANGE, within=within, error=total)
    assert detectable(then, QUESTION) <= math.exp(found.target)
    assert found.requests == int(f"{found.requests:.2g}".split("e", maxsplit=1)[0].replace(".", "")) * 10 ** (
        len(str(found.requests)) - 2
    )


def test_where_noise_hides_the_target_the_margin_is_asked_for() -> None:
    """No number of requests shows +20 % through noise of 7 % in each run; +30 % shows."""
    noisy = dataclasses.replace(CHANGE, between=0.008)

    found = needed(noisy, QUESTION)

    assert found is not None
    assert found.target == QUESTION.margin
    assert found.requests <= MOST_REQUESTS


def test_where_noise_hides_everything_no_number_is_made_up() -> None:
    """Runs that differ by a third hide any change below the margin."""
    assert needed(dataclasses.replace(CHANGE, between=0.1), QUESTION) is None


def test_where_the_requests_should_have_been_enough_no_number_is_made_up() -> None:
    """A thousand requests of this scatter settle it; what does not is chance."""
    enough = dataclasses.replace(CHANGE, within=0.0001, between=0.0)

    assert needed(enough, QUESTION) is None


def test_an_estimate_near_a_decision_needs_more_requests() -> None:
    """Halfway between tolerance and margin, both are as near as can be."""
    between = dataclasses.replace(CHANGE, size=QUESTION.target, between=0.0001)
    clear = dataclasses.replace(between, size=0.0)

    near, far = needed(between, QUESTION), needed(clear, QUESTION)

    assert near is not None
    assert far is not None
    assert near.requests > far.requests
