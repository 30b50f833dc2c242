"""Samples as JSON: the records of ``stream``, one a line or as one list, with an object for each sample.

For people and for what reads nothing else: it takes many times the space and the time of the others.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pytest_llm_latency.errors import StorageError
from pytest_llm_latency.storage import stream, wide
from pytest_llm_latency.storage.samples import described
from pytest_llm_latency.storage.wide import Samples


def encode_lines(samples: Samples) -> bytes:
    """Return the samples with a record a line."""
    return "".join(f"{line}\n" for line in _lines(samples)).encode()


def encode(samples: Samples) -> bytes:
    """Return the samples as one list of records, one a line."""
    return ("[\n" + ",\n".join(_lines(samples)) + "\n]\n").encode()


def _lines(samples: Samples) -> Iterator[str]:
    table = samples.table
    yield _dumps(stream.header())
    yield _dumps({"runs": described(samples.runs)})
    yield from map(_dumps, table.to_pylist())
    yield _dumps({"end": len(table)})


def _dumps(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise StorageError(
            "a sample has a figure that is not a finite number, which JSON cannot write: convert to MessagePack or "
            "Parquet."
        ) from error


def decode_lines(data: bytes, path: Path) -> Samples:
    """Return the samples of records, one a line; ``path`` is the name for messages, the errors are ``reading``'s."""
    with stream.reading(path, "JSON Lines"):
        return _collected((json.loads(line) for line in data.splitlines() if line), path)


def decode(data: bytes, path: Path) -> Samples:
    """Return the samples of one list of records, in the same way."""
    with stream.reading(path, "JSON"):
        records = json.loads(data)
        if not isinstance(records, list):
            raise ValueError("it is no list")  # noqa: TRY004  (of the file, not of an argument)
        return _collected(iter(records), path)


def _collected(records: Iterator[dict[str, Any]], path: Path) -> Samples:
    found, rows = stream.Collected(path), []
    for record in records:
        if "index" in record:
            rows.append(record)
            continue
        if rows:
            found.add(_table(rows))
            rows = []
        found.note(record)
    if rows:
        found.add(_table(rows))
    return found.samples()


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    fields = wide.schema()
    return pa.table({field.name: pa.array([row[field.name] for row in rows], field.type) for field in fields})
