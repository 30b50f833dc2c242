"""Looking at a growing sample several times, with the error rates of looking once.

The errors that a level allows are spent from look to look, by the share of the information that is
there (Lan & DeMets 1983). A p value at a look becomes the level at which that look would just have
rejected, and an interval is as much wider: repeated p values and confidence intervals (Jennison &
Turnbull 1989), which hold at whichever look a run is stopped, for whatever reason.
"""

import itertools
import math
from collections.abc import Callable, Sequence

from pytest_llm_latency.stats.joint import Change
from pytest_llm_latency.stats.policy import MINIMUM_REQUESTS, Looks
from pytest_llm_latency.stats.probabilities import either

SINGLE = (1.0,)  # the fractions of a sample that was looked at once, at its end
SATURATED = 0.95  # of the information: what is left would narrow an interval by less than 3 %
LATE = 3.0  # the exponent of the spending function tᵖ (Kim & DeMets 1987): little early, as O'Brien and Fleming
EVEN = 1.0  # as much as there is information: for what a first look mostly settles, as that nothing fails
_SAME = 1e-6  # looks whose fractions are no further apart are one
_LARGEST_LEVEL = 0.999
_PRECISION = 1e-9
_LEAST_VARIANCE = 1e-12


def fractions(looks: Looks | None, size: int, baseline: Sequence[int], change: Change | None) -> tuple[float, ...]:
    """Return the share of the planned information at each look, the present one last.

    ``size`` and ``baseline`` are the requests of the candidate and of each accepted run. More
    requests of the candidate narrow its own part of the variance alone: that between runs stays, and
    the baseline's but where it grows as well. Without a ``change`` the numbers of requests alone count.
    """
    if looks is None or not baseline:
        return SINGLE
    between, within = (0.0, 1.0) if change is None else (change.between, change.within)

    def scattered(count: int) -> float:
        sizes = baseline if looks.beside is None else [min(each, count) for each in looks.beside]
        return 1 / count + math.fsum(1 / each for each in sizes) / len(sizes) ** 2

    def variance(count: int) -> float:
        return max(between + within * scattered(count) / scattered(size), _LEAST_VARIANCE)

    least = variance(max(size, looks.planned))
    before = [least / variance(each) for each in looks.before if MINIMUM_REQUESTS <= each < size]
    return _distinct([*before, least / variance(size)])


def _distinct(found: Sequence[float]) -> tuple[float, ...]:
    """Leave out a look that told as much as the one after it."""
    kept = [found[-1]]
    for fraction in reversed(found[:-1]):
        if fraction < kept[-1] - _SAME:
            kept.append(fraction)
    return tuple(reversed(kept))


def nominal(level: float, looked_at: Sequence[float], exponent: float = LATE) -> float:
    """Return the one-sided level of the present look alone with which all looks together keep ``level``.

    A look spends the chance that it rejects and the look before did not. What an earlier look had
    rejected too is counted twice, which keeps the level and costs next to nothing: a sample that
    rejects at a look, not at the next, and again after that is rare.
    """
    spent = [level * math.pow(fraction, exponent) for fraction in looked_at]
    found = spent[0]
    for place, (before, now) in enumerate(itertools.pairwise(looked_at), start=1):
        found = _next(found, spent[place] - spent[place - 1], math.sqrt(before / now))
    return found


def _next(before: float, spends: float, related: float) -> float:
    """Return the level of a look that spends so much beside a look of the level ``before``."""
    from scipy.special import ndtri  # noqa: PLC0415  (slow to import)

    boundary = -float(ndtri(before))
    return _root(
        lambda found: either(boundary, -float(ndtri(found)), related) - before - spends, spends, before + spends
    )


def repeated(p_value: float, looked_at: Sequence[float], exponent: float = LATE) -> float:
    """Return the level over all looks at which the present look alone would just have rejected."""
    spent = [math.pow(fraction, exponent) for fraction in looked_at]
    low = p_value / spent[-1]
    if len(spent) == 1 or p_value <= 0:
        return min(1.0, low)
    high = min(_LARGEST_LEVEL, p_value / (spent[-1] - spent[-2]))
    if low >= high or nominal(high, looked_at, exponent) < p_value:
        return 1.0
    return _root(lambda level: nominal(level, looked_at, exponent) - p_value, low, high)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function of a probability is zero, to nine digits; the nearer end where it is not."""
    from scipy.optimize import brentq  # noqa: PLC0415  (slow to import)

    if rising(low) >= 0:
        return low
    if rising(high) <= 0:
        return high
    return math.exp(brentq(lambda found: rising(math.exp(found)), math.log(low), math.log(high), xtol=_PRECISION))


def confidence(alpha: float, looked_at: Sequence[float]) -> float:
    """Return the confidence of an interval at the present look that holds with 1 − alpha over all looks."""
    return 1 - 2 * nominal(alpha / 2, looked_at)
