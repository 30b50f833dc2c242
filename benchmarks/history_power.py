"""How often change points are named where nothing changed, and how often a change is found where it is.

Simulates runs of 100 log-normal requests with noise between the runs, over numbers of runs and sizes
of one change in the middle; found is what is named within one run of it. ``unchanged`` is the share
of series with any change point, ``unchanged, any size`` without a smallest size. Seeded by ``--seed``.

Run ``python benchmarks/history_power.py``.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tables import Cell, show, write

from pytest_llm_latency.stats import GatePolicy
from pytest_llm_latency.stats.history import change_points

Array = NDArray[np.float64]

RUNS, NOISES, CHANGES = (8, 12, 20), (0.05, 0.10), (1.2, 1.3, 1.5)
REQUESTS, SPREAD = 100, 0.4
ANY_SIZE = GatePolicy(tolerance=1e-9)


def series(factors: Sequence[float], noise: float, random: np.random.Generator) -> list[Array]:
    """Return one run for each factor of its level."""
    return [
        0.3 * factor * np.exp(random.normal(0, noise) + SPREAD * random.normal(size=REQUESTS)) for factor in factors
    ]


def found(change: float, runs: int, noise: float, random: np.random.Generator) -> bool:
    """Say whether a change in the middle is named within one run of it."""
    middle = runs // 2
    points = change_points(series([1.0] * middle + [change] * (runs - middle), noise, random), GatePolicy())
    return any(abs(each.run - middle) <= 1 for each in points)


def row(runs: int, noise: float, count: int, seed: int) -> dict[str, Cell]:
    """Return the shares of one number of runs and one noise."""
    random = np.random.default_rng([seed, runs, round(1000 * noise)])
    same = [series([1.0] * runs, noise, random) for _ in range(count)]
    cells: dict[str, Cell] = {
        "runs": runs,
        "noise": noise,
        "unchanged, any size": sum(bool(change_points(each, ANY_SIZE)) for each in same) / count,
        "unchanged": sum(bool(change_points(each, GatePolicy())) for each in same) / count,
    }
    for change in CHANGES:
        cells[f"+{change - 1:.0%} found"] = sum(found(change, runs, noise, random) for _ in range(count)) / count
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--series", type=int, default=1000, metavar="N", help="series a cell")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON too")
    arguments = parser.parse_args()
    rows = [row(runs, noise, arguments.series, arguments.seed) for runs, noise in product(RUNS, NOISES)]
    show(f"change points over runs of {REQUESTS} requests, {arguments.series} series a cell", rows)
    write(arguments.json, "history_power", {"change points": rows})


if __name__ == "__main__":
    main()
