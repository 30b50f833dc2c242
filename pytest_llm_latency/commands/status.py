"""The line that shows, while a command measures, how far it is."""

import os
from typing import TextIO

from pytest_llm_latency.report.live import Snapshot, line

REPEAT_S = 30.0
_ERASE = "\r\x1b[2K"
_USUAL_WIDTH = 80
_ROOM = 3  # for the ^C of who interrupts, which would begin another line


class Status:
    """Writes a line that redraws on a terminal, and one every 30 s elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._told_s = 0.0

    def show(self, snapshot: Snapshot) -> None:
        """Show how far it is."""
        if self._redraws:
            self._write(f"{_ERASE}{line(snapshot, _width(self._stream) - _ROOM)}")
        elif snapshot.elapsed_s - self._told_s >= REPEAT_S:
            self._told_s = snapshot.elapsed_s
            self._write(f"{line(snapshot, _USUAL_WIDTH)}\n")

    def clear(self) -> None:
        """Leave the line to others."""
        if self._redraws:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return _USUAL_WIDTH
