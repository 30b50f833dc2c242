"""The gate, the rules that are used elsewhere, and an oracle: what ``gate_power.py`` compares.

Each rule gives a status to every series of a suite. The usual rules know two: what they do not
call ``regressed``, they pass.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from gate_suites import BASELINE_RUNS, CHANGED, RATIOS, SERIES, UNCHANGED, Array, Setting, information
from scipy.stats import false_discovery_control, ks_2samp, mannwhitneyu, norm

from pytest_llm_latency.stats import GatePolicy, Series, gate

ALPHA = 0.05
RESAMPLES = 1000
GATE, ORACLE = "gate", "oracle"
Rule = Callable[[Series], bool]


def judge(rule: str, series: Sequence[Series]) -> list[str]:
    """Return the status of each series."""
    if rule == GATE:
        return [verdict.status for verdict in gate(series, GatePolicy())]
    return ["regressed" if RULES[rule](each) else "pass" for each in series]


def higher_p95(series: Series) -> bool:
    """Say whether p95 is 10 % above that of all baseline requests."""
    return bool(np.quantile(series.candidate, 0.95) > 1.1 * np.quantile(_pooled(series), 0.95))


def higher_mean(series: Series) -> bool:
    """Say whether the mean is 10 % above that of all baseline requests."""
    return bool(np.mean(series.candidate) > 1.1 * np.mean(_pooled(series)))


def mann_whitney(series: Series) -> bool:
    """Say what Mann and Whitney's one-sided test says at 5 %, requests pooled."""
    return bool(mannwhitneyu(series.candidate, _pooled(series), alternative="greater").pvalue < ALPHA)


def kolmogorov_smirnov(series: Series) -> bool:
    """Say what Kolmogorov and Smirnov's one-sided test says at 5 %, requests pooled."""
    found = ks_2samp(series.candidate, _pooled(series), alternative="less", method="asymp")
    return bool(found.pvalue < ALPHA)


def bootstrap_p95(series: Series) -> bool:
    """Say whether 95 % of resampled candidates have a higher p95 than as many resampled baselines, requests pooled."""
    random = np.random.default_rng(0)
    difference = _resampled_p95(series.candidate, random) - _resampled_p95(_pooled(series), random)
    return bool(np.quantile(difference, ALPHA) > 0)


RULES: Mapping[str, Rule] = {
    "p95 +10 %": higher_p95,
    "mean +10 %": higher_mean,
    "Mann–Whitney": mann_whitney,
    "Kolmogorov–Smirnov": kolmogorov_smirnov,
    "bootstrap of p95": bootstrap_p95,
}


def oracle(setting: Setting, change: str, random: np.random.Generator, suites: int) -> Array | None:
    """Return what could be found at all: one row a suite, true where a series is called slower.

    A one-sided z test of the best estimate of a shift, with every variance known, and Benjamini and
    Hochberg's rule over the suite. ``None`` for a change that is no shift.
    """
    if change not in RATIOS:
        return None
    deviation = np.sqrt((1 / information(setting) + setting.noise**2) * (1 + 1 / BASELINE_RUNS))
    scores = random.standard_normal((suites, SERIES))
    if change != UNCHANGED:
        scores[:, :CHANGED] += np.log(RATIOS[change]) / deviation
    return false_discovery_control(norm.sf(scores), axis=1) < ALPHA


def _pooled(series: Series) -> Array:
    return np.concatenate([np.asarray(run) for run in series.baseline])


def _resampled_p95(values: Array, random: np.random.Generator) -> Array:
    """Draw resampled p95: the k-th of n draws lies where a Beta(k, n + 1 − k) variable says."""
    count = len(values)
    rank = int(np.ceil(0.95 * count))
    chosen = np.ceil(count * random.beta(rank, count + 1 - rank, RESAMPLES)).astype(int) - 1
    return np.sort(values)[np.clip(chosen, 0, count - 1)]
