"""How often the gate is wrong, and what it finds, beside the rules that are used elsewhere.

Simulates suites of benchmarks with known changes: three shapes of latency, two levels of noise
between runs, three numbers of requests; ``false pass`` is the share of changed series that were
called unchanged. An oracle, which knows every variance, shows what could be found at all. Then the
halves of real traces, where they lie beside the checkout, and the time that the gate takes.
Everything is seeded by ``--seed``, and the same for any number of ``--jobs``.

Run ``python benchmarks/gate_power.py --quick`` for a first look, without it for the full tables.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import gate_traces
import numpy as np
import simulating
from gate_rules import GATE, ORACLE, RULES, judge, oracle
from gate_suites import (
    BASELINE_RUNS,
    CHANGED,
    CHANGES,
    NOISES,
    REQUESTS,
    SERIES,
    SHAPES,
    UNCHANGED,
    Setting,
    latencies,
    suite,
)
from tables import Cell, show, write

from pytest_llm_latency.stats import GatePolicy, Series, gate

SUITES = 200
QUICK_SUITES = 20
ORACLE_SUITES = 5_000
SPEEDS = (15, 30, 60, 120)  # series
SPEED_REQUESTS = 500
Task = tuple[Setting, str, int, int]  # setting, change, suites and seed
Row = dict[str, Cell]


def measure(task: Task) -> dict[str, Row]:
    """Return what each rule reached in one cell; each suite has a seed of its own."""
    setting, change, suites, seed = task
    place = (SHAPES.index(setting.shape), round(100 * setting.noise), setting.requests, CHANGES.index(change))
    statuses: dict[str, list[list[str]]] = {rule: [] for rule in (GATE, *RULES)}
    for number in range(suites):
        series = suite(np.random.default_rng((seed, *place, number)), setting, change)
        for rule, found in statuses.items():
            # The usual rules look at one series at a time.
            asked = series if rule == GATE or change == UNCHANGED else series[:CHANGED]
            found.append(judge(rule, asked))
    rows = {rule: _shares(change, found) for rule, found in statuses.items()}
    called = oracle(setting, change, np.random.default_rng((seed, *place)), ORACLE_SUITES)
    by_oracle = () if called is None else np.where(called, "regressed", "inconclusive").tolist()
    return {**rows, ORACLE: _shares(change, by_oracle)}


def _shares(change: str, statuses: Sequence[Sequence[str]]) -> Row:
    """Return a cell's figures; ``None`` where nothing was judged."""
    if change == UNCHANGED:
        flat = [each for one in statuses for each in one]
        return {
            "false alarm, suite": float(np.mean(["regressed" in one for one in statuses])),
            "false alarm, series": flat.count("regressed") / len(flat),
            "false improved, suite": float(np.mean(["improved" in one for one in statuses])),
            "pass": flat.count("pass") / len(flat),
        }
    flat = [each for one in statuses for each in one[:CHANGED]]
    return {
        change: flat.count("regressed") / len(flat) if flat else None,
        f"{change}: false pass": flat.count("pass") / len(flat) if flat else None,
    }


def power(suites: int, seed: int, pool: ProcessPoolExecutor) -> list[Row]:
    """Return one row for each setting and rule."""
    settings = [
        Setting(shape=shape, noise=noise, requests=requests)
        for noise, shape, requests in product(NOISES, SHAPES, REQUESTS)
    ]
    tasks = [(setting, change, suites, seed) for setting in settings for change in CHANGES]
    longest_first = sorted(tasks, key=lambda task: -task[0].requests)
    measured = dict(zip([task[:2] for task in longest_first], pool.map(measure, longest_first), strict=True))
    rows = []
    for setting, rule in product(settings, (GATE, *RULES, ORACLE)):
        row: Row = {"shape": setting.shape, "noise": setting.noise, "n": setting.requests, "rule": rule}
        for change in CHANGES:
            row |= measured[setting, change][rule]
        rows.append(_without_what_cannot_be(row))
    return rows


def _without_what_cannot_be(row: Row) -> Row:
    """Blank what a rule does not know: the oracle passes nothing, the usual rules call nothing improved."""
    if row["rule"] == ORACLE:
        return {key: None if "pass" in key or "improved" in key else value for key, value in row.items()}
    if row["rule"] != GATE:
        return row | {"false improved, suite": None}
    return row


def speed(repeats: int = 3) -> list[Row]:
    """Return the CPU time in which suites of growing size are judged."""
    rows = []
    random = np.random.default_rng(1)
    for number in SPEEDS:
        series = [
            Series(
                key=f"series {each}",
                baseline=[latencies(random, "log-normal", SPEED_REQUESTS) for _ in range(BASELINE_RUNS)],
                candidate=latencies(random, "log-normal", SPEED_REQUESTS),
            )
            for each in range(number)
        ]
        taken = []
        for _ in range(repeats):
            started = time.process_time()
            gate(series, GatePolicy())
            taken.append(time.process_time() - started)
        best = min(taken)
        rows.append({"series": number, "n": SPEED_REQUESTS, "cpu s": best, "ms a series": 1000 * best / number})
    return rows


def main() -> None:
    """Print the tables, and write them where ``--json`` says."""
    parser = simulating.parser(__doc__, suites=SUITES, quick=QUICK_SUITES)
    parser.add_argument("--traces", type=Path, default=gate_traces.FOLDER, help="a folder of LLMPerf's raw data")
    options = parser.parse_args()
    suites = options.suites
    with simulating.processes(options.jobs) as pool:
        tables = {"speed": pool.submit(speed).result()}
        show(f"The gate's CPU time on one core, {BASELINE_RUNS} baseline runs", tables["speed"])
        tables |= pool.submit(gate_traces.tables, options.traces).result()
        if "traces" in tables:
            show("Halves of real traces; one is the only baseline run of the other", tables["traces"])
            show("The gate on each of them", tables["trace_verdicts"])
        else:
            print(f"\nno traces in {options.traces}: left out")
        started = time.perf_counter()
        tables["power"] = power(suites, options.seed, pool)
    taken = time.perf_counter() - started
    title = f"{suites} suites of {SERIES} series a cell, {BASELINE_RUNS} baseline runs, {CHANGED} series changed"
    show(f"{title}, in {taken:.0f} s", tables["power"])
    write(options.json, "gate_power", tables)


if __name__ == "__main__":
    main()
