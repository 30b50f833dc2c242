"""The two contrasts of a run's quantiles: a shift of all of them, and of the tail beyond the others.

Both are generalised least squares on the covariance of the quantiles, whose scatter they hardly
share: the tail's weights sum to zero, so that a shift of everything is none of the tail.
"""

import functools
import math

import numpy as np

from pytest_llm_latency.stats.quantiles import Floats

_RIDGE = 0.1
_REFERENCE = 1e-3
_BESIDE = 1e-9


def location(covariance: Floats, quantiles: tuple[float, ...]) -> Floats:
    """Return the weights of a common shift, none negative; their sum is one."""
    weights = np.maximum(np.linalg.solve(_steadied(covariance, quantiles), np.ones(len(quantiles))), 0.0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def tail(covariance: Floats, quantiles: tuple[float, ...]) -> Floats:
    """Return the weights that estimate how much a slower tail moved the judged quantile, the last one.

    The judged quantile's tail is twice the share beyond it (the slowest tenth for p95): what lies
    within moves in full, its edge by half, the body not at all. The weights of the tail are positive,
    those of the body negative; all are zero where there is no body.
    """
    moved = _moved(quantiles)
    weights = np.zeros(len(quantiles))
    if len(quantiles) == 1:
        return weights
    design = np.column_stack([np.ones(len(quantiles)), moved])
    solved = np.linalg.solve(_steadied(covariance, quantiles), design)
    found = solved @ np.linalg.solve(design.T @ solved, np.array([0.0, 1.0]))
    inside = moved > 0
    above, below = np.maximum(found[inside], 0.0), np.maximum(-found[~inside], 0.0)
    if below.sum() <= 0:
        below[-1] = 1.0  # the body's slowest quantile
    weights[inside] = above / (above @ moved[inside])
    weights[~inside] = -below / below.sum() * weights[inside].sum()
    return weights


def _moved(quantiles: tuple[float, ...]) -> Floats:
    """Return by how much of its own change a slower tail moves each quantile; the first is of the body."""
    edge = 1 - 2 * (1 - quantiles[-1])
    moved = [0.5 if abs(each - edge) < _BESIDE else float(each > edge) for each in quantiles[1:]]
    return np.array([0.0, *moved])


def _steadied(covariance: Floats, quantiles: tuple[float, ...]) -> Floats:
    """Return the covariance so that it has an inverse, and weights do not follow its chances too far."""
    spread = np.diag(np.diag(covariance))
    reference = _normal_covariance(quantiles) * (_REFERENCE * float(np.trace(covariance)) / len(quantiles) + 1e-12)
    return np.asarray(covariance + _RIDGE * spread + reference, dtype=np.float64)


@functools.lru_cache(maxsize=16)
def _normal_covariance(quantiles: tuple[float, ...]) -> Floats:
    """Return the large-sample covariance of a normal sample's quantiles."""
    from scipy.special import ndtri  # noqa: PLC0415  (slow to import)

    at = np.asarray(quantiles)
    density = np.exp(-(ndtri(at) ** 2) / 2) / math.sqrt(2 * math.pi)
    joint = np.minimum.outer(at, at) - np.outer(at, at)
    return np.asarray(joint / np.outer(density, density), dtype=np.float64)
