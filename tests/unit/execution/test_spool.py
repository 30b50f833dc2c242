"""What goes into the spool comes out as it was."""

import errno
import gc
import io
import tempfile
import tracemalloc
from typing import Any

import pytest

from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.execution.spool import Entry, Spool
from pytest_llm_latency.model import Failure, Stamps
from recordings import recording, request


def entry(index: int = 0, **changes: Any) -> Entry:
    """Return an entry of a full recording."""
    record = recording(
        b"data: \x00\xff\n\n",
        "Grüße".encode(),
        headers=(("x-request-id", "ü"), ("set-cookie", "a")),
        stamps=Stamps(started=1, scheduled=2, send_start=3, closed=2**62),
        **changes,
    )
    return Entry(iteration=index, phase="measure", step="plan", recording=record)


def test_entries_come_out_as_they_went_in_and_in_their_order() -> None:
    """Stamps, bytes, failures and absent values."""
    broken = Failure(error_class="Timeout", message="late", phase="body")
    entries = [
        entry(0),
        entry(1, status="timeout", failure=broken, http_status=None, build_ns=None, connection_reused=None),
        Entry(iteration=2, phase="warmup", step=None, recording=recording(request=request("other"))),
    ]
    spool = Spool()
    for each in entries:
        spool.append(each)
    assert len(spool) == 3
    assert list(spool.read()) == entries
    spool.append(entry(3))
    assert list(spool.read()) == [*entries, entry(3)]
    spool.close()


def test_a_long_request_is_in_memory_once() -> None:
    """And not as what it is known by, too."""
    spool, asked = Spool(), recording(request=request("y" * 1_000_000))
    tracemalloc.start()
    try:
        spool.append(Entry(iteration=0, phase="measure", step=None, recording=asked))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
    spool.close()


def test_identical_requests_are_kept_once() -> None:
    """They alone stay in memory."""
    spool = Spool()
    for index in range(50):
        spool.append(entry(index, request=request("same" if index % 2 else "other")))
    first, _, third, *_ = spool.read()
    assert first.recording.request is third.recording.request
    assert len(spool._requests) == 2
    spool.close()


def test_requests_that_differ_in_anything_are_not_mixed_up() -> None:
    """Model, messages, parameters, step and deadline."""
    requests = [
        request(),
        request(model="openai/other"),
        request("other"),
        request(parameters={"stream": False}),
        request(step="x"),
        request(deadline_s=1.0),
    ]
    spool = Spool()
    for each in requests:
        spool.append(entry(request=each))
    assert [each.recording.request for each in spool.read()] == requests
    spool.close()


def test_a_folder_that_takes_no_file_is_an_error_that_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder may be full or missing."""

    def refuse(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(UnwritableError, match=r"No usable temporary directory.*set TMPDIR"):
        Spool()


class Full(io.BytesIO):
    """A disk that is full."""

    def write(self, _: Any) -> int:
        """Refuse."""
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_is_one_clear_error() -> None:
    """And what was counted before stays readable."""
    spool = Spool()
    spool._file = Full()
    with pytest.raises(UnwritableError, match=r"No space left on device.*free some space"):
        spool.append(entry())
    assert len(spool) == 0


def test_a_spool_that_nobody_closes_closes_itself() -> None:
    """An unclosed file would be a warning in a suite of others."""
    spool = Spool()
    spool.append(entry())
    file = spool._file
    del spool
    gc.collect()
    assert file.closed
