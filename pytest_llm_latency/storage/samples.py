"""Runs as Parquet: one row a sample, everything else of a run as JSON in the file's metadata.

The file is for other tools as well: plain columns, stamps in nanoseconds, absent values as nulls.
The format's version is raised when a column is added, removed or changes its meaning. What an older
format that is still read did not have is null.
"""

import dataclasses
import hashlib
import io
import itertools
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, OlderVersionError, StorageError, WireError
from pytest_llm_latency.model import Failure, Integers, Run, Sample, Stamps, Usage
from pytest_llm_latency.storage import atomic
from pytest_llm_latency.wire import from_builtins, to_builtins

FORMAT = 3
_OLDEST = 2  # it knows neither runs with two sides nor adaptive ones

# Column: type. A part's columns carry its name: ``stamps_started``, ``failure_message``.
_OWN: Mapping[str, str] = {
    "index": "int64",
    "iteration": "int64",
    "phase": "string",
    "step": "string",
    "status": "string",
    "http_status": "int64",
    "attempts": "int64",
    "build_ns": "int64",
    "connection_reused": "bool",
    "http_version": "string",
    "paced_ns": "int64",
    "clock": "string",
    "server_processing_s": "float64",
    "event_kinds": "string",
    "finish_reason": "string",
    "cost_usd": "float64",
    "worker": "string",
    "host": "string",
    "region": "string",
    "side": "string",
}
_PARTS: Mapping[str, tuple[type[Any], Mapping[str, str]]] = {
    "stamps": (Stamps, {field.name: "int64" for field in dataclasses.fields(Stamps)}),
    "failure": (Failure, {"error_class": "string", "message": "string", "phase": "string"}),
    "usage": (
        Usage,
        {
            "tokens_in": "int64",
            "tokens_out": "int64",
            "tokens_reasoning": "int64",
            "tokens_cached": "int64",
            "tokens_cache_written": "int64",
            "source": "string",
        },
    ),
}
# Columns that are never null where the part is there: they say whether it is.
_PRESENT = {"stamps": "started", "failure": "error_class", "usage": "source"}
_LISTS = ("piece_ns", "piece_bytes", "event_ns", "event_characters")
# An event happens when its piece arrives, so its stamp is stored as the number of the piece: half
# the size. ``event_ns`` is null then, and holds the stamps of a sample where that does not hold.
_EVENT_PIECE = "event_piece"

_KEY_FORMAT = b"llm_latency.format"
_KEY_RUNS = b"llm_latency.runs"
_KEY_DIGEST = b"llm_latency.sha256"
_NO_DIGEST = b"sha256:" + b"0" * 64

_DELTA = ("piece_ns", "event_ns", _EVENT_PIECE)
_REMEDY = "restore it from version control, or remove it and measure and accept again"


def write_runs(path: Path, runs: Sequence[Run]) -> None:
    """Write the runs as one Parquet file, whole."""
    atomic.replace_bytes(path, encode(runs))


def read_runs(path: Path) -> tuple[Run, ...]:
    """Return the runs of one file, as ``decode`` does; raise ``StorageError`` where it cannot be opened."""
    return decode(read_bytes(path), path)


def encode(runs: Sequence[Run]) -> bytes:
    """Return the runs as the bytes of one Parquet file; the same runs give the same bytes."""
    samples = [(number, sample) for number, run in enumerate(runs) for sample in run.samples]
    columns = {"run": pa.array([number for number, _ in samples], pa.int32())}
    columns |= _columns([sample for _, sample in samples])
    table = pa.table(columns)
    stream = io.BytesIO()
    with pq.ParquetWriter(stream, table.schema, **_encodings(columns)) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_KEY_FORMAT: str(FORMAT), _KEY_RUNS: _metadata(runs), _KEY_DIGEST: _NO_DIGEST})
    return _sealed(stream.getvalue())


def _encodings(columns: Iterable[str]) -> dict[str, Any]:
    leaves = {name: f"{name}.list.element" if name in {*_LISTS, _EVENT_PIECE} else name for name in columns}
    delta = [leaves[name] for name in leaves if name in _DELTA or name.startswith("stamps_")]
    return {
        "compression": "zstd",
        "compression_level": 9,
        "use_dictionary": [leaf for leaf in leaves.values() if leaf not in delta],
        "column_encoding": dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        "write_statistics": False,
        "store_schema": False,
    }


def _metadata(runs: Sequence[Run]) -> str:
    described = [to_builtins(dataclasses.replace(run, samples=())) for run in runs]
    try:
        return json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise StorageError(
            f"the run of {', '.join(run.test_id for run in runs)} has a figure that is not a finite number "
            f"({error}): look at its settings for an infinite one."
        ) from error


def _sealed(data: bytes) -> bytes:
    # The digest covers the file with the digest's own place left at zeros: Parquet has checksums
    # for its pages but none for its footer, where a flipped bit would change figures silently.
    head, _, tail = data.rpartition(_NO_DIGEST)
    return head + b"sha256:" + hashlib.sha256(data).hexdigest().encode() + tail


def _is_sealed(data: bytes, digest: bytes) -> bool:
    head, found, tail = data.rpartition(digest)
    return bool(found) and digest == b"sha256:" + hashlib.sha256(head + _NO_DIGEST + tail).hexdigest().encode()


def _columns(samples: Sequence[Sample]) -> dict[str, pa.Array]:
    columns = {name: _array(kind, [getattr(each, name) for each in samples]) for name, kind in _OWN.items()}
    for part, (_, fields) in _PARTS.items():
        values = [getattr(each, part) for each in samples]
        for name, kind in fields.items():
            columns[f"{part}_{name}"] = _array(kind, [None if each is None else getattr(each, name) for each in values])
    pieces = [_event_pieces(each) for each in samples]
    columns["piece_ns"] = _lists([each.piece_ns for each in samples])
    columns["piece_bytes"] = _lists([each.piece_bytes for each in samples])
    columns[_EVENT_PIECE] = _lists(pieces)
    stamps = [each.event_ns if found is None else None for each, found in zip(samples, pieces, strict=True)]
    columns["event_ns"] = _lists(stamps)
    columns["event_characters"] = _lists([each.event_characters for each in samples])
    return columns


def _array(kind: str, values: list[Any]) -> pa.Array:
    if kind == "string":
        values = [None if each is None else _storable(each) for each in values]
    return pa.array(values, pa.type_for_alias(kind))


def _storable(text: str) -> str:
    # Half of a surrogate pair, as a provider's broken text can hold, has no form in UTF-8.
    return text.encode(errors="backslashreplace").decode()


def _event_pieces(sample: Sample) -> Integers | None:
    numbers = {at: number for number, at in reversed(list(enumerate(sample.piece_ns)))}
    if any(at not in numbers for at in sample.event_ns):
        return None
    return array("q", [numbers[at] for at in sample.event_ns])


def _lists(values: Sequence[Integers | None]) -> pa.Array:
    joined = array("q", itertools.chain.from_iterable(each for each in values if each is not None))
    ends = itertools.accumulate((0 if each is None else len(each) for each in values), initial=0)
    elements = pa.Array.from_buffers(pa.int64(), len(joined), [None, pa.py_buffer(joined)])
    mask = pa.array([each is None for each in values], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), elements, mask=mask)


def decode(data: bytes, path: Path) -> tuple[Run, ...]:
    """Return the runs that a file's bytes hold; ``path`` is the name for messages.

    Raises ``CorruptFileError`` for anything but a whole, unchanged file, ``NewerVersionError`` and
    ``OlderVersionError`` for one of another format.
    """
    if not data:
        raise CorruptFileError(f"{path} is empty: {_REMEDY}.")
    # Parquet's reader turns damage into whichever of these its parser meets first.
    try:
        return _decoded(data, path)
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, MemoryError, WireError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise CorruptFileError(f"{path} is damaged or not a file of runs ({reason}): {_REMEDY}.") from error


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; raise ``StorageError`` where it is absent or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read ({error.strerror or error}): check the path and its permissions."
        ) from error


def _decoded(data: bytes, path: Path) -> tuple[Run, ...]:
    footer = pq.read_metadata(pa.BufferReader(data)).metadata or {}
    version = int(_entry(footer, _KEY_FORMAT))
    if version > FORMAT:
        raise NewerVersionError(
            f"{path} has format {version} and this version reads up to {FORMAT}: upgrade pytest-llm-latency."
        )
    if version < _OLDEST:
        raise OlderVersionError(
            f"{path} has format {version}, which this version no longer reads (it reads {_OLDEST} and later): remove "
            "it, and measure and accept again."
        )
    if not _is_sealed(data, _entry(footer, _KEY_DIGEST)):
        raise CorruptFileError(f"{path} has changed since it was written: {_REMEDY}.")
    table = pq.read_table(pa.BufferReader(data), use_threads=False)
    described = [{**each, "samples": []} for each in json.loads(_entry(footer, _KEY_RUNS))]
    if version < FORMAT:
        table, described = table.append_column("side", pa.nulls(len(table))), [_as_fixed(each) for each in described]
    samples: list[list[Sample]] = [[] for _ in described]
    for number, sample in zip(table["run"].to_pylist(), _samples(table), strict=True):
        samples[number].append(sample)
    return tuple(
        dataclasses.replace(from_builtins(Run, each), samples=tuple(own))
        for each, own in zip(described, samples, strict=True)
    )


def _as_fixed(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what format 2 says of a run with what it does not say: it has one side and one look."""
    conditions = [{**each, "side": None} for each in described["conditions"]]
    plan = {**described["plan"], "ab": None, "adaptive": False}
    return {**described, "plan": plan, "looks": [], "conditions": conditions}


def _entry(footer: Mapping[bytes, bytes], key: bytes) -> bytes:
    if key not in footer:
        raise ValueError(f"its metadata has no {key.decode()}")
    return footer[key]


def _samples(table: pa.Table) -> Iterable[Sample]:
    own = {name: table[name].to_pylist() for name in _OWN}
    parts = {part: _part_rows(table, part) for part in _PARTS}
    lists = {name: _list_rows(table[name]) for name in (*_LISTS, _EVENT_PIECE)}
    pieces = lists.pop(_EVENT_PIECE)
    lists["event_ns"] = [
        _event_stamps(stamps, number, numbers)
        for stamps, number, numbers in zip(lists["piece_ns"], pieces, lists["event_ns"], strict=True)
    ]
    columns = own | parts | lists
    names = tuple(columns)
    return (Sample(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True))


def _event_stamps(stamps: Integers, numbers: Integers | None, own: Integers | None) -> Integers:
    if numbers is not None:
        return array("q", [stamps[number] for number in numbers])
    return array("q") if own is None else own


def _part_rows(table: pa.Table, part: str) -> list[Any]:
    noun, fields = _PARTS[part]
    columns = {name: table[f"{part}_{name}"].to_pylist() for name in fields}
    rows = zip(*columns.values(), strict=True)
    return [
        None if there is None else noun(**dict(zip(fields, row, strict=True)))
        for there, row in zip(columns[_PRESENT[part]], rows, strict=True)
    ]


def _list_rows(column: pa.ChunkedArray) -> list[Any]:
    lists = column.combine_chunks()
    elements = array("q")
    elements.frombytes(memoryview(lists.values.to_numpy(zero_copy_only=False)).cast("B"))
    offsets = lists.offsets.to_pylist()
    valid = lists.is_valid().to_pylist()
    bounds = itertools.pairwise(offsets)
    return [elements[start:end] if there else None for there, (start, end) in zip(valid, bounds, strict=True)]
