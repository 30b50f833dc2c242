"""Whether one more request fits into a budget."""

from typing import Any

import pytest

from pytest_llm_latency.errors import BudgetError
from pytest_llm_latency.execution.budget import BENCHMARK, SESSION, Meter
from pytest_llm_latency.execution.spending import NOTHING, Use
from pytest_llm_latency.model import Budget
from pytest_llm_latency.units import nanoseconds

TENTH = Use(tokens=10, dollars=0.1)


def meter(scope: Any = BENCHMARK, **bounds: Any) -> Meter:
    """Return the meter of a budget with these bounds."""
    return Meter(
        budget=Budget(**{"requests": None, "seconds": None, "tokens": None, "dollars": None, **bounds}), scope=scope
    )


def sent(one: Meter, expected: Use = TENTH) -> int:
    """Send requests that use what is expected, one after another, and return how many fit."""
    count = 0
    while one.exceeded(expected, 0) is None:
        one.reserve(expected)
        one.settle(expected, expected, "m")
        count += 1
        assert count < 1000
    return count


@pytest.mark.parametrize(
    "bounds", [{"requests": 7}, {"tokens": 70}, {"tokens": 79}, {"dollars": 0.7}, {"dollars": 0.79}]
)
def test_requests_fit_until_the_next_one_would_exceed_a_bound(bounds: dict[str, Any]) -> None:
    """What is used up may reach the bound and not pass it."""
    assert sent(meter(**bounds)) == 7


def test_the_strictest_bound_decides() -> None:
    """All of them hold."""
    assert sent(meter(requests=9, tokens=50, dollars=0.3)) == 3


@pytest.mark.parametrize("bounds", [{"dollars": 0.35}, {"tokens": 35}])
def test_requests_under_way_count_as_what_they_are_expected_to_use(bounds: dict[str, Any]) -> None:
    """Those that have ended count as what they used."""
    one = meter(**bounds)
    for _ in range(3):
        assert one.exceeded(TENTH, 0) is None
        one.reserve(TENTH)
    notice = one.exceeded(TENTH, 0)
    assert notice is not None
    assert "in 0 requests, 3 more under way, with the warm-up" in notice.message
    one.settle(TENTH, Use(tokens=1, dollars=0.01), "m")
    assert one.exceeded(TENTH, 0) is None


def test_time_begins_with_the_first_request() -> None:
    """And no request starts when it is over."""
    one = meter(seconds=30)
    assert one.until_ns is None
    assert one.exceeded(NOTHING, nanoseconds(1_000)) is None
    one.begin(nanoseconds(5))
    one.begin(nanoseconds(9))
    assert one.until_ns == nanoseconds(35)
    assert one.exceeded(NOTHING, nanoseconds(34.9)) is None
    assert one.exceeded(NOTHING, nanoseconds(35)) is not None


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            {"requests": 2},
            "the test's budget of 2 requests allows no further request, after 2 requests with the warm-up",
        ),
        ({"tokens": 25}, "the test's budget of 25 tokens allows no further request, after 20 tokens in 2 requests"),
        ({"dollars": 0.25}, "the test's budget of $0.25 allows no further request, after $0.20 in 2 requests"),
    ],
)
def test_the_reason_names_the_bound_and_what_was_used(bounds: dict[str, Any], message: str) -> None:
    """And ends with what to do."""
    one = meter(**bounds)
    sent(one)
    notice = one.exceeded(TENTH, 0)
    assert notice is not None
    assert notice.code == "budget"
    assert notice.message.startswith(message)
    (name,) = bounds
    assert notice.message.endswith(f"Raise {name!r} in budget= of its marker, or lower requests.")


def test_a_sessions_budget_is_raised_by_its_option() -> None:
    """Its tests have none of their own."""
    one = meter(SESSION, seconds=90)
    one.begin(0)
    notice = one.exceeded(NOTHING, nanoseconds(90))
    assert notice is not None
    assert notice.message == (
        "the session's budget of 90.0 s allows no further request, after 0 requests with the warm-up. "
        "Raise --llm-latency-budget-seconds, lower requests, or select fewer tests."
    )


def test_a_budget_of_dollars_cannot_be_kept_without_a_price() -> None:
    """Then no request more is sent; a budget of tokens needs no price."""
    unpriced = Use(tokens=10, dollars=None)
    one = meter(dollars=1.0)
    one.reserve(NOTHING)
    with pytest.raises(BudgetError, match=r"budget of \$1.00 cannot be kept.*no price is known for 'x/y'.*tokens"):
        one.settle(NOTHING, unpriced, "x/y")
    assert sent(meter(tokens=30), unpriced) == 3


def test_a_budget_without_bounds_is_none() -> None:
    """Only tokens and dollars need to know what each request used."""
    assert not meter().bounded
    assert meter(requests=1).bounded
    counting = [meter(requests=1), meter(seconds=1), meter(tokens=1), meter(dollars=1)]
    assert [one.counts_use for one in counting] == [False, False, True, True]
