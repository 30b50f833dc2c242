"""Variance: what requests of one run scatter, and what runs of the same code scatter beyond it.

Everything here is on the logarithm of the values, so that a difference is a ratio.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_llm_latency.metrics import Direction
from pytest_llm_latency.stats import contrasts
from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis, harrell_davis_weights
from pytest_llm_latency.stats.readable import check

RESAMPLES = 300
SMALLEST = 1e-9  # one nanosecond, the resolution of a stamp: what zero counts as
NOISE_FLOOR = 0.01  # no two runs are trusted to agree closer than this
ASSUMPTION_WEIGHT = 3.0  # against observed runs, the assumed noise counts as much as three
ASSUMED_DEGREES = 8.0  # where little is observed, it is relied on as if it came from eight
_TAIL_SHARE = 0.25  # of the variance between runs that their tails are assumed to have beyond it
_BLOCKS = 2.0
_MOST_CORRELATED = 0.9
_LEAST_SHARE = 0.25
_MOST_INFLATION = 10.0
_CANDIDATES = 400
_MOST_SCATTERED = 20.0  # times what the runs of a usual series do, beyond which a series is a case of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much runs of the same code differ, pooled over the suite's baselines.

    ``run_variance`` is the variance between runs of the location, ``degrees`` how many degrees of
    freedom it rests on, the assumption's included; ``runs`` how many of them were observed.
    ``tail_inflation`` is what the tail varies between runs over what resampling expects.
    """

    run_variance: float
    degrees: float
    runs: int
    tail_inflation: float

    @property
    def tail_variance(self) -> float:
        """The variance between runs of the tail beyond the location, as far as runs do not show it."""
        return _TAIL_SHARE * self.run_variance * ASSUMPTION_WEIGHT / (ASSUMPTION_WEIGHT + self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """How the estimates from one run of ``count`` requests scatter.

    ``blocks`` is the number of groups of requests that hang together. ``draws`` has one row a
    resample and one column a quantile, centred. ``weights`` turns the quantiles into the location,
    a shift of all of them; ``tail`` into what a slower tail moved the judged quantile beyond the
    body; ``departure`` into what it has beyond the location. Variances go as one over the count.
    """

    count: int
    blocks: float
    draws: Floats
    covariance: Floats
    weights: Floats
    tail: Floats

    @property
    def departure(self) -> Floats:
        """The contrast of the judged quantile with the location."""
        last = np.zeros_like(self.weights)
        last[-1] = 1.0
        return last - self.weights

    def variance(self, contrast: Floats) -> float:
        """Return the variance of a contrast of the quantiles."""
        return float(contrast @ self.covariance @ contrast)


def logarithms(values: ArrayLike, direction: Direction = "lower") -> Floats:
    """Return slowness: the logarithm, turned where higher is better; ``inf`` for a failed request."""
    found = np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()
    failed = ~np.isfinite(found) | ((found <= 0) if direction == "higher" else False)
    slow = np.log(np.where(failed, 1.0, np.maximum(found, SMALLEST)))
    return np.where(failed, np.inf, -slow if direction == "higher" else slow)


def in_no_order(runs: Iterable[Floats]) -> list[Floats]:
    """Return runs in one order, in whichever they came: what is drawn from them must not depend on it."""
    return sorted(runs, key=lambda run: (run.size, run.tolist()))


def level_failures(runs: Sequence[Floats]) -> list[Floats]:
    """Return the runs with each failed request at the slowest success of them all."""
    ceiling = max((float(run[np.isfinite(run)].max()) for run in runs if np.isfinite(run).any()), default=0.0)
    return [np.minimum(run, ceiling) for run in runs]


def block_length(runs: Sequence[Floats]) -> int:
    """Return how many consecutive requests are resampled together.

    Twice the optimum for a mean of an autoregressive series with the runs' average lag-1
    correlation (Carlstein 1986), because a variance that is too small costs more than one that
    varies: 1 where requests are independent.
    """
    correlation, count = _correlation(runs), min(run.size for run in runs)
    length = math.ceil(_BLOCKS * (2 * correlation / (1 - correlation**2)) ** (2 / 3) * count ** (1 / 3))
    return int(min(max(1, length), max(1, count // 4)))


def _correlation(runs: Sequence[Floats]) -> float:
    """Return the mean correlation of neighbours, less the bias of a short series (Kendall 1954)."""
    count = float(np.mean([run.size for run in runs]))
    found = (float(np.mean([_lag_one(run) for run in runs])) + 1 / count) / max(1 - 3 / count, _LEAST_SHARE)
    return min(_MOST_CORRELATED, max(0.0, found))


def _lag_one(run: Floats) -> float:
    centred = run - run.mean()
    total = float(centred @ centred)
    if run.size < 2 or total <= 1e-12:  # noqa: PLR2004  (a pair; and what rounding leaves of a constant)
        return -1 / run.size
    return float(centred[1:] @ centred[:-1]) / total


def _lost_to_blocks(correlation: float, length: int) -> float:
    """Return the variance of a mean over that of one of blocks, which lose what hangs together across their ends."""
    apart = np.arange(1, length)
    return (1 + correlation) / (1 - correlation) / (1 + 2 * float(((1 - apart / length) * correlation**apart).sum()))


def scatter(runs: Sequence[Floats], count: int, quantiles: tuple[float, ...], seed: Sequence[int]) -> Scatter:
    """Resample blocks of the runs, each run about its median, as runs of ``count`` requests (Künsch 1989)."""
    centred = [run - np.median(run) for run in runs]
    pooled = np.concatenate(centred)
    length = block_length(runs)
    if float(np.ptp(pooled)) <= 1e-12:  # noqa: PLR2004  (what rounding leaves of a constant)
        draws = np.zeros((2, len(quantiles)))
    else:
        random = np.random.default_rng(list(seed))
        chosen = _positions([run.size for run in runs], count, length, random)
        draws = np.sort(pooled[chosen], axis=1) @ harrell_davis_weights(count, quantiles).T
        draws *= math.sqrt(_lost_to_blocks(_correlation(runs), length))
    return scatter_of(draws, count=count, blocks=pooled.size / length, quantiles=quantiles)


def scatter_of(draws: Floats, *, count: int, blocks: float, quantiles: tuple[float, ...]) -> Scatter:
    """Return what resampled estimates, one row a resample, tell of their scatter."""
    centred = draws - draws.mean(axis=0)
    covariance = centred.T @ centred / (len(centred) - 1)
    return Scatter(
        count=count,
        blocks=blocks,
        draws=centred,
        covariance=covariance,
        weights=contrasts.location(covariance, quantiles),
        tail=contrasts.tail(covariance, quantiles),
    )


def _positions(sizes: Sequence[int], count: int, length: int, random: np.random.Generator) -> NDArray[np.int64]:
    total = sum(sizes)
    if length == 1:
        return random.integers(0, total, (RESAMPLES, count))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first = random.integers(0, total, (RESAMPLES, -(-count // length)))
    run = np.searchsorted(starts, first, side="right") - 1
    offsets = (first - starts[run])[:, :, np.newaxis] + np.arange(length)
    inside = offsets % np.asarray(sizes)[run][:, :, np.newaxis]
    chosen: NDArray[np.int64] = (starts[run][:, :, np.newaxis] + inside).reshape(RESAMPLES, -1)[:, :count]
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Observed:
    """One series' runs: what their locations and tails scatter, and what resampling expects."""

    expected: float
    location: float
    tail: float | None
    degrees: int


def pool_noise(
    series_baselines: Sequence[Sequence[ArrayLike]],
    policy: GatePolicy,
    *,
    directions: Sequence[Direction] | None = None,
) -> Noise:
    """Estimate from the baselines alone how much runs of the same code differ.

    ``directions`` has that of each series; without it, lower is better in all of them. The order
    of the series does not matter. Series with a single run tell nothing of it. One whose runs differ
    beyond all others tells no more than that: it is widened on its own where it is judged, and
    leaves the others their noise.

    Raises:
        StatisticsError: a run is no row of numbers, or one of them is not-a-number.
    """
    known: Sequence[Direction] = ["lower"] * len(series_baselines) if directions is None else directions
    for number, runs in enumerate(series_baselines):
        for place, run in enumerate(runs):
            check(run, f"series_baselines[{number}][{place}]")
    slowness = [
        [logarithms(run, direction) for run in runs] for runs, direction in zip(series_baselines, known, strict=True)
    ]
    observed = sorted(each for runs in slowness if (each := _observe(runs, policy)) is not None)
    assumed = max(policy.assumed_noise, NOISE_FLOOR) ** 2
    variance, degrees = _run_variance(observed, assumed)
    tails = [(each.tail, each.degrees) for each in observed if each.tail is not None]
    inflation = (ASSUMPTION_WEIGHT + math.fsum(tail * degrees for tail, degrees in tails)) / (
        ASSUMPTION_WEIGHT + sum(degrees for _, degrees in tails)
    )
    return Noise(
        run_variance=variance,
        degrees=max(ASSUMED_DEGREES, degrees),
        runs=sum(each.degrees for each in observed),
        tail_inflation=max(1.0, inflation),
    )


def _observe(baseline: Sequence[Floats], policy: GatePolicy) -> _Observed | None:
    runs = in_no_order(run for run in baseline if run.size)
    if len(runs) < 2 or not all(np.isfinite(run).any() for run in runs):  # noqa: PLR2004  (a difference needs two)
        return None
    runs = level_failures(runs)
    count = int(np.median([run.size for run in runs]))
    resampled = scatter(runs, count, policy.quantiles, (policy.seed, count))
    estimates = np.array([harrell_davis(run, policy.quantiles) for run in runs])
    scale = float(np.mean([count / run.size for run in runs]))
    tail = resampled.variance(resampled.tail) * scale
    ratio = float((estimates @ resampled.tail).var(ddof=1)) / tail if tail > 1e-10 else None  # noqa: PLR2004  (none)
    return _Observed(
        expected=resampled.variance(resampled.weights) * scale,
        location=float((estimates @ resampled.weights).var(ddof=1)),
        tail=None if ratio is None else min(_MOST_INFLATION, ratio),
        degrees=len(runs) - 1,
    )


def _run_variance(observed: Sequence[_Observed], assumed: float) -> tuple[float, float]:
    """Return the variance between runs and the degrees of freedom that it is known with.

    They are the mean given the observations, after an inverse-χ² belief in the assumed one, and
    those of a χ² with the same mean and variance (Satterthwaite 1946).
    """
    if not observed:
        return assumed, ASSUMED_DEGREES
    variances = np.geomspace(NOISE_FLOOR, 2.0, _CANDIDATES) ** 2
    most = _MOST_SCATTERED * float(np.median([each.location for each in observed]))
    loss = ASSUMPTION_WEIGHT * (np.log(variances) + assumed / variances)
    for each in (each for each in observed if each.location <= most):
        total = variances + each.expected
        loss += each.degrees * (np.log(total) + each.location / total)
    likelihood = np.exp((loss.min() - loss) / 2)
    likelihood /= likelihood.sum()
    mean = float(variances @ likelihood)
    return mean, 2 * mean**2 / max(float((variances - mean) ** 2 @ likelihood), 1e-300)
