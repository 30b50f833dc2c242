"""Calibration: what the gate is worth for a suite, from its accepted runs."""

import functools
import importlib
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.stats import GatePolicy, Noise, calibration, gate, joint, pool_noise
from pytest_llm_latency.stats.calibration import FACTORS, Accepted, Calibration, calibrate, rate
from pytest_llm_latency.stats.quantiles import Floats

POLICY = GatePolicy()


def run(random: np.random.Generator, noise: float, count: int = 60) -> Floats:
    """Return one run of a suite whose runs differ by a noise."""
    values: Floats = np.exp(noise * random.standard_normal() + 0.3 * random.standard_normal(count))
    return values


def accepted(number: int, runs: int, noise: float, *, metric: str = "ttft") -> Accepted:
    """Return a series of a test with so many accepted runs."""
    random = np.random.default_rng(number)
    return Accepted(
        test_id=f"test_{number}",
        step=None,
        metric=METRICS[metric],
        tolerance=0.1,
        runs=tuple((f"session-{each}", run(random, noise)) for each in range(runs)),
    )


@functools.cache
def calibrated(runs: int, noise: float, suites: int = 1) -> Calibration:
    """Return the calibration of eight tests."""
    return calibrate([accepted(number, runs, noise) for number in range(8)], POLICY, suites=suites)


def test_the_noise_between_runs_is_found_with_its_interval() -> None:
    """Runs that differ by 10 % are told from runs that differ by 3 %."""
    for noise in (0.03, 0.10):
        low, high = calibrated(5, noise).noise_interval
        assert low < calibrated(5, noise).noise < high
        assert low < noise < high
    assert calibrated(5, 0.10).noise > 1.5 * calibrated(5, 0.03).noise
    assert calibrated(5, 0.10).differences == 8 * 4
    assert calibrated(5, 0.10).more_runs == 0


def test_unchanged_suites_seldom_go_red() -> None:
    """Both those that were measured and those that were resampled."""
    found = calibrated(5, 0.05, suites=20)

    assert found.resampled is not None
    assert found.measured is not None
    assert (found.resampled.suites, found.measured.suites) == (20, 5)
    assert found.resampled.red <= 3
    assert found.measured.red <= 1
    assert calibrate([accepted(number, 5, 0.05) for number in range(8)], POLICY, suites=20) == found


def test_a_gate_that_alarms_too_often_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a noise that it takes for a tenth of what it is, most suites go red."""

    def underestimated(*arguments: object, **named: object) -> Noise:
        return Noise(run_variance=1e-4, degrees=1e6, runs=100, tail_inflation=1.0)

    suite = [accepted(number, 3, 0.3) for number in range(8)]
    sampler = calibration._sampler
    monkeypatch.setattr(importlib.import_module("pytest_llm_latency.stats.gate"), "pool_noise", underestimated)
    monkeypatch.setattr(joint, "_excess", lambda *_: 0.0)
    monkeypatch.setattr(calibration, "_sampler", lambda each, _: sampler(each, 0.3))

    found = calibrate(suite, POLICY, suites=10)

    assert found.resampled is not None
    assert found.resampled.share > 0.5
    assert found.measured is not None
    assert found.measured.share > 0.5


def test_more_requests_find_smaller_changes_down_to_the_noise() -> None:
    """At the requests of now it is what the gate itself says."""
    suite = [accepted(number, 5, 0.05) for number in range(8)]
    noise = pool_noise([[each for _, each in one.runs] for one in suite], POLICY)
    series = [one.against([each for _, each in one.runs], one.runs[-1][1]) for one in suite]
    said = [verdict.detectable for verdict in gate(series, POLICY, noise=noise)]

    found = calibrated(5, 0.05).detectable

    assert [each.ratios[FACTORS.index(1.0)] for each in found] == pytest.approx(said)
    for each in found:
        ratios = [ratio for ratio in each.ratios if ratio is not None]
        assert ratios == sorted(ratios, reverse=True)
        assert len(set(ratios)) == len(FACTORS)
        assert ratios[-1] > 1.1
        assert (each.runs, each.requests) == (5, 60)


def test_a_throughput_is_found_to_fall() -> None:
    """Where higher is better, the detectable ratio is below 1."""
    found = calibrate([accepted(1, 3, 0.05, metric="throughput")], POLICY, suites=2)

    assert all(ratio is not None and ratio < 1 for ratio in found.detectable[0].ratios)


def test_one_run_tells_no_rate_and_says_how_many_it_takes() -> None:
    """Eight differences are needed, and each further run of eight series brings as many."""
    found = calibrated(1, 0.05)

    assert (found.resampled, found.measured) == (None, None)
    assert (found.differences, found.more_runs) == (0, 1)
    assert found.noise == pytest.approx(0.05)
    assert calibrate([accepted(1, 3, 0.05)], POLICY, suites=2).more_runs == 6


def test_failed_requests_and_too_few_of_them_are_no_crash() -> None:
    """A series that cannot be compared has no detectable change."""
    few = Accepted(
        test_id="few", step="a", metric=METRICS["e2e"], tolerance=0.1,
        runs=(("session-1", np.array([0.5, math.inf])), ("session-2", np.array([math.inf]))),
    )  # fmt: skip

    found = calibrate([few, accepted(1, 3, 0.05)], POLICY, suites=3)

    assert found.detectable[0].ratios == (None,) * len(FACTORS)
    assert None not in found.detectable[1].ratios


@pytest.mark.parametrize(("red", "suites"), [(0, 5), (3, 200), (7, 7)])
def test_the_interval_of_a_rate_is_exact(red: int, suites: int) -> None:
    """SciPy's binomial test is the oracle."""
    expected = binomtest(red, suites).proportion_ci(0.95)

    assert rate(red, suites).interval == pytest.approx((expected.low, expected.high))
