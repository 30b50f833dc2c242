"""What the gate is asked: the policy of a session and the series to compare."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from pytest_llm_latency.metrics import Direction, Unit
from pytest_llm_latency.stats.readable import check

MINIMUM_REQUESTS = 8  # fewer are not compared
_BODY = (0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """How sure the gate has to be, and of what.

    ``alpha`` bounds the false alarms of a session. A series is ``regressed`` when it is
    significantly slower, by at least ``tolerance`` and by more than ``floor_s``; it is ``pass``
    when its interval stays under ``margin``. ``assumed_noise`` is the standard deviation of the
    logarithm between runs of the same code, as far as the baseline's runs do not tell.
    ``family`` is the number of series of the whole session: those that are not given yet are
    counted with a p value of 1, so that a verdict ``regressed`` stands when they arrive.
    ``elsewhere`` has the p values of getting slower of series that were judged before these.
    """

    alpha: float = 0.05
    tolerance: float = 0.10
    margin: float = 0.30
    floor_s: float = 0.0
    quantile: float = 0.95
    assumed_noise: float = 0.05
    seed: int = 0
    family: int | None = None
    elsewhere: tuple[float, ...] = ()

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The quantiles that are compared together; the last is the one that is judged."""
        return (*(each for each in _BODY if each < self.quantile), self.quantile)

    def hypotheses(self, tested: int) -> int:
        """Return the number of tests that the session's false alarms are spread over."""
        return max(1, tested, 0 if self.family is None else self.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """At which sizes a growing sample was looked at ``before`` the present one; ``planned`` is the largest.

    ``beside`` has the requests of each accepted run where only as many of them count as the sample
    has, so that they grow with it; ``None`` where all of them always count.
    """

    before: tuple[int, ...]
    planned: int
    beside: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric of one step: the accepted runs and the run to judge, in the order of the requests.

    Each run is one-dimensional. A failed request is ``math.inf``; where higher is better, ``0.0``
    is a failed request too. ``tolerance`` stands before the policy's. ``unit`` is for the reasons.
    ``looks`` is how a candidate was looked at while it grew, ``None`` for once, at its end.
    ``paired`` says that the baseline is one run that was interleaved with the one to judge: request
    ``i`` of it was measured right beside request ``i`` of the other.

    Raises:
        StatisticsError: a run is no row of numbers, or one of them is not-a-number.
    """

    key: str
    baseline: Sequence[ArrayLike]
    candidate: ArrayLike
    direction: Direction = "lower"
    tolerance: float | None = None
    unit: Unit = "s"
    looks: Looks | None = None
    paired: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no row of numbers."""
        for number, run in enumerate(self.baseline):
            check(run, f"series {self.key!r}: baseline[{number}]")
        check(self.candidate, f"series {self.key!r}: candidate")

    def change(self, policy: GatePolicy) -> float:
        """Return the logarithm of the smallest change that counts."""
        return math.log1p(policy.tolerance if self.tolerance is None else self.tolerance)
