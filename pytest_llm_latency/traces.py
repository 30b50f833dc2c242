"""Trace files: when requests arrived, how long they and their answers were, as CSV or JSON Lines.

The columns go by the names that public traces give them. To know another, add it to a table.
"""

import csv
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Trace
from pytest_llm_latency.prompts import MOST_TOKENS, hashed

# The columns of the arrival, and how many of their units are a second. A date and time is read in each.
ARRIVALS: Mapping[str, float] = MappingProxyType({
    "arrived_at": 1.0,
    "TIMESTAMP": 1.0,
    "Timestamp": 1.0,
    "timestamp": 1.0,
})
INPUTS = ("num_prefill_tokens", "ContextTokens", "input_length", "Request tokens")
OUTPUTS = ("num_decode_tokens", "GeneratedTokens", "output_length", "Response tokens")
_MILLISECONDS = ("timestamp", "input_length")  # a trace that has both, as Mooncake's, counts milliseconds

# A fraction may have seven digits, which not every Python reads.
_DATE = re.compile(r"(\S+[T ]\S+?)(?:\.([0-9]+))?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?")

_Row = Mapping[str, Any]


def read(path: Path, count: int | None) -> Trace:
    """Return the first ``count`` arrivals of a file, all where it is ``None``, in the order of their times.

    Raises ``MarkerError`` that names the file and the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(itertools.islice(_arrivals(_rows(file, path), path), count))
    except OSError as error:
        raise MarkerError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise MarkerError(f"{path} is not UTF-8: save it as UTF-8.") from None
    if not rows:
        raise MarkerError(f"{path} has no arrivals: a row each belongs there, as in arrived_at,num_prefill_tokens.")
    rows.sort(key=lambda row: row[0])  # stable
    offsets = tuple(round(at - rows[0][0], 9) for at, _, _ in rows)
    tokens_in, tokens_out = (_known(column) for column in list(zip(*rows, strict=True))[1:])
    return Trace(
        name=path.name,
        digest=hashed([offsets, tokens_in, tokens_out]),
        offsets_s=offsets,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )


def _known(column: tuple[int | None, ...]) -> tuple[int, ...] | None:
    known = tuple(each for each in column if each is not None)
    return known if len(known) == len(column) else None


def _rows(file: TextIO, path: Path) -> Iterator[tuple[int, _Row]]:
    """Return each row with its line."""
    if path.suffix.lower() == ".jsonl":
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _json(line, f"{path}, line {number}")
        return
    if path.suffix.lower() != ".csv":
        raise MarkerError(f"{path}: a trace ends with .csv or .jsonl: rename or convert it.")
    reader = csv.DictReader(file, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise MarkerError(f"{path}, after line {reader.line_num}: {error}: correct the row or remove it.") from None


def _json(line: str, where: str) -> _Row:
    try:
        row = data_files.parse_json(line.strip())
    except ValueError as error:
        raise MarkerError(f"{where}, {str(error).removeprefix('line 1, ')}: write one JSON object a line.") from None
    if not isinstance(row, dict):
        raise MarkerError(f"{where}: {line.strip()[:40]} is no JSON object: write one a line.")
    return row


def _arrivals(rows: Iterator[tuple[int, _Row]], path: Path) -> Iterator[tuple[float, int | None, int | None]]:
    """Return the arrival in seconds and the tokens of each row; the first row says what the columns are."""
    columns: tuple[str, str | None, str | None] | None = None
    for number, row in rows:
        where = f"{path}, line {number}"
        columns = columns or _columns(row, where)
        arrival, *lengths = columns
        unit = 1000.0 if (arrival, lengths[0]) == _MILLISECONDS else ARRIVALS[arrival]
        tokens_in, tokens_out = (None if name is None else _tokens(row, name, where) for name in lengths)
        yield _moment(row, arrival, where) / unit, tokens_in, tokens_out


def _columns(row: _Row, where: str) -> tuple[str, str | None, str | None]:
    arrival = next((name for name in ARRIVALS if name in row), None)
    if arrival is None:
        there = ", ".join(str(name) for name in row)
        raise MarkerError(f"{where}: there is {there}, and no arrival: name its column one of {', '.join(ARRIVALS)}.")
    tokens_in, tokens_out = (next((name for name in names if name in row), None) for names in (INPUTS, OUTPUTS))
    return arrival, tokens_in, tokens_out


def _moment(row: _Row, name: str, where: str) -> float:
    value = row.get(name)
    moment = _number(value)
    if moment is None and isinstance(value, str):
        moment = _date(value)
    if moment is None:
        raise MarkerError(
            f"{where}: {name} is {value!r}, neither a number nor a date and time: correct the row or remove it."
        )
    return moment


def _date(text: str) -> float | None:
    match = _DATE.fullmatch(text.strip())
    try:
        moment = None if match is None else datetime.fromisoformat(match[1] + (match[3] or "+00:00"))
    except ValueError:
        return None
    return None if match is None or moment is None else moment.timestamp() + float(f"0.{match[2] or 0}")


def _told(row: _Row, name: str) -> str:
    return "is missing" if row.get(name) is None else f"is {row[name]!r}, which is no count"


def _tokens(row: _Row, name: str, where: str) -> int:
    number = _number(row.get(name))
    if number is None or number != round(number) or not 0 <= number <= MOST_TOKENS:
        raise MarkerError(f"{where}: {name} {_told(row, name)}: correct the row or remove it.")
    return max(1, int(number))  # a request of no tokens cannot be sent, and none asks for an answer of none


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
