"""The columns of stored samples: the table of them, and samples to columns and back.

Every form in which samples are stored has these columns; what other tools read beside them is derived.
"""

import itertools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from pytest_llm_latency.model import Failure, Integers, Sample, Stamps, Usage

LIST = "list<int64>"
# An event happens when its piece arrives, so its stamp is stored as the number of the piece: half
# the size. ``event_ns`` is null then, and holds the stamps of a sample where that does not hold.
EVENT_PIECE = "event_piece"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One row of the table: a field of a sample, or of one of its parts, by whose name the column begins.

    ``type`` is Arrow's name of it. A part's column with ``present`` is null where the sample lacks the part, and
    only there.
    """

    name: str
    type: str
    meaning: str
    part: str | None = None
    present: bool = False

    @property
    def field(self) -> str:
        """The name of the field that it holds."""
        return self.name if self.part is None else self.name.removeprefix(f"{self.part}_")


def _stamp(name: str, meaning: str, *, present: bool = False) -> Column:
    return Column(name=f"stamps_{name}", type="int64", meaning=f"ns: {meaning}", part="stamps", present=present)


def _failure(name: str, meaning: str, *, present: bool = False) -> Column:
    return Column(name=f"failure_{name}", type="string", meaning=meaning, part="failure", present=present)


def _usage(name: str, type: str, meaning: str, *, present: bool = False) -> Column:  # noqa: A002  (Arrow's word)
    return Column(name=f"usage_{name}", type=type, meaning=meaning, part="usage", present=present)


COLUMNS: tuple[Column, ...] = (
    Column(name="index", type="int64", meaning="number of the request in its run, from 0, in the order of the starts"),
    Column(name="iteration", type="int64", meaning="number of the iteration of the test body, warm-up included"),
    Column(name="phase", type="string", meaning="`warmup` or `measure`: only the latter counts"),
    Column(name="step", type="string", meaning="`name=` of the call, `call 2` for the second without one, null for "
           "the first"),
    Column(name="status", type="string", meaning="`ok`, `error`, `timeout`, `refused` or `cancelled`"),
    Column(name="http_status", type="int64", meaning="HTTP status of the answer"),
    Column(name="attempts", type="int64", meaning="requests that were sent for it, retries included"),
    Column(name="build_ns", type="int64", meaning="ns that litellm took to build the request, before the start"),
    Column(name="connection_reused", type="bool", meaning="whether the connection was there already"),
    Column(name="http_version", type="string", meaning="`1.1` or `2`"),
    Column(name="paced_ns", type="int64", meaning="ns that a rate limit held it back, before the start"),
    Column(name="clock", type="string", meaning="who stamped: `kernel`, `loop` (the event loop) or `fake`"),
    Column(name="server_processing_s", type="float64", meaning="seconds that the provider's headers state"),
    Column(name="event_kinds", type="string", meaning="one letter an event: `c` content, `r` reasoning, `t` a part of "
           "a tool call, `x` nothing generated"),
    Column(name="finish_reason", type="string", meaning="why the model stopped, in the provider's word"),
    Column(name="cost_usd", type="float64", meaning="US dollars"),
    Column(name="worker", type="string", meaning="name of the worker process that sent it"),
    Column(name="host", type="string", meaning="name of the host that sent it"),
    Column(name="region", type="string", meaning="region of the host"),
    Column(name="side", type="string", meaning="`baseline` or `candidate`, where a run measures two models or URLs"),
    Column(name="cost_in_usd", type="float64", meaning="the part of `cost_usd` that the input cost"),
    Column(name="text", type="string", meaning="the answer's text, without secrets, where --llm-latency-keep-answers "
           "asks for it"),
    _stamp("started", "the built request was handed to the transport; every latency counts from here", present=True),
    _stamp("scheduled", "the planned start, in an open loop"),
    _stamp("connect_start", "a new connection was begun"),
    _stamp("dns_end", "its name was resolved"),
    _stamp("tcp_end", "TCP was connected"),
    _stamp("tls_end", "TLS was agreed"),
    _stamp("send_start", "the first byte was sent"),
    _stamp("send_end", "the last byte was sent"),
    _stamp("first_byte", "the first byte of the answer came"),
    _stamp("headers", "the headers of the answer were whole"),
    _stamp("closed", "the answer was at its end"),
    _failure("error_class", "class of the error; null for a request that succeeded", present=True),
    _failure("message", "its message, without secrets"),
    _failure("phase", "where it failed, such as `connect`, `body` or `provider`"),
    _usage("tokens_in", "int64", "input tokens"),
    _usage("tokens_out", "int64", "output tokens"),
    _usage("tokens_reasoning", "int64", "reasoning tokens, part of the output"),
    _usage("tokens_cached", "int64", "input tokens that a prompt cache had"),
    _usage("tokens_cache_written", "int64", "input tokens that were put into a prompt cache"),
    _usage("source", "string", "where the counts come from: `usage`, `tokenizer` or `chunks`", present=True),
    Column(name="piece_ns", type=LIST, meaning="ns: when each piece of the body arrived"),
    Column(name="piece_bytes", type=LIST, meaning="bytes of each piece"),
    Column(name=EVENT_PIECE, type=LIST, meaning="number of the piece, from 0, that completed each event"),
    Column(name="event_ns", type=LIST, meaning="ns: when each event was complete"),
    Column(name="event_characters", type=LIST, meaning="characters that each event carries"),
)  # fmt: skip

# What a file says of lists without nulls: who reads or writes it then looks at no levels for them, which takes
# a third of the time to read.
_LISTS, _REQUIRED = pa.list_(pa.int64()), pa.list_(pa.field("element", pa.int64(), nullable=False))

_PARTS: Mapping[str, type[Any]] = MappingProxyType({"stamps": Stamps, "failure": Failure, "usage": Usage})
LISTS = tuple(column.name for column in COLUMNS if column.type == LIST)


def arrays(samples: Sequence[Sample]) -> dict[str, pa.Array]:
    """Return the columns of samples, in the order of the table."""
    pieces = [_event_pieces(each) for each in samples]
    stamps = [each.event_ns if found is None else None for each, found in zip(samples, pieces, strict=True)]
    computed: dict[str, Sequence[Any]] = {EVENT_PIECE: pieces, "event_ns": stamps}
    return {column.name: _array(column, computed.get(column.name) or _values(column, samples)) for column in COLUMNS}


def required(table: pa.Table) -> pa.Table:
    """Return a table whose lists are said to hold no null, where none of them is null itself."""
    whole = [name for name in LISTS if name in table.column_names and not table[name].null_count]
    return _retyped(table, {name: pa.field(name, _REQUIRED, nullable=False) for name in whole})


def usual(table: pa.Table) -> pa.Table:
    """Return a table whose lists have the one type that all tables have, whatever its file says of nulls."""
    return _retyped(table, {name: pa.field(name, _LISTS) for name in LISTS if name in table.column_names})


def _retyped(table: pa.Table, fields: Mapping[str, pa.Field]) -> pa.Table:
    return table.cast(pa.schema([fields.get(each.name, each) for each in table.schema]))


def _values(column: Column, samples: Sequence[Sample]) -> list[Any]:
    field = column.field
    if column.part is None:
        return [getattr(each, field) for each in samples]
    parts = [getattr(each, column.part) for each in samples]
    return [None if each is None else getattr(each, field) for each in parts]


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.type == LIST:
        return _lists(values)
    if column.type == "string":
        values = [None if each is None else _storable(each) for each in values]
    return pa.array(values, pa.type_for_alias(column.type))


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


def samples(table: pa.Table) -> Iterator[Sample]:
    """Return the samples of the rows; columns that are not in the table of this module are not looked at."""
    own = {column.name: table[column.name].to_pylist() for column in COLUMNS if _is_own(column)}
    lists = {name: _list_rows(table[name]) for name in LISTS}
    pieces = lists.pop(EVENT_PIECE)
    lists["event_ns"] = [
        _event_stamps(stamps, number, numbers)
        for stamps, number, numbers in zip(lists["piece_ns"], pieces, lists["event_ns"], strict=True)
    ]
    found = own | {part: _part_rows(table, part) for part in _PARTS} | lists
    names = tuple(found)
    return (Sample(**dict(zip(names, row, strict=True))) for row in zip(*found.values(), strict=True))


def _is_own(column: Column) -> bool:
    return column.part is None and column.type != LIST


def _event_stamps(stamps: Integers, numbers: Integers | None, own: Integers | None) -> Integers:
    if numbers is not None:
        return array("q", [stamps[number] for number in numbers])
    return array("q") if own is None else own


def _part_rows(table: pa.Table, part: str) -> list[Any]:
    found = [column for column in COLUMNS if column.part == part]
    values = {column.field: table[column.name].to_pylist() for column in found}
    (present,) = (column.field for column in found if column.present)
    rows = zip(*values.values(), strict=True)
    return [
        None if there is None else _PARTS[part](**dict(zip(values, row, strict=True)))
        for there, row in zip(values[present], rows, strict=True)
    ]


def _list_rows(column: pa.ChunkedArray) -> list[Any]:
    lists = column.combine_chunks()
    elements = array("q")
    elements.frombytes(memoryview(lists.values.to_numpy(zero_copy_only=False)).cast("B"))
    offsets = lists.offsets.to_pylist()
    valid = lists.is_valid().to_pylist()
    bounds = itertools.pairwise(offsets)
    return [elements[start:end] if there else None for there, (start, end) in zip(valid, bounds, strict=True)]
