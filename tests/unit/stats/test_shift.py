"""The shift function: quantiles of two sides over each other."""

import math

import numpy as np
import pytest

import nouns
from pytest_llm_latency.stats.quantiles import largest, needed_for, order_bounds
from pytest_llm_latency.stats.shift import shift


def test_a_run_that_is_slower_throughout_is_so_in_every_quantile() -> None:
    """The ratio is the factor, inside of its interval."""
    baseline = np.array(nouns.lognormal(400, median=0.2))
    found = shift(baseline * 1.3, baseline, direction="lower")
    assert [each.ratio for each in found] == pytest.approx([1.3] * len(found))
    assert all(each.interval is None or each.interval[0] < 1.3 < each.interval[1] for each in found)
    assert found[-1].quantile == 0.99


def test_a_quantile_that_one_side_does_not_support_is_left_out() -> None:
    """60 requests have a p95 and no p96."""
    found = shift(np.full(60, 0.2), np.full(1000, 0.2), direction="lower")
    assert found[-1].quantile == 0.95
    assert shift(np.empty(0), np.full(60, 0.2), direction="lower") == ()


def test_where_more_is_better_quantiles_run_towards_the_slow_requests() -> None:
    """The p95 is what 95 % of the requests reach, and a failed request has no throughput."""
    run, baseline = np.arange(1.0, 101.0), np.arange(1.0, 101.0) * 2
    found = {each.quantile: each for each in shift(run, baseline, direction="higher")}
    assert (found[0.95].now, found[0.95].before) == (pytest.approx(6.0), pytest.approx(12.0))
    assert found[0.95].ratio == pytest.approx(0.5)
    failed = np.concatenate([run, np.zeros(20)])
    assert max(each.quantile for each in shift(failed, baseline, direction="higher")) < 0.9


def test_quantiles_that_fall_on_failed_requests_are_left_out() -> None:
    """And an interval that reaches to them has an open end."""
    run = np.array([*nouns.lognormal(90, median=0.3), *[math.inf] * 10])
    found = shift(run, np.array(nouns.lognormal(100, median=0.3)), direction="lower")
    assert found[-1].quantile == 0.9
    assert found[-1].interval is None
    assert found[5].interval is not None


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    """Of 400 pairs of samples of one distribution, the p75's interval misses 1 about one time in twenty."""
    random = np.random.default_rng(7)
    missed = 0
    for _ in range(400):
        run, baseline = np.exp(random.normal(size=(2, 80)) * 0.4)
        (found,) = (each for each in shift(run, baseline, direction="lower") if each.quantile == 0.75)
        assert found.interval is not None
        missed += not found.interval[0] <= 1 <= found.interval[1]
    assert missed / 400 <= 0.07


def test_the_largest_supported_quantile_is_the_inverse_of_what_a_quantile_needs() -> None:
    """59 requests support a p95."""
    assert largest(59) >= 0.95 > largest(58)
    assert needed_for(largest(299)) == 299


def test_the_bounds_of_a_quantile_are_order_statistics_that_hold_it() -> None:
    """By the binomial distribution; none where the sample is too small for either bound."""
    assert order_bounds(20, 0.5) == (5, 14)
    assert order_bounds(30, 0.95) is None
    low, high = order_bounds(100_000, 0.95) or (0, 0)
    assert low < 95_000 < high
    assert high - low < 300
