"""Shows the benchmark that is being measured, from a thread: a line that redraws, or one every 30 s elsewhere."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llm_latency.report.live import Snapshot

REDRAW_S, REPEAT_S = 1.0, 30.0
LOG_WIDTH = 160  # columns of a line that stays: a log has no width of its own
_ERASE = "\r\x1b[2K"

Source = Callable[[], "Snapshot | None"]


class Live:
    """Writes to what pytest writes to, also while pytest has the output of a test; nothing where that has no number."""

    def __init__(self, reporter: pytest.TerminalReporter | None) -> None:
        self._reporter = reporter
        self._source: Source | None = None
        self._drawn = self._stays = False
        self._column = 0  # at which pytest was when the line below its own was drawn
        self._turn = threading.Lock()  # of whoever shows or hides
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._stream = _duplicate(reporter)
        self._redraws = bool(reporter is not None and reporter.isatty)

    @contextlib.contextmanager
    def showing(self, source: Source) -> Iterator[None]:
        """Show what ``source`` returns until the end of the block."""
        self.show(source)
        try:
            yield
        finally:
            self.hide()

    def show(self, source: Source) -> None:
        """Show what ``source`` returns, from now on."""
        if self._stream is None:
            return
        with self._turn:
            self._source = source
            if self._thread is None:
                self._over.clear()
                self._thread = threading.Thread(target=self._run, name="llm-latency-live", daemon=True)
                self._thread.start()

    def hide(self) -> None:
        """Show nothing any more, end the thread, and leave the line to others."""
        with self._turn:
            if self._thread is not None:
                self._over.set()
                self._thread.join()
            self._thread = self._source = None
            if self._drawn and self._reporter is not None:
                self._leave(self._reporter)
            if self._stays and self._reporter is not None:
                self._write(_file(self._reporter))  # or the letter of the test would stand there alone
            self._drawn = self._stays = False

    def close(self) -> None:
        """Write nothing from now on."""
        self.hide()
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None

    def _run(self) -> None:
        while not self._over.wait(REDRAW_S if self._redraws else REPEAT_S):
            self._draw()

    def _draw(self) -> None:
        snapshot = None if self._source is None else self._source()
        if snapshot is None or self._reporter is None:
            return
        from pytest_llm_latency.report.live import line  # noqa: PLC0415  (only where something is measured)

        text = line(snapshot, self._width(self._reporter) - 1 if self._redraws else LOG_WIDTH)
        if self._redraws:
            self._column = self._column if self._drawn else _column(self._reporter)
            self._write(f"{_ERASE if self._drawn else chr(10)}{text}")
            self._drawn = True
        else:
            self._write(f"\n{text}\n")
            self._stays = True

    def _width(self, reporter: pytest.TerminalReporter) -> int:
        """Return the width of the stream: pytest asks the one that it has captured meanwhile, which has none."""
        try:
            return os.get_terminal_size(-1 if self._stream is None else self._stream).columns
        except OSError:  # no terminal
            return reporter._tw.fullwidth  # noqa: SLF001  (pytest has no public name for it)

    def _leave(self, reporter: pytest.TerminalReporter) -> None:
        """Erase the line and go back to where pytest was, or have it begin anew where a test wrote in between."""
        written = reporter.config.getoption("capture") == "no" or _column(reporter) != self._column
        if written:
            self._write(_ERASE)
            reporter.currentfspath = None
        else:
            self._write(f"{_ERASE}\x1b[A{f'{chr(27)}[{self._column}C' if self._column else ''}")

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):  # who looked is gone
                os.write(self._stream, text.encode(errors="replace"))


def _file(reporter: pytest.TerminalReporter) -> str:
    """Return how pytest begins the line of a file, nothing where its present line is none of one file."""
    path: object = reporter.currentfspath
    return f"{os.path.relpath(path, reporter.startpath)} " if isinstance(path, Path) else ""


def _column(reporter: pytest.TerminalReporter) -> int:
    """Return how many columns of its present line pytest has written."""
    return reporter._tw.width_of_current_line  # noqa: SLF001  (pytest has no public name for it)


def _duplicate(reporter: pytest.TerminalReporter | None) -> int | None:
    """Return another number of the stream that pytest writes to: it captures the one that it has."""
    if reporter is None:
        return None
    try:
        return os.dup(reporter._tw._file.fileno())  # noqa: SLF001  (pytest has no public name for it)
    except (OSError, ValueError, AttributeError):
        return None
