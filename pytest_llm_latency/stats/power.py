"""Power: the smallest change that a run could have shown, and the requests that would show one."""

import functools
import math
from dataclasses import dataclass, replace

from pytest_llm_latency.stats.joint import Change, Contrast, one_of_two
from pytest_llm_latency.stats.probabilities import t_quantile, upper

POWER = 0.8
TAIL_CONFIDENCE = 0.85  # with which a pass excludes that the tail alone got slower by the margin
_FAR, _HALVINGS = 37.0, 60  # a score beyond all others, and the steps to a score of which no digit is lost
MOST_REQUESTS = 10_000  # beyond it the answer is to accept more baseline runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a series: the level after adjustment, and the changes as logarithms."""

    alpha: float
    hypotheses: int
    tolerance: float
    margin: float
    requests: int

    @property
    def target(self) -> float:
        """The change halfway between tolerance and margin, which a run should be able to show."""
        return math.log((math.exp(self.tolerance) + math.exp(self.margin)) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """How many requests would show which change (a logarithm)."""

    requests: int
    target: float


def detectable(change: Change, question: Question) -> float:
    """Return the ratio that the run would have shown as significant and large in 80 of 100 cases."""
    significant = _sum_of_quantiles(change, question) * math.sqrt(change.between + change.within)
    large = question.tolerance + t_quantile(POWER, change.degrees) * change.error
    return math.exp(max(significant, large))


def with_requests(change: Change, factor: float) -> Change:
    """Return the change as runs of ``factor`` times the requests would know it, baseline and candidate alike."""
    requests = max(0.0, change.error**2 - change.between)
    return replace(change, within=change.within / factor, error=math.sqrt(change.between + requests / factor))


def needed(change: Change, question: Question) -> Needed | None:
    """Return the requests a run, candidate and baseline alike, that would settle the series.

    They show the target in 80 of 100 cases, or the margin where the noise between runs hides the
    target from ``MOST_REQUESTS``. ``None`` where it hides both, and where the requests at hand
    should have been enough.
    """
    for target in (question.target, question.margin):
        allowed = _allowed(change, question, target)
        if allowed <= change.between:
            continue
        close = (_clearance(change, question) / t_quantile(1 - question.alpha / 2, change.degrees)) ** 2
        decisive = min(allowed, close) if close > change.between else allowed
        found = math.ceil(change.within * question.requests / (decisive - change.between))
        if question.requests < found <= MOST_REQUESTS:
            return Needed(requests=_rounded(found), target=target)
    return None


def needed_for_tail(tail: Contrast, question: Question) -> Needed | None:
    """Return the requests that would exclude a tail that got slower by the margin, if it did by no more than now.

    ``None`` where it did by the margin already, and where they would be more than ``MOST_REQUESTS``.
    """
    room = question.margin - max(0.0, tail.value)
    if room <= 0:
        return None
    found = math.ceil(question.requests * ((tail.highest(TAIL_CONFIDENCE) - tail.value) / room) ** 2)
    return (
        Needed(requests=_rounded(found), target=question.margin) if question.requests < found <= MOST_REQUESTS else None
    )


def _allowed(change: Change, question: Question, target: float) -> float:
    """Return the largest variance of the location with which a target shows in 80 of 100 cases."""
    large = (target - question.tolerance) / t_quantile(POWER, change.degrees)
    return min(target / _sum_of_quantiles(change, question), max(0.0, large)) ** 2


def _rounded(requests: int) -> int:
    """Return a count rounded up to two significant digits: more would be no better known."""
    step = int(10 ** max(0, len(str(requests)) - 2))
    return -(-requests // step) * step


def _clearance(change: Change, question: Question) -> float:
    """Return how far the estimate is from the nearer of the two decisions."""
    return max(question.margin - change.size, change.size - question.tolerance)


def _sum_of_quantiles(change: Change, question: Question) -> float:
    level = question.alpha / question.hypotheses
    alone = level if change.tail is None else _level_of_location(level)
    return t_quantile(1 - alone, change.degrees) + t_quantile(POWER, change.degrees)


@functools.lru_cache(maxsize=64)
def _level_of_location(level: float) -> float:
    """Return the level of the location alone, where the tail is tested with it at a level for both."""
    low, high = -_FAR, _FAR
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if one_of_two(middle) > level else (low, middle)
    return upper(high)
