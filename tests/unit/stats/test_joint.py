"""The joint test of two contrasts."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from pytest_llm_latency.stats.joint import _HANDICAP, Contrast, Runs, compare, one_of_two
from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.probabilities import either, upper
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.stats.variance import Noise

POLICY = GatePolicy()


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("score", [-1.0, 0.0, 0.5, 2.0, 3.5])
def test_one_of_two_scores_has_the_probability_of_the_normal_plane(score: float, correlation: float) -> None:
    """The oracle integrates the bivariate normal distribution."""
    plane = multivariate_normal(cov=[[1, correlation], [correlation, 1]], allow_singular=True)

    assert either(score, score + 0.2, correlation) == pytest.approx(1 - plane.cdf([score, score + 0.2]), abs=1e-4)


@pytest.mark.parametrize("score", [-1.0, 0.0, 0.5, 2.0, 3.5])
def test_the_tail_alone_must_be_clearer(score: float) -> None:
    """By its handicap; both looks are paid for."""
    assert one_of_two(score) == pytest.approx(either(score, score + _HANDICAP, 0.0))
    assert upper(score) < one_of_two(score) < 2 * upper(score)


def test_a_score_far_out_has_a_probability_and_no_warning() -> None:
    """A deterministic service that slows down is forty standard errors away."""
    assert 0 < one_of_two(1e9) < 1e-200
    assert one_of_two(-1e9) == pytest.approx(1.0)


def run(seed: int, count: int = 200) -> Floats:
    """Return logarithms of latencies."""
    values: Floats = 0.3 * np.random.default_rng(seed).standard_normal(count)
    return values


BASELINE = [run(seed) for seed in range(5)]
NOISE = Noise(run_variance=0.1**2, degrees=40.0, runs=80, tail_inflation=1.0)


def test_noise_that_moves_all_of_a_run_hides_no_slower_tail() -> None:
    """Runs differ by 10 %; the slowest tenth by half is found all the same, and everything +15 % is not."""
    slow = run(9)
    tail = np.where(slow >= np.quantile(slow, 0.9), slow + np.log(1.5), slow)

    changes = [compare(Runs(baseline=BASELINE, candidate=now, seed=(1,)), POLICY, NOISE) for now in (tail, slow + 0.14)]

    assert changes[0].slower < 0.001
    assert changes[1].slower > 0.02
    assert changes[0].tail is not None
    assert changes[0].tail.value == pytest.approx(np.log(1.5), abs=0.15)


def test_a_quantile_without_a_body_has_no_tail() -> None:
    """The median is judged alone, and nothing is paid for a second look."""
    found = compare(Runs(baseline=BASELINE, candidate=run(9) + 0.14, seed=(1,)), GatePolicy(quantile=0.5), NOISE)

    assert found.tail is None
    assert found.slower < 0.2


def test_a_tail_that_leans_towards_slow_lowers_the_score_of_slower() -> None:
    """The other direction stands, and no skewness changes nothing."""
    even = Contrast(value=3.0, variance=1.0, degrees=1e6, third=0.0)
    leaning = Contrast(value=3.0, variance=1.0, degrees=1e6, third=0.5)

    assert even.score(1) == pytest.approx(3.0, abs=1e-3)
    assert 2.0 < leaning.score(1) < 2.7
    assert leaning.score(-1) == pytest.approx(-3.0, abs=1e-3)


def test_few_degrees_of_freedom_lower_the_score() -> None:
    """Student's distribution, as a normal score."""
    found = Contrast(value=3.0, variance=1.0, degrees=5.0, third=0.0).score(1)

    assert found == pytest.approx(norm.isf(0.0150496), abs=1e-4)


def tail_variance(baseline: list[Floats], candidate: Floats, noise: Noise = NOISE) -> float:
    """Return the variance that the tail is compared with."""
    tail = compare(Runs(baseline=baseline, candidate=candidate, seed=(1,)), POLICY, noise).tail
    assert tail is not None
    return tail.variance


def test_tails_that_vary_between_runs_are_compared_with_what_they_vary() -> None:
    """As far as the suite's runs show it, and with an assumption as far as they do not."""
    known = tail_variance(BASELINE, run(9))

    assert tail_variance(BASELINE, run(9), dataclasses.replace(NOISE, tail_inflation=3.0)) > 2.5 * known
    assert tail_variance(BASELINE, run(9), dataclasses.replace(NOISE, runs=0)) > 1.2 * known


def test_beside_few_runs_a_slower_tail_widens_its_own_variance() -> None:
    """Two runs know too little of their tails to judge another by them alone; five do not ask it."""
    usual = run(9)
    heavy = np.where(usual >= np.quantile(usual, 0.9), 3 * usual, usual)

    assert tail_variance(BASELINE[:2], heavy) > 1.3 * tail_variance(BASELINE[:2], usual)
    assert tail_variance(BASELINE, heavy) == tail_variance(BASELINE, usual)


ASSUMED = Noise(run_variance=0.05**2, degrees=8.0, runs=0, tail_inflation=1.0)


def test_a_slower_tail_is_found_beside_a_single_accepted_run() -> None:
    """The slowest tenth by half of a hundred requests, most of the time: it does not hide itself by its own scatter."""
    found = []
    for seed in range(40):
        before, now = run(2 * seed, 100), run(2 * seed + 1, 100)
        slow = np.where(now >= np.quantile(now, 0.9), now + np.log(1.5), now)
        found.append(compare(Runs(baseline=[before], candidate=slow, seed=(1,)), POLICY, ASSUMED).slower < 0.05)

    assert np.mean(found) >= 0.75


def test_slow_requests_that_one_run_has_by_chance_are_no_slower_tail() -> None:
    """Of thirty requests, one in twelve takes three times as long: a run that has none of them knows no scatter."""
    random = np.random.default_rng(3)
    small = []
    for _ in range(200):
        before, now = (0.1 * random.standard_normal(30) + np.log(3.0) * (random.random(30) < 1 / 12) for _ in range(2))
        found = compare(Runs(baseline=[before], candidate=now, seed=(1,)), POLICY, ASSUMED)
        small.append(min(found.slower, found.faster) < 0.005)

    assert np.mean(small) <= 0.01
