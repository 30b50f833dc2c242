"""How much of each benchmark a page draws: it must not grow without end, however many there are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_llm_latency.model import Result
from pytest_llm_latency.report.charts.drawing import POINTS
from pytest_llm_latency.report.rows import SEVERITY, Row

# A page with up to so many lines in its table draws all of them.
ALL = 30
# Above, as many are drawn as leave the page below a megabyte, going by what each takes in it, and never fewer than ten.
_PAGE, _LINE, _CHARTS, _LEAST = 1_000_000, 1_200, 30_000, 10
_FEWER_POINTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is drawn of one test.

    ``points`` is how many a line may have; without ``all_metrics`` it is the one of each step that moved most.
    """

    points: int
    all_metrics: bool


WHOLE = Room(points=POINTS, all_metrics=True)


def rooms(results: Sequence[Result], tables: Sequence[Sequence[Row]]) -> list[Room | None]:
    """Return the room of each test, ``None`` without charts; ``tables`` has the lines of each.

    Where the page has more lines than it can draw, what fails comes first, then the severer verdict, then
    what moved most; and of what is no worse than its baseline one metric of each step is drawn.
    """
    lines = sum(map(len, tables))
    if lines <= ALL:
        return [WHOLE] * len(results)
    whole, one = (Room(points=_FEWER_POINTS, all_metrics=each) for each in (True, False))
    found: list[Room | None] = [None] * len(results)
    most = left = max(_LEAST, (_PAGE - lines * _LINE) // _CHARTS)
    for place in sorted(range(len(results)), key=lambda place: _urgency(results[place], tables[place])):
        steps = len({row.step for row in tables[place]})
        if not is_calm(results[place]) and len(tables[place]) <= left:
            found[place], left = whole, left - len(tables[place])
        elif steps <= left or left == most:  # the first is drawn, however many steps it has
            found[place], left = one, left - steps
    return found


def is_calm(result: Result) -> bool:
    """Whether a test is no worse than its baseline, so that nobody has to look at it."""
    return result.status in {"pass", "improved"} and not result.fails


def drawn(table: Sequence[Row], room: Room) -> list[Row]:
    """Return the lines of a test that are drawn, in their order: all of them, or of each step what moved most."""
    if room.all_metrics:
        return list(table)
    most = [max((row for row in table if row.step == step), key=_moved) for step in {row.step for row in table}]
    return [row for row in table if row in most]


def _moved(row: Row) -> float:
    """Return how far a metric moved in either direction."""
    return abs(math.log(row.ratio)) if row.ratio else 0.0


def _urgency(result: Result, table: Sequence[Row]) -> tuple[bool, int, float]:
    return not result.fails, SEVERITY[result.status], -max(map(_moved, table), default=0.0)
