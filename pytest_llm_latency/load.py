"""Load shapes: when each iteration starts. A shape turns a count into a schedule, which is data.

To add a shape, add a row to ``SHAPES``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency import units
from pytest_llm_latency.errors import MarkerError, SettingsError
from pytest_llm_latency.model import Load, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One row: how a shape is validated, scheduled and described from its parameters."""

    schedule: Callable[[Mapping[str, float], int], Schedule]
    describe: Callable[[Mapping[str, float]], str]


def closed(concurrency: object = 1) -> Load:
    """Return a closed loop: ``concurrency`` users, each sending the next request when the last ended."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise MarkerError(f"concurrency is {concurrency!r}: it must be a whole number of at least 1.")
    return Load(shape="closed", parameters={"concurrency": concurrency})


def constant(rate_per_s: object) -> Load:
    """Return a constant rate of arrivals a second that never waits for answers (an open loop)."""
    if (
        isinstance(rate_per_s, bool)
        or not isinstance(rate_per_s, int | float)
        or not math.isfinite(rate_per_s)
        or rate_per_s <= 0
    ):
        raise MarkerError(f"the rate is {rate_per_s!r}: it must be a number above 0, as in load='20/s'.")
    return Load(shape="constant", parameters={"rate_per_s": float(rate_per_s)})


def _schedule_closed(parameters: Mapping[str, float], count: int) -> Schedule:
    return Schedule(offsets_s=(0.0,) * count, concurrency=int(parameters["concurrency"]))


def _schedule_constant(parameters: Mapping[str, float], count: int) -> Schedule:
    rate = parameters["rate_per_s"]
    return Schedule(offsets_s=tuple(index / rate for index in range(count)), concurrency=None)


SHAPES: Mapping[str, Shape] = MappingProxyType({
    "closed": Shape(
        schedule=_schedule_closed,
        describe=lambda parameters: f"closed, concurrency {parameters['concurrency']:.0f}",
    ),
    "constant": Shape(
        schedule=_schedule_constant,
        describe=lambda parameters: f"constant, {units.format_rate(parameters['rate_per_s'])}",
    ),
})


def schedule(load: Load, count: int) -> Schedule:
    """Return the planned starts of ``count`` iterations under a load."""
    return SHAPES[load.shape].schedule(load.parameters, count)


def describe(load: Load) -> str:
    """Return the load in words, as reports show it and as comparability is decided."""
    return SHAPES[load.shape].describe(load.parameters)


def concurrency(load: Load) -> int | None:
    """Return how many iterations a closed loop keeps under way, ``None`` for an open loop."""
    return schedule(load, 0).concurrency


def parse(text: str, *, concurrency: int) -> Load:
    """Read ``"closed"`` or a rate such as ``"20/s"``; ``concurrency`` belongs to the closed shape."""
    if text == "closed":
        return closed(concurrency)
    try:
        return constant(units.parse_rate(text))
    except SettingsError:
        raise MarkerError(
            f"load={text!r} is not a load: write 'closed' (with concurrency=...) or a rate such as '20/s'."
        ) from None
