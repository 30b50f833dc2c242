"""What adaptive runs save and what they cost: error rates, power and requests to the verdict, beside a fixed number.

Each series of a suite grows to at most the same number of requests, is judged at its looks as a
session judges it, and stops where a run would. A suite is judged as a whole at its end; of a changed
one only the changed series are, as if the others had a p value of 1. The fixed runs are the same ones
with all their requests. Everything is seeded by ``--seed``, and the same for any number of ``--jobs``.

Run ``python benchmarks/adaptive.py --quick`` for a first look, without it for the full table.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import simulating
from gate_suites import CHANGED, NOISES, SERIES, SHAPES, UNCHANGED, Setting, suite
from tables import Cell, show, write

from pytest_llm_latency.looks import halves
from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import GatePolicy, Noise, Series, gate, pool_noise
from pytest_llm_latency.stats.policy import Looks
from pytest_llm_latency.stats.sequential import SATURATED

SUITES = 200
QUICK_SUITES = 10
MOST_REQUESTS = 240
CHANGES = (UNCHANGED, "+15 %", "+30 %", "+50 %")
Task = tuple[Setting, str, int, int]  # setting, change, suites and seed
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One series at its end: its verdict and the requests that it took."""

    series: Series
    verdict: Verdict
    requests: int


def grown(series: Series, policy: GatePolicy, noise: Noise) -> Outcome:
    """Judge a series at its looks until a run of it alone would stop."""
    whole = np.asarray(series.candidate)
    looks = halves(whole.size)
    for place, count in enumerate((*looks, whole.size)):
        known = Looks(before=looks[:place], planned=whole.size)
        now = replace(series, candidate=whole[:count], looks=known)
        verdict = gate([now], policy, noise=noise)[0]
        if verdict.status != "inconclusive" or (verdict.information or 0.0) >= SATURATED:
            break
    return Outcome(series=now, verdict=verdict, requests=count)


def fixed(series: Series, policy: GatePolicy, noise: Noise) -> Outcome:
    """Judge a series with all its requests."""
    return Outcome(series=series, verdict=gate([series], policy, noise=noise)[0], requests=np.size(series.candidate))


def together(outcomes: Sequence[Outcome], policy: GatePolicy, noise: Noise) -> list[Outcome]:
    """Judge again, as a session does at its end, the series that the p values of the others may turn red."""
    found = list(outcomes)
    slower = [_p_of_slower(each.verdict) for each in outcomes]
    for place, each in enumerate(outcomes):
        if each.verdict.status != "regressed" and slower[place] <= policy.alpha:
            elsewhere = tuple(slower[:place] + slower[place + 1 :])
            again = gate([each.series], replace(policy, elsewhere=elsewhere), noise=noise)[0]
            found[place] = replace(each, verdict=again)
    return found


def _p_of_slower(verdict: Verdict) -> float:
    known = verdict.raw_p_value is not None and (verdict.ratio or 0.0) >= 1
    return verdict.raw_p_value if known and verdict.raw_p_value is not None else 1.0


def measure(task: Task) -> list[Row]:
    """Return one cell of the table for fixed and for adaptive runs; each suite has a seed of its own."""
    setting, change, suites, seed = task
    place = (SHAPES.index(setting.shape), round(100 * setting.noise), setting.requests, CHANGES.index(change))
    policy = GatePolicy(family=SERIES)
    found: dict[str, list[list[Outcome]]] = {"fixed": [], "adaptive": []}
    for number in range(suites):
        series = suite(np.random.default_rng((seed, *place, number)), setting, change)
        noise = pool_noise([each.baseline for each in series], policy)
        asked = series if change == UNCHANGED else series[:CHANGED]
        for name, judged in (("fixed", fixed), ("adaptive", grown)):
            found[name].append(together([judged(each, policy, noise) for each in asked], policy, noise))
    return [_row(task, name, outcomes) for name, outcomes in found.items()]


def _row(task: Task, name: str, suites: Sequence[Sequence[Outcome]]) -> Row:
    setting, change, *_ = task
    of = [each for one in suites for each in one]
    requests = [each.requests for each in of]
    statuses = [each.verdict.status for each in of]
    red = [any(each.verdict.status == "regressed" for each in one) for one in suites]
    return {
        "shape": setting.shape,
        "noise": setting.noise,
        "change": change,
        "runs": name,
        "suites with a false alarm": float(np.mean(red)) if change == UNCHANGED else None,
        "regressed": statuses.count("regressed") / len(of),
        "improved": statuses.count("improved") / len(of),
        "pass": statuses.count("pass") / len(of),
        "requests, median": float(np.median(requests)),
        "mean": float(np.mean(requests)),
    }


def main() -> None:
    """Print the table, and write it where ``--json`` says."""
    options = simulating.parser(__doc__, suites=SUITES, quick=QUICK_SUITES).parse_args()
    suites = options.suites
    settings = [Setting(shape=shape, noise=noise, requests=MOST_REQUESTS) for noise, shape in product(NOISES, SHAPES)]
    tasks = [(setting, change, suites, options.seed) for setting in settings for change in CHANGES]
    started = time.perf_counter()
    with simulating.processes(options.jobs) as pool:
        rows = [row for rows in pool.map(measure, tasks) for row in rows]
    taken = time.perf_counter() - started
    title = f"{suites} suites of {SERIES} series a cell, at most {MOST_REQUESTS} requests, {CHANGED} series changed"
    show(f"{title}, in {taken:.0f} s", rows)
    write(options.json, "adaptive", {"adaptive": rows})


if __name__ == "__main__":
    main()
