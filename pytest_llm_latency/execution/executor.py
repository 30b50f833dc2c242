"""Runs the test body under a load: a plan and a clock turn into recordings in a recorder.

A closed loop keeps its users busy; an open loop starts each iteration at its planned moment,
however many are under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from pytest_llm_latency import interleaving, load, looks
from pytest_llm_latency.errors import BodyError, LatencyError, ProviderError, RequestFailedError
from pytest_llm_latency.execution import redaction
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.recorder import ITERATION, Iteration
from pytest_llm_latency.execution.stop import holds_stop
from pytest_llm_latency.execution.tally import Tally
from pytest_llm_latency.execution.trust import Watch
from pytest_llm_latency.model import MEASURE, WARMUP, Failure, Notice, Phase, Plan, Schedule
from pytest_llm_latency.units import nanoseconds

_ALIKE = 2  # one failure may be chance

Body = Callable[[], Awaitable[object]]


class Look(Protocol):
    """Says at each look of an adaptive run whether it goes on; nothing is under way meanwhile."""

    async def __call__(self, measured: int, /) -> Notice | None:
        """Return why the run ends after so many measured iterations, ``None`` where it goes on."""


class Meet(Protocol):
    """Brings those who divide a load together before a part of it."""

    async def __call__(self) -> int:
        """Return the moment of the clock at which all begin, once each of them is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """How one process takes part in a load: which share is its own, and what it asks the others for."""

    share: load.Share = load.WHOLE
    meet: Meet | None = None
    look: Look | None = None


ALONE = Company()


@dataclass(slots=True, kw_only=True)
class Progress:
    """What has been measured so far; complete when ``complete`` says so, usable in any case.

    ``failures`` names the measured iterations whose body raised. ``stopped`` is why no further
    iteration was begun, where a budget or the provider forbade it; ``settled`` is why none was
    needed, so that the run is complete. ``looks`` has the measured iterations at each look, and
    ``looking_ns`` is how long they took. ``skew_ns`` is how long after the moment that was agreed
    on the first part began.
    """

    done: int = 0
    planned: int = 0
    failures: dict[int, Failure] = field(default_factory=dict)
    began_ns: int | None = None
    ended_ns: int | None = None
    complete: bool = False
    stopped: Notice | None = None
    settled: Notice | None = None
    looks: tuple[int, ...] = ()
    looking_ns: int = 0
    skew_ns: int | None = None
    watch: Watch = field(default_factory=Watch)
    tally: Tally = field(default_factory=Tally)


async def measure(plan: Plan, body: Body, clock: Clock, progress: Progress, company: Company = ALONE) -> None:
    """Run the body ``warmup + requests`` times under the plan's load, or a share of them.

    The load of the warm-up is that of the measuring; it ends before the ramp-in begins, which goes
    over into the measured iterations without a pause. Raises what the body raised when its very
    first execution failed before it called ``llm``, or when every warm-up failed alike: then the
    requests that follow would cost money and tell nothing.
    Raises ``LatencyError`` for what no further iteration would mend. A run that is stopped ends
    when the requests under way have finished; ``stopped`` then says why. At the looks of the plan
    the company's ``look`` is asked whether the run goes on: the load is drained before, and goes on after.
    Where two sides are measured, the counts are those of both together.
    """
    plan = interleaving.iterations(plan)
    loop = _Iterations(body, clock, progress, counting_from=plan.warmup + plan.ramp_in)
    warmup = _warmup(plan, company.share)
    measured = _deal(plan, load.schedule(plan.load, plan.ramp_in + plan.requests), company.share)
    progress.planned = len(warmup.positions) + len(measured.positions)
    await loop.run(warmup, first=0)
    if progress.stopped is not None:
        return
    loop.give_up_after(len(warmup.positions))
    try:
        await _measured(plan, loop, clock, progress, company)
        progress.complete = progress.stopped is None
    finally:
        progress.watch.stop()
        progress.ended_ns = clock.now_ns()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dealt:
    """The part of a schedule that one process runs: positions in it, with the offsets at which they start."""

    positions: tuple[int, ...]
    offsets_s: tuple[float, ...]
    users: int | None


def _deal(plan: Plan, schedule: Schedule, share: load.Share) -> _Dealt:
    positions = load.positions(schedule, share, interleaving.block(plan))
    return _Dealt(
        positions=positions,
        offsets_s=tuple(schedule.offsets_s[position] for position in positions),
        users=load.users(schedule, share),
    )


def _warmup(plan: Plan, share: load.Share) -> _Dealt:
    """Return a process's own warm-up: whoever measures runs at least one iteration before."""
    schedule = load.schedule(plan.load, plan.warmup)
    dealt = _deal(plan, schedule, share)
    measured = load.positions(load.schedule(plan.load, plan.requests), share, interleaving.block(plan))
    idle = dealt.users == 0 or not measured
    if dealt.positions or not plan.warmup or idle:
        return dealt
    return replace(dealt, positions=(share.position % plan.warmup,), offsets_s=(0.0,))


async def _measured(plan: Plan, loop: "_Iterations", clock: Clock, progress: Progress, company: Company) -> None:
    """Run what is measured from look to look; without one it is a single part."""
    schedule = load.schedule(plan.load, plan.ramp_in + plan.requests)
    begin = 0
    for measured in () if company.look is None else looks.at(plan):
        end = plan.ramp_in + measured
        dealt = _deal(plan, _part(schedule, begin, end), company.share)
        await _together(dealt, loop, company, first=plan.warmup + begin)
        if progress.stopped is not None:
            return
        progress.watch.stop()
        progress.looks += (measured,)
        progress.ended_ns = clock.now_ns()
        progress.settled = await company.look(measured) if company.look else None
        progress.looking_ns += clock.now_ns() - progress.ended_ns
        if progress.settled is not None:
            return
        begin = end
    await _together(_deal(plan, _part(schedule, begin, None), company.share), loop, company, first=plan.warmup + begin)


async def _together(dealt: _Dealt, loop: "_Iterations", company: Company, *, first: int) -> None:
    """Run one part, beginning at the moment at which all begin."""
    start_ns = None if company.meet is None else await company.meet()
    await loop.watched(dealt, first=first, start_ns=start_ns)


def _part(schedule: Schedule, begin: int, end: int | None) -> Schedule:
    """Return a part of a schedule, which begins with its first start."""
    offsets = schedule.offsets_s[begin:end]
    return replace(schedule, offsets_s=tuple(offset - offsets[0] for offset in offsets) if begin else offsets)


class _Iterations:
    def __init__(self, body: Body, clock: Clock, progress: Progress, *, counting_from: int) -> None:
        self._body = body
        self._clock = clock
        self._progress = progress
        self._counting_from = counting_from
        self._any_call = False
        self._warmup_errors: list[Exception] = []

    def give_up_after(self, warmup: int) -> None:
        """Raise the first error when there were several warm-ups and all of them failed with it."""
        errors = self._warmup_errors
        if len(errors) < max(_ALIKE, warmup) or len({(type(error), _text(error)) for error in errors}) > 1:
            return
        if isinstance(errors[0], RequestFailedError):
            raise ProviderError(f"each of the {warmup} warm-up requests failed, so nothing was measured: {errors[0]}")
        raise errors[0]

    async def watched(self, dealt: "_Dealt", *, first: int, start_ns: int | None) -> None:
        """Run a part that counts, from a moment that was agreed on, or from now."""
        self._progress.watch.start()
        if start_ns is not None:
            await self._clock.sleep_until(start_ns)
            if self._progress.skew_ns is None:
                self._progress.skew_ns = self._clock.now_ns() - start_ns
        await self.run(dealt, first=first, start_ns=start_ns)

    async def run(self, dealt: "_Dealt", *, first: int, start_ns: int | None = None) -> None:
        begin_ns = self._clock.now_ns() if start_ns is None else start_ns
        starts = zip(dealt.positions, dealt.offsets_s, strict=True)
        due = [(first + position, begin_ns + nanoseconds(offset_s)) for position, offset_s in starts]
        try:
            async with asyncio.TaskGroup() as group:
                if dealt.users is None:
                    for index, moment_ns in due:
                        await self._clock.sleep_until(moment_ns)
                        if self._progress.stopped is not None:
                            break
                        group.create_task(self._one(self._iteration(index, scheduled_ns=moment_ns)))
                        await _read_sockets()
                else:
                    waiting = iter(due)
                    for _ in range(min(dealt.users, len(due))):
                        group.create_task(self._user(waiting))
                        await _read_sockets()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _user(self, waiting: Iterator[tuple[int, int]]) -> None:
        for index, moment_ns in waiting:
            await self._clock.sleep_until(moment_ns)
            if self._progress.stopped is not None:
                return
            await self._one(self._iteration(index, scheduled_ns=None))

    def _iteration(self, index: int, *, scheduled_ns: int | None) -> Iteration:
        """Return the iteration that starts now; the measured phase begins with the first that counts."""
        phase: Phase = WARMUP if index < self._counting_from else MEASURE
        if phase == MEASURE and self._progress.began_ns is None:
            self._progress.began_ns = self._clock.now_ns() if scheduled_ns is None else scheduled_ns
        return Iteration(index=index, phase=phase, scheduled_ns=scheduled_ns)

    async def _one(self, iteration: Iteration) -> None:
        token = ITERATION.set(iteration)
        try:
            await self._body()
            if not iteration.calls:
                raise BodyError(  # noqa: TRY301  (the same road as every other reason to stop)
                    "the test body ended without calling llm(...), so there is nothing to measure: "
                    "call the fixture in the body, as in reply = await llm('...')."
                )
        except RequestFailedError as error:
            self._note(
                iteration, error, Failure(error_class="RequestFailedError", message=_text(error), phase="provider")
            )
        except LatencyError:
            raise
        except Exception as error:
            if not iteration.calls and not self._any_call:
                raise
            failure = Failure(error_class=type(error).__name__, message=_text(error), phase="assertion")
            self._note(iteration, error, failure)
        except BaseException as error:
            if not holds_stop(error):
                raise
        finally:
            self._progress.stopped = self._progress.stopped or iteration.stopped
            self._any_call = self._any_call or bool(iteration.calls)
            ITERATION.reset(token)
            self._progress.done += 1

    def _note(self, iteration: Iteration, error: Exception, failure: Failure) -> None:
        if iteration.stopped is not None:  # it was cut off, and what its body says of that is no failure
            return
        if iteration.phase == MEASURE:
            self._progress.failures[iteration.index] = failure
        else:
            self._warmup_errors.append(error)


async def _read_sockets() -> None:
    """Let the loop look at its sockets: what begins at one moment would begin in one turn, and blind it meanwhile."""
    await asyncio.sleep(0)


def _text(error: Exception) -> str:
    lines = redaction.redact(str(error)).splitlines()
    return lines[0] if lines else type(error).__name__
