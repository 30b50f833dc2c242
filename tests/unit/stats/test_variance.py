"""What requests of one run scatter, and what runs scatter beyond it."""

import math

import numpy as np
import pytest

from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis
from pytest_llm_latency.stats.variance import (
    ASSUMED_DEGREES,
    NOISE_FLOOR,
    SMALLEST,
    block_length,
    level_failures,
    logarithms,
    pool_noise,
    scatter,
)

POLICY = GatePolicy()


def correlated(random: np.random.Generator, count: int, correlation: float) -> Floats:
    """Return a normal series in which each value depends on the one before."""
    values = random.standard_normal(count)
    for at in range(1, count):
        values[at] = correlation * values[at - 1] + math.sqrt(1 - correlation**2) * values[at]
    return values


def runs(deviation: float, count: int = 5, seed: int = 1) -> list[Floats]:
    """Return runs of 100 latencies that differ by a common factor."""
    random = np.random.default_rng(seed)
    return [np.exp(0.3 * random.standard_normal(100) + deviation * random.standard_normal()) for _ in range(count)]


def test_slowness_is_the_logarithm_turned_where_higher_is_better() -> None:
    """Twice the throughput is as good as half the time."""
    assert logarithms([1.0, math.e]).tolist() == pytest.approx([0.0, 1.0])
    assert logarithms([1.0, math.e], "higher").tolist() == pytest.approx([0.0, -1.0])


def test_a_failed_request_is_slower_than_everything() -> None:
    """Infinity, not-a-number, and no throughput at all are failures; no time at all is a nanosecond."""
    assert logarithms([math.inf, math.nan]).tolist() == [math.inf, math.inf]
    assert logarithms([0.0, math.inf], "higher").tolist() == [math.inf, math.inf]
    assert logarithms([0.0]).tolist() == [math.log(SMALLEST)]


def test_failures_stand_at_the_slowest_success() -> None:
    """Their rank counts, not a made-up duration."""
    first, second = level_failures([np.array([1.0, math.inf]), np.array([3.0, 2.0])])

    assert first.tolist() == [1.0, 3.0]
    assert second.tolist() == [3.0, 2.0]


def test_independent_requests_are_resampled_almost_alone_and_correlated_ones_in_blocks() -> None:
    """A stronger dependence makes longer blocks."""
    random = np.random.default_rng(3)
    lengths = [block_length([correlated(random, 1000, each) for _ in range(5)]) for each in (0.0, 0.5, 0.8)]

    assert lengths[0] <= 3
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize(("correlation", "tolerance"), [(0.0, 0.20), (0.5, 0.30)])
def test_resampling_finds_the_standard_error_of_the_quantiles(correlation: float, tolerance: float) -> None:
    """The truth comes from many runs, drawn anew."""
    random = np.random.default_rng(5)
    truth = np.std([harrell_davis(correlated(random, 200, correlation), POLICY.quantiles) for _ in range(2000)], axis=0)

    found = scatter([correlated(random, 200, correlation) for _ in range(20)], 200, POLICY.quantiles, (1,))

    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(truth, rel=tolerance)


def test_the_noise_is_known_the_better_the_more_runs_show_it() -> None:
    """And never less well than it is assumed."""
    degrees = [pool_noise([runs(0.1, seed=seed) for seed in range(count)], POLICY).degrees for count in (1, 10, 40)]

    assert degrees[0] == ASSUMED_DEGREES
    assert degrees[0] < degrees[1] < degrees[2]


def test_tails_are_assumed_to_differ_between_runs_until_runs_show_it() -> None:
    """Half as much as the runs themselves do."""
    unknown, known = (pool_noise([runs(0.1, count=count, seed=seed) for seed in range(20)], POLICY) for count in (1, 5))

    assert unknown.tail_variance == pytest.approx(0.05**2 / 4)
    assert known.tail_variance < 0.05 * known.run_variance


def test_resampling_is_the_same_for_the_same_seed() -> None:
    """Another seed gives other draws."""
    sample = [np.random.default_rng(1).standard_normal(50)]
    first, again, other = (scatter(sample, 50, POLICY.quantiles, (seed,)).draws for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_is_assumed_where_no_series_has_two_runs() -> None:
    """One run cannot show how runs differ."""
    noise = pool_noise([[run] for run in runs(0.2)], GatePolicy(assumed_noise=0.07))

    assert noise.runs == 0
    assert noise.run_variance == pytest.approx(0.07**2)


@pytest.mark.parametrize("deviation", [0.10, 0.30])
def test_noise_is_estimated_from_many_series(deviation: float) -> None:
    """Forty series outweigh the assumption."""
    noise = pool_noise([runs(deviation, seed=seed) for seed in range(40)], POLICY)

    assert noise.runs == 160
    assert math.sqrt(noise.run_variance) == pytest.approx(deviation, rel=0.2)


def test_runs_that_agree_are_not_trusted_to_agree_for_ever() -> None:
    """Identical runs bring the noise down to the floor at the lowest."""
    noise = pool_noise([[np.full(30, 0.2)] * 5] * 60, POLICY)

    assert NOISE_FLOOR <= math.sqrt(noise.run_variance) < 0.03


def test_noise_does_not_depend_on_the_order_of_the_series() -> None:
    """To the last bit, whatever worker collected which baseline."""
    baselines = [runs(0.1, count=2 + seed % 3, seed=seed) for seed in range(12)]

    assert pool_noise(baselines, POLICY) == pool_noise(baselines[::-1], POLICY)


def test_runs_without_a_success_tell_nothing_of_noise() -> None:
    """Empty and failed runs are left out."""
    assert pool_noise([[[], []], [[math.inf] * 9] * 2, []], POLICY).runs == 0
