"""The same files of runs as ``samples`` reads, by column and without what no chart shows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pytest_llm_latency.model import CONTENT, CONTROL, MEASURE, TOOL_CALL, Columns, Events, Failure, Run, Stamps
from pytest_llm_latency.storage import samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_STAMPS = tuple(field.name for field in dataclasses.fields(Stamps) if field.name != "started")
_TOKENS = ("tokens_in", "tokens_out", "tokens_reasoning")
_PLACES = ("worker", "host", "region", "side")
_FAILURE = tuple(field.name for field in dataclasses.fields(Failure))
_READ = [
    "run", "iteration", "phase", "step", "status", "http_status", "paced_ns", "event_kinds", "cost_usd", *_PLACES,
    "stamps_started", *(f"stamps_{name}" for name in _STAMPS), *(f"failure_{name}" for name in _FAILURE),
    *(f"usage_{name}" for name in _TOKENS), "piece_ns", "piece_bytes", "event_piece", "event_ns", "event_characters",
]  # fmt: skip


def decode(data: bytes, path: Path) -> tuple[Columns, ...]:
    """Return the runs that a file's bytes hold, as ``samples.decode`` does, with the same errors."""
    with samples.reading(data, path):
        described, table = samples.opened(data, path, _READ)
        return tuple(of_table(run, _own(table, number)) for number, run in enumerate(described))


def _own(table: pa.Table, number: int) -> pa.Table:
    """Return the measured samples of one run, each column in one piece."""
    mask = pc.and_(pc.equal(table["run"], number), pc.equal(table["phase"], MEASURE)).to_numpy()
    places = np.flatnonzero(mask)
    if places.size and places[-1] - places[0] + 1 == places.size:  # as where the warm-up comes first
        return table.slice(int(places[0]), places.size)
    return table.filter(pa.array(mask))


def of_table(run: Run, table: pa.Table) -> Columns:
    """Return the samples of a table, each column of it in one piece, as those of a run."""
    started = table["stamps_started"]
    return Columns(
        run=run,
        step=_texts(table["step"]),
        iteration=_integers(table["iteration"]),
        ok=_texts(table["status"]) == "ok",
        started=_integers(started),
        after_ns={name: _floats(pc.subtract(table[f"stamps_{name}"], started)) for name in _STAMPS},
        paced_ns=_floats(table["paced_ns"]),
        tokens={name: _floats(table[f"usage_{name}"]) for name in _TOKENS},
        cost_usd=_floats(table["cost_usd"]),
        http_status=_floats(table["http_status"]),
        received_bytes=_sums(table["piece_bytes"]),
        places={name: _texts(table[name]) for name in _PLACES},
        events=_events(table),
        failures=_failures(table),
    )


def _texts(column: pa.ChunkedArray) -> "NDArray[np.object_]":
    return np.array(column.to_pylist(), dtype=np.object_)


def _integers(column: pa.ChunkedArray) -> "Integers":
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _floats(column: pa.ChunkedArray) -> "Floats":
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _failures(table: pa.Table) -> Mapping[int, tuple[Failure, int | None]]:
    places = np.flatnonzero(table["failure_error_class"].is_valid().to_numpy())
    failed = table.select(["http_status", *(f"failure_{name}" for name in _FAILURE)]).take(pa.array(places))
    return {
        place: (Failure(**{name: row[f"failure_{name}"] for name in _FAILURE}), row["http_status"])
        for place, row in zip(places.tolist(), failed.to_pylist(), strict=True)
    }


def _events(table: pa.Table) -> Events:
    """Return the generated deltas: those whose kind is not that of control."""
    stamps, characters = event_stamps(table), _lists(table["event_characters"])
    kinds = np.frombuffer("".join(table["event_kinds"].to_pylist()).encode(), dtype=np.uint8)
    owners = np.repeat(np.arange(table.num_rows), np.diff(stamps.offsets))
    generated = kinds != ord(CONTROL)
    counts = np.bincount(owners[generated], minlength=table.num_rows)
    return Events(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        at_ns=(stamps.values - _integers(table["stamps_started"])[owners])[generated].astype(np.float64),
        output=np.isin(kinds, [ord(CONTENT), ord(TOOL_CALL)])[generated],
        characters=characters.values[generated].astype(np.float64),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Lists of integers, one after the other; an absent list is empty."""

    offsets: "Integers"
    values: "Integers"


def event_stamps(table: pa.Table) -> Lists:
    """Return when each event of each sample was complete: at its piece, or at a stamp of its own."""
    piece, own, pieces = (_lists(table[name]) for name in ("event_piece", "event_ns", "piece_ns"))
    if not own.values.size:
        owners = np.repeat(np.arange(table.num_rows), np.diff(piece.offsets))
        return Lists(offsets=piece.offsets, values=np.asarray(pieces.values[pieces.offsets[owners] + piece.values]))
    counts = np.diff(_lists(table["event_characters"]).offsets)
    told = np.diff(piece.offsets) > 0
    owners, by_piece = (np.repeat(each, counts) for each in (np.arange(table.num_rows), told))
    at = np.empty(owners.size, dtype=np.int64)
    at[by_piece] = pieces.values[pieces.offsets[:-1][owners[by_piece]] + piece.values]
    at[~by_piece] = own.values[np.repeat(~told, np.diff(own.offsets))]
    return Lists(offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), values=at)


def _lists(column: pa.ChunkedArray) -> Lists:
    lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0).to_numpy(), dtype=np.int64)
    flat = np.asarray(pc.list_flatten(column).to_numpy(), dtype=np.int64)
    return Lists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), values=flat)


def _sums(column: pa.ChunkedArray) -> "Integers":
    lists = _lists(column)
    running = np.concatenate([[0], np.cumsum(lists.values)])
    return np.diff(running[lists.offsets]).astype(np.int64)
