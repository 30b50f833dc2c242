"""The accounts of what several workers share: who may send how many requests now, and who is told what.

Nothing here waits, sends or looks at a clock: every method is given the moment, ``advance`` returns
what is to be said to whom, and ``due_ns`` is when to ask again. Workers are served in the order in
which their requests came; what they ask for ahead of a request comes after all that wait.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_llm_latency.execution.budget import BENCHMARK, SESSION, Meter
from pytest_llm_latency.execution.pacing import Admission, Answered, Claim, Pace
from pytest_llm_latency.execution.sharing.messages import Grant, Hold, Idle, Lane, Returned, Settled, Stop, Told, Want
from pytest_llm_latency.execution.spending import NOTHING, Expectations, Use
from pytest_llm_latency.model import Budget, Notice
from pytest_llm_latency.units import nanoseconds, seconds

MOST_IDLE = 16  # requests that a worker may keep for later where nothing says fewer
_MARGIN = 4  # times what all workers may keep: with less left of a budget, nobody may keep any
_REFUSED = "the provider {reason}. Check the quota of the key, lower the load, or measure later."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One request that was let go and has not been heard of since."""

    worker: str
    lane: Lane
    admission: Admission
    expected: Use


@dataclass(slots=True, kw_only=True)
class _Queue:
    """Who waits in one lane, in order; ``numbers`` are the workers' own names of the lane."""

    waiting: deque[str] = field(default_factory=deque)
    ahead: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, int] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)
    tokens: float = 0.0
    most: int = 0


class Ledger:
    """The limits and budgets of one session; ``workers`` is how many share them."""

    def __init__(self, budget: Budget, workers: int) -> None:
        self.workers = workers
        self.due_ns: int | None = None
        self._session = Meter(budget=budget, scope=SESSION)
        self._meters: dict[str, Meter] = {}
        self._paces: dict[str, Pace] = {}
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._queues: dict[Lane, _Queue] = {}
        self._given: dict[int, _Given] = {}
        self._under_way: Counter[str] = Counter()
        self._numbered = 0
        self._expectations = Expectations()
        self._told: dict[tuple[str, Lane], list[int]] = {}
        self._said: list[tuple[str, Told]] = []

    def want(self, worker: str, want: Want, now_ns: int) -> None:
        """Take in what a worker asks for."""
        lane = self._lanes[worker, want.number] if want.lane is None else want.lane
        self._lanes[worker, want.number] = lane
        queue = self._queues.setdefault(lane, _Queue())
        queue.numbers[worker] = want.number
        queue.tokens = want.tokens
        queue.ahead[worker] = max(0, queue.ahead[worker] + want.ahead)
        queue.waiting.extend([worker] * want.waiting)
        for _ in range(-want.waiting):
            if worker in queue.waiting:
                queue.waiting.remove(worker)
        if want.waiting > 0:
            for meter in self._meters_of(lane):
                meter.begin(now_ns)

    def settle(self, worker: str, settled: Settled, now_ns: int) -> None:
        """Take note of what came of a request; a refusal holds every worker."""
        given = self._taken(worker, settled.request)
        self._queues[given.lane].idle[worker] = settled.idle
        pace = self._paces[given.lane.key]
        held_ns = pace.held_until_ns
        answered = Answered(
            http_status=settled.http_status,
            headers=settled.headers,
            at_ns=now_ns - nanoseconds(settled.age_s),
            tokens=settled.tokens,
            dollars=settled.dollars,
        )
        pace.learn(given.admission, answered, now_ns)
        self._spend(given, settled)
        if pace.held_until_ns > held_ns:
            self.hold(Hold(key=given.lane.key, for_s=seconds(pace.held_until_ns - now_ns)), now_ns)

    def hold(self, hold: Hold, now_ns: int) -> None:
        """Take note of a refusal, and have every worker wait."""
        self._pace(hold.key).hold(now_ns + nanoseconds(hold.for_s))
        self._said.append(("", hold))
        for lane, queue in self._queues.items():
            if lane.key == hold.key:
                self._limit_idle(queue, 0)

    def give_back(self, worker: str, returned: Returned, now_ns: int) -> None:
        """Put back what was set aside for requests that are not sent."""
        for number in returned.requests:
            given = self._taken(worker, number)
            self._put_back(given, now_ns)

    def gone(self, worker: str, now_ns: int) -> None:
        """Forget a worker: what it kept for later comes back, and what it had under way is taken to be spent."""
        for lane, queue in self._queues.items():
            kept = queue.idle.pop(worker, 0)
            queue.ahead.pop(worker, None)
            queue.numbers.pop(worker, None)
            queue.waiting = deque(each for each in queue.waiting if each != worker)
            numbers = [number for number, each in self._given.items() if (each.worker, each.lane) == (worker, lane)]
            unsent = numbers[len(numbers) - min(kept, len(numbers)) :]
            for number in numbers:
                given = self._forget(number)
                if number in unsent:
                    self._put_back(given, now_ns)
                else:
                    for meter in self._meters_of(lane):
                        meter.settle(given.expected, given.expected, lane.key)

    def exceeded(self, now_ns: int) -> Notice | None:
        """Return why the session's budget leaves nothing for another benchmark, ``None`` where it does."""
        return self._session.exceeded(NOTHING, now_ns)

    def advance(self, now_ns: int) -> list[tuple[str, Told]]:
        """Let go what may go now, and return what is to be said, each beside its worker; ``""`` is for all."""
        self.due_ns = None
        going = [lane for lane, queue in self._queues.items() if queue.waiting]
        while going:
            going = [lane for lane in going if self._next(lane, now_ns)]
        for lane, queue in self._queues.items():
            most = self._most_idle(lane, queue, now_ns)
            if most < queue.most:
                self._limit_idle(queue, most)
            queue.most = most
            self._give_ahead(lane, queue, now_ns)
        said, self._said = self._said, []
        told, self._told = self._told, {}
        return [*(self._grant(*address, requests) for address, requests in told.items()), *said]

    # One request.

    def _next(self, lane: Lane, now_ns: int) -> bool:
        """Let the first that waits in a lane go, and say whether another one may follow."""
        queue = self._queues[lane]
        claim, expected = self._claim(lane, queue), self._expected(lane)
        notice = next((each for meter in self._meters_of(lane) if (each := meter.exceeded(expected, now_ns))), None)
        pace = self._pace(lane.key)
        if notice is None and (reason := pace.hopeless(claim, now_ns)) is not None:
            notice = Notice(code="rate_limit", message=_REFUSED.format(reason=reason))
        if notice is not None:
            self._stop(queue, notice)
            return False
        self._due(*(meter.until_ns for meter in self._meters_of(lane)))
        if self._full(lane):
            return False
        ready_ns = pace.ready_ns(claim, now_ns)
        if ready_ns > now_ns:
            self._due(ready_ns)
            return False
        self._give(queue.waiting.popleft(), lane, now_ns)
        return bool(queue.waiting)

    def _full(self, lane: Lane) -> bool:
        """Whether a lane has to wait for an answer: it has no room, or nothing is known yet of what one uses."""
        under_way, most = self._under_way[lane.benchmark], lane.pacing.max_concurrency
        return (most is not None and under_way >= most) or (bool(under_way) and not self._known(lane))

    def _give(self, worker: str, lane: Lane, now_ns: int) -> None:
        queue, expected = self._queues[lane], self._expected(lane)
        admission = self._pace(lane.key).admit(self._claim(lane, queue), now_ns, None)
        for meter in self._meters_of(lane):
            meter.reserve(expected)
        self._numbered += 1
        self._under_way[lane.benchmark] += 1
        self._given[self._numbered] = _Given(worker=worker, lane=lane, admission=admission, expected=expected)
        self._told.setdefault((worker, lane), []).append(self._numbered)

    def _give_ahead(self, lane: Lane, queue: _Queue, now_ns: int) -> None:
        """Let workers have what they expect to send soon, while nobody waits and there is plenty."""
        if queue.waiting or not queue.most:
            return
        claim, pace = self._claim(lane, queue), self._pace(lane.key)
        for worker in list(+queue.ahead):
            queue.ahead[worker] = min(queue.most, queue.ahead[worker])
            while queue.ahead[worker]:
                ready_ns = pace.ready_ns(claim, now_ns)
                if ready_ns > now_ns:
                    self._due(ready_ns)
                    return
                queue.ahead[worker] -= 1
                self._give(worker, lane, now_ns)

    def _taken(self, worker: str, number: int) -> _Given:
        given = self._given.get(number)
        if given is None or given.worker != worker:
            raise LookupError(f"request {number} was not let go for it")
        return self._forget(number)

    def _forget(self, number: int) -> _Given:
        given = self._given.pop(number)
        self._under_way[given.lane.benchmark] -= 1
        return given

    def _put_back(self, given: _Given, now_ns: int) -> None:
        self._paces[given.lane.key].give_back(given.admission, now_ns)
        for meter in self._meters_of(given.lane):
            meter.give_back(given.expected)

    def _spend(self, given: _Given, settled: Settled) -> None:
        expected = given.expected
        used = NOTHING
        if settled.tokens is not None:  # a price that is not known is an error of its own, which the worker raises
            dollars = expected.dollars if settled.dollars is None else settled.dollars
            used = Use(tokens=settled.tokens, dollars=dollars)
        for meter in self._meters_of(given.lane):
            meter.settle(expected, used, given.lane.key)
        if used != NOTHING:
            self._expectations.note(given.lane.key, used)

    def _stop(self, queue: _Queue, notice: Notice) -> None:
        for worker in dict.fromkeys(queue.waiting):
            self._said.append((worker, Stop(number=queue.numbers[worker], notice=notice)))
        queue.waiting.clear()

    # What may be kept for later.

    def _most_idle(self, lane: Lane, queue: _Queue, now_ns: int) -> int:
        """Return how many requests each worker may keep: few beside what limits and budgets let go at once."""
        if lane.pacing.max_concurrency is not None or not self._known(lane):
            return 0
        pace, workers = self._pace(lane.key), max(1, self.workers)
        if pace.held_until_ns > now_ns:
            return 0
        expected = self._expected(lane)
        room = min(meter.room(expected) for meter in self._meters_of(lane))
        most = int(min(MOST_IDLE, pace.most_at_once(self._claim(lane, queue), now_ns) / workers))
        return most if room >= _MARGIN * workers * most else 0

    def _limit_idle(self, queue: _Queue, most: int) -> None:
        queue.most = most
        queue.ahead.clear()
        for worker, number in queue.numbers.items():
            self._said.append((worker, Idle(number=number, most=most)))

    def _grant(self, worker: str, lane: Lane, requests: list[int]) -> tuple[str, Told]:
        queue = self._queues[lane]
        number, ahead = queue.numbers[worker], queue.ahead[worker]
        return worker, Grant(number=number, requests=tuple(requests), most=queue.most, ahead=ahead)

    # What is known of a lane.

    def _claim(self, lane: Lane, queue: _Queue) -> Claim:
        tokens = max(queue.tokens, self._mean(lane.key).tokens)
        return Claim(key=lane.key, tokens=tokens, pacing=lane.pacing, until_ns=None)

    def _expected(self, lane: Lane) -> Use:
        if self._expectations.known(lane.key):
            return self._mean(lane.key)
        return Use(tokens=self._queues[lane].tokens, dollars=0.0)

    def _mean(self, key: str) -> Use:
        return self._expectations.mean(key) or NOTHING

    def _known(self, lane: Lane) -> bool:
        counts = any(meter.counts_use for meter in self._meters_of(lane))
        return not counts or self._expectations.known(lane.key)

    def _pace(self, key: str) -> Pace:
        return self._paces.setdefault(key, Pace(key, 1.0))

    def _meters_of(self, lane: Lane) -> Iterator[Meter]:
        yield self._session
        yield self._meters.setdefault(lane.benchmark, Meter(budget=lane.budget, scope=BENCHMARK))

    def _due(self, *moments_ns: int | None) -> None:
        known = [each for each in (self.due_ns, *moments_ns) if each is not None]
        self.due_ns = min(known, default=None)
