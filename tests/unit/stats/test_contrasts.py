"""The weights of the two contrasts."""

import numpy as np
import pytest

from pytest_llm_latency.stats import contrasts
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis

QUANTILES = (0.5, 0.75, 0.9, 0.95)


def covariance(tail: float = 0.0, quantiles: tuple[float, ...] = QUANTILES) -> Floats:
    """Return the covariance of the quantiles of log-normal requests, of which a share is far slower."""
    random = np.random.default_rng(1)
    draws = 0.3 * random.standard_normal((400, 100)) + 1.5 * (random.random((400, 100)) < tail)
    found: Floats = np.cov(np.array([harrell_davis(each, quantiles) for each in draws]).T)
    return np.atleast_2d(found)


@pytest.mark.parametrize("tail", [0.0, 0.05])
def test_a_shift_of_everything_is_location_and_no_tail(tail: float) -> None:
    """Their sums are one and zero."""
    known = covariance(tail)

    assert contrasts.location(known, QUANTILES).sum() == pytest.approx(1.0)
    assert contrasts.tail(known, QUANTILES).sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("tail", [0.0, 0.05])
def test_a_slower_tenth_is_measured_in_full(tail: float) -> None:
    """It moves p95 by all of it and p90, at its edge, by half."""
    assert contrasts.tail(covariance(tail), QUANTILES) @ [0.0, 0.0, 0.5, 1.0] == pytest.approx(1.0)


def test_a_heavy_tail_is_measured_where_it_begins() -> None:
    """The quantile that is known least counts least."""
    weights = contrasts.tail(covariance(0.05), QUANTILES)

    assert weights[2] > weights[3] >= 0
    assert (weights[:2] <= 0).all()


@pytest.mark.parametrize(
    ("quantiles", "moved"),
    [((0.5, 0.75, 0.9), [0, 0, 1]), ((0.5, 0.75), [0, 1]), ((0.5, 0.75, 0.9, 0.99), [0, 0, 0, 1])],
)
def test_another_quantile_has_its_own_tail(quantiles: tuple[float, ...], moved: list[int]) -> None:
    """Twice the share beyond it; the first quantile is of the body whatever its share."""
    weights = contrasts.tail(covariance(quantiles=quantiles), quantiles)

    assert weights @ moved == pytest.approx(1.0)
    assert weights.sum() == pytest.approx(0.0, abs=1e-12)


def test_one_quantile_has_no_tail_beyond_it() -> None:
    """There is nothing that it could depart from."""
    assert contrasts.tail(np.eye(1), (0.5,)).tolist() == [0.0]


def test_requests_that_are_all_equal_have_weights() -> None:
    """No covariance at all is as that of normal requests."""
    nothing = np.zeros((4, 4))

    assert contrasts.location(nothing, QUANTILES).sum() == pytest.approx(1.0)
    assert contrasts.tail(nothing, QUANTILES) @ [0.0, 0.0, 0.5, 1.0] == pytest.approx(1.0)
