"""The gate of the error rate: do more requests fail than in the baseline?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_llm_latency.model import Verdict, VerdictStatus
from pytest_llm_latency.stats import messages, sequential
from pytest_llm_latency.stats.drafts import draft
from pytest_llm_latency.stats.policy import GatePolicy, Looks
from pytest_llm_latency.stats.quantiles import Floats

MARGIN = 0.10  # a rise of the error rate by so much must be excluded for ``pass``
_MOST_REQUESTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Failed and all requests of the baseline and of the run to judge."""

    baseline_failed: int
    baseline: int
    candidate_failed: int
    candidate: int

    def turned(self) -> "Counts":
        """Return the counts with baseline and candidate exchanged."""
        return Counts(
            baseline_failed=self.candidate_failed,
            baseline=self.candidate,
            candidate_failed=self.baseline_failed,
            candidate=self.baseline,
        )

    @property
    def rates(self) -> tuple[float, float]:
        """The two error rates."""
        return self.baseline_failed / self.baseline, self.candidate_failed / self.candidate


def exact(counts: Counts) -> float:
    """Return Fisher's one-sided p value of more failures in the candidate than in the baseline."""
    return min(1.0, math.fsum(_tail(counts)))


def more_failures(counts: Counts) -> float:
    """Return the mid-p value of the same test: half of the observed table's own probability less."""
    tail = _tail(counts)
    return min(1.0, math.fsum(tail) - float(tail[0]) / 2)


def _tail(counts: Counts) -> Floats:
    """Return the hypergeometric probabilities of as many failures in the candidate, and of more."""
    from scipy.special import gammaln  # noqa: PLC0415  (slow to import)

    failed, total = counts.baseline_failed + counts.candidate_failed, counts.baseline + counts.candidate
    here = np.arange(counts.candidate_failed, min(failed, counts.candidate) + 1, dtype=np.float64)

    def choose(among: Floats | float, taken: Floats | float) -> Floats:
        return np.asarray(
            gammaln(np.add(among, 1.0)) - gammaln(np.add(taken, 1.0)) - gammaln(np.subtract(among, taken) + 1)
        )

    logs = (
        choose(float(counts.candidate), here)
        + choose(float(counts.baseline), failed - here)
        - choose(float(total), float(failed))
    )
    return np.asarray(np.exp(logs), dtype=np.float64)


def upper_bound(failed: int, requests: int, confidence: float) -> float:
    """Return the exact one-sided upper bound of a rate (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv  # noqa: PLC0415  (slow to import)

    return 1.0 if failed >= requests else float(betaincinv(failed + 1, requests - failed, confidence))


def gate_error_rate(
    key: str,
    baseline: Sequence[tuple[int, int]],
    candidate: tuple[int, int],
    policy: GatePolicy,
    looks: Looks | None = None,
) -> Verdict:
    """Judge the error rate of a run against its accepted runs, each as failed and all requests.

    ``regressed`` needs an exact one-sided test below alpha (spread over ``policy.family`` where
    it is given) and a rate of at least 1 + tolerance times the baseline's. ``pass`` needs an upper
    bound of the rate less than ``MARGIN`` above the baseline's. ``looks`` is as in ``Series``.
    """
    counts = Counts(
        baseline_failed=sum(failed for failed, _ in baseline),
        baseline=sum(requests for _, requests in baseline),
        candidate_failed=candidate[0],
        candidate=candidate[1],
    )
    if counts.baseline == 0:
        return draft(key, runs=len(baseline), status="no_baseline", reasons=(messages.NO_BASELINE,))
    if counts.candidate == 0:
        return draft(key, runs=len(baseline), reasons=(messages.NOT_MEASURED,))
    verdict = _judge(key, len(baseline), counts, policy, _looked_at(counts, looks))
    return verdict if looks is None else replace(verdict, information=_looked_at(counts, looks)[-1])


def _looked_at(counts: Counts, looks: Looks | None) -> tuple[float, ...]:
    return sequential.fractions(looks, counts.candidate, [counts.baseline], None)


def _judge(key: str, runs: int, counts: Counts, policy: GatePolicy, looked_at: tuple[float, ...]) -> Verdict:
    before, now = counts.rates
    more, fewer = (sequential.repeated(exact(each), looked_at, sequential.EVEN) for each in (counts, counts.turned()))
    hypotheses = policy.hypotheses(1)
    raw = more if now >= before else fewer
    alpha = sequential.nominal(policy.alpha, looked_at, sequential.EVEN)
    bound = upper_bound(counts.candidate_failed, counts.candidate, 1 - alpha)
    status: VerdictStatus = "inconclusive"
    if more * hypotheses < policy.alpha and now >= before * (1 + policy.tolerance):
        status = "regressed"
    elif fewer * hypotheses < policy.alpha and before >= now * (1 + policy.tolerance):
        status = "improved"
    elif bound < before + MARGIN:
        status = "pass"
    needed = _needed(counts, policy) if status == "inconclusive" else None
    return Verdict(
        key=key,
        status=status,
        baseline_runs=runs,
        baseline=before,
        candidate=now,
        ratio=now / before if before > 0 else math.inf if now > 0 else None,
        interval=_interval(counts, 2 * sequential.nominal(policy.alpha / 2, looked_at, sequential.EVEN)),
        raw_p_value=raw,
        p_value=min(1.0, raw * hypotheses),
        detectable=None,
        needed=needed,
        information=None,
        reasons=messages.error_rate(status, counts, min(1.0, raw * hypotheses), (bound, needed)),
    )


def _interval(counts: Counts, alpha: float) -> tuple[float, float] | None:
    """Return the interval of the ratio of rates on the log scale (Katz 1978), or none without failures."""
    from scipy.special import ndtri  # noqa: PLC0415  (slow to import)

    if not (counts.baseline_failed and counts.candidate_failed):
        return None
    before, now = counts.rates
    error = math.sqrt((1 - before) / counts.baseline_failed + (1 - now) / counts.candidate_failed)
    half = float(ndtri(1 - alpha / 2)) * error
    middle = math.log(now / before)
    return math.exp(middle - half), math.exp(middle + half)


def _needed(counts: Counts, policy: GatePolicy) -> int | None:
    """Return the requests at which the baseline's rate, seen again, would be a ``pass``."""
    rate = counts.rates[0]
    count = counts.candidate
    while count <= _MOST_REQUESTS:
        count = math.ceil(count * 1.1) + 1
        if upper_bound(math.ceil(rate * count), count, 1 - policy.alpha) < rate + MARGIN:
            return count
    return None
