"""The paired comparison: two sides that took turns in one run, so that what drifts is the same for both.

Request ``i`` of one side was measured right beside request ``i`` of the other (Bulej et al. 2020
call such pairs duets). There is no noise between runs, as there is one run; the joint test, the
size and the verdicts are those of any other comparison (``joint.py``, ``gate.py``).
"""

import math
from collections.abc import Sequence

import numpy as np

from pytest_llm_latency import interleaving, metrics
from pytest_llm_latency.errors import StatisticsError
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Run
from pytest_llm_latency.stats.joint import Change, Runs, Uncertainty, tested
from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis, harrell_davis_weights
from pytest_llm_latency.stats.variance import RESAMPLES, Noise, Scatter, block_length, scatter_of

SHORTEST_BLOCK = 2  # pairs: one ABBA
_TREND_SHARE = 4  # the trend is the mean of a quarter of the pairs
_LEAST_TREND = 8  # pairs; a mean of fewer would take the requests' own scatter for a trend
_TAIL_DEGREES = 8.0  # of the tail's variance: both sides are resampled, so that a slower tail widens its own
_NO_NOISE = Noise(run_variance=0.0, degrees=1.0, runs=0, tail_inflation=1.0)


def arrays(reference: Run, run: Run, step: str | None, metric: str) -> tuple[Floats, Floats]:
    """Return one value a pair of each side, a failed request being as for ``metrics.series``.

    A request whose counterpart was never begun, or has no such figure, is left out; a side of which
    nothing was measured is empty.
    """
    before, now = (_by_pair(each, step, metric) for each in (reference, run))
    both = before.keys() & now.keys() if before and now else before.keys() | now.keys()
    sides = ([each[key] for key in sorted(both) if key in each] for each in (before, now))
    found, candidate = (np.asarray(values, dtype=np.float64) for values in sides)
    return found, candidate


def _by_pair(run: Run, step: str | None, metric: str) -> dict[tuple[int, int], float]:
    """Return the values of one side by their pair, and their order where an iteration has several."""
    row, asked = METRICS[metric], metrics.requests(run, step)
    if not asked.series(row):  # what no request that succeeded has was not measured
        return {}
    found: dict[tuple[int, int], float] = {}
    seen: dict[int, int] = {}
    for sample in asked.samples:
        order = seen.get(sample.iteration, 0)
        seen[sample.iteration] = order + 1
        figure = metrics.value(row, sample)
        if figure is not None:
            found[interleaving.place(run.plan, sample.iteration), order] = figure
    worst = math.inf if row.direction == "lower" else 0.0
    missed = (iteration for iteration, _ in run.iteration_failures if iteration not in seen)
    return found | {(interleaving.place(run.plan, iteration), 0): worst for iteration in missed}


def check(key: str, baseline: Sequence[int], candidate: int) -> None:
    """Raise ``StatisticsError`` for runs of these sizes that are no pairs."""
    if list(baseline) != [candidate]:
        raise StatisticsError(
            f"the series {key!r} is paired, and its baseline has {' and '.join(map(str, baseline))} requests where the "
            f"candidate has {candidate}: give one run of as many."
        )


def compare(runs: Runs, policy: GatePolicy) -> Change:
    """Compare the quantiles of a run with those of the one run that it was interleaved with, pair by pair."""
    (reference,), candidate = runs.baseline, runs.candidate
    shared = trend((reference + candidate) / 2)
    before, now = reference - shared, candidate - shared
    resampled = _scatter(before, now, policy.quantiles, runs.seed)
    return tested(
        harrell_davis(before, policy.quantiles),
        harrell_davis(now, policy.quantiles),
        Uncertainty(
            resampled=resampled,
            within=1.0,
            third=1.0,
            between=0.0,
            noise=_NO_NOISE,
            tail_degrees=_TAIL_DEGREES,
            tail_share=1.0,
            requests=candidate.size,
        ),
    )


def trend(pairs: Floats) -> Floats:
    """Return what the pairs have in common beyond their median level: the mean of the pairs around each.

    It is the same for both sides, so that taking it from both leaves their difference as it is and
    makes it surer: the drift is in the spread of neither.
    """
    width = pairs.size // _TREND_SHARE
    if width < _LEAST_TREND:
        return np.zeros_like(pairs)
    window = np.ones(width)
    smooth = np.convolve(pairs, window, "same") / np.convolve(np.ones_like(pairs), window, "same")
    return np.asarray(smooth - np.median(smooth), dtype=np.float64)


def _scatter(before: Floats, now: Floats, quantiles: tuple[float, ...], seed: Sequence[int]) -> Scatter:
    """Resample blocks of pairs (Künsch 1989), each with its sides as they were or exchanged.

    Without a change the sides of a pair could as well be the other way round, but for the shift of
    their medians, which is taken out. So both sides tell of the scatter of each.
    """
    count = before.size
    moved = now - (np.median(now) - np.median(before))
    if max(float(np.ptp(before)), float(np.ptp(now))) <= 1e-12:  # noqa: PLR2004  (what rounding leaves of a constant)
        return scatter_of(np.zeros((2, len(quantiles))), count=count, blocks=count, quantiles=quantiles)
    random = np.random.default_rng(list(seed))
    length = min(max(SHORTEST_BLOCK, block_length([now - before])), max(1, count // 4))
    blocks = -(-count // length)
    first = random.integers(0, count, (RESAMPLES, blocks, 1))
    chosen = ((first + np.arange(length)) % count).reshape(RESAMPLES, -1)[:, :count]
    turned = np.repeat(random.random((RESAMPLES, blocks)) < 0.5, length, axis=1)[:, :count]  # noqa: PLR2004  (a coin)
    one, other = before[chosen], moved[chosen]
    sides = (np.sort(np.where(turned, one, other), axis=1), np.sort(np.where(turned, other, one), axis=1))
    draws = (sides[0] - sides[1]) @ harrell_davis_weights(count, quantiles).T
    draws *= math.sqrt(count / max(1, count - length))  # what blocks lose at their ends
    return scatter_of(draws, count=count, blocks=count / length, quantiles=quantiles)
