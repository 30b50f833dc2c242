"""Runs as Parquet: one row a sample, everything else of a run as JSON in the file's metadata.

The file is for other tools as well: plain columns, stamps in nanoseconds, absent values as nulls.
The format's version is raised when a column is added, removed or changes its meaning. What an older
format that is still read did not have is null.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, OlderVersionError, StorageError, WireError
from pytest_llm_latency.model import Past, Run, Sample
from pytest_llm_latency.storage import atomic, columns
from pytest_llm_latency.wire import from_builtins, to_builtins

FORMAT = 4
_OLDEST = 2
_SIDES = 3  # the first that knows runs with two sides and adaptive ones
_SINCE = MappingProxyType({"side": 3, "cost_in_usd": 4, "text": 4})  # the first formats with these columns
# What a plan is taken to say where it was written before it could.
_UNSAID = MappingProxyType({"keep_answers": False, "retries": {"most": 0, "wait_s": 1.0}})

_KEY_FORMAT = b"llm_latency.format"
_KEY_RUNS = b"llm_latency.runs"
_KEY_PAST = b"llm_latency.past"  # absent where there is none
_KEY_DIGEST = b"llm_latency.sha256"
_NOTHING: Mapping[bytes, str] = MappingProxyType({})
_NO_DIGEST = b"sha256:" + b"0" * 64

_DELTA = ("piece_ns", "event_ns", columns.EVENT_PIECE)
_REMEDY = "restore it from version control, or remove it and measure and accept again"


def write_runs(path: Path, runs: Sequence[Run]) -> None:
    """Write the runs as one Parquet file, whole."""
    atomic.replace_bytes(path, encode(runs))


def read_runs(path: Path) -> tuple[Run, ...]:
    """Return the runs of one file, as ``decode`` does; raise ``StorageError`` where it cannot be opened."""
    return decode(read_bytes(path), path)


def encode(runs: Sequence[Run], past: Sequence[Past] = ()) -> bytes:
    """Return the runs as the bytes of one Parquet file; the same runs give the same bytes.

    ``past`` is what is left of runs that were accepted before them.
    """
    samples = [(number, sample) for number, run in enumerate(runs) for sample in run.samples]
    numbers = {"run": pa.array([number for number, _ in samples], pa.int32())}
    table = pa.table(numbers | columns.arrays([sample for _, sample in samples]))
    told = {_KEY_PAST: _json([to_builtins(each) for each in past])} if past else {}
    return as_parquet(runs, table, _small(table.column_names), told)


def as_parquet(
    runs: Sequence[Run], table: pa.Table, encodings: Mapping[str, Any], told: Mapping[bytes, str] = _NOTHING
) -> bytes:
    """Return runs and the table of their samples as one file, encoded as pyarrow's writer is told.

    The table may have further columns, which ``decode`` does not look at. ``told`` goes into the metadata too.
    """
    table, stream = columns.required(table), pa.BufferOutputStream()
    with pq.ParquetWriter(stream, table.schema, **encodings) as writer:
        writer.write_table(table)
        own = {_KEY_FORMAT: str(FORMAT), _KEY_RUNS: _metadata(runs), _KEY_DIGEST: _NO_DIGEST}
        writer.add_key_value_metadata({**told, **own})
    return _sealed(stream.getvalue().to_pybytes())


def _small(names: Iterable[str]) -> dict[str, Any]:
    """Return the encodings of the fewest bytes: what is accepted lies in version control."""
    leaves = {name: f"{name}.list.element" if name in columns.LISTS else name for name in names}
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
    try:
        return _json(described(runs))
    except ValueError as error:
        raise StorageError(
            f"the run of {', '.join(run.test_id for run in runs)} has a figure that is not a finite number "
            f"({error}): look at its settings for an infinite one."
        ) from error


def _json(tree: Any) -> str:  # noqa: ANN401  (what JSON can say)
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def described(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return runs without their samples as builtins."""
    return [to_builtins(dataclasses.replace(run, samples=())) for run in runs]


def _sealed(data: bytes) -> bytes:
    # The digest covers the file with the digest's own place left at zeros: Parquet has checksums
    # for its pages but none for its footer, where a flipped bit would change figures silently.
    head, _, tail = data.rpartition(_NO_DIGEST)
    return head + b"sha256:" + hashlib.sha256(data).hexdigest().encode() + tail


def _is_sealed(data: bytes, digest: bytes) -> bool:
    head, found, tail = data.rpartition(digest)
    return bool(found) and digest == b"sha256:" + hashlib.sha256(head + _NO_DIGEST + tail).hexdigest().encode()


def past(data: bytes, path: Path) -> tuple[Past, ...]:
    """Return what a file's bytes hold of runs that were accepted before its own; the errors are those of ``decode``."""
    with reading(data, path):
        footer = pq.read_metadata(pa.BufferReader(data)).metadata or {}
        return tuple(from_builtins(Past, each) for each in json.loads(footer.get(_KEY_PAST, b"[]")))


def decode(data: bytes, path: Path) -> tuple[Run, ...]:
    """Return the runs that a file's bytes hold; ``path`` is the name for messages.

    Raises ``CorruptFileError`` for anything but a whole, unchanged file, ``NewerVersionError`` and
    ``OlderVersionError`` for one of another format.
    """
    with reading(data, path):
        runs, table = opened(data, path)
        samples: list[list[Sample]] = [[] for _ in runs]
        for number, sample in zip(table["run"].to_pylist(), columns.samples(table), strict=True):
            samples[number].append(sample)
        return tuple(dataclasses.replace(run, samples=tuple(own)) for run, own in zip(runs, samples, strict=True))


@contextlib.contextmanager
def reading(data: bytes, path: Path) -> Iterator[None]:
    """Turn damage of a file, into whichever error a parser meets it first, into one that names the file."""
    if not data:
        raise CorruptFileError(f"{path} is empty: {_REMEDY}.")
    try:
        yield
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


def opened(data: bytes, path: Path, names: Sequence[str] | None = None) -> tuple[tuple[Run, ...], pa.Table]:
    """Return the runs of a file's bytes without their samples, and the table of these columns of them all."""
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
    stored = names if names is None else [each for each in names if _SINCE.get(each, _OLDEST) <= version]
    # Not read_table: it imports the reader of data sets, and pandas with it.
    table = columns.usual(pq.ParquetFile(pa.BufferReader(data)).read(columns=stored, use_threads=False))
    runs = json.loads(_entry(footer, _KEY_RUNS))
    lacking = [name for name, since in _SINCE.items() if since > version and (names is None or name in names)]
    for name in lacking:
        table = table.append_column(name, pa.nulls(len(table)))
    if version < _SIDES:
        runs = [_as_fixed(each) for each in runs]
    runs = [{**each, "plan": {**_UNSAID, **each["plan"]}} for each in runs]
    return tuple(from_builtins(Run, each) for each in runs), table


def _as_fixed(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what format 2 says of a run with what it does not say: it has one side and one look."""
    conditions = [{**each, "side": None} for each in described["conditions"]]
    plan = {**described["plan"], "ab": None, "adaptive": False}
    return {**described, "plan": plan, "looks": [], "conditions": conditions}


def _entry(footer: Mapping[bytes, bytes], key: bytes) -> bytes:
    if key not in footer:
        raise ValueError(f"its metadata has no {key.decode()}")
    return footer[key]
