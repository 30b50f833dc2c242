"""A worker's side of shared limits: the limiter of one benchmark, and what a session's benchmarks have in common.

What nobody limits is not asked for: it goes at once, by the limits that the provider itself states,
of which each worker takes its part. Only a refusal is told, and then all wait.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llm_latency.errors import BudgetError, LatencyError
from pytest_llm_latency.execution.budget import BENCHMARK, SESSION, Meter
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.limiter import LocalLimiter
from pytest_llm_latency.execution.paced_client import PacedClient, Restraints
from pytest_llm_latency.execution.pacing import Admission, Answered, Claim
from pytest_llm_latency.execution.rate_limits import relevant
from pytest_llm_latency.execution.sharing import kinds, messages
from pytest_llm_latency.execution.sharing.messages import Controller, Grant, Hold, Idle, Lane, Settled, Stop
from pytest_llm_latency.execution.sharing.stock import Stock
from pytest_llm_latency.execution.spending import Expectations, Use
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Budget, Notice, Plan
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.units import nanoseconds, seconds
from pytest_llm_latency.wire import from_builtins, to_builtins


class CountedElsewhere(Meter):
    """A budget that the controller keeps: here it has no end, and what a request used must be known all the same."""

    @property
    def until_ns(self) -> int | None:
        """No moment: the controller says when."""
        return None

    def exceeded(self, expected: Use, now_ns: int) -> Notice | None:  # noqa: ARG002  (the meter's)
        """Nothing: the controller says what."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered(Admission):
    """An admission under the number that the controller knows it by."""

    number: int


class SharedLimits:
    """What the benchmarks of one worker have in common; ``share`` is its part of limits that only a provider states.

    ``take`` is called in another thread than the benchmarks'.
    """

    def __init__(self, budget: Budget, controller: Controller, clock: Clock, *, share: float) -> None:
        self._budget = budget
        self._controller = controller
        self._clock = clock
        self._local = LocalLimiter(clock, share=share)
        self._expectations = Expectations()
        self._numbers = itertools.count(1)
        self._stocks: dict[int, Stock] = {}
        self._takes: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            kinds.GRANT: self._granted,
            kinds.STOP: self._stopped,
            kinds.IDLE: self._limited,
            kinds.HOLD: self._held,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of messages that ``take`` takes."""
        return tuple(self._takes)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in what the controller says."""
        self._takes[kind](body)

    def lost(self, error: LatencyError) -> None:
        """End every wait: the controller is gone."""
        for stock in list(self._stocks.values()):
            stock.end(error)

    def check(self) -> None:
        """Raise ``BudgetError`` where the session's budget leaves nothing for another benchmark."""
        if self._budget == DEFAULT_BUDGET:
            return
        message = self._controller.ask(kinds.FITS, {}).get("message")
        if message is not None:
            raise BudgetError(f"nothing was measured: {message}")

    def client(self, client: Client, plan: Plan, benchmark: str) -> PacedClient:
        """Return a client for one benchmark that sends through another one what plan and session allow."""
        budgets = ((self._budget, SESSION), (plan.budget, BENCHMARK))
        meters = [CountedElsewhere(budget=budget, scope=scope) for budget, scope in budgets]
        free = plan.pacing == DEFAULT_PACING and not any(meter.bounded for meter in meters)
        restraints = Restraints(
            pacing=plan.pacing,
            meters=[meter for meter in meters if meter.bounded],
            limiter=_Telling(self._local, self._controller) if free else SharedLimiter(self, plan, benchmark),
            expectations=self._expectations,
            clock=self._clock,
        )
        return PacedClient(client, restraints)

    def open(self, lane: Lane) -> tuple[int, Stock]:
        """Return a new stock for a lane, with its number."""
        number = next(self._numbers)
        stock = self._stocks[number] = Stock(number, lane, self._controller, self._clock)
        return number, stock

    def shut(self, number: int) -> None:
        """Give back what a lane has left."""
        self._stocks[number].end(StopMeasuring(Notice(code="ended", message="the benchmark has ended.")))

    def now_ns(self) -> int:
        """Return the present."""
        return self._clock.now_ns()

    def settle(self, settled: Settled) -> None:
        """Say what came of a request."""
        self._controller.send(kinds.SETTLE, to_builtins(settled))

    def give_back(self, request: int) -> None:
        """Say that a request was never sent."""
        self._controller.send(kinds.RETURN, to_builtins(messages.Returned(requests=(request,))))

    def _granted(self, body: Mapping[str, Any]) -> None:
        grant = from_builtins(Grant, body)
        self._stocks[grant.number].put(grant)

    def _stopped(self, body: Mapping[str, Any]) -> None:
        stop = from_builtins(Stop, body)
        self._stocks[stop.number].end(StopMeasuring(stop.notice))

    def _limited(self, body: Mapping[str, Any]) -> None:
        idle = from_builtins(Idle, body)
        self._stocks[idle.number].limit(idle.most)

    def _held(self, body: Mapping[str, Any]) -> None:
        hold = from_builtins(Hold, body)
        self._local.hold(hold.key, self._clock.now_ns() + nanoseconds(hold.for_s))


class SharedLimiter:
    """The limiter of one benchmark that limits or budgets hold."""

    def __init__(self, limits: SharedLimits, plan: Plan, benchmark: str) -> None:
        self._limits = limits
        self._plan = plan
        self._benchmark = benchmark
        self._lanes: dict[str, tuple[int, Stock]] = {}

    async def acquire(self, claim: Claim) -> Admission | None:
        """See ``Limiter``."""
        arrived_ns = self._limits.now_ns()
        if claim.key not in self._lanes:
            lane = Lane(benchmark=self._benchmark, key=claim.key, pacing=self._plan.pacing, budget=self._plan.budget)
            self._lanes[claim.key] = self._limits.open(lane)
        number, waited = await self._lanes[claim.key][1].take(claim.tokens)
        now_ns = self._limits.now_ns()
        paced = self._plan.pacing != DEFAULT_PACING
        waited_ns = now_ns - arrived_ns if waited else 0 if paced else None
        return _Numbered(claim=claim, at_ns=now_ns, waited_ns=waited_ns, requests=0, tokens=0, number=number)

    def learn(self, admission: Admission, answered: Answered | None) -> None:
        """See ``Limiter``."""
        assert isinstance(admission, _Numbered)  # noqa: S101  (the one that acquire returned)
        if answered is None:
            self._limits.give_back(admission.number)
            return
        self._limits.settle(
            Settled(
                request=admission.number,
                http_status=answered.http_status,
                headers=relevant(answered.headers),
                age_s=seconds(max(0, self._limits.now_ns() - answered.at_ns)),
                tokens=answered.tokens,
                dollars=answered.dollars,
                idle=self._lanes[admission.claim.key][1].idle,
            )
        )

    def close(self) -> None:
        """See ``Limiter``."""
        for number, _ in self._lanes.values():
            self._limits.shut(number)


class _Telling:
    """The limiter of a benchmark that only its provider limits: what makes it wait makes the other workers wait."""

    def __init__(self, local: LocalLimiter, controller: Controller) -> None:
        self._local = local
        self._controller = controller

    async def acquire(self, claim: Claim) -> Admission | None:
        """See ``Limiter``."""
        return await self._local.acquire(claim)

    def learn(self, admission: Admission, answered: Answered | None) -> None:
        """See ``Limiter``."""
        key = admission.claim.key
        before_ns = self._local.held_until_ns(key)
        self._local.learn(admission, answered)
        held_ns = self._local.held_until_ns(key)
        if held_ns > before_ns and answered is not None:
            hold = Hold(key=key, for_s=seconds(max(0, held_ns - answered.at_ns)))
            self._controller.send(kinds.REFUSED, to_builtins(hold))

    def close(self) -> None:
        """See ``Limiter``."""
