"""Aligned text and JSON of stored figures, for the commands that print them."""

import json
import sys
from collections.abc import Iterable, Sequence

from pytest_llm_latency import units
from pytest_llm_latency.commands import painting
from pytest_llm_latency.report.text import shorten
from pytest_llm_latency.storage.acceptance import Change
from pytest_llm_latency.storage.lock import LockedSeries

_GAP = "  "
_ID, _SHORTEST_ID = "TEST", 20
FIGURES = ("N", "P50", "P95", "95 % INTERVAL")


def write(lines: Iterable[str]) -> None:
    """Print lines to the standard output."""
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in lines)


def write_json(value: object) -> None:
    """Print JSON, which has no infinity and gets none."""
    write([json.dumps(value, indent=2, allow_nan=False)])


def write_table(rows: Sequence[Sequence[str]], *, spare: Sequence[str] = ()) -> None:
    """Print rows in aligned columns, without those of ``spare`` that a terminal has no room for."""
    rows = fitted(rows, spare)
    widths = _widths(rows)
    write(_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def fitted(rows: Sequence[Sequence[str]], spare: Sequence[str] = ()) -> Sequence[Sequence[str]]:
    """Return rows below their heads as they fit the terminal: columns are spared in their order, ids shortened.

    What is written to a file or to another program stays whole.
    """
    if not sys.stdout.isatty():
        return rows
    for name in spare:
        if _room(rows) < 0 and name in rows[0]:
            place = rows[0].index(name)
            rows = [[*row[:place], *row[place + 1 :]] for row in rows]
    if _room(rows) < 0 and _ID in rows[0]:
        place = rows[0].index(_ID)
        kept = max(_SHORTEST_ID, _widths(rows)[place] + _room(rows))
        rows = [[shorten(cell, kept) if at == place else cell for at, cell in enumerate(row)] for row in rows]
    return rows


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _room(rows: Sequence[Sequence[str]]) -> int:
    """Return the columns that a table leaves of the terminal, below 0 where it is too wide."""
    widths = _widths(rows)
    return painting.width() - sum(widths) - len(_GAP) * (len(widths) - 1)


def write_changes(changes: Sequence[Change]) -> None:
    """Print what became of each series, and why runs were replaced."""
    rows = [("TEST", "SERIES", "BASELINE", "RUNS", "P50", "P95")]
    for change in changes:
        before = {series.key: series for series in change.before}
        after = {series.key: series for series in change.after}
        runs = f"{change.runs_before} → {change.runs_after}"
        rows += [
            (change.test_id, key, change.action, runs, *_moved(before.get(key), after.get(key)))
            for key in dict.fromkeys([*before, *after])
        ]
    write_table(rows)
    write(f"{change.test_id}: {note}" for change in changes for note in change.notes)


def figures(series: LockedSeries) -> tuple[str, ...]:
    """Return the cells that ``FIGURES`` heads."""
    interval = "–"
    if series.interval is not None:
        interval = " … ".join(units.format_value(each, series.unit) for each in series.interval)
    return (
        units.format_count(series.n),
        units.format_value(series.p50, series.unit),
        units.format_value(series.p95, series.unit),
        interval,
    )


def _moved(before: LockedSeries | None, after: LockedSeries | None) -> tuple[str, str]:
    empty = ("–",) * len(FIGURES)
    earlier, later = (empty if each is None else figures(each) for each in (before, after))
    return f"{earlier[1]} → {later[1]}", f"{earlier[2]} → {later[2]}"
