"""A client that sends a request again which was refused or never answered, as its user's own code would.

The attempts are one recording: it begins when the first of them did, and its answer is the last one's. So every
latency has the attempts that failed and the waits between them in it, and ``attempts`` says how many there were.
"""

import asyncio
from dataclasses import replace
from random import Random

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.client import CancelledRequest, Client
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.execution.rate_limits import retry_after_s
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Decoded, Recording, Request, Retries, Stamps
from pytest_llm_latency.units import nanoseconds, seconds

LONGEST_WAIT_S = 60.0
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})  # what may be better a moment later


class RetryingClient:
    """Sends through another client; the deadline of a request covers all of its attempts.

    What is sent again: an answer with a status that passes, and a request whose connection failed before an answer
    began. One that was answered in part is not: its user has seen that part.
    """

    def __init__(self, client: Client, retries: Retries, clock: Clock) -> None:
        self._client = client
        self._retries = retries
        self._clock = clock
        self._random = Random("back-off of retries")  # noqa: S311  (jitter is no secret)

    async def send(self, request: Request) -> Recording:
        """Send a request, and again where that may help; a run that is stopped meanwhile keeps what came before."""
        whole = await self._client.send(request)
        for retry in range(self._retries.most):
            wait_s = self._wait_s(whole, retry)
            now_ns, ends_ns = self._clock.now_ns(), whole.stamps.started + nanoseconds(request.deadline_s)
            if wait_s is None or now_ns + nanoseconds(wait_s) >= ends_ns:
                break
            await self._waited(whole, now_ns + nanoseconds(wait_s))
            left_s = seconds(ends_ns - self._clock.now_ns())
            if left_s <= 0:
                break
            try:
                last = await self._client.send(replace(request, deadline_s=left_s))
            except StopMeasuring:
                break
            except CancelledRequest as cancelled:
                raise CancelledRequest(_joined(whole, cancelled.recording), *cancelled.args) from cancelled
            whole = _in_time(_joined(whole, last), request.deadline_s)
        return whole

    def decode(self, recording: Recording) -> Decoded:
        """Return what a recording says."""
        return self._client.decode(recording)

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:
        """Return what was decoded with what takes a while."""
        return self._client.settle(recording, decoded)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _wait_s(self, recording: Recording, retry: int) -> float | None:
        """Return how long to wait before the next attempt, ``None`` where there is no use in one."""
        refused = recording.http_status in _PASSING
        unanswered = recording.http_status is None and recording.status == "error"
        if not refused and not unanswered:
            return None
        wait_s: float = min(LONGEST_WAIT_S, self._retries.wait_s * 2**retry) * self._random.uniform(0.5, 1.0)
        return max(wait_s, retry_after_s(recording.headers) or 0.0)

    async def _waited(self, whole: Recording, until_ns: int) -> None:
        try:
            await self._clock.sleep_until(until_ns)
        except asyncio.CancelledError as cancelled:
            given_up = failures.given_up(self._clock.now_ns() - whole.stamps.started)
            ended = replace(whole, http_status=None, status="cancelled", failure=given_up)
            raise CancelledRequest(ended, *cancelled.args) from cancelled


def _in_time(whole: Recording, deadline_s: float) -> Recording:
    """Return several attempts with the deadline of all: a limit may have held one of them back past it."""
    ends_ns, closed = whole.stamps.started + nanoseconds(deadline_s), whole.stamps.closed
    if whole.status != "timeout" and (closed is None or closed <= ends_ns):
        return whole
    phase = "body" if whole.failure is None else whole.failure.phase
    return replace(whole, status="timeout", failure=failures.deadline(deadline_s, phase))


def _joined(before: Recording, last: Recording) -> Recording:
    """Return several attempts as one: sent when the first was, answered as the last was."""
    return replace(
        last,
        request=before.request,
        stamps=_stamps(before.stamps, last.stamps),
        build_ns=before.build_ns,
        connection_reused=before.connection_reused,
        paced_ns=before.paced_ns,
        clock=last.clock if before.clock == "kernel" else before.clock,
        attempts=before.attempts + last.attempts,
    )


def _stamps(before: Stamps, last: Stamps) -> Stamps:
    if before.send_end is None:  # its connection failed: that of a later attempt was used
        first = last.connect_start if before.connect_start is None else before.connect_start
        return replace(last, started=before.started, connect_start=first)
    return replace(before, first_byte=last.first_byte, headers=last.headers, closed=last.closed)
