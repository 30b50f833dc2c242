"""Requests that limits and budgets hold back, on a clock that jumps."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import nouns
from pytest_llm_latency.errors import BudgetError, ProviderError
from pytest_llm_latency.execution.client import CancelledRequest
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.limiter import LocalLimiter
from pytest_llm_latency.execution.paced_client import PacedClient
from pytest_llm_latency.execution.session_limits import SessionLimits
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Budget, Decoded, Recording, Request, Stamps
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.units import nanoseconds, seconds
from recordings import decoded, recording, request

UNBOUND = nouns.plan()


class Provider:
    """Answers each request after a second, or as the headers and the status of its number say."""

    def __init__(self, clock: FakeClock, **answers: Any) -> None:
        self.clock = clock
        self.takes_s = answers.pop("takes_s", 1.0)
        self.statuses: dict[int, int] = answers.pop("statuses", {})
        self.headers: tuple[tuple[str, str], ...] = answers.pop("headers", ())
        self.cost: float | None = answers.pop("cost", 0.1)
        self.sent_s: list[float] = []
        self.under_way = self.most_under_way = self.decoded = 0
        self.closed = self.breaks = False

    async def send(self, one: Request) -> Recording:
        """Answer after its time."""
        if self.breaks:
            raise ProviderError("litellm cannot build it")
        number, started = len(self.sent_s), self.clock.now_ns()
        self.sent_s.append(round(seconds(started), 3))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        answer = recording(b"x", request=one, headers=self.headers, http_status=self.statuses.get(number, 200))
        try:
            await self.clock.sleep_until(started + nanoseconds(self.takes_s))
        except asyncio.CancelledError:
            raise CancelledRequest(replace(answer, status="cancelled")) from None
        finally:
            self.under_way -= 1
        ended = self.clock.now_ns()
        return replace(answer, stamps=Stamps(started=started, headers=ended, closed=ended))

    def decode(self, _: Recording) -> Decoded:
        """Return three tokens in and two out."""
        self.decoded += 1
        return decoded(cost_usd=self.cost)

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Session:
    """A session with its clock, its provider and its limits."""

    def __init__(self, budget: Budget = DEFAULT_BUDGET, **answers: Any) -> None:
        self.clock = FakeClock()
        self.provider = Provider(self.clock, **answers)
        self.limits = SessionLimits(budget, LocalLimiter(self.clock), self.clock)

    def client(self, *, budget: Budget = DEFAULT_BUDGET, **pacing: Any) -> PacedClient:
        """Return the client of a benchmark."""
        plan = replace(UNBOUND, pacing=replace(DEFAULT_PACING, **pacing), budget=budget)
        return self.limits.client(self.provider, plan)

    async def all_at_once(self, client: PacedClient, count: int) -> list[float | BaseException | None]:
        """Send so many requests and return how long each was held, or what was raised."""

        async def one() -> float | None:
            paced_ns = (await client.send(request())).paced_ns
            return None if paced_ns is None else round(seconds(paced_ns), 3)

        return list(await asyncio.gather(*[one() for _ in range(count)], return_exceptions=True))


def budget(**bounds: Any) -> Budget:
    """Return a budget with these bounds."""
    return replace(DEFAULT_BUDGET, **bounds)


def stops(results: Sequence[object]) -> list[str]:
    """Return why requests were not sent."""
    return [each.notice.message for each in results if isinstance(each, StopMeasuring)]


async def test_without_limits_requests_pass_as_they_are() -> None:
    """Nothing could have held them, and nothing is decoded."""
    session = Session()
    client = session.client()
    assert await session.all_at_once(client, 3) == [None, None, None]
    assert session.provider.sent_s == [0, 0, 0]
    assert session.provider.decoded == 0
    assert client.decode(recording()) == decoded(cost_usd=0.1)
    client.close()
    assert session.provider.closed


async def test_the_waiting_is_recorded_beside_the_stamps() -> None:
    """The start of each is when it was let go."""
    session = Session()
    client = session.client(requests_per_minute=60)
    assert await session.all_at_once(client, 3) == [0, 1, 2]
    assert session.provider.sent_s == [0, 1, 2]


async def test_an_open_loop_has_no_more_under_way_than_its_bound() -> None:
    """The others wait for room."""
    session = Session()
    assert await session.all_at_once(session.client(max_concurrency=2), 5) == [0, 0, 1, 1, 2]
    assert session.provider.most_under_way == 2


async def test_the_benchmarks_of_a_session_share_the_limits_of_an_account() -> None:
    """The second one finds what the first has left."""
    session = Session()
    await session.all_at_once(session.client(requests_per_minute=30), 1)
    assert await session.all_at_once(session.client(requests_per_minute=30), 1) == [1]


async def test_a_refusal_holds_the_requests_after_it() -> None:
    """It is not sent again."""
    session = Session(statuses={0: 429}, headers=(("retry-after", "5"),))
    client = session.client()
    assert await session.all_at_once(client, 1) == [None]
    assert await session.all_at_once(client, 1) == [5]
    assert session.provider.sent_s == [0, 6]


async def test_what_the_provider_has_left_holds_requests_without_any_setting() -> None:
    """One of 60 is left."""
    left = {"limit-requests": "60", "remaining-requests": "1", "reset-requests": "59s"}
    session = Session(headers=tuple((f"x-ratelimit-{name}", value) for name, value in left.items()))
    client = session.client()
    await session.all_at_once(client, 1)
    assert await session.all_at_once(client, 3) == [0, 1, 2]


async def test_tokens_a_minute_count_what_answers_have_used() -> None:
    """Five tokens, where the prompt alone made half of one likely."""
    session = Session(takes_s=0.0)
    client = session.client(tokens_per_minute=60)
    for _ in range(3):
        await session.all_at_once(client, 1)
    assert session.provider.sent_s == [0, 5, 10]
    assert session.provider.decoded == 3


async def test_a_request_that_is_given_up_while_it_waits_is_recorded_as_such() -> None:
    """It was never sent, and nothing is lost of it."""
    session = Session()
    client = session.client(requests_per_minute=1)
    await client.send(request())
    waiting = asyncio.create_task(client.send(request()))
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(CancelledRequest) as given_up:
        await waiting
    unsent = given_up.value.recording
    assert (unsent.status, unsent.http_status, unsent.attempts, unsent.provider) == ("cancelled", None, 0, "openai")
    assert unsent.failure is not None
    assert unsent.failure.message.startswith("the test body gave the request up after")
    assert session.provider.sent_s == [0]


async def test_a_request_that_is_given_up_under_way_keeps_its_recording() -> None:
    """With what it waited before, and its budget is settled."""
    session = Session(budget(tokens=100))
    client = session.client(requests_per_minute=60)
    await client.send(request())
    waiting = asyncio.create_task(client.send(request()))
    await session.clock.sleep_until(nanoseconds(1.5))
    waiting.cancel()
    with pytest.raises(CancelledRequest) as given_up:
        await waiting
    assert given_up.value.recording.status == "cancelled"
    assert given_up.value.recording.paced_ns == 0


async def test_what_is_raised_while_a_request_is_built_passes() -> None:
    """It was not sent, and what was set aside for it is free again: 15 tokens are three requests of five."""
    session = Session(budget(tokens=15))
    client = session.client()
    await client.send(request())
    session.provider.breaks = True
    with pytest.raises(ProviderError):
        await client.send(request())
    session.provider.breaks = False
    await client.send(request())
    await client.send(request())
    with pytest.raises(StopMeasuring):
        await client.send(request())


@pytest.mark.parametrize(
    ("bounds", "sent"),
    [({"requests": 3}, 3), ({"seconds": 2.0}, 2), ({"tokens": 17}, 3), ({"dollars": 0.35}, 3)],
)
async def test_a_budget_stops_before_the_first_request_that_would_exceed_it(bounds: Any, sent: int) -> None:
    """One after another, of the test's budget as of the session's."""
    for where in ("session", "test"):
        session = Session(budget(**bounds) if where == "session" else DEFAULT_BUDGET)
        client = session.client(budget=budget(**bounds) if where == "test" else DEFAULT_BUDGET)
        for _ in range(sent):
            await client.send(request())
        with pytest.raises(StopMeasuring, match=f"the {where}'s budget of"):
            await client.send(request())
        assert len(session.provider.sent_s) == sent


async def test_requests_under_way_finish_before_the_stop_is_raised() -> None:
    """And after it nothing is sent, whatever would fit."""
    session = Session(budget(requests=2))
    results = await session.all_at_once(session.client(), 4)
    assert results[:2] == [None, None]
    assert len(stops(results)) == 2
    assert seconds(session.clock.now_ns()) == 1
    assert session.provider.under_way == 0


async def test_a_stop_is_for_good_though_a_request_used_less_than_expected() -> None:
    """Otherwise a run would go on with a few requests here and there."""
    session = Session(budget(dollars=0.35))
    client = session.client()
    await client.send(request())
    session.provider.cost = 0.0
    results = await session.all_at_once(client, 3)
    assert len(stops(results)) == 1
    with pytest.raises(StopMeasuring):
        await client.send(request())
    assert len(session.provider.sent_s) == 3


async def test_a_budget_of_tokens_or_dollars_sends_the_first_request_alone() -> None:
    """Ten at once would use up what nobody knows before one is back."""
    session = Session(budget(dollars=0.55))
    results = await session.all_at_once(session.client(), 10)
    assert session.provider.sent_s == [0, 1, 1, 1, 1]
    assert [each for each in results if not isinstance(each, BaseException)] == [0, 1, 1, 1, 1]
    assert len(stops(results)) == 5


async def test_what_a_budget_counts_can_be_told_meanwhile() -> None:
    """Nothing is told where nothing is counted."""
    client = Session(statuses={1: 503}).client(budget=budget(dollars=1))
    for _ in range(3):
        await client.send(request())
    assert (client.spent.answers, client.spent.dollars) == (2, 0.2)
    client = Session().client()
    await client.send(request())
    assert client.spent.answers == 0


async def test_a_time_budget_ends_the_waiting_for_a_limit() -> None:
    """A minute's wait for a request that may not be sent any more helps nobody."""
    session = Session()
    client = session.client(budget=budget(seconds=10), requests_per_minute=1)
    results = await session.all_at_once(client, 3)
    assert results[0] == 0
    assert len(stops(results)) == 2
    assert seconds(session.clock.now_ns()) == 10


async def test_without_a_price_a_budget_of_dollars_ends_the_test() -> None:
    """After the first request, and however often its body tries again."""
    session = Session(budget(dollars=1), cost=None)
    client = session.client()
    for _ in range(2):
        with pytest.raises(BudgetError, match="no price is known for 'openai/gpt-4o-mini'"):
            await client.send(request())
    assert session.provider.sent_s == [0]


async def test_a_session_without_budget_left_measures_nothing_more() -> None:
    """It says so instead of measuring a little."""
    session = Session(budget(requests=1))
    session.limits.check()
    await session.client().send(request())
    with pytest.raises(BudgetError, match=r"^nothing was measured: the session's budget of 1 request allows no"):
        session.limits.check()
