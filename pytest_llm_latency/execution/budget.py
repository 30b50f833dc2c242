"""Budgets: what is used up, what is under way, and whether one more request fits."""

import math
from dataclasses import dataclass

from pytest_llm_latency import units
from pytest_llm_latency.errors import BudgetError
from pytest_llm_latency.execution.spending import NOTHING, Use
from pytest_llm_latency.model import Budget, Notice
from pytest_llm_latency.plan import DEFAULT_BUDGET

CODE = "budget"
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose budget it is, and how its user raises it: ``{name}`` stands for the bound's."""

    owner: str
    remedy: str


BENCHMARK = Scope(owner="the test's", remedy="Raise {name!r} in budget= of its marker, or lower requests.")
SESSION = Scope(
    owner="the session's", remedy="Raise --llm-latency-budget-{name}, lower requests, or select fewer tests."
)


@dataclass(slots=True, kw_only=True)
class Meter:
    """Counts what requests use up of one budget; its time begins with the first request."""

    budget: Budget
    scope: Scope
    began_ns: int | None = None
    requests: int = 0
    answered: int = 0
    used: Use = NOTHING
    under_way: Use = NOTHING

    @property
    def bounded(self) -> bool:
        """Whether there is any bound."""
        return self.budget != DEFAULT_BUDGET

    @property
    def counts_use(self) -> bool:
        """Whether it has to know what each request used up."""
        return self.budget.tokens is not None or self.budget.dollars is not None

    @property
    def until_ns(self) -> int | None:
        """The moment from which no request may start."""
        if self.budget.seconds is None or self.began_ns is None:
            return None
        return self.began_ns + units.nanoseconds(self.budget.seconds)

    def begin(self, now_ns: int) -> None:
        """Start the time, once."""
        self.began_ns = now_ns if self.began_ns is None else self.began_ns

    def exceeded(self, expected: Use, now_ns: int) -> Notice | None:
        """Return which bound one more request would exceed, and what to do; ``None`` where it fits."""
        tokens = self.used.tokens + self.under_way.tokens + expected.tokens
        dollars = (self.used.dollars or 0.0) + (self.under_way.dollars or 0.0) + (expected.dollars or 0.0)
        bounds = self.budget
        if bounds.requests is not None and self.requests + 1 > bounds.requests:
            return self._notice("requests", _requests(bounds.requests), _requests(self.requests))
        if self.until_ns is not None and now_ns >= self.until_ns:
            return self._notice("seconds", units.format_seconds(bounds.seconds), _requests(self.requests))
        if bounds.tokens is not None and tokens > bounds.tokens * _ROUNDING:
            spent = f"{self.used.tokens:,.0f} tokens in {self._answers()}"
            return self._notice("tokens", f"{bounds.tokens:,} tokens", spent)
        if bounds.dollars is not None and dollars > bounds.dollars * _ROUNDING:
            spent = f"{units.format_money(self.used.dollars)} in {self._answers()}"
            return self._notice("dollars", units.format_money(bounds.dollars), spent)
        return None

    def reserve(self, expected: Use) -> None:
        """Take note that a request starts."""
        self.requests += 1
        self.under_way = _sum(self.under_way, expected, 1)

    def give_back(self, expected: Use) -> None:
        """Take note that a request was never sent."""
        self.requests -= 1
        self.under_way = _sum(self.under_way, expected, -1)

    def room(self, expected: Use) -> float:
        """Return for how many more such requests there is room."""
        bounds, tokens, dollars = self.budget, self.used.tokens + self.under_way.tokens, self.used.dollars or 0.0
        rooms = (
            (bounds.requests, self.requests, 1.0),
            (bounds.tokens, tokens, expected.tokens),
            (bounds.dollars, dollars + (self.under_way.dollars or 0.0), expected.dollars),
        )
        return min(
            ((bound - gone) / each for bound, gone, each in rooms if bound is not None and each), default=math.inf
        )

    def settle(self, expected: Use, used: Use, model: str) -> None:
        """Take note of what a request used up; raises ``BudgetError`` where it cannot be known."""
        self.under_way = _sum(self.under_way, expected, -1)
        if used.dollars is None and self.budget.dollars is not None:
            raise BudgetError(
                f"{self.scope.owner} budget of {units.format_money(self.budget.dollars)} cannot be kept, because no "
                f"price is known for {model!r}: set a budget of tokens or requests instead."
            )
        self.used = _sum(self.used, used, 1)
        self.answered += 1

    def _answers(self) -> str:
        others = self.requests - self.answered
        return f"{_requests(self.answered)}{f', {others:,} more under way,' if others else ''}"

    def _notice(self, name: str, bound: str, spent: str) -> Notice:
        message = (
            f"{self.scope.owner} budget of {bound} allows no further request, after {spent} with the warm-up. "
            f"{self.scope.remedy.format(name=name)}"
        )
        return Notice(code=CODE, message=message)


def _sum(total: Use, part: Use, sign: int) -> Use:
    return Use(
        tokens=total.tokens + sign * part.tokens,
        dollars=(total.dollars or 0.0) + sign * (part.dollars or 0.0),
    )


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
