"""The limits and budgets of one session in one process, and the clients of its benchmarks that keep to them."""

import math

from pytest_llm_latency.errors import BudgetError
from pytest_llm_latency.execution.budget import BENCHMARK, SESSION, Meter, Scope
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.limiter import Limiter
from pytest_llm_latency.execution.paced_client import PacedClient, Restraints
from pytest_llm_latency.execution.spending import NOTHING, Expectations
from pytest_llm_latency.model import Budget, Plan


class SessionLimits:
    """Shared by all benchmarks of a process; ``share`` of the budget is its own, where several measure at once."""

    def __init__(self, budget: Budget, limiter: Limiter, clock: Clock, *, share: float = 1.0) -> None:
        scope = SESSION if share == 1 else Scope(owner=f"this worker's part of {SESSION.owner}", remedy=SESSION.remedy)
        self._meter = Meter(budget=_part(budget, share), scope=scope)
        self._limiter = limiter
        self._clock = clock
        self._expectations = Expectations()

    def check(self) -> None:
        """Raise ``BudgetError`` where the session's budget leaves nothing for another benchmark."""
        notice = self._meter.exceeded(NOTHING, self._clock.now_ns())
        if notice is not None:
            raise BudgetError(f"nothing was measured: {notice.message}")

    def client(self, client: Client, plan: Plan) -> PacedClient:
        """Return a client for one benchmark that sends through another one what plan and session allow."""
        meters = (self._meter, Meter(budget=plan.budget, scope=BENCHMARK))
        restraints = Restraints(
            pacing=plan.pacing,
            meters=[meter for meter in meters if meter.bounded],
            limiter=self._limiter,
            expectations=self._expectations,
            clock=self._clock,
        )
        return PacedClient(client, restraints)


def _part(budget: Budget, share: float) -> Budget:
    """Return the part of a budget that one of several processes may use up; time passes for all of them at once."""
    return Budget(
        requests=None if budget.requests is None else math.floor(budget.requests * share),
        seconds=budget.seconds,
        tokens=None if budget.tokens is None else math.floor(budget.tokens * share),
        dollars=None if budget.dollars is None else budget.dollars * share,
    )
