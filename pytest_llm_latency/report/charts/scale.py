"""Axes of charts: where a value stands, in pixels, and which values are labelled."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

_MANTISSAS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_NARROW = 3.0
# Outside of this a value is an error of somebody's, and would leave no room for the others.
_LEAST, _MOST = 1e-12, 1e12
_NORMAL = NormalDist()
_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """An axis of shares in the units of a normal distribution, so that the tail has room of its own."""

    low: float
    high: float
    start: float
    end: float

    def position(self, share: float) -> float:
        """Return where a share stands; what is off the axis stands at its end."""
        low, high = _NORMAL.inv_cdf(self.low), _NORMAL.inv_cdf(self.high)
        at = _NORMAL.inv_cdf(min(max(share, self.low), self.high))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)

    def between(self, count: int) -> list[float]:
        """Return shares from one end to the other in even steps on the axis."""
        low, high = _NORMAL.inv_cdf(self.low), _NORMAL.inv_cdf(self.high)
        return [_NORMAL.cdf(low + (high - low) * step / (count - 1)) for step in range(count)]

    def labelled(self, apart: float) -> list[float]:
        """Return the usual shares on the axis, as many as stand so many pixels apart; the median always."""
        found = [0.5]
        for share in sorted((each for each in _SHARES if self.low <= each <= self.high), key=_importance):
            if all(abs(self.position(share) - self.position(each)) >= apart for each in found):
                found.append(share)
        return sorted(found)


def _importance(share: float) -> int:
    order = (0.5, 0.95, 0.99, 0.9, 0.999, 0.05, 0.75, 0.25, 0.9999, 0.01, 0.99999)
    return order.index(share)


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
