"""A scripted client: answers without a network and without waiting. For tests of suites and of plugins."""

from collections.abc import Callable
from dataclasses import dataclass

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
        started = self._clock.now_ns()
        arrivals = [started + nanoseconds(answer.ttft_s)]
        for gap in answer.gaps_s:
            arrivals.append(arrivals[-1] + nanoseconds(gap))
        await self._clock.sleep_until(arrivals[-1])
        return Recording(
            request=request,
            provider="fake",
            endpoint="fake",
            stamps=Stamps(started=started, send_start=started, send_end=started, closed=arrivals[-1]),
            build_ns=None,
            http_status=None if answer.failure else 200,
            headers=(("x-fake", str(number)),),
            pieces=tuple(answer.text.encode() for _ in arrivals),
            piece_ns=tuple(arrivals),
            connection_reused=None,
            clock="fake",
            status="error" if answer.failure else "ok",
            failure=answer.failure,
            attempts=1,
        )

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
                tokens_in=1, tokens_out=len(recording.pieces), tokens_reasoning=None, tokens_cached=None, source="usage"
            ),
            cost_usd=None,
        )

    def close(self) -> None:
        """There is nothing to close."""
