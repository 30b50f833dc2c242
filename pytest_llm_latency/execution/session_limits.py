"""The limits and budgets of one session in one process, and the clients of its benchmarks that keep to them."""

from pytest_llm_latency.errors import BudgetError
from pytest_llm_latency.execution.budget import BENCHMARK, SESSION, Meter
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.limiter import Limiter
from pytest_llm_latency.execution.paced_client import PacedClient, Restraints
from pytest_llm_latency.execution.spending import NOTHING, Expectations
from pytest_llm_latency.model import Budget, Plan


class SessionLimits:
    """Shared by all benchmarks of a process that measures alone."""

    def __init__(self, budget: Budget, limiter: Limiter, clock: Clock) -> None:
        self._meter = Meter(budget=budget, scope=SESSION)
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
