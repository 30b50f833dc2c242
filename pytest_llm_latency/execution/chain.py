"""Sends a request that takes several exchanges, as where an answer names the URL of the result: one recording.

The deadline covers them all, with the waits in between.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.exchange import CancelledExchange, Exchange, WireRequest
from pytest_llm_latency.execution.transport import Transport
from pytest_llm_latency.model import Failure, Status
from pytest_llm_latency.units import NANOSECONDS, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What follows an exchange: ``request``, after ``wait_s`` seconds."""

    request: WireRequest
    wait_s: float = 0.0


Follow = Callable[[Exchange], NextStep | None]
"""Says what follows an answer; ``None`` that it is the last. It gets no exchange that failed, and must not raise."""


async def send_chain(
    transport: Transport, request: WireRequest, follow: Follow, *, deadline_s: float, http_version: str = "1.1"
) -> Exchange:
    """Send a request and what follows each answer, and return all of it as one exchange.

    Its stamps up to the sending are those of the first request; answer, pieces and failure are
    those of the last; ``attempts`` is the sum. It is cancelled as ``Transport.send`` is.
    """
    began_ns = time.monotonic_ns()
    ends_ns = began_ns + round(deadline_s * NANOSECONDS)
    whole, step = None, NextStep(request=request)
    while True:
        try:
            left_s = max(0.0, seconds(ends_ns - time.monotonic_ns()))
            one = await transport.send(step.request, deadline_s=left_s, http_version=http_version)
        except CancelledExchange as cancelled:
            given_up = failures.given_up(time.monotonic_ns() - began_ns)
            ended = replace(cancelled.exchange, failure=given_up)
            raise CancelledExchange(_joined(whole, ended), *cancelled.args) from cancelled
        whole = _joined(whole, one)
        if one.status == "timeout" and one.failure is not None:
            return replace(whole, failure=failures.deadline(deadline_s, one.failure.phase))
        following = follow(one) if one.status == "ok" else None
        if following is None:
            return whole
        step = following
        if not await _waited(step.wait_s, ends_ns, whole, began_ns):
            return _ended(whole, "timeout", failures.deadline(deadline_s, "body"))


async def _waited(wait_s: float, ends_ns: int, whole: Exchange, began_ns: int) -> bool:
    """Wait, and return whether there is time left for another exchange."""
    left_s = seconds(ends_ns - time.monotonic_ns())
    try:
        await asyncio.sleep(max(0.0, min(wait_s, left_s)))
    except asyncio.CancelledError as cancelled:
        given_up = failures.given_up(time.monotonic_ns() - began_ns)
        raise CancelledExchange(_ended(whole, "cancelled", given_up), *cancelled.args) from cancelled
    return wait_s < left_s


def _ended(whole: Exchange, status: Status, failure: Failure) -> Exchange:
    return replace(whole, status=status, failure=failure)


def _joined(before: Exchange | None, last: Exchange) -> Exchange:
    if before is None:
        return last
    return replace(
        last,
        stamps=replace(
            before.stamps, first_byte=last.stamps.first_byte, headers=last.stamps.headers, closed=last.stamps.closed
        ),
        connection_reused=before.connection_reused,
        http_version=before.http_version,
        clock=last.clock if before.clock == "kernel" else before.clock,
        attempts=before.attempts + last.attempts,
    )
