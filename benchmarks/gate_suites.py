"""Draws suites of benchmarks with known changes: what the tables of ``gate_power.py`` are made of."""

from dataclasses import dataclass

import numpy as np

from pytest_llm_latency.stats import Series

SERIES = 20
CHANGED = 2
BASELINE_RUNS = 5
SHAPES = ("log-normal", "heavier tail", "correlated")
NOISES = (0.05, 0.10)
REQUESTS = (50, 100, 200)
UNCHANGED = "none"
CHANGES = (UNCHANGED, "+30 %", "+50 %", "tail ×1.5")
RATIOS = {UNCHANGED: 1.0, "+15 %": 1.15, "+20 %": 1.2, "+30 %": 1.3, "+50 %": 1.5}  # of everything
DEVIATION = 0.4  # of the logarithm of a log-normal latency
BODY_DEVIATION, SLOW_SHARE, SLOW = 0.25, 0.05, (1.5, 4.0)  # of the heavier tail
CORRELATION = 0.5
Array = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table: what is drawn."""

    shape: str
    noise: float
    requests: int


def latencies(random: np.random.Generator, shape: str, count: int) -> Array:
    """Draw the latencies of one run in seconds."""
    normal = random.standard_normal(count)
    if shape == "heavier tail":
        slow = np.where(random.random(count) < SLOW_SHARE, random.uniform(*SLOW, count), 1.0)
        return np.exp(BODY_DEVIATION * normal) * slow
    if shape == "correlated":
        for at in range(1, count):
            normal[at] = CORRELATION * normal[at - 1] + np.sqrt(1 - CORRELATION**2) * normal[at]
    return np.exp(DEVIATION * normal)


def changed(run: Array, change: str) -> Array:
    """Return the run with a change."""
    if change == "tail ×1.5":
        return np.where(run >= np.quantile(run, 0.9), 1.5 * run, run)
    return run * RATIOS[change]


def suite(random: np.random.Generator, setting: Setting, change: str) -> list[Series]:
    """Draw a suite of which the first series have changed."""

    def run() -> Array:
        return latencies(random, setting.shape, setting.requests) * np.exp(setting.noise * random.standard_normal())

    return [
        Series(
            key=f"series {number}",
            baseline=[run() for _ in range(BASELINE_RUNS)],
            candidate=changed(run(), change if number < CHANGED else UNCHANGED),
        )
        for number in range(SERIES)
    ]


def information(setting: Setting) -> float:
    """Return what a run tells of a shift of its logarithms: one over the variance of the best estimate (Fisher)."""
    count = setting.requests
    if setting.shape == "heavier tail":
        grid = np.linspace(-3.0, 4.0, 7001)
        slow = np.log(np.linspace(*SLOW, 501))
        density = (1 - SLOW_SHARE) * _normal(grid, BODY_DEVIATION)
        density += SLOW_SHARE * np.mean([_normal(grid - each, BODY_DEVIATION) for each in slow], axis=0)
        slope = np.gradient(density, grid)
        return count * float(np.trapezoid(slope**2 / np.maximum(density, 1e-300), grid))
    related = CORRELATION if setting.shape == "correlated" else 0.0
    return (count * (1 - related) + 2 * related) / (1 + related) / DEVIATION**2


def _normal(values: Array, deviation: float) -> Array:
    return np.exp(-((values / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
