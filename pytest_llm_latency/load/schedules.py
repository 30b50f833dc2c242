"""Planned starts of each shape: a count and parameters in, seconds after the beginning out.

Only ``Random.random`` is used of a seeded generator: its numbers are the same on every Python. Offsets
are whole nanoseconds.
"""

import math
from collections.abc import Iterator, Sequence
from random import Random

Stage = tuple[float, float, float]  # the rate a second at its beginning and at its end, and its seconds

_DIGITS = 9
_ROUNDING = 1e-9  # 0.1/s over 30s are three starts, not four


def constant(rate_per_s: float, count: int) -> tuple[float, ...]:
    """Return multiples of the period, so that starts do not drift."""
    return tuple(index / rate_per_s for index in range(count))


def poisson(rate_per_s: float, seed: int, count: int) -> tuple[float, ...]:
    """Return arrivals whose gaps are exponential and independent of each other."""
    random, at, offsets = Random(seed), 0.0, []  # noqa: S311  (a schedule is no secret)
    for _ in range(count):
        at -= math.log1p(-random.random()) / rate_per_s
        offsets.append(round(at, _DIGITS))
    return tuple(offsets)


def burst(size: int, every_s: float, count: int) -> tuple[float, ...]:
    """Return ``size`` starts at once, again and again."""
    return tuple(index // size * every_s for index in range(count))


def staged_total(stages: Sequence[Stage]) -> int:
    """Return how many starts stages have: every one before their end."""
    return math.ceil(math.fsum(map(_starts, stages)) - _ROUNDING)


def staged(stages: Sequence[Stage], count: int) -> tuple[float, ...]:
    """Return the first ``count`` starts of stages, one after another."""
    return tuple(offset for _, offset in zip(range(count), _staged(stages), strict=False))


def _starts(stage: Stage) -> float:
    first, last, seconds = stage
    return (first + last) / 2 * seconds


def _staged(stages: Sequence[Stage]) -> Iterator[float]:
    """Invert the number of starts up to a moment, which is quadratic in each stage."""
    begun_s = before = 0.0
    index, total = 0, staged_total(stages)
    for first, last, seconds in stages:
        starts, slope = _starts((first, last, seconds)), (last - first) / seconds
        while index < min(total, before + starts - _ROUNDING):
            due = index - before
            root = math.sqrt(max(0.0, first * first + 2 * slope * due))
            within_s = 2 * due / (first + root) if due > 0 else 0.0
            yield round(begun_s + min(within_s, seconds), _DIGITS)
            index += 1
        begun_s, before = begun_s + seconds, before + starts
