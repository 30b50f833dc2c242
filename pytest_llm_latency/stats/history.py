"""Change points: from which run on was the level of a series another one? It advises and fails nothing.

Binary segmentation (Scott & Knott 1974; Vostrikova 1981): the split whose two sides' means differ
most is kept where a permutation test of the largest difference over all splits says that runs in
any order would rarely show one as large, and each side is searched again. Daly et al. 2020 use such
a test on the results of a benchmark suite over time, with another distance between the sides
(Matteson & James 2014). What is compared are whole runs, so that requests of one run that hang
together are no evidence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import METRICS, Direction
from pytest_llm_latency.model import Past, PastLevel, Run
from pytest_llm_latency.stats.comparable import differences
from pytest_llm_latency.stats.policy import GatePolicy
from pytest_llm_latency.stats.quantiles import Floats, harrell_davis
from pytest_llm_latency.stats.variance import level_failures, logarithms

# With fewer runs, too few of their orders differ for any of them to be rare at 5 %: six runs in two
# sides of three come to p = 0.1 at the least, however far apart. Eight reach 0.03 with sides of four.
LEAST_RUNS = 8
_LEAST_SIDE = 2  # a single run may have had a bad day
_PERMUTATIONS = 1999
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """The first run of another level.

    ``run`` counts from 0. ``before`` and ``after`` are the typical quantile of the runs of either
    side, up to the next change point; ``ratio`` is by what the level of the quantiles together moved.
    """

    run: int
    before: float
    after: float
    ratio: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One metric of one step over the runs of a test, oldest first.

    ``started_at``, ``commits`` and ``figures`` have one entry a run; a figure is ``None`` where no
    request succeeded. ``needed`` is the number of runs that it takes for any change point.
    """

    step: str | None
    metric: str
    started_at: tuple[str, ...]
    commits: tuple[str | None, ...]
    figures: tuple[float | None, ...]
    needed: int
    changes: tuple[ChangePoint, ...]

    @property
    def enough(self) -> bool:
        """Whether there are as many runs with a level as it takes."""
        return sum(each is not None for each in self.figures) >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """One run: its position, the mean logarithm of its quantiles, the logarithm of the judged one."""

    run: int
    location: float
    quantile: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """A place among the levels at which the mean changes, and how sure that is."""

    at: int
    p_value: float


def change_points(
    runs: Sequence[ArrayLike], policy: GatePolicy, *, direction: Direction = "lower"
) -> tuple[ChangePoint, ...]:
    """Return where the level of a series of runs changed, in their order; often nothing.

    Each run is a one-dimensional array, a failed request ``math.inf`` (``0.0`` where higher is
    better). A change is significant at ``policy.alpha`` for this series alone, and at least as
    large as ``policy.tolerance``. Runs without a success have no level and are passed over; of
    fewer than ``LEAST_RUNS`` others nothing is said. A drift counts as one or several changes.
    """
    return _changes(_levels(runs, policy, direction), policy)


def _changes(found_levels: Sequence["_Level | None"], policy: GatePolicy) -> tuple[ChangePoint, ...]:
    levels = [each for each in found_levels if each is not None]
    if len(levels) < LEAST_RUNS:
        return ()
    locations = np.array([each.location for each in levels])
    splits = sorted(_segmented(locations, 0, policy), key=lambda each: each.at)
    bounds = [0, *(each.at for each in splits), len(levels)]
    found = []
    for place, split in enumerate(splits):
        before, after = levels[bounds[place] : split.at], levels[split.at : bounds[place + 2]]
        size = float(np.mean([each.location for each in after]) - np.mean([each.location for each in before]))
        if abs(size) >= math.log1p(policy.tolerance) - _ROUNDING:
            found.append(_change_point(levels[split.at].run, (before, after), split.p_value))
    return tuple(found)


def digest(run: Run) -> Past:
    """Return what the history needs of an accepted run: the level of each gated metric of each step."""
    policy = GatePolicy()
    levels = []
    for step in metrics.steps(run):
        for name in run.plan.gate:
            values = np.asarray(metrics.series(run, step, METRICS[name]), dtype=np.float64)
            direction = METRICS[name].direction
            (found,) = _estimates([values], policy, direction)
            if found is not None:
                quantiles = tuple(float(f"{math.exp(each):.6g}") for each in found)
                levels.append(PastLevel(step=step, metric=name, quantiles=quantiles))
    return Past(
        id=run.id,
        started_at=run.started_at,
        commit=run.environment.commit,
        conditions=run.conditions,
        levels=tuple(levels),
    )


def histories(
    runs: Sequence[Run], policy: GatePolicy, *, past: Sequence[Past] = (), tolerance: float | None = None
) -> tuple[History, ...]:
    """Return the history of each gated metric of each step of one test.

    ``runs`` stand oldest first, after those of the ``past``; those that were measured with something else
    than the last are left out, because they cannot be compared. ``tolerance`` stands before that of the
    last run's plan.
    """
    if not runs:
        return ()
    last = runs[-1]
    own = replace(policy, tolerance=last.plan.tolerance if tolerance is None else tolerance)
    alike = [run for run in runs if not differences(run.conditions, last.conditions)]
    before = [each for each in past if not differences(each.conditions, last.conditions)]
    found = []
    for step in metrics.steps(last):
        own_runs = [run for run in alike if step in metrics.steps(run)]
        for name in last.plan.gate:
            series = [metrics.series(run, step, METRICS[name]) for run in own_runs]
            found.append(history_of(series, own_runs, (step, name), own, before))
    return tuple(found)


def history_of(
    series: Sequence[ArrayLike],
    runs: Sequence[Run],
    of: tuple[str | None, str],
    policy: GatePolicy,
    past: Sequence[Past] = (),
) -> History:
    """Return the history of one metric: its values in each run, the runs, and the step and the metric's id.

    Runs of the ``past`` come first, where they have a level of it.
    """
    step, name = of
    arrays = [np.asarray(each, dtype=np.float64) for each in series]
    before = _past_estimates(past, of, policy)
    found = [*(estimates for _, estimates in before), *_estimates(arrays, policy, METRICS[name].direction)]
    levels = [_level(place, each) for place, each in enumerate(found)]
    return History(
        step=step,
        metric=name,
        started_at=(*(each.started_at for each, _ in before), *(run.started_at for run in runs)),
        commits=(*(each.commit for each, _ in before), *(run.environment.commit for run in runs)),
        figures=tuple(None if each is None else math.exp(each.quantile) for each in levels),
        needed=LEAST_RUNS,
        changes=_changes(levels, policy),
    )


def _past_estimates(
    past: Sequence[Past], of: tuple[str | None, str], policy: GatePolicy
) -> list[tuple[Past, "Floats | None"]]:
    if policy.quantiles != GatePolicy().quantiles:  # those that are stored
        return []
    levels = ((each, level) for each in past for level in each.levels if (level.step, level.metric) == of)
    return [(each, np.log(level.quantiles)) for each, level in levels]


def _levels(runs: Sequence[ArrayLike], policy: GatePolicy, direction: Direction) -> list[_Level | None]:
    return [_level(place, each) for place, each in enumerate(_estimates(runs, policy, direction))]


def _level(place: int, estimates: Floats | None) -> _Level | None:
    if estimates is None:
        return None
    return _Level(run=place, location=float(estimates.mean()), quantile=float(estimates[-1]))


def _estimates(runs: Sequence[ArrayLike], policy: GatePolicy, direction: Direction) -> list[Floats | None]:
    """Return the logarithms of the quantiles of each run, ``None`` where no request succeeded."""
    sign = -1.0 if direction == "higher" else 1.0
    slowness = [logarithms(run, direction) for run in runs]
    usable = [bool(run.size and np.isfinite(run).any()) for run in slowness]
    levelled = iter(level_failures([run for run, fit in zip(slowness, usable, strict=True) if fit]))
    return [sign * harrell_davis(next(levelled), policy.quantiles) if fit else None for fit in usable]


def _segmented(locations: Floats, offset: int, policy: GatePolicy) -> list[_Split]:
    """Search for the clearest split, and in both sides again."""
    split = _clearest(locations, policy)
    if split is None or split.p_value > policy.alpha:
        return []
    here = _Split(at=offset + split.at, p_value=split.p_value)
    left, right = locations[: split.at], locations[split.at :]
    return [here, *_segmented(left, offset, policy), *_segmented(right, here.at, policy)]


def _clearest(locations: Floats, policy: GatePolicy) -> _Split | None:
    if locations.size < LEAST_RUNS or float(np.ptp(locations)) <= _ROUNDING:
        return None
    observed = _differences(locations[np.newaxis, :])[0]
    random = np.random.default_rng([policy.seed, locations.size])
    shuffled = random.permuted(np.tile(locations, (_PERMUTATIONS, 1)), axis=1)
    reached = int((_differences(shuffled).max(axis=1) >= observed.max() * (1 - _ROUNDING)).sum())
    return _Split(at=int(observed.argmax()) + _LEAST_SIDE, p_value=(1 + reached) / (1 + _PERMUTATIONS))


def _differences(rows: Floats) -> Floats:
    """Return for each row the difference of means at every split, in units of its standard error."""
    count = rows.shape[1]
    left = np.arange(_LEAST_SIDE, count - _LEAST_SIDE + 1)
    sums = np.cumsum(rows - rows.mean(axis=1, keepdims=True), axis=1)[:, left - 1]
    return np.asarray(np.abs(sums) * np.sqrt(count / (left * (count - left))), dtype=np.float64)


def _change_point(run: int, sides: tuple[Sequence[_Level], Sequence[_Level]], p_value: float) -> ChangePoint:
    quantiles = [float(np.mean([each.quantile for each in side])) for side in sides]
    locations = [float(np.mean([each.location for each in side])) for side in sides]
    return ChangePoint(
        run=run,
        before=math.exp(quantiles[0]),
        after=math.exp(quantiles[1]),
        ratio=math.exp(locations[1] - locations[0]),
        p_value=p_value,
    )
