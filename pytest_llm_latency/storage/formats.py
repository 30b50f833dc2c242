"""The table of the formats that samples are exchanged in: one row makes the suffix, the name and the documentation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pytest_llm_latency.model import Run
from pytest_llm_latency.storage import columns, json_samples, messagepack, samples, wide
from pytest_llm_latency.storage.wide import Samples

if TYPE_CHECKING:
    import pandas as pd

# What is left of these when they are delta-encoded looks random: to try costs an eighth of the time.
_INCOMPRESSIBLE = ("piece_ns", "event_ns", "piece_bytes")
# And this one is so regular that the quicker of two compressions gains nearly as much.
_REGULAR = columns.EVENT_PIECE
_PAGE_BYTES = 1 << 18  # of values before they are encoded: what a processor's own memory holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row: the bytes of samples that have all columns, and the samples of bytes; the path is for messages."""

    title: str
    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes, Path], Samples]


def _parquet(found: Samples) -> bytes:
    return samples.as_parquet(found.runs, found.table, _quick(found.table))


def _quick(table: pa.Table) -> dict[str, Any]:
    """Return the encodings of the least time: every session writes its samples."""
    leaves = {name: f"{name}.list.element" if name in columns.LISTS else name for name in table.column_names}
    kinds = {leaf: table.schema.field(name).type for name, leaf in leaves.items()}
    integers = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_list(kind)]
    return {
        "compression": {leaf: _compression(name) for name, leaf in leaves.items()},
        "use_dictionary": [name for name, kind in kinds.items() if pa.types.is_string(kind)],
        "column_encoding": dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
        "data_page_size": _PAGE_BYTES,
        "write_statistics": False,
        "store_schema": False,
    }


def _compression(name: str) -> str:
    return "none" if name in _INCOMPRESSIBLE else "snappy" if name == _REGULAR else "zstd"


def _of_parquet(data: bytes, path: Path) -> Samples:
    with samples.reading(data, path):
        runs, table = samples.opened(data, path, [column.name for column in wide.STORED])
        return Samples(runs=runs, table=table)


FORMATS: Mapping[str, Format] = MappingProxyType({
    "parquet": Format(title="Parquet", encode=_parquet, decode=_of_parquet),
    "msgpack": Format(title="MessagePack, a stream", encode=messagepack.encode, decode=messagepack.decode),
    "jsonl": Format(title="JSON, a record a line", encode=json_samples.encode_lines, decode=json_samples.decode_lines),
    "json": Format(title="JSON, one list", encode=json_samples.encode, decode=json_samples.decode),
})


def converted(data: bytes, path: Path, source: str, target: str) -> bytes:
    """Return the samples of a file's bytes in another format; ``path`` is the name for messages."""
    return FORMATS[target].encode(wide.widened(wide.joined([FORMATS[source].decode(data, path)])))


def of_runs(runs: Sequence[Run]) -> bytes:
    """Return the samples of runs as one Parquet file."""
    return _parquet(_wide(runs))


def frame(runs: Sequence[Run]) -> "pd.DataFrame":
    """Return the samples of runs as a table of pandas."""
    found: pd.DataFrame = _wide(runs).table.to_pandas()
    return found


def _wide(runs: Sequence[Run]) -> Samples:
    return wide.widened(wide.joined([_of_parquet(samples.encode(runs), Path("the run"))]))


def gathered(paths: Iterable[Path]) -> bytes:
    """Return the samples of several files of runs as one Parquet file."""
    found = (_of_parquet(samples.read_bytes(path), path) for path in paths)
    return _parquet(wide.widened(wide.joined(found)))
