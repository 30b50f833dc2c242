"""Quantiles: estimates, what supports them, what moves them."""

import math

import numpy as np
import pytest
from scipy import stats

from pytest_llm_latency.stats.quantiles import LEVELS, empirical, harrell_davis, name, needed_for, rank, weighted


@pytest.mark.parametrize("count", [1, 2, 7, 50, 500])
def test_harrell_davis_estimates_are_those_of_scipy(count: int) -> None:
    """The oracle is scipy's own method."""
    values = np.random.default_rng(count).lognormal(size=count)

    found = harrell_davis(values, LEVELS)

    expected = stats.quantile(values, LEVELS, method="harrell-davis")
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("quantile", "needed"), [(0.5, 5), (0.75, 11), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_quantile_needs_as_many_requests_as_bound_it(quantile: float, needed: int) -> None:
    """With one request fewer, the slowest exceeds the quantile in fewer than 95 of 100 samples."""
    assert needed_for(quantile) == needed
    assert 1 - quantile**needed >= 0.95 > 1 - quantile ** (needed - 1)


def test_an_empirical_quantile_is_the_value_that_its_share_does_not_exceed() -> None:
    """Of 100 values, 95 are at most p95."""
    assert empirical([float(value) for value in range(100, 0, -1)], 0.95) == 95.0


def test_a_quantile_that_the_sample_cannot_support_is_absent() -> None:
    """Fifty-eight values say nothing of p95."""
    assert empirical([1.0] * 58, 0.95) is None
    assert empirical([1.0] * 59, 0.95) == 1.0
    assert empirical([], 0.5) is None


def test_a_quantile_that_falls_on_a_failed_request_is_absent() -> None:
    """Failures rank last: five of a hundred leave p95, six do not."""
    values = [float(value) for value in range(100)]

    assert empirical([*values[:95], *[math.inf] * 5], 0.95) == 94.0
    assert empirical([*values[:94], *[math.inf] * 6], 0.95) is None


def test_a_rank_is_not_moved_by_rounding() -> None:
    """0.95 × 100 is the 95th value, although the product is above 95 in binary."""
    assert [rank(count, 0.95) for count in (1, 20, 100, 200)] == [1, 19, 95, 190]


def test_quantiles_are_named_in_percent() -> None:
    """0.999 is p99.9."""
    assert [name(each) for each in (0.5, 0.95, 0.999)] == ["p50", "p95", "p99.9"]


@pytest.mark.parametrize("level", LEVELS)
def test_equal_weights_give_the_empirical_quantile(level: float) -> None:
    """The same value as without weights, for any weight."""
    values = [float(value) for value in range(299, 0, -1)]
    assert weighted([(value, 0.3) for value in values], [level]) == [empirical(values, level)]


def test_a_weight_counts_as_that_many_values() -> None:
    """Three tokens of one gap are three of its seconds a token."""
    assert weighted([(2.0, 1.0), (1.0, 3.0)], [0.75, 0.76]) == [1.0, 2.0]
    assert weighted([(1.0, 3.0), (math.inf, 1.0)], [0.5, 0.9]) == [1.0, None]
