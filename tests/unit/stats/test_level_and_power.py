"""The gate's error rates on suites with known changes: a small part of ``benchmarks/gate_power.py``.

Everything is seeded, so that each figure is the same every time. The bounds lie between what the
gate reaches and what it would with its level or its power lost.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import GatePolicy, Series, gate, pool_noise
from pytest_llm_latency.stats.quantiles import Floats

SERIES = 20
CHANGED = 2
SUITES = 40
UNCHANGED: tuple[dict[str, Any], ...] = (
    {"count": 50, "correlation": 0.5},
    {"count": 100},
    {"count": 50, "noise": 0.10},
)


def latencies(random: np.random.Generator, count: int, *, correlation: float, deviation: float) -> Floats:
    """Return the log-normal latencies of one run."""
    normal = random.standard_normal(count)
    for at in range(1, count if correlation else 0):
        normal[at] = correlation * normal[at - 1] + np.sqrt(1 - correlation**2) * normal[at]
    values: Floats = np.exp(deviation * normal)
    return values


def slower(run: Floats, change: float | None) -> Floats:
    """Return a run of which everything takes longer by a factor, or with ``None`` the slowest tenth by half."""
    return np.where(run >= np.quantile(run, 0.9), 1.5 * run, run) if change is None else change * run


@functools.cache
def judged(
    *,
    count: int,
    change: float | None = 1.0,
    correlation: float = 0.0,
    noise: float = 0.05,
    deviation: float = 0.4,
    slow: float = 0.0,
    suites: int = SUITES,
) -> Sequence[Sequence[Verdict]]:
    """Return the verdicts of suites of which the first series have changed.

    A share ``slow`` of the requests takes 1.5 to 4 times as long.
    """

    def run(random: np.random.Generator) -> Floats:
        level = np.exp(noise * random.standard_normal())
        if slow:
            level *= np.where(random.random(count) < slow, random.uniform(1.5, 4.0, count), 1.0)
        return level * latencies(random, count, correlation=correlation, deviation=deviation)

    def suite(seed: int) -> list[Series]:
        random = np.random.default_rng(seed)
        return [
            Series(
                key=f"series {number}",
                baseline=[run(random) for _ in range(5)],
                candidate=slower(run(random), change if number < CHANGED else 1.0),
            )
            for number in range(SERIES)
        ]

    return [gate(suite(seed), GatePolicy()) for seed in range(suites)]


def share(suites: Sequence[Sequence[Verdict]], status: str, *, changed: bool) -> float:
    """Return the share of the changed or the unchanged series that have a status."""
    of = slice(CHANGED) if changed else slice(CHANGED, None)
    return float(np.mean([verdict.status == status for suite in suites for verdict in suite[of]]))


def test_no_more_unchanged_suites_go_red_or_green_than_one_in_twenty() -> None:
    """Within chance: of 120 suites with an alarm in 5 %, 99 of 100 times at most 12 have one."""
    suites = [suite for setting in UNCHANGED for suite in judged(**setting)]

    for status in ("regressed", "improved"):
        assert sum(any(verdict.status == status for verdict in suite) for suite in suites) <= 12


@pytest.mark.parametrize("setting", UNCHANGED, ids=str)
def test_a_p_value_is_what_it_says(setting: dict[str, Any]) -> None:
    """Of 800 unchanged series about one in twenty is slower at 5 %, before the adjustment."""
    small = [
        (verdict.ratio or 0) > 1 and (verdict.raw_p_value or 0) < 0.05
        for suite in judged(**setting)
        for verdict in suite
    ]

    assert 0.02 < np.mean(small) < 0.06


def test_a_change_of_everything_is_found_and_not_passed() -> None:
    """By 30 % at a hundred requests, with runs that differ by 5 %."""
    suites = judged(count=100, change=1.3, suites=30)

    assert share(suites, "regressed", changed=True) >= 0.7
    assert share(suites, "pass", changed=True) <= 0.05


def test_unchanged_series_pass() -> None:
    """Most of them: a gate that answers nothing would never be wrong."""
    assert share(judged(count=100), "pass", changed=False) >= 0.8


def test_a_change_of_the_tail_alone_is_found_and_not_passed() -> None:
    """The slowest tenth by half, at two hundred requests."""
    suites = judged(count=200, change=None, suites=15)

    assert share(suites, "regressed", changed=True) >= 0.8
    assert share(suites, "pass", changed=True) <= 0.05


def test_noise_that_moves_whole_runs_hides_no_slower_tail() -> None:
    """Twice the noise between runs, the same power."""
    suites = judged(count=200, change=None, noise=0.10, suites=6)

    assert share(suites, "regressed", changed=True) >= 0.8


def test_a_heavy_tail_that_may_have_got_slower_does_not_pass() -> None:
    """One request in twenty takes up to four times as long; of fifty, that tells nothing of a tail."""
    suites = judged(count=50, change=None, deviation=0.25, slow=0.05, suites=10)

    assert share(suites, "pass", changed=True) <= 0.05


def test_the_detectable_change_is_found_in_four_of_five_cases() -> None:
    """Another run against the same baseline, slower by what the first one could have seen."""
    found = []
    for seed in range(25):
        random = np.random.default_rng(seed)
        runs = [[np.exp(0.3 * random.standard_normal(60) + 0.05 * random.standard_normal()) for _ in range(7)]
                for _ in range(10)]  # fmt: skip
        noise = pool_noise([each[:5] for each in runs], GatePolicy())
        policy = GatePolicy(family=10)
        for number, each in enumerate(runs[:4]):
            key = f"series {number}"
            first = gate([Series(key=key, baseline=each[:5], candidate=each[5])], policy, noise=noise)[0].detectable
            then = gate([Series(key=key, baseline=each[:5], candidate=(first or 1.0) * each[6])], policy, noise=noise)
            found.append(then[0].status == "regressed")

    assert 0.7 <= np.mean(found) <= 0.9


def test_a_change_below_the_tolerance_is_seen_and_not_called() -> None:
    """By 6 %, in a service so even that every test finds it."""
    suites = judged(count=100, change=1.06, noise=0.0, deviation=0.05, suites=10)

    seen = [verdict.p_value is not None and verdict.p_value < 0.05 for suite in suites for verdict in suite[:CHANGED]]
    assert np.mean(seen) >= 0.8
    assert share(suites, "regressed", changed=True) == 0
