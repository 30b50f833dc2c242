"""When a request may be sent, without waiting for it."""

from typing import Any

import pytest

from pytest_llm_latency.execution.pacing import LONGEST_WAIT_S, MOST_REFUSALS, Admission, Answered, Claim, Pace
from pytest_llm_latency.model import Pacing
from pytest_llm_latency.units import nanoseconds, seconds

SECOND = nanoseconds(1)


def claim(tokens: float = 0.0, **pacing: Any) -> Claim:
    """Return a claim under these limits."""
    limits = {"requests_per_minute": None, "tokens_per_minute": None, "max_concurrency": None, **pacing}
    return Claim(key="k", tokens=tokens, pacing=Pacing(**limits), until_ns=None)


def answered(status: int = 200, at_s: float = 0.0, *, tokens: float | None = None, **headers: str) -> Answered:
    """Return an answer with these headers."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answered(http_status=status, headers=named, at_ns=nanoseconds(at_s), tokens=tokens, dollars=None)


def left(remaining: str, reset: str, limit: str = "60") -> dict[str, str]:
    """Return OpenAI's headers of a limit of requests."""
    return {
        "x_ratelimit_limit_requests": limit,
        "x_ratelimit_remaining_requests": remaining,
        "x_ratelimit_reset_requests": reset,
    }


class Sending:
    """Sends as soon as a pace allows it, on a clock of its own."""

    def __init__(self, share: float = 1.0) -> None:
        self.pace = Pace("k", share)
        self.now_ns = 0

    def send(self, one: Claim) -> Admission:
        """Wait and go."""
        self.now_ns = max(self.now_ns, self.pace.ready_ns(one, self.now_ns))
        return self.pace.admit(one, self.now_ns, None)

    def starts_s(self, one: Claim, count: int) -> list[float]:
        """Send so many and return when each went."""
        return [round(seconds(self.send(one).at_ns), 3) for _ in range(count)]

    def learn(self, admission: Admission, answer: Answered) -> None:
        """Take in an answer when it comes."""
        self.now_ns = max(self.now_ns, answer.at_ns)
        self.pace.learn(admission, answer, self.now_ns)

    def wait_s(self, one: Claim) -> float:
        """Return how long the next one has to wait."""
        return round(max(0.0, seconds(self.pace.ready_ns(one, self.now_ns) - self.now_ns)), 3)


def test_without_limits_nothing_waits() -> None:
    """And the request says so."""
    sending = Sending()
    assert sending.starts_s(claim(), 3) == [0, 0, 0]
    assert not sending.pace.limits(claim(), 0)


@pytest.mark.parametrize(
    ("per_minute", "starts"),
    [(60, [0, 1, 2, 3]), (6, [0, 10, 20, 30]), (1200, [0, 0, 0.05, 0.1])],
)
def test_requests_a_minute_are_spread_evenly(per_minute: float, starts: list[float]) -> None:
    """What falls due within a tenth of a second may go at once, one request in any case."""
    assert Sending().starts_s(claim(requests_per_minute=per_minute), 4) == starts


def test_no_minute_has_more_requests_than_its_limit_and_the_one_that_begins_it() -> None:
    """However long nothing was sent before."""
    sending = Sending()
    sending.send(claim(requests_per_minute=30))
    sending.now_ns = 3_600 * SECOND
    starts = sending.starts_s(claim(requests_per_minute=30), 32)
    assert [start for start in starts if start < 3_660] == starts[:30]


def test_tokens_a_minute_count_the_whole_request_before_the_next_one() -> None:
    """A request that is larger than what falls due at once leaves a debt."""
    assert Sending().starts_s(claim(100, tokens_per_minute=600), 3) == [0, 10, 20]


def test_the_estimate_of_the_tokens_is_corrected_by_what_was_used() -> None:
    """Fewer tokens than guessed let the next request go earlier, more hold it longer."""
    for used, wait_s in ((20, 2), (150, 15), (100, 10)):
        sending = Sending()
        sending.learn(sending.send(claim(100, tokens_per_minute=600)), answered(tokens=used))
        assert sending.wait_s(claim(100, tokens_per_minute=600)) == wait_s


def test_the_stricter_of_several_limits_decides() -> None:
    """Requests and tokens both count."""
    assert Sending().starts_s(claim(1, requests_per_minute=60, tokens_per_minute=6), 3) == [0, 10, 20]
    assert Sending().starts_s(claim(1, requests_per_minute=6, tokens_per_minute=600), 3) == [0, 10, 20]


def test_another_benchmark_with_another_limit_goes_on_where_the_last_ended() -> None:
    """The limit changes, and what was sent before still counts."""
    sending = Sending()
    sending.starts_s(claim(requests_per_minute=60), 2)
    assert sending.starts_s(claim(requests_per_minute=30), 2) == [3, 5]


def test_a_debt_is_paid_back_at_the_limit_under_which_the_time_passed() -> None:
    """Half of 100 tokens in five seconds at ten a second, the other half at one a second."""
    sending = Sending()
    sending.send(claim(100, tokens_per_minute=600))
    sending.now_ns = 5 * SECOND
    assert sending.wait_s(claim(1, tokens_per_minute=60)) == 50


def test_each_of_two_processes_has_half_of_a_limit() -> None:
    """Together they keep it."""
    assert Sending(share=0.5).starts_s(claim(requests_per_minute=60), 3) == [0, 2, 4]


def test_what_a_provider_has_left_is_used_up_and_then_waited_for() -> None:
    """Two of 60 are left, and the other 58 come back within 58 seconds."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(**left("2", "58s")))
    assert sending.starts_s(claim(), 4) == [0, 0, 1, 2]
    assert sending.pace.limits(claim(), 0)


def test_what_was_sent_after_the_request_that_learned_it_is_not_left_any_more() -> None:
    """The provider had not seen it when it answered."""
    sending = Sending()
    first = sending.send(claim())
    sending.starts_s(claim(), 2)
    sending.learn(first, answered(**left("3", "57s")))
    assert sending.starts_s(claim(), 2) == [0, 1]


def test_an_older_answer_does_not_replace_what_a_newer_one_said() -> None:
    """A long answer ends after a short one that was sent later."""
    sending = Sending()
    long, short = sending.send(claim()), sending.send(claim())
    sending.learn(short, answered(at_s=2, **left("0", "60s")))
    sending.learn(long, answered(at_s=1, **left("50", "10s")))
    assert sending.wait_s(claim()) == 1


def test_a_limit_that_is_full_again_keeps_the_speed_that_it_had_shown() -> None:
    """One that was always full shows none and holds nothing."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(**left("60", "0s")))
    assert not sending.pace.limits(claim(), 0)
    sending.learn(sending.send(claim()), answered(at_s=1, **left("1", "59s")))
    sending.learn(sending.send(claim()), answered(at_s=2, **left("2", "0s", limit="2")))
    assert sending.starts_s(claim(), 4) == [2, 2, 3, 4]


def test_the_tokens_that_a_provider_has_left_count_too() -> None:
    """600 of 1000 are missing and come back within a minute: the request needs 500."""
    sending = Sending()
    headers = {
        "anthropic_ratelimit_tokens_limit": "1000",
        "anthropic_ratelimit_tokens_remaining": "400",
        "anthropic_ratelimit_tokens_reset": "2026-03-02T09:16:00Z",
        "date": "Mon, 02 Mar 2026 09:15:00 GMT",
    }
    sending.learn(sending.send(claim(10)), answered(**headers))
    assert sending.wait_s(claim(500)) == 10


def test_a_refusal_holds_everything_for_as_long_as_the_provider_asks() -> None:
    """From the moment at which it came."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(429, at_s=1, retry_after="20"))
    assert sending.wait_s(claim()) == 20
    assert sending.pace.limits(claim(), sending.now_ns)


@pytest.mark.parametrize(("status", "wait_s"), [(503, 7), (529, 7), (500, 0), (200, 0)])
def test_an_overloaded_provider_is_left_alone_where_it_says_for_how_long(status: int, wait_s: float) -> None:
    """Any other error says nothing of the rate."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(status, retry_after="7"))
    assert sending.wait_s(claim()) == wait_s


def test_an_overload_without_a_time_holds_nothing() -> None:
    """Only a 429 is a matter of the rate in any case."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(503))
    assert sending.wait_s(claim()) == 0


def test_refusals_in_a_row_without_a_time_wait_longer_each_time_up_to_a_minute() -> None:
    """Each wait is drawn between half and all of 1, 2, 4 ... s, alike in every run."""
    waits = []
    for _ in range(2):
        sending = Sending()
        waits.append([])
        for _ in range(MOST_REFUSALS):
            sending.learn(sending.send(claim()), answered(429, at_s=seconds(sending.now_ns)))
            waits[-1].append(seconds(sending.pace.ready_ns(claim(), 0) - sending.now_ns))
    assert waits[0] == waits[1]
    for wait_s, most_s in zip(waits[0], [1, 2, 4, 8, 16, 32, 60, 60], strict=True):
        assert most_s / 2 <= wait_s <= most_s


def test_refusals_of_requests_that_were_under_way_together_count_once() -> None:
    """They tell the same thing."""
    sending = Sending()
    together = [sending.send(claim()) for _ in range(10)]
    for admission in together:
        sending.learn(admission, answered(429, at_s=0.1))
    assert sending.wait_s(claim()) <= 1
    assert sending.pace.hopeless(claim(), sending.now_ns) is None


def test_a_refusal_halves_the_rate_and_answers_raise_it_until_it_is_lifted() -> None:
    """Ten requests a second were refused, so that five are sent, then a half more after each answer."""
    sending = Sending()
    for number in range(10):
        sending.now_ns = number * SECOND // 10
        last = sending.send(claim())
    sending.learn(last, answered(429, at_s=1, retry_after="1"))
    first = sending.send(claim())
    assert seconds(first.at_ns) == pytest.approx(2, abs=0.001)
    assert sending.wait_s(claim()) == pytest.approx(0.2, abs=0.001)
    sending.learn(first, answered(at_s=seconds(sending.now_ns)))
    assert sending.wait_s(claim()) == pytest.approx(1 / 5.5, abs=0.001)
    for _ in range(30):
        sending.learn(sending.send(claim()), answered(at_s=seconds(sending.now_ns)))
    assert sending.wait_s(claim()) == 0
    assert not sending.pace.limits(claim(), sending.now_ns + SECOND)


def test_a_provider_that_refuses_at_random_is_not_left_at_its_lowest_rate() -> None:
    """What each answer adds does not shrink with the rate."""
    sending = Sending()
    for number in range(400):
        admission = sending.send(claim())
        status = 429 if number % 5 == 4 else 200
        sending.learn(admission, answered(status, at_s=seconds(sending.now_ns) + 0.1, retry_after="0"))
    began_ns = sending.now_ns
    for _ in range(4):
        sending.send(claim())
    assert seconds(sending.now_ns - began_ns) < 4


def test_after_refusals_in_a_row_waiting_is_of_no_use() -> None:
    """A quota that is used up refuses everything."""
    sending = Sending()
    for _ in range(MOST_REFUSALS):
        assert sending.pace.hopeless(claim(), sending.now_ns) is None
        sending.learn(sending.send(claim()), answered(429, at_s=seconds(sending.now_ns)))
    assert sending.pace.hopeless(claim(), sending.now_ns) == "refused 8 requests in a row, each after a longer wait"


def test_an_answer_ends_the_row_of_refusals() -> None:
    """The provider is there."""
    sending = Sending()
    for _ in range(3 * MOST_REFUSALS):
        sending.learn(sending.send(claim()), answered(429, at_s=seconds(sending.now_ns)))
        sending.learn(sending.send(claim()), answered(200, at_s=seconds(sending.now_ns)))
    assert sending.pace.hopeless(claim(), sending.now_ns) is None


def test_a_provider_that_asks_to_wait_for_hours_is_not_waited_for() -> None:
    """A limit that the user set is."""
    sending = Sending()
    sending.learn(sending.send(claim()), answered(429, retry_after="86400"))
    reason = sending.pace.hopeless(claim(), sending.now_ns)
    assert reason == "lets the next request through only after 86400 s"
    slow = Sending()
    slow.send(claim(requests_per_minute=0.01))
    assert slow.wait_s(claim(requests_per_minute=0.01)) > LONGEST_WAIT_S
    assert slow.pace.hopeless(claim(requests_per_minute=0.01), 0) is None
