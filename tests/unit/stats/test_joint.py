"""The joint test of two contrasts."""

import pytest
from scipy.stats import multivariate_normal, norm

from pytest_llm_latency.stats.joint import _HANDICAP, _Contrast, _larger


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("score", [-1.0, 0.0, 0.5, 2.0, 3.5])
def test_the_larger_of_two_scores_has_the_probability_of_the_normal_plane(score: float, correlation: float) -> None:
    """The oracle integrates the bivariate normal distribution; the tail alone must be clearer."""
    plane = multivariate_normal(cov=[[1, correlation], [correlation, 1]], allow_singular=True)
    expected = pytest.approx(1 - plane.cdf([score, score + _HANDICAP]), abs=1e-4)

    assert _larger(score, score - 1, correlation) == expected
    assert _larger(score - 1, score + _HANDICAP, correlation) == expected


def test_a_score_far_out_has_a_probability_and_no_warning() -> None:
    """A deterministic service that slows down is forty standard errors away."""
    assert 0 < _larger(1e9, 0.0, 0.5) < 1e-200
    assert _larger(-1e9, -1e9, 0.5) == pytest.approx(1.0)


def test_a_tail_that_leans_towards_slow_lowers_the_score_of_slower() -> None:
    """The other direction stands, and no skewness changes nothing."""
    even = _Contrast(value=3.0, variance=1.0, degrees=1e6, third=0.0)
    leaning = _Contrast(value=3.0, variance=1.0, degrees=1e6, third=0.5)

    assert even.score(1) == pytest.approx(3.0, abs=1e-3)
    assert 2.0 < leaning.score(1) < 2.7
    assert leaning.score(-1) == pytest.approx(-3.0, abs=1e-3)


def test_few_degrees_of_freedom_lower_the_score() -> None:
    """Student's distribution, as a normal score."""
    found = _Contrast(value=3.0, variance=1.0, degrees=5.0, third=0.0).score(1)

    assert found == pytest.approx(norm.isf(0.0150496), abs=1e-4)
