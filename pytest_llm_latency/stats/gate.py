"""The gate: is a run slower than its baseline, as far as the data can tell?

Each series is compared on its own (``findings.py``, ``joint.py``); what they share is the noise
between runs (``variance.py``) and the number of tests that the false alarms are spread over.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_llm_latency.model import Verdict, VerdictStatus
from pytest_llm_latency.stats import messages, power, sequential
from pytest_llm_latency.stats.adjustment import adjusted
from pytest_llm_latency.stats.error_rate import Counts
from pytest_llm_latency.stats.findings import Finding, examine, natural
from pytest_llm_latency.stats.joint import Change
from pytest_llm_latency.stats.policy import GatePolicy, Series
from pytest_llm_latency.stats.quantiles import name
from pytest_llm_latency.stats.variance import ASSUMED_DEGREES, Noise, pool_noise

_LARGEST_EXPONENT = 700.0
_VISIBLE = 0.03  # a difference of two ratios that a reader would ask about


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A finding with its adjusted p values and what all series of the session share."""

    finding: Finding
    slower: float
    faster: float
    policy: GatePolicy
    noise: Noise
    hypotheses: int
    looked_at: tuple[float, ...]

    @property
    def confidence(self) -> float:
        """The confidence of an interval here that holds with 1 − alpha over all looks."""
        return sequential.confidence(self.policy.alpha, self.looked_at)

    @property
    def tail_confidence(self) -> float:
        """That with which a slower tail is excluded here, over all looks."""
        if self.looked_at == sequential.SINGLE:
            return power.TAIL_CONFIDENCE
        return 1 - sequential.nominal(1 - power.TAIL_CONFIDENCE, self.looked_at)

    @property
    def raw_p_value(self) -> float:
        """The p value of the series alone, in the direction of its change."""
        found = self.finding.slower if self.got_slower else self.finding.faster
        return 1.0 if found is None else found

    @property
    def p_value(self) -> float:
        """The adjusted p value in the direction of the change."""
        return self.slower if self.got_slower else self.faster

    @property
    def got_slower(self) -> bool:
        """Whether the change is towards slower."""
        change = self.finding.change
        return self.slower <= self.faster if change is None else change.size >= 0


def gate(series: Sequence[Series], policy: GatePolicy, *, noise: Noise | None = None) -> list[Verdict]:
    """Judge every series and return their verdicts in the same order.

    ``noise`` is what ``pool_noise`` made of the whole session's baselines; without it, those of
    the given series are taken. A verdict depends on the data, the policy, the noise and the
    series' key, and on the other series only through the adjustment of its p value.
    """
    shared = _own_noise(series, policy) if noise is None else noise
    findings = [examine(each, policy, shared) for each in series]
    looked_at = [_looked_at(each.series, each.change) for each in findings]
    findings = [_repeated(each, fractions) for each, fractions in zip(findings, looked_at, strict=True)]
    slower = adjusted([each.slower for each in findings], policy, elsewhere=policy.elsewhere)
    faster = adjusted([each.faster for each in findings], policy)
    hypotheses = policy.hypotheses(sum(each is not None for each in slower))
    return [
        finding.draft
        if up is None or down is None
        else _judge(
            _Case(
                finding=finding,
                slower=up,
                faster=down,
                policy=policy,
                noise=shared,
                hypotheses=hypotheses,
                looked_at=fractions,
            )
        )
        for finding, up, down, fractions in zip(findings, slower, faster, looked_at, strict=True)
    ]


def _looked_at(series: Series, change: Change | None) -> tuple[float, ...]:
    """Return the share of the planned information at each look."""
    baseline = [size for run in series.baseline if (size := np.size(run))]
    return sequential.fractions(series.looks, np.size(series.candidate), baseline, change)


def _information(case: _Case, change: Change) -> float | None:
    """Return the share of the planned information on what is open: on the estimate, or where it alone is, on the tail.

    Both scatter more between requests than the location does. ``None`` where the run was not looked at.
    """
    if case.finding.series.looks is None:
        return None
    within = max(change.within, change.error**2 - change.between)
    if change.tail is not None and _only_tail_is_open(case, change):
        within = max(within, change.tail.variance)
    return _looked_at(case.finding.series, replace(change, within=within))[-1]


def _repeated(finding: Finding, looked_at: tuple[float, ...]) -> Finding:
    """Return the finding with p values that allow for every look; those of a single one stay as they are."""
    if finding.slower is None or finding.faster is None or looked_at == sequential.SINGLE:
        return finding
    slower, faster = (sequential.repeated(each, looked_at) for each in (finding.slower, finding.faster))
    return replace(finding, slower=slower, faster=faster)


def _own_noise(series: Sequence[Series], policy: GatePolicy) -> Noise:
    return pool_noise([each.baseline for each in series], policy, directions=[each.direction for each in series])


def _judge(case: _Case) -> Verdict:
    change, failed = case.finding.change, case.finding.failed
    if change is not None:
        return _judge_change(case, change)
    return case.finding.draft if failed is None else _judge_failures(case, failed)


def _judge_change(case: _Case, change: Change) -> Verdict:
    series, draft = case.finding.series, case.finding.draft
    low, high = change.interval(case.confidence)
    status = _status(case, change)
    ends = sorted((_ratio(low, series), _ratio(high, series)))
    question = _question(case, case.finding.failed)
    information = _information(case, change)
    saturated = information is not None and sequential.SATURATED <= information < 1  # at 1 it ran to its end
    needed = _needed(case, change, question) if status == "inconclusive" and not saturated else None
    verdict = replace(
        draft,
        status=status,
        ratio=_ratio(change.size, series),
        interval=(ends[0], ends[1]),
        raw_p_value=case.raw_p_value,
        p_value=case.p_value,
        detectable=_ratio(math.log(power.detectable(change, question)), series),
        needed=None if needed is None else needed.requests,
        information=information,
    )
    target = None if needed is None else _ratio(needed.target, series)
    return replace(verdict, reasons=_reasons(case, change, verdict, target))


def _needed(case: _Case, change: Change, question: power.Question) -> power.Needed | None:
    if change.tail is not None and _only_tail_is_open(case, change):
        return power.needed_for_tail(change.tail, question)
    return power.needed(change, question)


def _only_tail_is_open(case: _Case, change: Change) -> bool:
    """Say whether nothing but a slower tail keeps the change from being excluded."""
    return change.interval(case.confidence)[1] < math.log1p(case.policy.margin)


def _status(case: _Case, change: Change) -> VerdictStatus:
    """Return what the change is: both significant and large, or excluded, or open."""
    policy, series = case.policy, case.finding.series
    enough = series.change(policy)
    before = natural(change.baseline, series)

    def moved(size: float) -> float:
        return abs(natural(change.baseline + size, series) - before)

    large = moved(change.size) > policy.floor_s
    if case.slower < policy.alpha and change.size >= enough and large:
        return "regressed"
    if case.faster < policy.alpha and -change.size >= enough and large:
        return "improved"
    high = change.interval(case.confidence)[1]
    if change.tail is not None:
        high = max(high, change.tail.highest(case.tail_confidence))
    small = policy.floor_s > 0 and max(moved(high), moved(change.size)) <= policy.floor_s
    return "pass" if high < math.log1p(policy.margin) or small else "inconclusive"


def _ratio(size: float, series: Series) -> float:
    return math.exp(min(-size if series.direction == "higher" else size, _LARGEST_EXPONENT))


def _question(case: _Case, failed: Counts | None) -> power.Question:
    return power.Question(
        alpha=sequential.nominal(case.policy.alpha, case.looked_at),
        hypotheses=case.hypotheses,
        tolerance=case.finding.series.change(case.policy),
        margin=math.log1p(case.policy.margin),
        requests=0 if failed is None else failed.candidate,
    )


def _reasons(case: _Case, change: Change, verdict: Verdict, target: float | None) -> tuple[str, ...]:
    policy, series, failed = case.policy, case.finding.series, case.finding.failed
    pairs = failed.candidate if failed is not None and series.paired else None
    told = [
        messages.change(name(policy.quantile), verdict, series.unit, policy.alpha, pairs=pairs),
        _open(case, change, verdict, target) if verdict.status == "inconclusive" else _tail(case, change, verdict),
        None if series.looks is None else messages.looks(len(case.looked_at)),
        _together(case, change, verdict),
        _noise(case, verdict),
        _zeros(series),
        _failed(case),
    ]
    return tuple(each for each in told if each is not None)


def _open(case: _Case, change: Change, verdict: Verdict, target: float | None) -> str:
    """Say what an inconclusive series leaves open, and what would settle it."""
    if change.tail is None or not _only_tail_is_open(case, change):
        return messages.inconclusive(verdict, target, paired=case.finding.series.paired)
    most = _ratio(change.tail.highest(case.tail_confidence), case.finding.series)
    return messages.open_tail(case.policy.quantile, most, verdict.needed)


def _tail(case: _Case, change: Change, verdict: Verdict) -> str | None:
    """Say that the tail decided, where it did."""
    sign = {"regressed": 1, "improved": -1}.get(verdict.status, 0)
    if change.tail is None or not sign or not change.is_of_the_tail(sign):
        return None
    return messages.of_the_tail(case.policy.quantile, _ratio(change.tail.value, case.finding.series))


def _together(case: _Case, change: Change, verdict: Verdict) -> str | None:
    alone = _ratio(change.candidate - change.baseline, case.finding.series)
    if verdict.baseline and verdict.candidate is not None:  # what a reader divides
        alone = verdict.candidate / verdict.baseline
    if verdict.ratio is None or abs(alone - verdict.ratio) <= _VISIBLE * verdict.ratio:
        return None
    return messages.together(case.policy.quantiles, alone)


def _noise(case: _Case, verdict: Verdict) -> str | None:
    deviation = case.noise.run_variance**0.5
    if case.finding.series.paired:
        return messages.INTERLEAVED
    if case.noise.runs < ASSUMED_DEGREES:
        return messages.assumed_noise(deviation, case.noise.runs)
    return messages.borrowed_noise(deviation) if verdict.baseline_runs == 1 else None


def _zeros(series: Series) -> str | None:
    if series.direction == "higher":  # of which zero is a failure
        return None
    now = int(np.count_nonzero(np.asarray(series.candidate) == 0))
    before = sum(int(np.count_nonzero(np.asarray(run) == 0)) for run in series.baseline)
    return messages.zeros(now, before) if now or before else None


def _failed(case: _Case) -> str | None:
    failed, quantile = case.finding.failed, name(case.policy.quantile)
    if failed is not None and case.finding.left_out:
        return messages.left_out(quantile, failed, paired=case.finding.series.paired)
    if failed is not None and failed.candidate_failed:
        return messages.failures_rank(failed.candidate_failed, failed.candidate)
    return None


def _judge_failures(case: _Case, failed: Counts) -> Verdict:
    """Judge a run whose quantile falls on failed requests, by their number and by the successes."""
    draft, series, change = case.finding.draft, case.finding.series, case.finding.successes
    dead = failed.candidate_failed == failed.candidate and draft.baseline is not None
    verdict = replace(
        draft,
        status="regressed" if case.slower < case.policy.alpha or dead else "inconclusive",
        raw_p_value=case.raw_p_value,
        p_value=case.p_value,
        information=case.looked_at[-1] if series.looks is not None else None,
    )
    quantile = name(case.policy.quantile)
    reasons = (messages.failures(quantile, verdict, failed, paired=series.paired),)
    if change is None:
        return replace(verdict, reasons=reasons)
    before, now = natural(change.baseline, series), natural(change.candidate, series)
    alone = messages.successes(quantile, (before, now), _ratio(change.size, series), series.unit)
    ratio = _ratio(change.size, series) if draft.ratio is None else draft.ratio
    return replace(verdict, ratio=ratio, reasons=(*reasons, alone))
