"""The joint test: is a run's upper half slower than the baseline's, and by how much is the quantile?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.probabilities import t_quantile, upper
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis
from pytest_llm_latency.stats.variance import Noise, Scatter, scatter

_OWN_WEIGHT = 12.0  # the suite's noise counts as much as twelve runs of the series itself
_RESTLESS = 0.05  # the chance with which a series of the suite's noise is taken for a noisier one
_BODY_SHARE = 4  # requests for each degree of freedom of a location's variance
_BODY_BLOCKS = 2  # and groups of requests that hang together
_LEAST_DEGREES = 4.0  # what a variance is known with at least
_TAIL_SHARE, _TAIL_BLOCKS = 25, 4  # the same of a tail's,
_SURE_TAIL_DEGREES, _FURTHER_TAIL_SHARE = 9.0, 50  # from which on more requests tell less
_FEW_RUNS = 3  # below it, the candidate joins the resampled runs: its tail may be the only one that was seen,
_JOINED_TAIL_SHARE = 5  # and so many requests of all are a degree of freedom of a tail's variance
_LEAST_VARIANCE = 1e-12
_ROUNDING = 1e-9
_HANDICAP = 0.45  # the tail must be so much clearer: most changes are of everything
_KNOWN_TAIL = 0.012  # the variance of a departure (0.11²) below which one within its noise counts as none


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Finite logarithms of slowness: the accepted runs, the run to judge, and what seeds resampling."""

    baseline: Sequence[Floats]
    candidate: Floats
    seed: Sequence[int]

    @property
    def shares(self) -> Floats:
        """The candidate's requests over those of each accepted run."""
        return np.array([self.candidate.size / run.size for run in self.baseline])


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A run against its baseline, on the log scale.

    ``size`` is the estimated change of the judged quantile and ``error`` its standard error.
    ``slower`` and ``faster`` are the p values of the two directions. ``between`` and ``within``
    are the parts of the location's variance that runs and requests make, with its ``degrees``.
    ``tail`` is how much slower the tail got beyond the body, ``None`` where there is no body.
    """

    baseline: float
    candidate: float
    size: float
    error: float
    slower: float
    faster: float
    between: float
    within: float
    degrees: float
    tail: "Contrast | None"

    def is_of_the_tail(self, sign: int) -> bool:
        """Say whether the tail is clearer than the location, so that it decides on this direction's p value."""
        if self.tail is None:
            return False
        found = self.slower if sign > 0 else self.faster
        return one_of_two(self.tail.score(sign) - _HANDICAP) <= found * (1 + _ROUNDING)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of the size."""
        half = self.error * t_quantile((1 + confidence) / 2, self.degrees)
        return self.size - half, self.size + half


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One difference with its variance, degrees of freedom and third central moment."""

    value: float
    variance: float
    degrees: float
    third: float

    def highest(self, confidence: float) -> float:
        """Return the one-sided upper bound of the difference."""
        return self.value + math.sqrt(self.variance) * t_quantile(confidence, self.degrees)

    def score(self, sign: int) -> float:
        """Return the normal score of the difference in one direction, corrected for a skewed tail.

        The correction inverts the first term of the Cornish–Fisher expansion; it only ever lowers
        the score, so that the light side of a skewed tail is left conservative.
        """
        from scipy.special import ndtri, stdtr  # noqa: PLC0415  (slow to import)

        ratio = sign * self.value / math.sqrt(self.variance)
        probability = min(max(float(stdtr(self.degrees, -ratio)), 1e-300), 1 - 1e-16)
        score = -float(ndtri(probability))
        skewness = sign * self.third / math.pow(self.variance, 1.5)
        if skewness <= 1e-6:  # noqa: PLR2004  (nothing to correct)
            return score
        inner = max(1 + 2 * skewness / 3 * (score + skewness / 6), 0.0)
        return min(score, 3 / skewness * (math.sqrt(inner) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """How the difference scatters when nothing changed: requests (``within``) and runs (``between``).

    ``within``, ``third`` and ``tail_share`` multiply one resampled run's variance, third moment, and tail's variance.
    """

    resampled: Scatter
    within: float
    third: float
    between: float
    noise: Noise
    tail_degrees: float
    tail_share: float
    requests: int

    def covariance(self, one: Floats, other: Floats) -> float:
        """Return how two contrasts of the difference vary together, by its requests."""
        return self.within * float(one @ self.resampled.covariance @ other)

    def contrast(self, difference: Floats, contrast: Floats, own_degrees: float) -> Contrast:
        """Return a contrast that a noisy run shifts as a whole."""
        within = self.covariance(contrast, contrast)
        variance = max(within + self.between, _LEAST_VARIANCE)
        return Contrast(
            value=float(difference @ contrast),
            variance=variance,
            degrees=self._degrees(within, own_degrees),
            third=self.third_moment(contrast),
        )

    def _degrees(self, within: float, own: float) -> float:
        """Return Satterthwaite's degrees of freedom of the two parts together."""
        parts = within**2 / own + self.between**2 / self.noise.degrees
        return max(1.0, (within + self.between) ** 2 / parts) if parts > 0 else self.noise.degrees

    def location(self, difference: Floats) -> Contrast:
        """Return the shift of all quantiles."""
        own = max(_LEAST_DEGREES, min(self.requests / _BODY_SHARE, self.resampled.blocks / _BODY_BLOCKS))
        return self.contrast(difference, self.resampled.weights, own)

    def tail(self, difference: Floats) -> Contrast | None:
        """Return the shift of the tail beyond the body, which no noise that moves all of a run shifts."""
        weights = self.resampled.tail
        if not weights.any():
            return None
        within = self.noise.tail_inflation * self.tail_share * self.covariance(weights, weights)
        return Contrast(
            value=float(difference @ weights),
            variance=max(within + self.between_tails, _LEAST_VARIANCE),
            degrees=self.tail_degrees,
            third=self.third_moment(weights),
        )

    @property
    def between_tails(self) -> float:
        """The part of the tail's variance that runs make, as far as runs do not show it."""
        runs = self.between / self.noise.run_variance if self.noise.run_variance > 0 else 0.0
        return self.noise.tail_variance * runs

    def third_moment(self, contrast: Floats) -> float:
        """Return the third central moment of a contrast of the difference."""
        return self.third * float(np.mean((self.resampled.draws @ contrast) ** 3))

    def departure_variance(self) -> float:
        """Return the variance of what the judged quantile moved beyond the location."""
        departure = self.resampled.departure
        return self.noise.tail_inflation * self.covariance(departure, departure)


def compare(runs: Runs, policy: GatePolicy, noise: Noise) -> Change:
    """Compare the quantiles of a run with the mean of its baseline's."""
    accepted = np.array([harrell_davis(run, policy.quantiles) for run in runs.baseline])
    measured = harrell_davis(runs.candidate, policy.quantiles)
    return tested(accepted.mean(axis=0), measured, _uncertainty(runs, accepted, policy, noise))


def tested(before: Floats, now: Floats, uncertainty: Uncertainty) -> Change:
    """Return the change between two estimates of the quantiles, whose difference scatters as ``uncertainty`` says.

    Two contrasts are tested together, the location (everything is slower) and the tail (it alone
    is), which must be clearer by a handicap: the larger normal score counts, and its p value
    allows for both.
    """
    difference = now - before
    location, tail = uncertainty.location(difference), uncertainty.tail(difference)
    size, error = _size(difference, location, uncertainty)
    return Change(
        baseline=float(before[-1]),
        candidate=float(now[-1]),
        size=size,
        error=error,
        slower=_larger(location, tail, 1),
        faster=_larger(location, tail, -1),
        between=uncertainty.between,
        within=location.variance - uncertainty.between,
        degrees=location.degrees,
        tail=tail,
    )


def _uncertainty(runs: Runs, accepted: Floats, policy: GatePolicy, noise: Noise) -> Uncertainty:
    few = len(runs.baseline) < _FEW_RUNS
    sources = [*runs.baseline, runs.candidate] if few else runs.baseline
    resampled = scatter(sources, runs.candidate.size, policy.quantiles, runs.seed)
    number, shares, requests = len(runs.baseline), runs.shares, sum(run.size for run in sources)
    tail_degrees = requests / _JOINED_TAIL_SHARE if few else _tail_degrees(requests, resampled.blocks)
    expected = noise.run_variance + resampled.variance(resampled.weights) * float(shares.mean())
    return Uncertainty(
        resampled=resampled,
        within=1 + float(shares.sum()) / number**2,
        third=max(0.0, 1 - float((shares**2).sum()) / number**3),
        between=(noise.run_variance + _excess(accepted @ resampled.weights, expected)) * (1 + 1 / number),
        noise=noise,
        tail_degrees=max(_LEAST_DEGREES, tail_degrees),
        tail_share=_studentised(resampled, runs, policy) if few else 1.0,
        requests=requests,
    )


def _tail_degrees(requests: int, blocks: float) -> float:
    """Return the degrees of freedom of a tail's variance.

    Few of the requests are of the tail, and the fewest of them carry most of its variance; what
    this returns keeps the level of simulated tails of all weights.
    """
    known = max(min(requests / _TAIL_SHARE, _SURE_TAIL_DEGREES), requests / _FURTHER_TAIL_SHARE)
    return min(known, blocks / _TAIL_BLOCKS)


def _studentised(joined: Scatter, runs: Runs, policy: GatePolicy) -> float:
    """Return the mean of two variances of the tail over the first: of all requests together, and of each side alone.

    Together they take one side's slower tail for the scatter of both; alone (Chung & Romano 2013) a
    side that had no slow request by chance knows none. Half of each keeps the level; it is at most one.
    """
    together, count = joined.variance(joined.tail), runs.candidate.size
    if together <= 0:
        return 1.0
    own = scatter([runs.candidate], count, policy.quantiles, (*runs.seed, 1)).variance(joined.tail)
    accepted = scatter(runs.baseline, count, policy.quantiles, (*runs.seed, 2)).variance(joined.tail)
    share = float(runs.shares.sum()) / len(runs.baseline) ** 2
    return min(1.0, (1 + (own + share * accepted) / ((1 + share) * together)) / 2)


def _excess(locations: Floats, expected: float) -> float:
    """Return what a series' own runs scatter beyond the suite's noise.

    None where they scatter no more than chance lets them (the χ² test of a variance): else every
    series would be taken for a little noisier than the suite is.
    """
    from scipy.special import chdtri  # noqa: PLC0415  (slow to import)

    own = len(locations) - 1
    scattered = own * float(locations.var(ddof=1)) if own else 0.0
    if scattered <= float(chdtri(max(own, 1), _RESTLESS)) * expected:
        return 0.0
    return (_OWN_WEIGHT * expected + scattered) / (_OWN_WEIGHT + own) - expected


def _size(difference: Floats, location: Contrast, uncertainty: Uncertainty) -> tuple[float, float]:
    """Return the change of the judged quantile and its standard error.

    The quantiles agree in a location as far as the judged one does not depart from it by more
    than its noise. With ``t`` the departure in its standard errors, it counts by ``1 − 1 / t²``,
    none below one (James & Stein 1961); where the tail is not known well enough to say that it
    does not depart, by ``t² / (1 + t²)``, so that the interval stays open.
    """
    departure = float(difference @ uncertainty.resampled.departure)
    variance = max(uncertainty.departure_variance(), _LEAST_VARIANCE)
    share = max(0.0, 1 - variance / max(departure**2, _LEAST_VARIANCE))
    if variance > _KNOWN_TAIL:
        share = departure**2 / (departure**2 + variance)
    shared = uncertainty.covariance(uncertainty.resampled.weights, uncertainty.resampled.departure)
    total = location.variance + share * variance + 2 * share * shared
    return location.value + share * departure, math.sqrt(max(total, _LEAST_VARIANCE))


def _larger(location: Contrast, tail: Contrast | None, sign: int) -> float:
    """Return the p value of one direction: the chance of a score as large as the larger of the two was.

    The tail's counts less its handicap. Their weights are made so that they are uncorrelated.
    """
    first = location.score(sign)
    if tail is None:
        return upper(first)
    return one_of_two(max(first, tail.score(sign) - _HANDICAP))


def one_of_two(score: float) -> float:
    """Return the chance that the location reaches a score, or the tail one that is above it by its handicap."""
    one, other = upper(score), upper(score + _HANDICAP)
    return one + other - one * other
