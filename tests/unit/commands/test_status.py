"""The line that a command shows while it measures."""

import io
from dataclasses import replace

from pytest_llm_latency.commands.status import Status
from pytest_llm_latency.report.live import Snapshot

EARLY = Snapshot(
    test_id="gpt", done=5, planned=60, elapsed_s=1.0, errors=0, p95_s=None, cost_usd=None, cost_known=False, workers=1
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal, of a width that nobody knows."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_has_one_line_that_is_erased_in_the_end() -> None:
    """Each redraws the one before."""
    stream = Terminal()
    status = Status(stream)
    status.show(EARLY)
    status.show(replace(EARLY, done=9))
    status.clear()
    erased, first, second, last = stream.getvalue().split("\r\x1b[2K")
    assert (erased, last) == ("", "")
    assert first.startswith("gpt  5/60")
    assert second.startswith("gpt  9/60")


def test_elsewhere_a_line_is_written_every_half_minute() -> None:
    """So that a log is no film."""
    stream = io.StringIO()
    status = Status(stream)
    for elapsed_s in (1.0, 29.0, 30.0, 31.0, 59.0, 61.0):
        status.show(replace(EARLY, elapsed_s=elapsed_s))
    status.clear()
    assert len(stream.getvalue().splitlines()) == 2
