"""A client that holds each request back until limits and budgets let it go, and counts what it uses up."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_llm_latency.errors import BudgetError
from pytest_llm_latency.execution import handover, spending
from pytest_llm_latency.execution.budget import Meter
from pytest_llm_latency.execution.client import CancelledRequest, Client
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.limiter import Limiter
from pytest_llm_latency.execution.pacing import Admission, Answered, Claim
from pytest_llm_latency.execution.spending import NOTHING, Expectations, Spent, Use
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Decoded, Notice, Pacing, Recording, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraints:
    """What holds the requests of one benchmark back; all but its own pacing and meter belong to the session."""

    pacing: Pacing
    meters: Sequence[Meter]
    limiter: Limiter
    expectations: Expectations
    clock: Clock


@dataclass(slots=True, kw_only=True)
class _Passage:
    """One request on its way: since when, what is set aside for it, and whether it was held.

    ``held`` is ``None`` where nothing of this client could hold it; the limiter may have.
    """

    request: Request
    key: str
    arrived_ns: int
    gates: contextlib.AsyncExitStack
    held: bool | None = None
    admission: Admission | None = None
    expected: Use = NOTHING

    def paced_ns(self, now_ns: int) -> int | None:
        """Return how long the request waited, ``None`` where nothing applied that could hold it."""
        if self.held or (self.admission is not None and self.admission.waited_ns):
            return now_ns - self.arrived_ns
        return None if self.held is None and (self.admission is None or self.admission.waited_ns is None) else 0


class PacedClient:
    """Sends through another client what the restraints let go; the waiting is recorded as ``paced_ns``.

    A request that a budget does not allow, or that would wait in vain, is not sent, and none after
    it: when those under way have finished, ``StopMeasuring`` is raised. ``BudgetError`` is raised
    where a budget cannot be kept because what a request used up is not known.
    """

    def __init__(self, client: Client, restraints: Restraints) -> None:
        self._client = client
        self._restraints = restraints
        most = restraints.pacing.max_concurrency
        self._room = None if most is None else asyncio.Semaphore(most)
        self._scout = asyncio.Lock()
        self._counts_use = any(meter.counts_use for meter in restraints.meters)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._stopped: Notice | None = None
        self._broken: BudgetError | None = None
        self.spent = Spent()

    async def send(self, request: Request) -> Recording:
        """Wait, send, and take note of what came."""
        now_ns = self._restraints.clock.now_ns()
        for meter in self._restraints.meters:
            meter.begin(now_ns)
        async with contextlib.AsyncExitStack() as gates:
            passage = _Passage(request=request, key=spending.account(request), arrived_ns=now_ns, gates=gates)
            try:
                admission = await self._admitted(passage)
            except asyncio.CancelledError as cancelled:
                raise CancelledRequest(self._unsent(passage), *cancelled.args) from cancelled
            except StopMeasuring as stop:
                self._stopped = stop.notice
            else:
                return await self._sent(passage, admission)
        while self._under_way:
            await self._idle.wait()
        raise StopMeasuring(self._stopped)

    def decode(self, recording: Recording) -> Decoded:
        """Return what a recording says."""
        return self._client.decode(recording)

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:
        """Return what was decoded with what takes a while."""
        return self._client.settle(recording, decoded)

    def close(self) -> None:
        """Let go of connections."""
        self._restraints.limiter.close()
        self._client.close()

    async def _admitted(self, passage: _Passage) -> Admission:
        """Wait for room and for the limits; set aside what the request is expected to use up."""
        if self._room is not None:
            passage.held = self._room.locked()
            await passage.gates.enter_async_context(self._room)
        await self._behind_scout(passage)
        restraints, admission = self._restraints, None
        while admission is None:
            self._check(passage)
            admission = await restraints.limiter.acquire(self._claim(passage))
        try:
            self._check(passage)
        except (BudgetError, StopMeasuring):
            restraints.limiter.learn(admission, None)
            raise
        passage.admission = admission
        for meter in restraints.meters:
            meter.reserve(passage.expected)
        return admission

    async def _behind_scout(self, passage: _Passage) -> None:
        """Let the first request go alone where a budget depends on what one uses up: nothing is known of it yet."""
        known = self._restraints.expectations.known
        if not self._counts_use or known(passage.key):
            return
        passage.held = passage.held or self._scout.locked()
        await self._scout.acquire()
        if known(passage.key):
            self._scout.release()
        else:
            passage.gates.callback(self._scout.release)

    def _claim(self, passage: _Passage) -> Claim:
        restraints = self._restraints
        ends_ns = [meter.until_ns for meter in restraints.meters if meter.until_ns is not None]
        return Claim(
            key=passage.key,
            tokens=restraints.expectations.claimed(passage.request, passage.key),
            pacing=restraints.pacing,
            until_ns=min(ends_ns, default=None),
        )

    def _check(self, passage: _Passage) -> None:
        if self._broken is not None:
            raise self._broken
        if self._stopped is not None:
            raise StopMeasuring(self._stopped)
        now_ns = self._restraints.clock.now_ns()
        passage.expected = self._restraints.expectations.of(passage.request, passage.key)
        for meter in self._restraints.meters:
            notice = meter.exceeded(passage.expected, now_ns)
            if notice is not None:
                raise StopMeasuring(notice)

    async def _sent(self, passage: _Passage, admission: Admission) -> Recording:
        paced_ns = passage.paced_ns(self._restraints.clock.now_ns())
        recording: Recording | None = None
        self._under_way += 1
        self._idle.clear()
        try:
            recording = replace(await self._client.send(passage.request), paced_ns=paced_ns)
        except CancelledRequest as cancelled:
            recording = replace(cancelled.recording, paced_ns=paced_ns)
            raise CancelledRequest(recording, *cancelled.args) from cancelled
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
            self._settle(passage, admission, recording)
        return recording

    def _settle(self, passage: _Passage, admission: Admission, recording: Recording | None) -> None:
        """Take note of an answer, and of what it used up; a request that could not be built used nothing."""
        restraints, used = self._restraints, NOTHING
        if recording is None:
            restraints.limiter.learn(admission, None)
        else:
            counted = self._counts_use or restraints.pacing.tokens_per_minute is not None
            used = spending.used(recording, self._client, passage.expected) if counted else NOTHING
            restraints.limiter.learn(
                admission,
                Answered(
                    http_status=recording.http_status,
                    headers=recording.headers,
                    at_ns=recording.stamps.headers or restraints.clock.now_ns(),
                    tokens=used.tokens if counted else None,
                    dollars=used.dollars if counted else None,
                ),
            )
            answered = recording.status == "ok" and used != NOTHING
            if counted:
                self.spent.add(used, answered=answered)
            if counted and answered:
                restraints.expectations.note(passage.key, used)
        for meter in restraints.meters:
            try:
                meter.settle(passage.expected, used, passage.request.model)
            except BudgetError as error:
                self._broken = error
                raise

    def _unsent(self, passage: _Passage) -> Recording:
        """Return the recording of a request that its body gave up while it was held."""
        now_ns = self._restraints.clock.now_ns()
        held_ns = now_ns - passage.arrived_ns
        provider = passage.request.model.partition("/")[0]
        recording = handover.given_up(passage.request, provider=provider, started_ns=now_ns, after_ns=held_ns)
        return replace(recording, paced_ns=held_ns)
