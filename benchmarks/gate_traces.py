"""The gate on real requests to hosted providers: halves of one trace, and halves that were slowed.

The traces are LLMPerf's, a list of requests in their order with ``ttft_s`` and
``end_to_end_latency_s``. One half is the only baseline run of the other.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from gate_rules import GATE, RULES, judge
from gate_suites import Array, changed
from tables import Cell

from pytest_llm_latency.stats import GatePolicy, Series, gate

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "llmperf"
FIELDS = {"ttft": "ttft_s", "e2e": "end_to_end_latency_s"}
CHANGES = ("none", "tail ×1.5", "+20 %", "+30 %")
HALVES = {
    "first | second": lambda run: (run[: len(run) // 2], run[len(run) // 2 :]),
    "second | first": lambda run: (run[len(run) // 2 :], run[: len(run) // 2]),
    "even | odd": lambda run: (run[::2], run[1::2]),
    "odd | even": lambda run: (run[1::2], run[::2]),
}


def read(folder: Path) -> dict[str, dict[str, Array]]:
    """Return the metrics of each trace; a request with an error is ``inf``."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        requests = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = {
            metric: np.array([np.inf if each["error_code"] is not None else each[field] for each in requests])
            for metric, field in FIELDS.items()
        }
    return found


def tables(folder: Path) -> dict[str, list[dict[str, Cell]]]:
    """Return what each rule says of all halves together, and what the gate says of each; nothing without traces."""
    traces = read(folder)
    if not traces:
        return {}
    shares = [
        {"change": change, "rule": rule} | _shares(judge(rule, each) for each in _suites(traces, change))
        for change in CHANGES
        for rule in (GATE, *RULES)
    ]
    verdicts = [row for change in CHANGES for each in _suites(traces, change) for row in _verdicts(each, change)]
    return {"traces": shares, "trace_verdicts": verdicts}


def _suites(traces: dict[str, dict[str, Array]], change: str) -> Iterator[list[Series]]:
    """Yield the two series of each trace and way to halve it: they are judged together, as those of one test."""
    for trace, metrics in traces.items():
        for halves, divide in HALVES.items():
            series = []
            for metric, run in metrics.items():
                before, now = divide(run)
                key = f"{trace}/{halves}/{metric}"
                series.append(Series(key=key, baseline=[before], candidate=changed(now, change)))
            yield series


def _shares(judged: Iterator[Sequence[str]]) -> dict[str, Cell]:
    statuses = [status for each in judged for status in each]
    return {
        "series": len(statuses),
        **{status: statuses.count(status) / len(statuses) for status in ("regressed", "inconclusive", "pass")},
    }


def _verdicts(series: Sequence[Series], change: str) -> Iterator[dict[str, Cell]]:
    for verdict in gate(series, GatePolicy()):
        trace, halves, metric = verdict.key.split("/")
        yield {
            "trace": trace,
            "halves": halves,
            "metric": metric,
            "change": change,
            "verdict": verdict.status,
            "ratio": verdict.ratio,
            "detectable": verdict.detectable,
            "p": verdict.p_value,
        }
