"""What the streams of samples have in common, whatever their encoding: the records beside the samples themselves.

A header, the runs, the samples, an end with their number: what has no end was cut off.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, OlderVersionError, WireError
from pytest_llm_latency.metrics import DEFINITIONS_VERSION
from pytest_llm_latency.model import Run
from pytest_llm_latency.storage import wide
from pytest_llm_latency.storage.samples import FORMAT
from pytest_llm_latency.storage.wide import Samples
from pytest_llm_latency.wire import from_builtins

NAME = "pytest-llm-latency samples"


def header() -> dict[str, Any]:
    """Return the first record of a stream."""
    return {"format": NAME, "version": FORMAT, "definitions": DEFINITIONS_VERSION}


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn damage of a stream, into whichever error a parser meets it first, into one that names the file."""
    try:
        yield
    except (pa.ArrowException, ValueError, LookupError, TypeError, AttributeError, RecursionError, WireError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise CorruptFileError(
            f"{path} is damaged or no {kind} of samples ({reason}): convert it again from what it was made of."
        ) from error


class Collected:
    """Puts the samples of a file together, of one stream or of several that stand one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[Samples] = []
        self._tables: list[pa.Table] = []
        self._runs: tuple[Run, ...] = ()
        self._open = False

    def note(self, record: Mapping[str, Any]) -> None:
        """Take in a record that is no samples."""
        if "format" in record:
            self._begin(record)
        elif "runs" in record and self._open:
            self._runs = tuple(from_builtins(Run, each) for each in record["runs"])
        elif "end" in record and self._open:
            self._end(record["end"])
        else:
            raise ValueError(f"it has a record of {', '.join(map(repr, list(record)[:3])) or 'nothing'} there")

    def add(self, table: pa.Table) -> None:
        """Take in samples of the runs that were noted."""
        numbers = table["run"].to_numpy()
        if not self._open or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self._runs)):
            raise ValueError("it has samples of a run that it does not describe")
        self._tables.append(table)

    def _begin(self, record: Mapping[str, Any]) -> None:
        if self._open or record["format"] != NAME:
            raise ValueError("its header is not that of samples" if not self._open else "the end of its samples lacks")
        version = int(record["version"])
        if version > FORMAT:
            raise NewerVersionError(
                f"{self._path} has format {version} and this version reads {FORMAT}: upgrade pytest-llm-latency."
            )
        if version < FORMAT:
            raise OlderVersionError(
                f"{self._path} has format {version}, which this version no longer reads (it reads {FORMAT}): convert "
                "it again from what it was made of."
            )
        self._open = True

    def _end(self, count: int) -> None:
        found = sum(map(len, self._tables))
        if found != count:
            raise ValueError(f"it has {found} of {count} samples")
        tables = [table.select(wide.schema().names).cast(wide.schema()) for table in self._tables]
        table = pa.concat_tables([wide.schema().empty_table(), *tables]).combine_chunks()
        self._parts.append(Samples(runs=self._runs, table=table))
        self._tables, self._runs, self._open = [], (), False

    def samples(self) -> Samples:
        """Return all samples; raise ``ValueError`` where the end lacks."""
        if self._open or not self._parts:
            raise ValueError("it was cut off: its end lacks" if self._open else "it has no header")
        return wide.joined(self._parts)
