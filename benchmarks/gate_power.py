"""How often the gate is wrong, and what it finds, beside the rules that are used elsewhere.

Simulates suites of benchmarks with known changes: three shapes of latency, two levels of noise
between runs, three numbers of requests. Everything is seeded by ``--seed``.

Run ``python benchmarks/gate_power.py --quick`` for about two minutes, without it for the full table.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu
from tables import Cell, show, write

from pytest_llm_latency.stats import GatePolicy, Series, gate

SERIES = 20
CHANGED = 2
BASELINE_RUNS = 5
SHAPES = ("log-normal", "heavier tail", "correlated")
NOISES = (0.05, 0.10)
REQUESTS = (50, 100, 200)
CHANGES = ("none", "+30 %", "+50 %", "tail ×1.5")
SUITES = 200
QUICK_SUITES = 30
Array = np.ndarray
Rule = Callable[[Sequence[Series]], list[str]]


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
        slow = np.where(random.random(count) < 0.05, random.uniform(1.5, 4.0, count), 1.0)
        return np.exp(0.25 * normal) * slow
    if shape == "correlated":
        for at in range(1, count):
            normal[at] = 0.5 * normal[at - 1] + np.sqrt(0.75) * normal[at]
    return np.exp(0.4 * normal)


def changed(run: Array, change: str) -> Array:
    """Return the run with a change."""
    if change == "tail ×1.5":
        return np.where(run >= np.quantile(run, 0.9), 1.5 * run, run)
    return run * {"none": 1.0, "+30 %": 1.3, "+50 %": 1.5}[change]


def suite(random: np.random.Generator, cell: Setting, change: str) -> list[Series]:
    """Draw a suite of which the first series have changed."""

    def run() -> Array:
        return latencies(random, cell.shape, cell.requests) * np.exp(cell.noise * random.standard_normal())

    return [
        Series(
            key=f"series {number}",
            baseline=[run() for _ in range(BASELINE_RUNS)],
            candidate=changed(run(), change if number < CHANGED else "none"),
        )
        for number in range(SERIES)
    ]


def ours(series: Sequence[Series]) -> list[str]:
    """Judge with the gate."""
    return [verdict.status for verdict in gate(series, GatePolicy())]


def naive_p95(series: Sequence[Series]) -> list[str]:
    """Call a p95 regressed that is 10 % above that of all baseline requests."""
    pairs = [(np.quantile(each.candidate, 0.95), np.quantile(np.concatenate(each.baseline), 0.95)) for each in series]
    return ["regressed" if now > 1.1 * before else "pass" for now, before in pairs]


def mann_whitney(series: Sequence[Series]) -> list[str]:
    """Call a series regressed when Mann–Whitney's one-sided test says so at 5 %, requests pooled."""
    tests = [
        mannwhitneyu(each.candidate, np.concatenate(each.baseline), alternative="greater").pvalue for each in series
    ]
    return ["regressed" if value < 0.05 else "pass" for value in tests]


RULES: Mapping[str, Rule] = {"gate": ours, "p95 +10 %": naive_p95, "Mann–Whitney": mann_whitney}


def measure(cell: Setting, suites: int, seed: int) -> list[dict[str, Cell]]:
    """Return one row for each rule."""
    rows: dict[str, dict[str, Cell]] = {
        rule: {"shape": cell.shape, "noise": cell.noise, "n": cell.requests, "rule": rule} for rule in RULES
    }
    for change in CHANGES:
        seeds = (seed, SHAPES.index(cell.shape), round(100 * cell.noise), cell.requests, CHANGES.index(change))
        random = np.random.default_rng(seeds)
        drawn = [suite(random, cell, change) for _ in range(suites)]
        for rule, judge in RULES.items():
            statuses = [judge(each) for each in drawn]
            rows[rule] |= _shares(change, statuses)
    return list(rows.values())


def _shares(change: str, statuses: Sequence[Sequence[str]]) -> dict[str, Cell]:
    if change != "none":
        return {change: float(np.mean([[each == "regressed" for each in one[:CHANGED]] for one in statuses]))}
    flat = [each for one in statuses for each in one]
    return {
        "false alarm, suite": float(np.mean(["regressed" in one for one in statuses])),
        "false alarm, series": flat.count("regressed") / len(flat),
        "pass": flat.count("pass") / len(flat),
    }


def main() -> None:
    """Print the table, and write it where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SUITES} suites a cell instead of {SUITES}")
    parser.add_argument("--suites", type=int, help="suites a cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the table here as well")
    options = parser.parse_args()
    suites = options.suites or (QUICK_SUITES if options.quick else SUITES)
    started = time.perf_counter()
    cells = [
        Setting(shape=shape, noise=noise, requests=requests)
        for noise in NOISES
        for shape in SHAPES
        for requests in REQUESTS
    ]
    rows = [row for cell in cells for row in measure(cell, suites, options.seed)]
    show(f"{suites} suites of {SERIES} series a cell, {BASELINE_RUNS} baseline runs, {CHANGED} series changed", rows)
    print(f"\n{time.perf_counter() - started:.0f} s")
    write(options.json, "gate_power", {"power": rows})


if __name__ == "__main__":
    main()
