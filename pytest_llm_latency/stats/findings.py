"""One series compared with its baseline, without regard to the other series of the session."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import drafts, messages, paired
from pytest_llm_latency.stats.error_rate import Counts, more_failures
from pytest_llm_latency.stats.joint import Change, Runs, compare
from pytest_llm_latency.stats.policy import MINIMUM_REQUESTS, GatePolicy, Series
from pytest_llm_latency.stats.quantiles import Floats, empirical, name, needed_for, rank
from pytest_llm_latency.stats.variance import SMALLEST, Noise, in_no_order, level_failures, logarithms

_LARGEST_EXPONENT = 700.0
_Parts = tuple[Sequence[Floats], Floats]  # the accepted runs and the run to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the data of a series say.

    ``draft`` is the verdict where ``slower`` and ``faster``, the p values, are ``None``; otherwise
    they decide, with the ``change``, or where that is ``None`` with the ``failed`` requests: then
    the quantile falls on a failure, and ``successes`` is how those that did not fail got slower,
    where they did. ``left_out`` says that the change is one of the successes alone.
    """

    series: Series
    draft: Verdict
    failed: Counts | None = None
    change: Change | None = None
    slower: float | None = None
    faster: float | None = None
    successes: Change | None = None
    left_out: bool = False


def examine(series: Series, policy: GatePolicy, noise: Noise) -> Finding:
    """Compare one series with its baseline."""
    baseline = in_no_order(run for each in series.baseline if (run := logarithms(each, series.direction)).size)
    candidate = logarithms(series.candidate, series.direction)
    draft = drafts.draft(series.key, runs=len(baseline))
    if not baseline:
        return _without_baseline(series, draft)
    if reason := _unanswerable(series):
        return _settled(series, draft, reason)
    if series.paired:
        paired.check(series.key, [run.size for run in baseline], candidate.size)
    failed = _count_failures(baseline, candidate)
    if _fails(candidate, policy.quantile):
        return _failures(series, draft, (baseline, candidate), policy, noise)
    if _fails(np.concatenate(baseline), policy.quantile):
        return _without_failures(series, draft, (baseline, candidate), policy, noise)
    draft = replace(
        draft,
        baseline=_figure(np.concatenate(baseline), series, policy),
        candidate=_figure(candidate, series, policy),
    )
    *levelled, last = level_failures([*baseline, candidate])
    change = _compared(series, (levelled, last), policy, noise)
    if min(failed.baseline, failed.candidate) < MINIMUM_REQUESTS:
        too_few = messages.too_few(min(failed.baseline, failed.candidate), MINIMUM_REQUESTS)
        return _settled(series, replace(_measured(series, draft, change), needed=needed_for(policy.quantile)), too_few)
    return _changed(series, draft, change, failed)


def _unanswerable(series: Series) -> str | None:
    """Return why there is nothing to compare: no value, or values that no duration and no rate can have."""
    if not np.size(series.candidate):
        return messages.NOT_MEASURED
    below = sum(int((np.asarray(run, dtype=np.float64) < 0).sum()) for run in (*series.baseline, series.candidate))
    return messages.impossible(below) if below else None


def _without_baseline(series: Series, draft: Verdict) -> Finding:
    """Settle a series without anything to compare it with, which of two sides is lost data."""
    if series.paired:
        return _settled(series, draft, messages.NOTHING_BESIDE)
    return _settled(series, replace(draft, status="no_baseline"), messages.NO_BASELINE)


def _changed(series: Series, draft: Verdict, change: Change, failed: Counts, *, left_out: bool = False) -> Finding:
    return Finding(
        series=series,
        draft=_measured(series, draft, change),
        failed=failed,
        change=change,
        slower=change.slower,
        faster=change.faster,
        left_out=left_out,
    )


def _measured(series: Series, draft: Verdict, change: Change) -> Verdict:
    """Fill in the figures that are not there: the estimates, where a sample supports no quantile of its own."""
    return replace(
        draft,
        baseline=natural(change.baseline, series) if draft.baseline is None else draft.baseline,
        candidate=natural(change.candidate, series) if draft.candidate is None else draft.candidate,
    )


def _figure(slowness: Floats, series: Series, policy: GatePolicy) -> float | None:
    """Return the quantile as summaries show it, so that a verdict names no other figure."""
    found = empirical(slowness.tolist(), policy.quantile)
    return None if found is None else natural(found, series)


def natural(logarithm: float, series: Series) -> float:
    """Return a logarithm of slowness in the unit of the series; nothing is shorter than a stamp tells."""
    if series.direction == "lower" and logarithm <= math.log(SMALLEST):
        return 0.0
    sign = -1 if series.direction == "higher" else 1
    return math.exp(min(sign * logarithm, _LARGEST_EXPONENT))


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


def _failures(series: Series, draft: Verdict, parts: _Parts, policy: GatePolicy, noise: Noise) -> Finding:
    """Compare the failed requests where the run's quantile falls on them, and beside them the successes.

    More failures or slower successes are each enough; the p value allows for both looks.
    """
    failed = _count_failures(*parts)
    change = _successes(series, parts, policy, noise)
    slower = more_failures(failed)
    worse = change if change is not None and _is_worse(change, series, policy) else None
    if change is not None:
        slower = min(1.0, 2 * min(slower, 1.0 if worse is None else worse.slower))
    return Finding(
        series=series,
        draft=_with_quantiles(series, draft, policy, parts),
        failed=failed,
        slower=slower,
        faster=1.0,
        successes=worse,
    )


def _without_failures(series: Series, draft: Verdict, parts: _Parts, policy: GatePolicy, noise: Noise) -> Finding:
    """Compare the successes alone where only the baseline's quantile falls on failed requests.

    Beside such a quantile every run without errors would look faster, however slow it is.
    """
    failed = _count_failures(*parts)
    change = _successes(series, parts, policy, noise)
    if change is not None:
        runs = sum(bool(np.isfinite(run).any()) for run in parts[0])
        return _changed(series, replace(draft, baseline_runs=runs), change, failed, left_out=True)
    reason = messages.baseline_fails(name(policy.quantile), failed, paired=series.paired)
    return _settled(series, _with_quantiles(series, draft, policy, parts), reason)


def _successes(series: Series, parts: _Parts, policy: GatePolicy, noise: Noise) -> Change | None:
    """Return the change of the requests that did not fail; ``None`` where they are too few."""
    if series.paired:  # of a pair with a failure, neither side has its counterpart
        both = np.isfinite(parts[0][0]) & np.isfinite(parts[1])
        before, now = [parts[0][0][both]], [parts[1][both]]
    else:
        before, now = ([run[np.isfinite(run)] for run in runs] for runs in (parts[0], [parts[1]]))
    if min(sum(run.size for run in before), now[0].size) < MINIMUM_REQUESTS:
        return None
    return _compared(series, ([run for run in before if run.size], now[0]), policy, noise)


def _compared(series: Series, parts: _Parts, policy: GatePolicy, noise: Noise) -> Change:
    runs = Runs(baseline=parts[0], candidate=parts[1], seed=_seed(series.key, policy))
    return paired.compare(runs, policy) if series.paired else compare(runs, policy, noise)


def _is_worse(change: Change, series: Series, policy: GatePolicy) -> bool:
    moved = natural(change.baseline + change.size, series) - natural(change.baseline, series)
    return change.size >= series.change(policy) and abs(moved) > policy.floor_s


def _with_quantiles(series: Series, draft: Verdict, policy: GatePolicy, parts: _Parts) -> Verdict:
    """Return the draft with the quantiles that are not failed requests, and an endless ratio or none."""
    before, now = (
        None
        if _fails(part, policy.quantile)
        else natural(float(np.sort(part)[rank(part.size, policy.quantile) - 1]), series)
        for part in (np.concatenate(parts[0]), parts[1])
    )
    ratio = None
    if before is not None and now is None:
        ratio = math.inf if series.direction == "lower" else 0.0
    return replace(draft, baseline=before, candidate=now, ratio=ratio)
