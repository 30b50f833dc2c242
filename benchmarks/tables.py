"""Prints the rows of a benchmark as a table and writes them as JSON beside the facts of the machine."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

Cell = str | int | float | None


def show(title: str, rows: Sequence[Mapping[str, Cell]]) -> None:
    """Print rows that share their keys as an aligned table."""
    print(f"\n{title}")
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    widths = [max(len(head), *(len(line[column]) for line in cells)) for column, head in enumerate(heads)]
    for line in (heads, ["-" * width for width in widths], *cells):
        print(
            "  ".join(
                cell.rjust(width) if position else cell.ljust(width)
                for position, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
        )


def write(path: Path | None, name: str, tables: Mapping[str, Sequence[Mapping[str, Cell]]]) -> None:
    """Write the tables with where and when they were measured; nothing without a path."""
    if path is None:
        return
    document = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "tables": tables,
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}", file=sys.stderr)


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
