"""Axes of charts: where a value stands, in pixels, and which values are labelled."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MANTISSAS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_NARROW = 3.0
# Outside of this a value is an error of somebody's, and would leave no room for the others.
_LEAST, _MOST = 1e-12, 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A logarithmic axis from ``low`` to ``high``, drawn from ``start`` to ``end`` in pixels."""

    low: float
    high: float
    start: float
    end: float

    def position(self, value: float) -> float:
        """Return where a value stands; what is off the axis stands at its end."""
        inside = min(max(value, self.low), self.high)
        share = (math.log(inside) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(self.start + share * (self.end - self.start), 1)


def around(values: Iterable[float], *, start: float, end: float) -> Scale | None:
    """Return an axis that holds every value that can stand on it with some room, or ``None`` without one."""
    found = [value for value in values if _LEAST < value < _MOST]
    if not found:
        return None
    low, high = min(found), max(found)
    room = max(1.04, (high / low) ** 0.04)
    return Scale(low=low / room, high=high * room, start=start, end=end)


def ticks(scale: Scale, most: int) -> list[float]:
    """Return at most ``most`` round values on an axis."""
    if scale.high / scale.low < _NARROW:
        return _even(scale, most)
    decades = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for mantissas in _MANTISSAS:
        found = _inside(scale, [float(f"{each}e{decade}") for decade in decades for each in mantissas])
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def _even(scale: Scale, most: int) -> list[float]:
    rough = (scale.high - scale.low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10, 20) if each * power >= rough)
    first = math.ceil(scale.low / step)
    return _inside(scale, [float(f"{(first + index) * step:.6g}") for index in range(most + 1)])


def _inside(scale: Scale, values: Sequence[float]) -> list[float]:
    return [value for value in values if scale.low <= value <= scale.high]
