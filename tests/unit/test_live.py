"""What is shown while a benchmark is measured, and where it is written."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import live
from pytest_llm_latency.execution.executor import Progress
from pytest_llm_latency.live import Live
from pytest_llm_latency.report.live import Snapshot, Together, of_progress
from recordings import recording

SNAPSHOT = Snapshot(
    test_id="t::a", done=1, planned=2, elapsed_s=1.0, errors=0, p95_s=None, cost_usd=None, cost_known=False, workers=1
)


class Terminal:
    """As much of pytest's reporter as is needed: a pipe, which is a terminal or not."""

    def __init__(self, *, isatty: bool, column: int = 5, capture: str = "fd") -> None:
        self.isatty = isatty
        self.config = SimpleNamespace(getoption=lambda name: {"capture": capture}[name])
        self.currentfspath: Any = "t.py"
        self.startpath = Path("/tests")
        reading, self._writing = os.pipe()
        self._read = os.fdopen(reading, "rb")
        stream = SimpleNamespace(fileno=lambda: self._writing)
        self._tw = SimpleNamespace(fullwidth=80, width_of_current_line=column, _file=stream)

    def log(self) -> None:
        """Write as a test does whose logging is shown while it runs."""
        self._tw.width_of_current_line += 1

    def written(self) -> bytes:
        """Return what was written, when nobody writes any more."""
        os.close(self._writing)
        with self._read:
            return self._read.read()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live, "REDRAW_S", 0.0)
    monkeypatch.setattr(live, "REPEAT_S", 0.0)
    return


def shown(terminal: Terminal, times: int, meanwhile: Callable[[], None] | None = None) -> bytes:
    """Show something until it was looked at so often, and return what was written."""
    looked, left = threading.Semaphore(0), iter([SNAPSHOT] * times)  # nobody reads the pipe before the end

    def source() -> Snapshot | None:
        looked.release()
        return next(left, None)

    showing = Live(terminal)  # type: ignore[arg-type]  (a stand-in)
    with showing.showing(source):
        for _ in range(times):
            assert looked.acquire(timeout=20)
        if meanwhile is not None:
            meanwhile()
    showing.close()
    return terminal.written()


@pytest.mark.parametrize(("column", "back"), [(5, b"\x1b[A\x1b[5C"), (0, b"\x1b[A")])
def test_a_terminal_has_one_line_that_is_gone_in_the_end(column: int, back: bytes) -> None:
    """It begins below what stands there, and pytest goes on where it was."""
    terminal = Terminal(isatty=True, column=column)
    written = shown(terminal, 3)
    assert written.startswith(b"\nt::a  1/2  1/s  0 errors  1.00 s left\r\x1b[2Kt::a  1/2")
    assert written.endswith(b"left\r\x1b[2K" + back)
    assert written.count(b"\n") == 1
    assert terminal.currentfspath == "t.py"


@pytest.mark.parametrize("capture", ["fd", "no"])
def test_after_what_a_test_wrote_itself_pytest_begins_a_line_of_its_own(capture: str) -> None:
    """With -s, or with its logging shown: nobody knows where the line of pytest is then."""
    terminal = Terminal(isatty=True, capture=capture)
    written = shown(terminal, 3, meanwhile=terminal.log if capture == "fd" else None)
    assert written.endswith(b"left\r\x1b[2K")
    assert terminal.currentfspath is None


def test_a_line_is_as_wide_as_the_terminal_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as wide as what pytest has in place of it while it captures."""
    monkeypatch.setattr(live.os, "get_terminal_size", lambda _: os.terminal_size((25, 9)))
    assert shown(Terminal(isatty=True), 2).startswith(b"\nt::a  1/2  1/s  0 errors\r")


@pytest.mark.parametrize(("where", "ending"), [(Path("/tests/chat/t.py"), b"left\nchat/t.py "), ("t.py::a", b"left\n")])
def test_elsewhere_each_line_stays_and_the_file_is_named_again(where: Any, ending: bytes) -> None:
    """As in the log of a CI, where the letter of the test would stand alone; not where pytest names each test."""
    terminal = Terminal(isatty=False)
    terminal.currentfspath = where
    written = shown(terminal, 2)
    assert written.startswith(b"\nt::a  1/2  1/s  0 errors  1.00 s left\n\nt::a")
    assert written.endswith(ending)
    assert terminal.currentfspath == where
    assert shown(Terminal(isatty=False), 0) == b""


def test_nothing_is_written_where_there_is_no_stream() -> None:
    """A reporter whose stream has no number, or none at all."""
    silent = SimpleNamespace(_tw=SimpleNamespace(_file=None), isatty=False)
    for reporter in (None, silent):
        showing = Live(reporter)  # type: ignore[arg-type]  (the same)
        with showing.showing(lambda: SNAPSHOT):
            pass
        showing.close()


def test_a_process_tells_of_its_own_progress() -> None:
    """Requests that count, and those that failed."""
    progress = Progress(done=3, planned=8)
    for number, status in enumerate(("ok", "ok", "timeout")):
        found = recording(b"x", status=status, piece_ns=(nouns.sample(0, 0.1).stamps.started + number,))
        progress.tally.add(found, "measure")
    progress.tally.add(recording(b"x", status="timeout"), "warmup")
    progress.tally.add(recording(b"x", http_status=500), "measure")
    found = of_progress("t::a", progress, 0.0)
    assert (found.done, found.planned, found.errors, found.workers) == (3, 8, 2, 1)
    assert found.p95_s is not None


def test_what_several_workers_say_is_summed() -> None:
    """Another test begins anew."""
    together = Together()
    assert together.snapshot() is None
    for worker, test, done in (("gw0", "t::a", 4), ("gw0", "t::b", 1), ("gw1", "t::b", 3), ("gw0", "t::b", 2)):
        cost = {"cost_usd": done / 8, "cost_known": done > 2}
        together.hear(worker, {"test": test, "done": done, "planned": 10, "errors": 1, "took_s": [0.1, done], **cost})
    found = together.snapshot()
    assert found is not None
    assert (found.test_id, found.done, found.planned, found.errors, found.workers) == ("t::b", 5, 20, 2, 2)
    assert found.p95_s == 3.0
    assert (found.cost_usd, found.cost_known) == (0.625, False)
