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
from pytest_llm_latency.stats import GatePolicy, Series, gate
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
    suites: int = SUITES,
) -> Sequence[Sequence[Verdict]]:
    """Return the verdicts of suites of which the first series have changed."""

    def run(random: np.random.Generator) -> Floats:
        level = np.exp(noise * random.standard_normal())
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


def test_a_change_below_the_tolerance_is_seen_and_not_called() -> None:
    """By 6 %, in a service so even that every test finds it."""
    suites = judged(count=100, change=1.06, noise=0.0, deviation=0.05, suites=10)

    seen = [verdict.p_value is not None and verdict.p_value < 0.05 for suite in suites for verdict in suite[:CHANGED]]
    assert np.mean(seen) >= 0.8
    assert share(suites, "regressed", changed=True) == 0
