"""Probabilities and quantiles of the normal distribution and of Student's."""

import math

_MOST_RELATED = 1 - 1e-9
_BESIDE_ZERO = 1e-12
_LARGEST_SCORE = 37.0  # beyond it a normal probability is no float


def upper(score: float) -> float:
    """Return the chance that a normal score is at least this one."""
    from scipy.special import ndtr  # noqa: PLC0415  (slow to import)

    return float(ndtr(-min(max(score, -_LARGEST_SCORE), _LARGEST_SCORE)))


def either(first: float, second: float, correlation: float) -> float:
    """Return the probability that one of two correlated normal scores reaches its own bound or more.

    That of the normal plane by Owen (1956), written for the upper tail, where it keeps its digits.
    """
    from scipy.special import ndtr, owens_t  # noqa: PLC0415  (slow to import)

    first, second = _off_zero(first), _off_zero(second)
    related = min(_MOST_RELATED, max(-_MOST_RELATED, correlation))
    apart = math.sqrt(1 - related**2)
    found = (float(ndtr(-first)) + float(ndtr(-second))) / 2
    found += float(owens_t(first, (second - related * first) / (first * apart)))
    found += float(owens_t(second, (first - related * second) / (second * apart)))
    found += 0.5 if first * second < 0 else 0.0
    return min(1.0, max(0.0, found))


def _off_zero(score: float) -> float:
    """Return a score beside zero, where Owen's function is not continuous."""
    return _BESIDE_ZERO if score == 0 else score


def t_quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415  (slow to import)

    return float(stdtrit(degrees, probability))
