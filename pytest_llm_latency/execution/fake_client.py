"""A scripted client: answers without a network and without waiting. For tests of suites and of plugins."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.client import CancelledRequest
from pytest_llm_latency.execution.clock import Clock
from pytest_llm_latency.model import CONTENT, Decoded, Failure, Recording, Request, Stamps, Usage
from pytest_llm_latency.units import nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the fake sends for one request: gaps before each delta in seconds, then the end."""

    ttft_s: float
    gaps_s: tuple[float, ...] = ()
    text: str = "x"
    failure: Failure | None = None


Script = Callable[[Request, int], Answer]


class FakeClient:
    """Answers each request as the script says, which gets the request and its number from 0."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock
        self._answers: dict[int, Answer] = {}
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Recording:
        """Return the scripted recording after its time on the clock."""
        number = len(self.requests)
        self.requests.append(request)
        answer = self._script(request, number)
        recording = _recording(request, answer, number, self._clock.now_ns())
        try:
            await self._clock.sleep_until(recording.piece_ns[-1])
        except asyncio.CancelledError as cancelled:
            raise CancelledRequest(_cut_off(recording, self._clock.now_ns()), *cancelled.args) from cancelled
        return recording

    def decode(self, recording: Recording) -> Decoded:
        """Return each piece as one content delta of one token."""
        text = b"".join(recording.pieces).decode()
        return Decoded(
            status=recording.status,
            failure=recording.failure,
            event_ns=recording.piece_ns,
            event_kinds=CONTENT * len(recording.pieces),
            event_characters=tuple(map(len, recording.pieces)),
            text=text,
            reasoning="",
            tool_calls=(),
            finish_reason="stop",
            served_model=recording.request.model,
            usage=Usage(
                tokens_in=1,
                tokens_out=len(recording.pieces),
                tokens_reasoning=None,
                tokens_cached=None,
                tokens_cache_written=None,
                source="usage",
            ),
            cost_usd=None,
        )

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:  # noqa: ARG002  (the seam's signature)
        """Return what was decoded."""
        return decoded

    def close(self) -> None:
        """There is nothing to close."""


def _recording(request: Request, answer: Answer, number: int, started_ns: int) -> Recording:
    arrivals = [started_ns + nanoseconds(answer.ttft_s)]
    for gap in answer.gaps_s:
        arrivals.append(arrivals[-1] + nanoseconds(gap))
    return Recording(
        request=request,
        provider="fake",
        endpoint="fake",
        stamps=Stamps(started=started_ns, send_start=started_ns, send_end=started_ns, closed=arrivals[-1]),
        build_ns=None,
        http_status=None if answer.failure else 200,
        headers=(("x-fake", str(number)),),
        pieces=tuple(answer.text.encode() for _ in arrivals),
        piece_ns=tuple(arrivals),
        connection_reused=None,
        http_version=None,
        paced_ns=None,
        clock="fake",
        status="error" if answer.failure else "ok",
        failure=answer.failure,
        attempts=1,
    )


def _cut_off(recording: Recording, now_ns: int) -> Recording:
    """Return what of a recording had happened at this moment."""
    arrived = sum(at_ns <= now_ns for at_ns in recording.piece_ns)
    stamps = recording.stamps
    return replace(
        recording,
        stamps=replace(stamps, closed=None),
        http_status=recording.http_status if arrived else None,
        pieces=recording.pieces[:arrived],
        piece_ns=recording.piece_ns[:arrived],
        status="cancelled",
        failure=failures.given_up(now_ns - stamps.started),
    )
