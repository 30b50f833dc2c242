"""Keeps recordings out of memory while a benchmark runs: one after another in a temporary file.

The file has no name, so that it is gone with the process, and only this process reads it.
"""

import hashlib
import marshal
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.model import Failure, Phase, Recording, Request, Stamps

_STAMPS = tuple(field.name for field in fields(Stamps))
_FAILURE = tuple(field.name for field in fields(Failure))
_PLAIN = tuple(field.name for field in fields(Recording) if field.name not in {"request", "stamps", "failure"})
_STAMP_VALUES, _FAILURE_VALUES, _PLAIN_VALUES = (attrgetter(*names) for names in (_STAMPS, _FAILURE, _PLAIN))

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recorded request and its place in the run."""

    iteration: int
    phase: Phase
    step: str | None
    recording: Recording


class Spool:
    """An append-only store of entries. Identical requests are kept once; they alone stay in memory."""

    def __init__(self) -> None:
        with _unwritable():
            self._file = tempfile.TemporaryFile(prefix="llm-latency-")  # noqa: SIM115  (lives as long as the spool)
        weakref.finalize(self, self._file.close)  # a benchmark that failed at once never reads its spool
        self._requests: list[Request] = []
        self._positions: dict[bytes, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, entry: Entry) -> None:
        """Store one entry; what comes after the closing, as from a task that its body forgot, belongs to no run."""
        if self._file.closed:
            return
        recording = entry.recording
        failure = recording.failure
        row = (
            (entry.iteration, entry.phase, entry.step),
            self._position(recording.request),
            _STAMP_VALUES(recording.stamps),
            None if failure is None else _FAILURE_VALUES(failure),
            _PLAIN_VALUES(recording),
        )
        with _unwritable():
            marshal.dump(row, self._file)
        self._count += 1

    def read(self) -> Iterator[Entry]:
        """Return the entries in the order in which they were stored."""
        with _unwritable():
            self._file.seek(0)  # writes what is still in memory
        for _ in range(self._count):
            yield self._entry(*marshal.load(self._file))  # noqa: S302  (written by this very object)
        self._file.seek(0, 2)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _position(self, request: Request) -> int:
        identity = hashlib.sha256(repr(request).encode("utf-8", "surrogatepass")).digest()  # a text may be long
        if identity not in self._positions:
            self._positions[identity] = len(self._requests)
            self._requests.append(request)
        return self._positions[identity]

    def _entry(self, place: _Row, position: int, stamps: _Row, failure: _Row | None, plain: _Row) -> Entry:
        iteration, phase, step = place
        recording = Recording(
            request=self._requests[position],
            stamps=Stamps(**dict(zip(_STAMPS, stamps, strict=True))),
            failure=None if failure is None else Failure(**dict(zip(_FAILURE, failure, strict=True))),
            **dict(zip(_PLAIN, plain, strict=True)),
        )
        return Entry(iteration=iteration, phase=phase, step=step, recording=recording)


@contextmanager
def _unwritable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableError(
            f"the recordings cannot be kept in the temporary folder ({error.strerror or error}): "
            "free some space there, or set TMPDIR to another folder."
        ) from None
