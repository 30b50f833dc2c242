"""One series compared with its baseline, without regard to the other series of the session."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import messages
from pytest_llm_latency.stats.error_rate import Counts, more_failures
from pytest_llm_latency.stats.joint import Change, Runs, compare
from pytest_llm_latency.stats.policy import GatePolicy, Series
from pytest_llm_latency.stats.quantiles import Floats, needed_for, rank
from pytest_llm_latency.stats.variance import SMALLEST, Noise, level_failures, logarithms

MINIMUM_REQUESTS = 8
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the data of a series say.

    ``draft`` is the verdict where ``slower`` and ``faster``, the p values, are ``None``; otherwise
    they decide, with the ``change``, or where that is ``None`` with the ``failed`` requests.
    """

    series: Series
    draft: Verdict
    failed: Counts | None = None
    change: Change | None = None
    slower: float | None = None
    faster: float | None = None


def examine(series: Series, policy: GatePolicy, noise: Noise) -> Finding:
    """Compare one series with its baseline."""
    baseline = [run for each in series.baseline if (run := logarithms(each, series.direction)).size]
    candidate = logarithms(series.candidate, series.direction)
    draft = _draft(series, len(baseline))
    if not baseline:
        return _settled(series, replace(draft, status="no_baseline"), messages.NO_BASELINE)
    if not candidate.size:
        return _settled(series, draft, messages.NOT_MEASURED)
    failed = _count_failures(baseline, candidate)
    if any(_fails(part, policy.quantile) for part in (np.concatenate(baseline), candidate)):
        return _failures(series, _quantiles(series, draft, policy, (np.concatenate(baseline), candidate)), failed)
    *baseline, candidate = level_failures([*baseline, candidate])
    change = compare(Runs(baseline=baseline, candidate=candidate, seed=_seed(series.key, policy)), policy, noise)
    draft = replace(draft, baseline=natural(change.baseline, series), candidate=natural(change.candidate, series))
    if min(failed.baseline, failed.candidate) < MINIMUM_REQUESTS:
        too_few = messages.too_few(min(failed.baseline, failed.candidate), MINIMUM_REQUESTS)
        return _settled(series, replace(draft, needed=needed_for(policy.quantile)), too_few)
    return Finding(series=series, draft=draft, failed=failed, change=change, slower=change.slower, faster=change.faster)


def natural(logarithm: float, series: Series) -> float:
    """Return a logarithm of slowness in the unit of the series; nothing is shorter than a stamp tells."""
    if series.direction == "lower" and logarithm <= math.log(SMALLEST):
        return 0.0
    sign = -1 if series.direction == "higher" else 1
    return math.exp(min(sign * logarithm, _LARGEST_EXPONENT))


def _draft(series: Series, runs: int) -> Verdict:
    return Verdict(
        key=series.key,
        status="inconclusive",
        baseline_runs=runs,
        baseline=None,
        candidate=None,
        ratio=None,
        interval=None,
        raw_p_value=None,
        p_value=None,
        detectable=None,
        needed=None,
        reasons=(),
    )


def _settled(series: Series, draft: Verdict, reason: str) -> Finding:
    return Finding(series=series, draft=replace(draft, reasons=(reason,)))


def _count_failures(baseline: Sequence[Floats], candidate: Floats) -> Counts:
    return Counts(
        baseline_failed=sum(int(np.isinf(run).sum()) for run in baseline),
        baseline=sum(run.size for run in baseline),
        candidate_failed=int(np.isinf(candidate).sum()),
        candidate=candidate.size,
    )


def _fails(run: Floats, quantile: float) -> bool:
    """Say whether the quantile falls on a failed request."""
    return int(np.isfinite(run).sum()) < rank(run.size, quantile)


def _seed(key: str, policy: GatePolicy) -> tuple[int, int]:
    return policy.seed, int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def _failures(series: Series, draft: Verdict, failed: Counts) -> Finding:
    """Compare the failed requests where the quantile falls on them: it has no other value."""
    return Finding(
        series=series,
        draft=draft,
        failed=failed,
        slower=more_failures(failed),
        faster=more_failures(failed.turned()),
    )


def _quantiles(series: Series, draft: Verdict, policy: GatePolicy, parts: tuple[Floats, Floats]) -> Verdict:
    """Return the draft with the quantiles that are not failed requests, and an endless ratio or none."""
    before, now = (
        None
        if _fails(part, policy.quantile)
        else natural(float(np.sort(part)[rank(part.size, policy.quantile) - 1]), series)
        for part in parts
    )
    ratio = None
    if (before is None) != (now is None):
        ratio = math.inf if (now is None) == (series.direction == "lower") else 0.0
    return replace(draft, baseline=before, candidate=now, ratio=ratio)
