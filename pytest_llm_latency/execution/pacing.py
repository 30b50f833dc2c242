"""Rate limits: when a request may be sent, from settings, from the provider's headers and from its refusals.

``Pace`` decides and does not wait, so that tests need no clock. A limit is a bucket that fills
evenly; a request that is larger than the bucket waits for a full one and leaves it in debt. After
a refusal everything waits as long as the provider asks, and the rate is halved; each answer after
that raises it again.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pytest_llm_latency.execution.rate_limits import Counted, Headers, allowances, retry_after_s
from pytest_llm_latency.model import Pacing
from pytest_llm_latency.units import format_seconds, nanoseconds, seconds

LONGEST_WAIT_S = 600.0  # a provider that asks for more has refused for the day
MOST_REFUSALS = 8  # in a row, each after a longer wait

_TOO_MANY_REQUESTS = 429
_OVERLOADED = frozenset({503, 529})  # these count where they say how long to wait
_ERRORS = 400
_BURST_S = 0.1  # what falls due in so short a time may go at once
_FIRST_WAIT_S, _MOST_WAIT_S = 1.0, 60.0
_RECOVERY = 0.05  # of the rate at which the provider refused, for each answer
_LIFTED = 2.0  # from this multiple of it on, the provider is taken to have room again
_LOWEST_PER_S = 1 / 60
_REMEMBERED, _RECENT_S = 128, 60.0
_ROUNDING, _ENDLESS_S = 1e-9, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request asks of its limits.

    ``key`` stands for what a provider counts together: the model, the endpoint and the account.
    ``tokens`` is an estimate. Nobody waits past ``until_ns``, where it is given.
    """

    key: str
    tokens: float
    pacing: Pacing
    until_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """That a request may be sent now: how long it waited, and its place among all of its key.

    ``waited_ns`` is ``None`` where no limit applied. ``requests`` and ``tokens`` are the sums of
    what was admitted, this one included.
    """

    claim: Claim
    at_ns: int
    waited_ns: int | None
    requests: float
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of a request: ``at_ns`` is when its headers came.

    ``tokens`` and ``dollars`` are what it used, ``None`` where that is not known.
    """

    http_status: int | None
    headers: Headers
    at_ns: int
    tokens: float | None
    dollars: float | None


@dataclass(slots=True, kw_only=True)
class Bucket:
    """So much of something as fits in, filling evenly; it may go into debt."""

    capacity: float
    per_s: float
    level: float
    at_ns: int

    def fill(self, now_ns: int) -> None:
        """Add what has come in since the last look."""
        if now_ns > self.at_ns:
            self.level = min(self.capacity, self.level + self.per_s * seconds(now_ns - self.at_ns))
            self.at_ns = now_ns

    def ready_ns(self, amount: float) -> int:
        """Return the moment from which the amount is there, or the bucket is full."""
        lacking = min(amount, self.capacity) - self.level
        return (
            self.at_ns if lacking <= _ROUNDING else self.at_ns + nanoseconds(min(_ENDLESS_S, lacking / self.per_s)) + 1
        )


@dataclass(slots=True, kw_only=True)
class _Backoff:
    """What the refusals in a row led to; ``known_ns`` is when the last of them was taken in."""

    refusals: int = 0
    until_ns: int = 0
    known_ns: int = -1
    refused_per_s: float | None = None


class Pace:
    """The limits of one key; ``share`` of them belongs to this process."""

    def __init__(self, key: str, share: float) -> None:
        self._share = share
        self._random = Random(f"back-off of {key}")  # noqa: S311  (jitter is no secret)
        self._set: dict[Counted, Bucket] = {}
        self._stated: dict[Counted, Bucket] = {}
        self._stated_ns = -1
        self._slowed: Bucket | None = None
        self._backoff = _Backoff()
        self._admitted: deque[int] = deque(maxlen=_REMEMBERED)
        self._sums: dict[Counted, float] = {"requests": 0.0, "tokens": 0.0}

    def limits(self, claim: Claim, now_ns: int) -> bool:
        """Whether any limit applies now."""
        return any(True for _ in self._buckets(claim, now_ns)) or now_ns < self._backoff.until_ns

    def ready_ns(self, claim: Claim, now_ns: int) -> int:
        """Return the moment at which to ask again; one that has passed says that the request may go."""
        moments = [bucket.ready_ns(amount) for bucket, amount in self._buckets(claim, now_ns)]
        return max([self._backoff.until_ns, *moments])

    def hopeless(self, claim: Claim, now_ns: int) -> str | None:
        """Say why waiting for the provider is of no use; its user's own limits are waited for however long."""
        if self._backoff.refusals >= MOST_REFUSALS:
            return f"refused {MOST_REFUSALS} requests in a row, each after a longer wait"
        stated = [bucket.ready_ns(amount) for bucket, amount in self._of_provider(claim, now_ns)]
        wait_s = seconds(max([self._backoff.until_ns, *stated]) - now_ns)
        if wait_s > LONGEST_WAIT_S:
            return f"lets the next request through only after {format_seconds(wait_s)}"
        return None

    def admit(self, claim: Claim, now_ns: int, waited_ns: int | None) -> Admission:
        """Take what a request needs from every limit."""
        for bucket, amount in self._buckets(claim, now_ns):
            bucket.level -= amount
        self._admitted.append(now_ns)
        self._sums["requests"] += 1
        self._sums["tokens"] += claim.tokens
        return Admission(claim=claim, at_ns=now_ns, waited_ns=waited_ns, **self._sums)

    def give_back(self, admission: Admission, now_ns: int) -> None:
        """Put back what was taken for a request that was never sent."""
        for bucket, amount in self._buckets(admission.claim, now_ns):
            bucket.level = min(bucket.capacity, bucket.level + amount)

    @property
    def held_until_ns(self) -> int:
        """The moment before which the provider wants nothing."""
        return self._backoff.until_ns

    def hold(self, until_ns: int) -> None:
        """Let nothing go before a moment."""
        self._backoff.until_ns = max(self._backoff.until_ns, until_ns)

    def most_at_once(self, claim: Claim, now_ns: int) -> float:
        """Return how many such requests every limit lets go at one moment, at most."""
        return min(
            (bucket.capacity / amount for bucket, amount in self._buckets(claim, now_ns) if amount), default=math.inf
        )

    def learn(self, admission: Admission, answered: Answered, now_ns: int) -> None:
        """Correct the estimate of the tokens, take over what the headers state, slow down or speed up."""
        tokens = self._set.get("tokens")
        if tokens is not None and answered.tokens is not None:
            tokens.level += admission.claim.tokens - answered.tokens
        if answered.at_ns > self._stated_ns:
            self._state(admission, answered)
        code, asked_s = answered.http_status, retry_after_s(answered.headers)
        if code == _TOO_MANY_REQUESTS or (code in _OVERLOADED and asked_s is not None):
            self._slow_down(admission, answered.at_ns, asked_s, now_ns)
        elif code is not None and code < _ERRORS:
            self._speed_up(admission)

    def _buckets(self, claim: Claim, now_ns: int) -> Iterator[tuple[Bucket, float]]:
        rates: dict[Counted, float | None] = {
            "requests": claim.pacing.requests_per_minute,
            "tokens": claim.pacing.tokens_per_minute,
        }
        for counted, per_minute in rates.items():
            if per_minute is not None:
                bucket = self._of_settings(counted, per_minute * self._share / 60, now_ns)
                bucket.fill(now_ns)
                yield bucket, _amount(claim, counted)
        yield from self._of_provider(claim, now_ns)

    def _of_settings(self, counted: Counted, per_s: float, now_ns: int) -> Bucket:
        """Return the bucket of a limit that a user set; another benchmark may set another one."""
        capacity = max(1.0, per_s * _BURST_S)
        known = self._set.get(counted)
        if known is None:
            known = self._set[counted] = Bucket(capacity=capacity, per_s=per_s, level=capacity, at_ns=now_ns)
        elif known.per_s != per_s:
            known.fill(now_ns)
            known.capacity, known.per_s, known.level = capacity, per_s, min(capacity, known.level)
        return known

    def _of_provider(self, claim: Claim, now_ns: int) -> Iterator[tuple[Bucket, float]]:
        found = [(bucket, _amount(claim, counted)) for counted, bucket in self._stated.items()]
        for bucket, amount in [*found, *([] if self._slowed is None else [(self._slowed, 1.0)])]:
            bucket.fill(now_ns)
            yield bucket, amount

    def _state(self, admission: Admission, answered: Answered) -> None:
        """Set the buckets to what was left; the provider had not seen what was sent after this request."""
        for each in allowances(answered.headers):
            self._stated_ns = answered.at_ns
            known = self._stated.get(each.counted)
            if each.per_s is not None:
                per_s = each.per_s * self._share
            elif known is not None:
                per_s = known.per_s
            else:  # full, and how fast it fills does not show yet
                continue
            since = self._sums[each.counted] - getattr(admission, each.counted)
            self._stated[each.counted] = Bucket(
                capacity=each.limit * self._share,
                per_s=per_s,
                level=each.remaining * self._share - since,
                at_ns=answered.at_ns,
            )

    def _slow_down(self, admission: Admission, at_ns: int, asked_s: float | None, now_ns: int) -> None:
        backoff = self._backoff
        if asked_s is not None:
            backoff.until_ns = max(backoff.until_ns, at_ns + nanoseconds(asked_s))
        if admission.at_ns <= backoff.known_ns:  # sent before the last refusal was known: nothing new
            return
        backoff.refusals += 1
        backoff.known_ns = now_ns
        if asked_s is None:
            wait_s = min(_MOST_WAIT_S, _FIRST_WAIT_S * 2 ** (backoff.refusals - 1))
            backoff.until_ns = max(backoff.until_ns, at_ns + nanoseconds(wait_s * self._random.uniform(0.5, 1.0)))
        per_s = self._slowed.per_s if self._slowed is not None else self._observed_per_s(now_ns)
        if per_s is not None:
            backoff.refused_per_s = backoff.refused_per_s or per_s
            slower = max(_LOWEST_PER_S, per_s / 2)
            self._slowed = Bucket(capacity=1.0, per_s=slower, level=0.0, at_ns=now_ns)

    def _speed_up(self, admission: Admission) -> None:
        backoff = self._backoff
        if admission.at_ns <= backoff.known_ns:
            return
        backoff.refusals = 0
        if self._slowed is not None and backoff.refused_per_s is not None:
            self._slowed.per_s += _RECOVERY * backoff.refused_per_s
            if self._slowed.per_s >= _LIFTED * backoff.refused_per_s:
                self._slowed = backoff.refused_per_s = None

    def _observed_per_s(self, now_ns: int) -> float | None:
        recent = [at_ns for at_ns in self._admitted if now_ns - at_ns <= nanoseconds(_RECENT_S)]
        return len(recent) / seconds(now_ns - recent[0]) if len(recent) > 1 and now_ns > recent[0] else None


def _amount(claim: Claim, counted: Counted) -> float:
    return 1.0 if counted == "requests" else claim.tokens
