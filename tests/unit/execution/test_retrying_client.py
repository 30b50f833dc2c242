"""Requests that are sent again: which, after how long, and what their recording says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.client import CancelledRequest
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.retrying_client import RetryingClient
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Notice, Recording, Request, Retries, Stamps
from pytest_llm_latency.units import nanoseconds
from recordings import recording, request

TOOK_S = 0.1


class Scripted:
    """Answers one request after another as told, each after a tenth of a second."""

    def __init__(self, clock: FakeClock, answers: Sequence[dict[str, Any] | BaseException]) -> None:
        self._clock = clock
        self._answers = list(answers)
        self.requests: list[Request] = []
        self.sent_s: list[float] = []

    async def send(self, asked: Request) -> Recording:
        """Return the next answer."""
        self.requests.append(asked)
        self.sent_s.append(self._clock.now_ns() / 1e9)
        given = self._answers.pop(0)
        answer = {} if isinstance(given, BaseException) else dict(given)
        await self._clock.sleep_until(self._clock.now_ns() + nanoseconds(answer.pop("held_s", 0.0)))
        started = self._clock.now_ns()
        await self._clock.sleep_until(started + nanoseconds(TOOK_S))
        if isinstance(given, BaseException):
            raise given
        sent = None if answer.get("http_status", 200) is None else started + 1
        byte, connected = None if sent is None else sent + 5, answer.pop("connected", True)
        stamps = Stamps(started=started, connect_start=started if connected else None, send_start=sent, send_end=sent,
                        first_byte=byte, headers=byte, closed=self._clock.now_ns())  # fmt: skip
        return replace(recording(), request=asked, stamps=stamps, **answer)

    decode = settle = close = None


def sending(
    answers: Sequence[dict[str, Any] | BaseException], *, most: int = 3, deadline_s: float = 60.0
) -> tuple[Scripted, Callable[[], Recording]]:
    """Return the client below, and what sends a request through one that retries."""
    clock = FakeClock()
    below = Scripted(clock, answers)
    client = RetryingClient(below, Retries(most=most, wait_s=1.0), clock)  # type: ignore[arg-type]  # (as much as it needs)
    return below, lambda: asyncio.run(client.send(request(deadline_s=deadline_s)))


REFUSED = {"http_status": 429, "headers": ()}
BROKEN = {"http_status": None, "status": "error"}
ANSWERED = {"http_status": 200}


def test_a_request_that_was_refused_is_sent_again_after_waits_that_double() -> None:
    """The recording begins with the first attempt and ends with the last."""
    below, send = sending([REFUSED, {"http_status": 503}, ANSWERED])
    found = send()
    first, second, third = below.sent_s
    assert 0.5 <= second - first - TOOK_S <= 1.0 <= third - second - TOOK_S <= 2.0
    assert (found.http_status, found.attempts) == (200, 3)
    assert (found.stamps.started, found.stamps.send_end) == (nanoseconds(first), nanoseconds(first) + 1)
    assert (found.stamps.first_byte, found.stamps.closed) == (nanoseconds(third) + 6, nanoseconds(third + TOOK_S))
    assert [asked.deadline_s for asked in below.requests] == pytest.approx([60.0, 60.0 - second, 60.0 - third])
    assert found.request == below.requests[0]


def test_what_was_before_the_first_answer_is_the_first_attempts_and_what_came_is_the_lasts() -> None:
    """Its stamps are exact to what both clocks were."""
    first = {"build_ns": 7, "paced_ns": 5, "connection_reused": False}
    last = {"build_ns": 70, "paced_ns": 50, "connection_reused": True, "pieces": (b"x",), "piece_ns": (9,)}
    for clocks, worse in ((("kernel", "kernel"), "kernel"), (("kernel", "loop"), "loop"), (("loop", "kernel"), "loop")):
        _, send = sending([REFUSED | first | {"clock": clocks[0]}, ANSWERED | last | {"clock": clocks[1]}])
        found = send()
        assert {name: getattr(found, name) for name in first} == first
        assert (found.pieces, found.piece_ns, found.clock) == ((b"x",), (9,), worse)
        assert found.stamps.headers == found.stamps.first_byte
    reused = [{**BROKEN, "connected": False}, ANSWERED]
    below, send = sending(reused)
    assert send().stamps.connect_start == nanoseconds(below.sent_s[1])


def test_no_attempt_begins_at_the_deadline() -> None:
    """A server asked for a wait that ends with it, or ends a moment before it."""
    asked = {"http_status": 429, "headers": (("retry-after", "7"),)}
    below, send = sending([asked], deadline_s=TOOK_S + 7)
    assert (send().attempts, len(below.requests)) == (1, 1)
    below, send = sending([asked, ANSWERED], deadline_s=TOOK_S + 7.001)
    assert (send().attempts, len(below.requests)) == (2, 2)


def test_the_deadline_of_a_request_is_that_of_all_its_attempts() -> None:
    """Of one that it cut off, and of one that a limit held back until it was past."""
    cut = {"http_status": None, "status": "timeout", "failure": failures.deadline(54.3, "headers")}
    found = sending([REFUSED, cut])[1]()
    assert (found.status, found.failure) == ("timeout", failures.deadline(60.0, "headers"))
    found = sending([REFUSED, ANSWERED | {"held_s": 58.0}])[1]()
    assert (found.status, found.failure) == ("ok", None)
    found = sending([REFUSED, ANSWERED | {"held_s": 60.0}])[1]()
    assert (found.status, found.failure) == ("timeout", failures.deadline(60.0, "body"))


def test_a_connection_that_failed_is_that_of_a_later_attempt() -> None:
    """Its sending is the one that reached the server; the client acted when it first tried."""
    below, send = sending([BROKEN, ANSWERED])
    found = send()
    assert found.stamps.started == found.stamps.connect_start == nanoseconds(below.sent_s[0])
    assert found.stamps.send_start == nanoseconds(below.sent_s[1]) + 1


@pytest.mark.parametrize(
    "answer",
    [
        {"http_status": 200},
        {"http_status": 200, "status": "error"},
        {"http_status": 400},
        {"http_status": 401},
        {"http_status": None, "status": "timeout"},
        {"http_status": None, "status": "cancelled"},
    ],
)
def test_what_another_attempt_would_not_mend_is_sent_once(answer: dict[str, Any]) -> None:
    """An answer that broke off was seen in part; a deadline has passed."""
    below, send = sending([answer])
    assert (send().attempts, len(below.requests)) == (1, 1)


def test_the_last_refusal_stays_when_the_retries_are_used_up() -> None:
    """As an error of so many attempts."""
    _, send = sending([REFUSED] * 3, most=2)
    found = send()
    assert (found.http_status, found.attempts) == (429, 3)


def test_a_server_may_ask_for_a_longer_wait_but_not_past_the_deadline() -> None:
    """Then the refusal is what came of the request."""
    asked = {"http_status": 429, "headers": (("retry-after", "7"),)}
    below, send = sending([asked, ANSWERED])
    assert send().http_status == 200
    assert below.sent_s[1] == pytest.approx(below.sent_s[0] + TOOK_S + 7)
    below, send = sending([asked], deadline_s=5.0)
    assert (send().http_status, len(below.requests)) == (429, 1)


def test_a_run_that_is_stopped_meanwhile_keeps_what_came_before() -> None:
    """Such as by a budget, which each attempt counts against."""
    _, send = sending([REFUSED, StopMeasuring(Notice(code="budget", message="no more."))])
    assert (send().http_status,) == (429,)


def test_a_request_that_is_given_up_between_attempts_tells_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refused it is no answer to it."""
    sleep_until = FakeClock.sleep_until

    async def interrupted(clock: FakeClock, until_ns: int) -> None:
        if until_ns - clock.now_ns() > nanoseconds(TOOK_S):
            raise asyncio.CancelledError
        await sleep_until(clock, until_ns)

    monkeypatch.setattr(FakeClock, "sleep_until", interrupted)
    _, send = sending([REFUSED])
    with pytest.raises(CancelledRequest) as caught:
        send()
    found = caught.value.recording
    assert (found.status, found.http_status, found.attempts) == ("cancelled", None, 1)
    assert found.failure == failures.given_up(nanoseconds(TOOK_S))


def test_a_request_that_is_given_up_tells_all_of_its_attempts() -> None:
    """One that is given up in the second has two."""
    _, send = sending([REFUSED, CancelledRequest(replace(recording(), status="cancelled", attempts=1))])
    with pytest.raises(CancelledRequest) as caught:
        send()
    assert (caught.value.recording.status, caught.value.recording.attempts) == ("cancelled", 2)
