"""Calibration: how often would the gate be wrong about this suite, and what would it find?

The accepted runs are of the same code, so that each difference between them is chance. Suites
without a change are made of them in two ways: as they were measured, each session against the
others; and resampled, which gives as many as are asked for.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_llm_latency.metrics import Metric
from pytest_llm_latency.stats import power
from pytest_llm_latency.stats.findings import examine
from pytest_llm_latency.stats.gate import gate
from pytest_llm_latency.stats.policy import GatePolicy, Series
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.stats.variance import (
    ASSUMED_DEGREES,
    Noise,
    block_length,
    level_failures,
    logarithms,
    pool_noise,
)

CONFIDENCE = 0.95
FACTORS = (0.5, 1.0, 2.0, 4.0)  # times the requests of now
_BASELINE_RUNS = 5  # what a baseline keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One gated series of the suite and its runs, oldest first, each with the session that measured it."""

    test_id: str
    step: str | None
    metric: Metric
    tolerance: float
    runs: tuple[tuple[str, Floats], ...]

    @property
    def key(self) -> str:
        """The key of the series, as the gate's verdicts have it."""
        return f"{self.test_id}|{self.step or ''}|{self.metric.id}"

    def against(self, baseline: Sequence[Floats], candidate: Floats) -> Series:
        """Return the series with these runs to compare."""
        return Series(
            key=self.key,
            baseline=baseline,
            candidate=candidate,
            direction=self.metric.direction,
            tolerance=self.tolerance,
            unit=self.metric.unit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of the unchanged suites had a series that was called ``regressed``, with its interval."""

    red: int
    suites: int
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """The smallest changes of one series that the gate finds in 80 of 100 runs, as ratios.

    ``ratios`` has one for each of ``FACTORS``, times the ``requests`` of now in baseline and run
    alike; ``None`` where the runs are too few or fail too often to be compared.
    """

    test_id: str
    step: str | None
    metric: str
    runs: int
    requests: int
    ratios: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the gate is worth for a suite.

    ``noise`` is the standard deviation of the logarithm between runs. ``differences`` is how many
    degrees of freedom were observed of it; below ``needed_differences`` it is in part assumed, and
    ``more_runs`` further runs of the whole suite would measure it. ``resampled`` and ``measured``
    are ``None`` where no test has runs of two sessions.
    """

    noise: float
    noise_interval: tuple[float, float]
    differences: int
    needed_differences: int
    more_runs: int
    resampled: Rate | None
    measured: Rate | None
    detectable: tuple[Detectable, ...]


def calibrate(suite: Sequence[Accepted], policy: GatePolicy, *, suites: int) -> Calibration:
    """Judge unchanged suites that are made of the accepted runs with the gate, and say what it would find.

    Deterministic: the resampled suites are seeded by their number and the policy's seed.
    """
    noise = pool_noise(
        [[run for _, run in each.runs] for each in suite],
        policy,
        directions=[each.metric.direction for each in suite],
    )
    repeated = noise.runs > 0
    lacking = max(0, math.ceil(ASSUMED_DEGREES) - noise.runs)
    return Calibration(
        noise=math.sqrt(noise.run_variance),
        noise_interval=_noise_interval(noise),
        differences=noise.runs,
        needed_differences=math.ceil(ASSUMED_DEGREES),
        more_runs=math.ceil(lacking / len(suite)),
        resampled=_resampled(suite, policy, noise, suites) if repeated else None,
        measured=_measured(suite, policy) if repeated else None,
        detectable=tuple(_detectable(each, policy, noise, len(suite)) for each in suite),
    )


def rate(red: int, suites: int) -> Rate:
    """Return a share with its exact interval (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv  # noqa: PLC0415  (slow to import)

    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(red, suites - red + 1, tail)) if red else 0.0
    high = float(betaincinv(red + 1, suites - red, 1 - tail)) if red < suites else 1.0
    return Rate(red=red, suites=suites, share=red / suites, interval=(low, high))


def _noise_interval(noise: Noise) -> tuple[float, float]:
    from scipy.special import chdtri  # noqa: PLC0415  (slow to import)

    tail = (1 - CONFIDENCE) / 2
    low, high = (noise.run_variance * noise.degrees / float(chdtri(noise.degrees, each)) for each in (tail, 1 - tail))
    return math.sqrt(low), math.sqrt(high)


def _measured(suite: Sequence[Accepted], policy: GatePolicy) -> Rate | None:
    """Judge each session against the other accepted runs of its tests."""
    sessions = list(dict.fromkeys(session for each in suite for session, _ in each.runs))
    judged = [[one for each in suite if (one := _left_out(each, session)) is not None] for session in sessions]
    red = [_is_red(series, policy) for series in judged if series]
    return rate(sum(red), len(red)) if red else None


def _left_out(accepted: Accepted, session: str) -> Series | None:
    candidate = next((run for own, run in accepted.runs if own == session), None)
    others = [run for own, run in accepted.runs if own != session]
    return accepted.against(others, candidate) if others and candidate is not None else None


def _resampled(suite: Sequence[Accepted], policy: GatePolicy, noise: Noise, suites: int) -> Rate:
    """Judge suites of resampled runs: blocks of requests from all accepted runs, moved by the noise between runs.

    The accepted runs are brought to one level first: whole ones, drawn again, would vary twice. The
    series are drawn independently of each other, which makes a false alarm in one of them more
    likely than if the metrics of a run moved together.
    """
    draws = [
        (each, _sampler(each, math.sqrt(noise.run_variance)), min(len(each.runs), _BASELINE_RUNS)) for each in suite
    ]
    red = 0
    for number in range(suites):
        random = np.random.default_rng((policy.seed, number))
        series = [accepted.against([draw(random) for _ in range(runs)], draw(random)) for accepted, draw, runs in draws]
        red += _is_red(series, policy)
    return rate(red, suites)


def _sampler(accepted: Accepted, deviation: float) -> Callable[[np.random.Generator], Floats]:
    """Return what draws a run: blocks of consecutive requests of the accepted runs, at the level of them all."""
    runs = [run for _, run in accepted.runs]
    slowness = [logarithms(run, accepted.metric.direction) for run in runs]
    levels = [float(np.median(run[np.isfinite(run)])) if np.isfinite(run).any() else 0.0 for run in slowness]
    length = block_length(level_failures(slowness))
    sign = 1 if accepted.metric.direction == "lower" else -1
    common = float(np.mean(levels))
    pooled = np.concatenate([run * math.exp(sign * (common - own)) for run, own in zip(runs, levels, strict=True)])
    sizes = np.array([run.size for run in runs])
    starts = np.cumsum(sizes) - sizes

    def draw(random: np.random.Generator) -> Floats:
        count = int(random.choice(sizes))
        first = random.integers(pooled.size, size=-(-count // length))
        own = np.searchsorted(starts, first, side="right") - 1
        inside = (first - starts[own])[:, np.newaxis] + np.arange(length)
        positions = (starts[own][:, np.newaxis] + inside % sizes[own][:, np.newaxis]).ravel()[:count]
        drawn: Floats = pooled[positions] * math.exp(deviation * random.standard_normal())
        return drawn

    return draw


def _is_red(series: Sequence[Series], policy: GatePolicy) -> bool:
    own = dataclasses.replace(policy, family=len(series))
    return any(verdict.status == "regressed" for verdict in gate(series, own))


def _detectable(accepted: Accepted, policy: GatePolicy, noise: Noise, hypotheses: int) -> Detectable:
    """Return what the next run would find: one like the newest, against all accepted ones."""
    runs = [run for _, run in accepted.runs]
    series = accepted.against(runs[-_BASELINE_RUNS:], runs[-1])
    change = examine(series, policy, noise).change
    question = power.Question(
        alpha=policy.alpha,
        hypotheses=hypotheses,
        tolerance=series.change(policy),
        margin=math.log1p(policy.margin),
        requests=runs[-1].size,
    )
    ratios: list[float | None] = [None] * len(FACTORS)
    if change is not None:
        found = [power.detectable(power.with_requests(change, factor), question) for factor in FACTORS]
        ratios = [1 / ratio if accepted.metric.direction == "higher" else ratio for ratio in found]
    return Detectable(
        test_id=accepted.test_id,
        step=accepted.step,
        metric=accepted.metric.id,
        runs=len(runs),
        requests=runs[-1].size,
        ratios=tuple(ratios),
    )
