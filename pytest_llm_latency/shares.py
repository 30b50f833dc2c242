"""The limits and budgets that hold in this process: its own, or those that it shares with other workers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import plan as plans
from pytest_llm_latency.errors import ChannelError
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.model import Budget, Plan
from pytest_llm_latency.options import Settings

if TYPE_CHECKING:
    from pytest_llm_latency.execution.client import Client
    from pytest_llm_latency.execution.paced_client import PacedClient
    from pytest_llm_latency.execution.sharing.limiter import SharedLimits
    from pytest_llm_latency.workers.link import Link

_WITHIN_S = 30.0


def session_budget(settings: Settings) -> Budget:
    """Return what a whole session may use up."""
    return Budget(**{name: settings[f"budget-{name}"] for name in plans.BUDGETS})


class Limits:
    """The limits of a session's benchmarks; ``link`` leads to the controller that keeps them for several workers.

    ``share`` is this process's part of limits that only the provider states.
    """

    def __init__(self, settings: Settings, link: "Link | None", share: float) -> None:
        from pytest_llm_latency.execution.limiter import LocalLimiter  # noqa: PLC0415  (only a measuring process)
        from pytest_llm_latency.execution.session_limits import SessionLimits  # noqa: PLC0415  (the same)
        from pytest_llm_latency.execution.sharing.limiter import SharedLimits  # noqa: PLC0415  (the same)

        budget, clock = session_budget(settings), MonotonicClock()
        self._own = SessionLimits(budget, LocalLimiter(clock), clock) if link is None else None
        self._shared = None if link is None else SharedLimits(budget, _Controller(link), clock, share=share)
        if link is not None and self._shared is not None:
            _connect(link, self._shared)

    def check(self) -> None:
        """Raise ``BudgetError`` where the session's budget leaves nothing for another benchmark."""
        for limits in (self._own, self._shared):
            if limits is not None:
                limits.check()

    def client(self, client: "Client", plan: Plan, benchmark: str) -> "Client":
        """Return a client for one benchmark that sends through another one what plan and session allow.

        Where the plan has retries, each attempt is held back and counted like a request of its own.
        """
        from pytest_llm_latency.execution.retrying_client import RetryingClient  # noqa: PLC0415  (the same)

        paced = self._paced(client, plan, benchmark)
        return RetryingClient(paced, plan.retries, MonotonicClock()) if plan.retries.most else paced

    def _paced(self, client: "Client", plan: Plan, benchmark: str) -> "PacedClient":
        if self._shared is not None:
            return self._shared.client(client, plan, benchmark)
        assert self._own is not None  # noqa: S101  (there is one of the two)
        return self._own.client(client, plan)


class _Controller:
    """The controller, as a link reaches it."""

    def __init__(self, link: "Link") -> None:
        self._link = link

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        self._link.send(kind, body)

    def ask(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._link.ask(kind, body).result(_WITHIN_S).body
        except TimeoutError:
            raise ChannelError(
                f"the controller did not answer within {_WITHIN_S:g} s: is its machine overloaded?"
            ) from None


def _connect(link: "Link", shared: "SharedLimits") -> None:
    for kind in shared.kinds:
        link.hear(kind, lambda message: shared.take(message.kind, message.body))
    link.ended.add_done_callback(lambda ended: shared.lost(ended.result()))
