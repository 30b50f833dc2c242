"""Two sides by turns, while the provider drifts: how often the gate is wrong, and what it finds.

Simulates suites of benchmarks whose two sides are measured in blocks of ABBA, and beside them the
same requests (of the first shape) one side after the other, with one accepted run: while everything gets slower or
faster by 30 % to either side of its level along a line, in waves, or in one step. ``false pass``
is the share of changed series that were called unchanged. Everything is seeded by ``--seed``, and
the same for any number of ``--jobs``.

Run ``python benchmarks/paired.py --quick`` for a first look, without it for the full table.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import simulating
from gate_suites import CHANGED, SERIES, SHAPES, UNCHANGED, Array, latencies
from tables import Cell, show, write

from pytest_llm_latency.interleaving import CANDIDATE, ORDER
from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import GatePolicy, Series, gate

SUITES = 200
QUICK_SUITES = 20
REQUESTS = (60, 200)  # of each side
DRIFT = 0.3
RATIOS: Mapping[str, float] = MappingProxyType({UNCHANGED: 1.0, "+15 %": 1.15, "+30 %": 1.3})
TURNS, APART = "by turns", "one after the other"
Row = dict[str, Cell]


def _steady(random: np.random.Generator, at: Array) -> Array:  # noqa: ARG001  (the same shape as the others)
    return np.ones_like(at)


def _line(random: np.random.Generator, at: Array) -> Array:
    return 1 + random.choice([-1, 1]) * DRIFT * (2 * at - 1)


def _waves(random: np.random.Generator, at: Array) -> Array:
    return 1 + DRIFT * np.sin(2 * np.pi * (random.uniform(1, 3) * at + random.random()))


def _step(random: np.random.Generator, at: Array) -> Array:
    return 1 + random.choice([-1, 1]) * DRIFT * np.where(at < random.uniform(0.2, 0.8), -1, 1)


# The level of the provider over a run, whose moments go from 0 to 1.
DRIFTS: Mapping[str, Callable[[np.random.Generator, Array], Array]] = MappingProxyType({
    "none": _steady,
    "line": _line,
    "waves": _waves,
    "step": _step,
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table: what is drawn, and in which order the sides are asked."""

    shape: str
    drift: str
    requests: int
    order: str

    @property
    def own(self) -> Array:
        """Which of the requests are those of the test itself."""
        place = np.arange(2 * self.requests)
        if self.order == APART:
            return place >= self.requests
        return np.array([side == CANDIDATE for side in ORDER])[place % len(ORDER)]


def series(random: np.random.Generator, setting: Setting, number: int, change: str) -> Series:
    """Draw one series, with a drift of its own."""
    count = 2 * setting.requests
    at = (np.arange(count) + 0.5) / count
    values = latencies(random, setting.shape, count) * DRIFTS[setting.drift](random, at)
    return Series(
        key=f"series {number}",
        baseline=[values[~setting.own]],
        candidate=values[setting.own] * RATIOS[change],
        paired=setting.order == TURNS,
    )


def measure(task: tuple[Setting, int, int]) -> Row:
    """Return one row; each suite has a seed of its own, which both orders share."""
    setting, suites, seed = task
    place = (SHAPES.index(setting.shape), list(DRIFTS).index(setting.drift), setting.requests)
    found: dict[str, list[list[str]]] = {change: [] for change in RATIOS}
    for one in range(suites):
        random = np.random.default_rng((seed, *place, one))
        verdicts = gate([series(random, setting, number, UNCHANGED) for number in range(SERIES)], GatePolicy())
        found[UNCHANGED].append([each.status for each in verdicts])
        # The others of a suite stay as they are, and only their p values count for those that changed.
        beside = GatePolicy(family=SERIES, elsewhere=tuple(map(_of_slower, verdicts[CHANGED:])))
        for change in list(RATIOS)[1:]:
            changed = [series(random, setting, number, change) for number in range(CHANGED)]
            found[change].append([each.status for each in gate(changed, beside)])
    row: Row = {"shape": setting.shape, "drift": setting.drift, "n": setting.requests, "order": setting.order}
    for change, statuses in found.items():
        row |= _shares(change, statuses)
    return row


def _of_slower(verdict: Verdict) -> float:
    """Return the p value of having got slower; that of a series that got faster is as good as 1."""
    known = verdict.raw_p_value is not None and verdict.ratio is not None and verdict.ratio >= 1
    return verdict.raw_p_value if known and verdict.raw_p_value is not None else 1.0


def _shares(change: str, found: Sequence[Sequence[str]]) -> Row:
    flat = [each for one in found for each in one]
    if change == UNCHANGED:
        return {
            "false alarm, suite": float(np.mean(["regressed" in one for one in found])),
            "false improved, suite": float(np.mean(["improved" in one for one in found])),
            "pass": flat.count("pass") / len(flat),
        }
    return {change: flat.count("regressed") / len(flat), f"{change}: false pass": flat.count("pass") / len(flat)}


def _noted(row: Row) -> Row:
    """Say on the way how far it is: a full table takes minutes."""
    print(f"{row['order']}, n = {row['n']}, {row['shape']}, drift {row['drift']}: done", file=sys.stderr)
    return row


def main() -> None:
    """Print the table, and write it where ``--json`` says."""
    options = simulating.parser(__doc__, suites=SUITES, quick=QUICK_SUITES).parse_args()
    suites = options.suites
    tasks = [
        (Setting(shape=shape, drift=drift, requests=requests, order=order), suites, options.seed)
        for order, requests, shape, drift in product((TURNS, APART), REQUESTS, SHAPES, DRIFTS)
        if order == TURNS or shape == SHAPES[0]
    ]
    started = time.perf_counter()
    with simulating.processes(options.jobs) as pool:
        rows = [_noted(row) for row in pool.map(measure, tasks)]
    taken = time.perf_counter() - started
    show(f"{suites} suites of {SERIES} series a cell, {CHANGED} changed, drift ±{DRIFT:.0%}, in {taken:.0f} s", rows)
    write(options.json, "paired", {"paired": rows})


if __name__ == "__main__":
    main()
