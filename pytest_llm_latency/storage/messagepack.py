"""Samples as a MessagePack stream: a header, the runs, blocks of samples, an end.

::

    {"format": "pytest-llm-latency samples", "version": 4, "definitions": 1, "columns": {"ttft": "float64", ...}}
    {"runs": [...]}                      the runs without their samples; a row's ``run`` counts these
    {"samples": 1000, "columns": {...}}  by column, as many of these as there are blocks
    {"end": 1000}                        all samples; without it the stream was cut off

Streams that stand one after the other are one stream, so that one is appended to another as it is.
A column is ``None`` where all of it is null. Numbers are ``[type, bytes]`` in NumPy's words, in as
few bytes as the block's largest takes. A record a sample would take several times as long to write.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pytest_llm_latency.storage import columns, stream, wide
from pytest_llm_latency.storage.columns import EVENT_PIECE, Column
from pytest_llm_latency.storage.samples import described
from pytest_llm_latency.storage.wide import Samples

BLOCK = 10_000
_INTEGERS = ("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<i8")
_RISING = ("piece_ns", "event_ns", EVENT_PIECE)

Packed = Any  # what MessagePack holds


def encode(samples: Samples) -> bytes:
    """Return the samples as a stream; the same samples give the same bytes."""
    table, types = _without_known(samples.table), {each.name: each.type for each in (*wide.STORED, *wide.DERIVED)}
    packer = msgpack.Packer(unicode_errors="surrogatepass")
    header = {**stream.header(), "columns": {name: types[name] for name in table.column_names}}
    records: list[Packed] = [header, {"runs": described(samples.runs)}]
    parts = [packer.pack(each) for each in records]
    for start in range(0, len(table), BLOCK):
        block = table.slice(start, BLOCK)
        packed = {name: _column(name, types[name])(block[name].combine_chunks()) for name in table.column_names}
        parts.append(packer.pack({"samples": len(block), "columns": packed}))
    return b"".join([*parts, packer.pack({"end": len(table)})])


def _without_known(table: pa.Table) -> pa.Table:
    """Return the table without the stamps of events that their pieces have."""
    place, known = table.column_names.index("event_ns"), table[EVENT_PIECE].is_valid()
    own = pc.if_else(known, pa.scalar(None, table["event_ns"].type), table["event_ns"])
    return table.set_column(place, "event_ns", own)


def decode(data: bytes, path: Path) -> Samples:
    """Return the samples of a stream; ``path`` is the name for messages, the errors those of ``stream.reading``."""
    with stream.reading(path, "MessagePack"):
        unpacker = msgpack.Unpacker(unicode_errors="surrogatepass", max_buffer_size=max(len(data), 1))
        unpacker.feed(data)
        found = stream.Collected(path)
        for record in unpacker:
            if "columns" in record and "samples" in record:
                found.add(_table(record["columns"], record["samples"]))
            else:
                found.note(record)
        if unpacker.tell() < len(data):
            raise ValueError("it ends in the middle of a record")
        return found.samples()


def _column(name: str, kind: str) -> Callable[[pa.Array], Packed]:
    # The steps from one value to the next take half the bytes that the values take.
    return _pack_rising if name in _RISING else _PACK[kind]


def _table(packed: Mapping[str, Packed], rows: int) -> pa.Table:
    return pa.table({column.name: _array(column, packed[column.name], rows) for column in wide.STORED})


def _array(column: Column, packed: Packed, rows: int) -> pa.Array:
    kind = wide.arrow_type(column)
    if packed is None:
        return pa.nulls(rows, kind)
    valid = _bits(packed["valid"], rows) if "valid" in packed else np.ones(rows, dtype=np.bool_)
    found = _UNPACK[column.type](packed, ~valid)
    if len(found) != rows:
        raise ValueError(f"its column {column.name} has {len(found)} of {rows} values")
    return found.cast(kind)


def _packed(array: pa.Array, body: Callable[[pa.Array], dict[str, Packed]]) -> Packed:
    if array.null_count == len(array):
        return None
    valid = (
        {"valid": np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes()} if array.null_count else {}
    )
    return {**body(array), **valid}


def _pack_integers(array: pa.Array) -> Packed:
    return _packed(array, lambda found: {"values": _narrow(found.fill_null(0).to_numpy())})


def _pack_floats(array: pa.Array) -> Packed:
    return _packed(array, lambda found: {"values": ["<f8", found.fill_null(0.0).to_numpy().tobytes()]})


def _pack_switches(array: pa.Array) -> Packed:
    return _packed(array, lambda found: {"bits": np.packbits(found.cast(pa.uint8()).fill_null(0).to_numpy()).tobytes()})


def _pack_texts(array: pa.Array) -> Packed:
    def body(found: pa.Array) -> dict[str, Packed]:
        coded = found.dictionary_encode()
        return {"texts": coded.dictionary.to_pylist(), "places": _narrow(coded.indices.fill_null(0).to_numpy())}

    return _packed(array, body)


def _pack_lists(array: pa.Array) -> Packed:
    return _packed(array, lambda found: {"lengths": _narrow(_lengths(found)), "values": _narrow(_flat(found))})


def _pack_rising(array: pa.Array) -> Packed:
    def body(found: pa.Array) -> dict[str, Packed]:
        lengths, flat = _lengths(found), _flat(found)
        starts = _starts(lengths)
        steps = np.delete(np.diff(flat, prepend=0), starts)
        return {"lengths": _narrow(lengths), "first": _narrow(flat[starts]), "steps": _narrow(steps)}

    return _packed(array, body)


def _lengths(array: pa.Array) -> Any:  # noqa: ANN401  (NumPy's)
    return pc.fill_null(pc.list_value_length(array), 0).to_numpy()


def _flat(array: pa.Array) -> Any:  # noqa: ANN401  (NumPy's)
    return pc.list_flatten(array).to_numpy()


def _starts(lengths: Any) -> Any:  # noqa: ANN401  (NumPy's)
    """Return where each list that is not empty starts among the values of all lists."""
    return (np.cumsum(lengths) - lengths)[lengths > 0]


def _narrow(values: Any) -> list[Packed]:  # noqa: ANN401  (NumPy's)
    """Return the integers in the fewest bytes that hold all of them, and the name of their type."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    kind = next(each for each in _INTEGERS if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return [kind, np.ascontiguousarray(values, dtype=kind).tobytes()]


def _wide(packed: Packed) -> Any:  # noqa: ANN401  (NumPy's)
    kind, data = packed
    if kind not in _INTEGERS:
        raise ValueError(f"{kind!r} is no type of its integers")
    return np.frombuffer(data, dtype=kind).astype(np.int64)


def _bits(data: bytes, rows: int) -> Any:  # noqa: ANN401  (NumPy's)
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=rows).astype(np.bool_)


def _unpack_integers(packed: Mapping[str, Packed], null: Any) -> pa.Array:  # noqa: ANN401  (NumPy's)
    return pa.array(_wide(packed["values"]), mask=null)


def _unpack_floats(packed: Mapping[str, Packed], null: Any) -> pa.Array:  # noqa: ANN401  (NumPy's)
    return pa.array(np.frombuffer(packed["values"][1], dtype="<f8"), mask=null)


def _unpack_switches(packed: Mapping[str, Packed], null: Any) -> pa.Array:  # noqa: ANN401  (NumPy's)
    return pa.array(_bits(packed["bits"], len(null)), mask=null)


def _unpack_texts(packed: Mapping[str, Packed], null: Any) -> pa.Array:  # noqa: ANN401  (NumPy's)
    places = pa.array(_wide(packed["places"]), mask=null)
    return pa.array(packed["texts"], pa.string()).take(places)


def _unpack_lists(packed: Mapping[str, Packed], null: Any) -> pa.Array:  # noqa: ANN401  (NumPy's)
    lengths = _wide(packed["lengths"])
    values = _wide(packed["values"]) if "values" in packed else _summed(packed, lengths)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    if lengths.min(initial=0) < 0 or ends[-1] != len(values):
        raise ValueError("its lists are not as long as they should be")
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values), mask=pa.array(null))


def _summed(packed: Mapping[str, Packed], lengths: Any) -> Any:  # noqa: ANN401  (NumPy's)
    """Return the values of lists that hold the first one of each and the steps from one to the next."""
    starts, first = _starts(lengths), _wide(packed["first"])
    steps = np.insert(_wide(packed["steps"]), starts - np.arange(len(starts)), 0)
    running = np.cumsum(steps)
    return running + np.repeat(first - running[starts], lengths[lengths > 0])


_PACK: Mapping[str, Callable[[pa.Array], Packed]] = MappingProxyType({
    "int32": _pack_integers,
    "int64": _pack_integers,
    "float64": _pack_floats,
    "bool": _pack_switches,
    "string": _pack_texts,
    columns.LIST: _pack_lists,
})
_UNPACK: Mapping[str, Callable[[Mapping[str, Packed], Any], pa.Array]] = MappingProxyType({
    "int32": _unpack_integers,
    "int64": _unpack_integers,
    "float64": _unpack_floats,
    "bool": _unpack_switches,
    "string": _unpack_texts,
    columns.LIST: _unpack_lists,
})
