"""Samples for other tools: whatever the runs' files have, with the test, the model and the metrics beside each request.

A file of this kind is a file of runs too. What it has beside their columns is computed when it is
written, and is not looked at when it is read back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Run
from pytest_llm_latency.stats.columns import BY_COLUMN
from pytest_llm_latency.storage import by_column, columns
from pytest_llm_latency.storage.columns import Column

RUN = Column(name="run", type="int32", meaning="number of the run in the file, from 0")
_FACTS = (
    Column(name="test_id", type="string", meaning="the test"),
    Column(name="session_id", type="string", meaning="the session that measured it"),
    Column(name="run_id", type="string", meaning="its run"),
    Column(name="started_at", type="string", meaning="when the run started, ISO 8601 with its offset"),
    Column(name="environment", type="string", meaning="label of the environment"),
    Column(name="model", type="string", meaning="the model that was asked"),
    Column(name="provider", type="string", meaning="its provider"),
)
_METRICS = {name: metric for name, metric in METRICS.items() if metric.gated}

DERIVED: tuple[Column, ...] = (
    *_FACTS,
    *(
        Column(name=name, type="float64", meaning=f"{metric.unit}: {metric.definition}; null for a failed request")
        for name, metric in _METRICS.items()
    ),
)
STORED: tuple[Column, ...] = (RUN, *columns.COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The samples of runs as a table, and the runs without them; the table's column ``run`` numbers these."""

    runs: tuple[Run, ...]
    table: pa.Table


def joined(parts: Iterable[Samples]) -> Samples:
    """Return several runs' samples as one, in their order."""
    runs: list[Run] = []
    tables = [schema().empty_table()]
    for each in parts:
        numbers = pa.array(np.asarray(each.table["run"].to_numpy(), dtype=np.int32) + np.int32(len(runs)))
        table = each.table.select([column.name for column in STORED])
        tables.append(table.set_column(0, "run", numbers).cast(schema()))
        runs += each.runs
    return Samples(runs=tuple(runs), table=pa.concat_tables(tables).combine_chunks())


def schema() -> pa.Schema:
    """Return the columns of the runs' files with their types."""
    return pa.schema([(column.name, arrow_type(column)) for column in STORED])


def arrow_type(column: Column) -> pa.DataType:
    """Return what Arrow calls the type of a column."""
    return pa.list_(pa.int64()) if column.type == columns.LIST else pa.type_for_alias(column.type)


def widened(samples: Samples) -> Samples:
    """Return the samples with all columns for other tools; what they have of these already is computed anew."""
    table = samples.table.select([column.name for column in STORED])
    stamps = by_column.event_stamps(table)
    listed = pa.ListArray.from_arrays(pa.array(stamps.offsets, pa.int32()), pa.array(stamps.values))
    known = {name: table[name] for name in table.column_names}
    known["event_ns"] = listed
    found = {**_facts(samples.runs, table), **_metrics(samples.runs, table)}
    return Samples(runs=samples.runs, table=pa.table({"run": known.pop("run"), **found, **known}))


def _facts(runs: Sequence[Run], table: pa.Table) -> Mapping[str, pa.Array]:
    numbers = table["run"].to_pylist()
    places = list(zip(numbers, table["step"].to_pylist(), table["side"].to_pylist(), strict=True))
    unique = {place: number for number, place in enumerate(dict.fromkeys(places))}
    rows = [_fact(runs[number], step, side) for number, step, side in unique]
    taken = pa.array([unique[place] for place in places], pa.int32())
    return {column.name: pa.array([row[column.name] for row in rows], pa.string()).take(taken) for column in _FACTS}


def _fact(run: Run, step: str | None, side: str | None) -> Mapping[str, str | None]:
    asked = next((each for each in run.conditions if (each.step, each.side) == (step, side)), None)
    return {
        "test_id": run.test_id.encode(errors="backslashreplace").decode(),
        "session_id": run.session_id,
        "run_id": run.id,
        "started_at": run.started_at,
        "environment": run.environment.label,
        "model": run.plan.model if asked is None else asked.model,
        "provider": None if asked is None else asked.provider,
    }


def _metrics(runs: Sequence[Run], table: pa.Table) -> Mapping[str, pa.Array]:
    if not runs:
        return {name: pa.array([], pa.float64()) for name in _METRICS}
    read = by_column.of_table(runs[0], table)  # the samples of all of them: a metric is of a request alone
    found = {name: np.asarray(BY_COLUMN[name](read)) for name in _METRICS}
    return {name: pa.array(values, mask=np.isnan(values) | ~read.ok) for name, values in found.items()}
