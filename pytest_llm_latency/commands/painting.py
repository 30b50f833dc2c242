"""Lines with their markup on the standard output: coloured on a terminal, or as the user's environment says."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pytest_llm_latency.report.text import Line, Span

_CODES: Mapping[str, int] = MappingProxyType({"bold": 1, "red": 31, "green": 32, "yellow": 33, "cyan": 36})


def write(lines: "Iterable[Line]") -> None:
    """Print lines; their markup only where ``coloured`` says so."""
    shows = coloured(sys.stdout)
    for line in lines:
        text = "".join(_painted(span) for span in line.spans) if shows else line.text.rstrip()
        sys.stdout.write(f"{text}\n")


def complain(kind: str, message: str) -> None:
    """Print a message on the standard error: one line, or on a terminal as many as its width asks for."""
    said = f"llm-latency: {kind}: {message}"
    if sys.stderr.isatty():
        said = textwrap.fill(said, width(), break_long_words=False, break_on_hyphens=False)
    if coloured(sys.stderr):
        said = said.replace(f"{kind}:", f"\033[1;31m{kind}:\033[0m", 1)
    sys.stderr.write(f"{said}\n")


def coloured(stream: TextIO) -> bool:
    """Say whether a stream gets colours: ``NO_COLOR`` counts most, then ``FORCE_COLOR``, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Return the columns of the terminal, 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def unicode() -> bool:
    """Say whether the standard output takes more than ASCII."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _painted(span: "Span") -> str:
    codes = ";".join(str(_CODES[each]) for each in span.markup)
    return f"\033[{codes}m{span.text}\033[0m" if codes and span.text.strip() else span.text
