"""Load shapes: when each iteration starts. A shape turns a count into a schedule, which is data."""

from pytest_llm_latency.load.shapes import (
    SHAPES,
    Replay,
    Shape,
    burst,
    closed,
    constant,
    poisson,
    ramp,
    replay,
    replayed,
    stages,
)
from pytest_llm_latency.load.shares import WHOLE, Share, positions, users
from pytest_llm_latency.load.texts import parse
from pytest_llm_latency.model import Load, Schedule

__all__ = [
    "SHAPES",
    "WHOLE",
    "Replay",
    "Shape",
    "Share",
    "burst",
    "closed",
    "concurrency",
    "constant",
    "describe",
    "is_steady",
    "parse",
    "poisson",
    "positions",
    "ramp",
    "replay",
    "replayed",
    "schedule",
    "stages",
    "total",
    "users",
]


def schedule(load: Load, count: int) -> Schedule:
    """Return the planned starts of ``count`` iterations under a load."""
    return SHAPES[load.shape].schedule(load, count)


def describe(load: Load) -> str:
    """Return the load in words, as reports show it and as comparability is decided."""
    return SHAPES[load.shape].describe(load)


def concurrency(load: Load) -> int | None:
    """Return how many iterations a closed loop keeps under way, ``None`` for an open loop."""
    return schedule(load, 0).concurrency


def total(load: Load) -> int | None:
    """Return how many iterations a load has by itself, ``None`` where any number will do."""
    return SHAPES[load.shape].total(load)


def is_steady(load: Load) -> bool:
    """Whether a load is meant to be the same from its beginning to its end."""
    return SHAPES[load.shape].steady
