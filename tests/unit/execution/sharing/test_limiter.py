"""A worker that asks for leave to send: what it says, what it waits for, what it gives back."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import nouns
from pytest_llm_latency.errors import BudgetError, ChannelError
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.paced_client import PacedClient
from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.execution.sharing.limiter import SharedLimits
from pytest_llm_latency.execution.sharing.messages import KINDS, Hold, Returned, Settled, Want
from pytest_llm_latency.execution.stop import StopMeasuring
from pytest_llm_latency.model import Budget, Recording, Request
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.units import nanoseconds, seconds
from pytest_llm_latency.wire import from_builtins, to_builtins
from recordings import decoded, recording, request

TAKEN = {"want": Want, "settle": Settled, "return": Returned, "refused": Hold}


class Office:
    """A ledger that is asked without a network, by workers in one event loop on one fake clock."""

    def __init__(self, budget: Budget = DEFAULT_BUDGET, *, workers: int = 2) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(budget, workers)
        self.sent: list[tuple[str, str]] = []
        self.workers = {
            f"gw{number}": SharedLimits(budget, Desk(self, f"gw{number}"), self.clock, share=1 / workers)
            for number in range(workers)
        }

    def advance(self) -> None:
        """Say what the ledger has to say."""
        for name, told in self.ledger.advance(self.clock.now_ns()):
            for worker in [self.workers[name]] if name else self.workers.values():
                worker.take(KINDS[type(told)], to_builtins(told))

    async def keep_time(self) -> None:
        """Ask the ledger again whenever it is due."""
        while True:
            due_ns = self.ledger.due_ns
            soon_ns = self.clock.now_ns() + nanoseconds(0.01)
            await self.clock.sleep_until(soon_ns if due_ns is None else min(soon_ns, due_ns))
            self.advance()

    def client(self, worker: str, *, answer: Callable[[], Recording] = recording, **pacing: Any) -> PacedClient:
        """Return a worker's client of the one benchmark."""
        plan = nouns.plan(pacing=replace(DEFAULT_PACING, **pacing))
        return self.workers[worker].client(Provider(self.clock, answer), plan, "test")


class Desk:
    """What a worker reaches."""

    def __init__(self, office: Office, name: str) -> None:
        self._office = office
        self._name = name

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a message at once."""
        office, ledger, now_ns = self._office, self._office.ledger, self._office.clock.now_ns()
        office.sent.append((self._name, kind))
        noun = from_builtins(TAKEN[kind], dict(body))
        if isinstance(noun, Hold):
            ledger.hold(noun, now_ns)
        else:
            {"want": ledger.want, "settle": ledger.settle, "return": ledger.give_back}[kind](self._name, noun, now_ns)
        asyncio.get_running_loop().call_soon(office.advance)

    def ask(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say whether the budget fits."""
        notice = self._office.ledger.exceeded(0)
        return {"message": None if notice is None else notice.message}


class Provider:
    """A client whose requests take a second."""

    def __init__(self, clock: FakeClock, answer: Callable[[], Recording]) -> None:
        self._clock = clock
        self._answer = answer

    async def send(self, request: Request) -> Recording:
        """Answer after a second."""
        await self._clock.sleep_until(self._clock.now_ns() + nanoseconds(1))
        return replace(self._answer(), request=request)

    def decode(self, recording: Recording) -> Any:
        """Say what one costs."""
        return decoded(cost_usd=0.1)

    def settle(self, recording: Recording, decoded: Any) -> Any:
        """Leave it as it is."""
        return decoded

    def close(self) -> None:
        """Do nothing."""


async def paced_s(client: PacedClient, count: int) -> list[float | str | None]:
    """Send so many at once and return how long each was held, or why it was not sent."""

    async def one() -> float | str | None:
        try:
            paced_ns = (await client.send(request())).paced_ns
        except StopMeasuring as stop:
            return stop.notice.message
        return None if paced_ns is None else round(seconds(paced_ns), 2)

    return list(await asyncio.gather(*[one() for _ in range(count)]))


async def with_time(office: Office, *sending: Any) -> list[Any]:
    """Run what is sent while the ledger is asked again whenever it is due."""
    keeping = asyncio.create_task(office.keep_time())
    try:
        return await asyncio.gather(*sending)
    finally:
        keeping.cancel()


async def test_two_workers_keep_to_one_rate_together() -> None:
    """Thirty requests at ten a second take three seconds, and the waiting is recorded."""
    office = Office()
    clients = [office.client(name, requests_per_minute=600) for name in office.workers]
    waits = await with_time(office, *[paced_s(client, 15) for client in clients])
    assert sorted(waits[0] + waits[1]) == pytest.approx([number / 10 for number in range(30)], abs=0.02)


async def test_a_request_that_may_go_finds_its_leave_here() -> None:
    """From the second on, one every tenth of a second does not wait for an answer."""
    office = Office()
    client = office.client("gw0", requests_per_minute=60_000)
    found = []
    for _ in range(20):
        found += await paced_s(client, 1)
    client.close()
    await asyncio.sleep(0)
    assert found == [0] * 20
    asked = [kind for _, kind in office.sent]
    assert asked.count("settle") == 20
    assert asked.count("return") == 1
    assert not office.ledger._given


async def test_what_nobody_limits_is_not_asked_for_and_a_refusal_is_told() -> None:
    """The other worker waits as long as the first was told to."""
    refused = recording(http_status=429, status="refused", headers=(("retry-after", "5"),))
    office = Office()
    first, second = office.client("gw0", answer=lambda: refused), office.client("gw1")
    assert await paced_s(second, 2) == [None, None]
    assert office.sent == []
    assert await paced_s(first, 1) == [None]
    assert office.sent == [("gw0", "refused")]
    assert await paced_s(second, 1) == [pytest.approx(5.0 - 1.0, abs=1.1)]


async def test_a_budget_ends_every_worker_and_refuses_the_next_benchmark() -> None:
    """Five requests in all."""
    office = Office(replace(DEFAULT_BUDGET, requests=5))
    office.workers["gw0"].check()
    clients = [office.client(name) for name in office.workers]
    found = await with_time(office, *[paced_s(client, 4) for client in clients])
    stopped = [each for each in found[0] + found[1] if isinstance(each, str)]
    assert len(stopped) == 3
    assert all("the session's budget of 5 requests" in each for each in stopped)
    with pytest.raises(BudgetError, match=r"nothing was measured: the session's budget of 5 requests"):
        office.workers["gw1"].check()


async def test_a_request_without_a_price_breaks_a_budget_of_dollars() -> None:
    """As it does in one process."""
    office = Office(replace(DEFAULT_BUDGET, dollars=1.0))
    client = office.client("gw0")
    client.decode = lambda _: decoded(cost_usd=None)  # type: ignore[method-assign]
    client._client.decode = client.decode  # type: ignore[method-assign]
    with pytest.raises(BudgetError, match="no price is known"):
        await with_time(office, client.send(request()))


async def test_a_wait_that_is_cancelled_gives_its_turn_back() -> None:
    """Both before it was given and after."""
    office = Office()
    client = office.client("gw0", requests_per_minute=60)
    tasks = [asyncio.create_task(client.send(request())) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    (recorded,) = await with_time(office, tasks[2])
    assert seconds(recorded.paced_ns) == pytest.approx(1.0, abs=0.01)


async def test_a_lost_controller_ends_every_wait() -> None:
    """With what was lost; nobody waits for ever."""
    office = Office()
    client = office.client("gw0", requests_per_minute=60)
    sending = [asyncio.create_task(client.send(request())) for _ in range(2)]
    for _ in range(20):  # until one has gone and the other waits
        await asyncio.sleep(0)
    office.workers["gw0"].lost(ChannelError("the controller is gone."))
    assert isinstance((await asyncio.gather(*sending, return_exceptions=True))[1], ChannelError)
