"""``llm-latency report --definitions``: a stored run's figures as another tool defines them, beside our own."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency import interleaving, units
from pytest_llm_latency.commands import naming, tables
from pytest_llm_latency.definitions import TOOLS
from pytest_llm_latency.storage import results
from pytest_llm_latency.wire import to_builtins

if TYPE_CHECKING:
    from pytest_llm_latency.model import Run
    from pytest_llm_latency.stats.recomputed import Row, Values

_HEADS = ("FIGURE", "BY", "N", "MEAN", "P50", "P95", "P99")


def report(arguments: argparse.Namespace) -> int:
    """Print every figure of the tool for each benchmark of a run, ours and theirs side by side."""
    from pytest_llm_latency.stats.recomputed import recompute  # noqa: PLC0415  (NumPy is slow to import)

    tool = TOOLS[arguments.definitions]
    found = [(run, recompute(run, tool)) for run in _runs(arguments)]
    if arguments.json:
        tables.write_json([
            {"run_id": run.id, "tool": arguments.definitions, **to_builtins(row)} for run, rows in found for row in rows
        ])
        return 0
    for run, rows in found:
        tables.write([f"{run.test_id}  {run.started_at}"])
        tables.write_table([_HEADS, *_cells(rows, arguments.definitions)])
        tables.write(["", *(f"{row.name}: {row.differs}" for row in _once(rows)), ""])
    return 0


def _runs(arguments: argparse.Namespace) -> "list[Run]":
    file = Path(arguments.run)
    path = file if file.suffix == ".parquet" else naming.session(arguments.run, arguments.results)
    session = results.read_session(path)
    return [interleaving.own(run) for test in session.tests for run in session.runs(test)]


def _cells(rows: "Sequence[Row]", tool: str) -> Iterator[tuple[str, ...]]:
    for row in rows:
        label = row.figure if row.step is None else f"{row.step}.{row.figure}"
        yield (label, "ours", *_figures(row.ours, row.unit))
        yield ("", tool, *_figures(row.theirs, row.unit))


def _figures(values: "Values | None", unit: str) -> tuple[str, ...]:
    if values is None:
        return ("0", *("–",) * 4)
    shown = (values.mean, values.p50, values.p95, values.p99)
    return (units.format_count(values.count), *(units.format_value(each, unit) for each in shown))


def _once(rows: "Sequence[Row]") -> "Iterator[Row]":
    seen: set[str] = set()
    for row in rows:
        if row.figure not in seen:
            seen.add(row.figure)
            yield row
