"""Several exchanges that are one request."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.execution import failures
from pytest_llm_latency.execution.chain import Follow, NextStep, send_chain
from pytest_llm_latency.execution.exchange import CancelledExchange, Exchange, WireRequest
from pytest_llm_latency.execution.routes import Origin, Route
from pytest_llm_latency.model import Failure, Stamps

ORIGIN = Origin(scheme="http", host="x", port=80)


def wire(name: bytes) -> WireRequest:
    """Return a request that is told apart by its head."""
    return WireRequest(route=Route(origin=ORIGIN), endpoint="x", head=name, body=b"")


def answered(at: int, **changes: Any) -> Exchange:
    """Return an exchange whose stamps begin at a moment."""
    exchange = Exchange(
        stamps=Stamps(
            started=at,
            connect_start=at + 1,
            dns_end=at + 2,
            tcp_end=at + 3,
            send_start=at + 4,
            send_end=at + 5,
            first_byte=at + 6,
            headers=at + 7,
            closed=at + 9,
        ),
        http_status=200,
        headers=(("at", str(at)),),
        pieces=(b"%d" % at,),
        piece_ns=(at + 8,),
        connection_reused=at > 0,
        http_version="1.1",
        clock="kernel",
        status="ok",
        failure=None,
        attempts=1,
    )
    return replace(exchange, **changes)


class Scripted:
    """A transport that answers with the given exchanges in turn, ``None`` never."""

    def __init__(self, *exchanges: Exchange | None) -> None:
        self._exchanges = list(exchanges)
        self.sent: list[bytes] = []

    async def send(self, request: WireRequest, *, deadline_s: float, http_version: str) -> Exchange:
        """Take the next one."""
        self.sent.append(request.head)
        exchange = self._exchanges.pop(0)
        if exchange is not None:
            return exchange
        try:
            async with asyncio.timeout(deadline_s):
                await asyncio.Event().wait()
        except TimeoutError:
            return answered(0, status="timeout", failure=failures.deadline(deadline_s, "headers"))
        except asyncio.CancelledError:
            raise CancelledExchange(answered(50, status="cancelled")) from None
        raise AssertionError


async def run(transport: Scripted, follow: Follow, deadline_s: float = 20.0) -> Exchange:
    """Send a chain that begins with the request ``first``."""
    return await send_chain(transport, wire(b"first"), follow, deadline_s=deadline_s)  # type: ignore[arg-type]  (a fake)


def polling(exchange: Exchange) -> NextStep | None:
    """Follow every answer but the one at 200."""
    return None if exchange.stamps.started >= 200 else NextStep(request=wire(b"next"))


async def test_a_chain_begins_as_its_first_exchange_and_answers_as_its_last() -> None:
    """The exchanges in between only count."""
    transport = Scripted(answered(0), answered(100, attempts=2), answered(200))
    exchange = await run(transport, polling)
    assert transport.sent == [b"first", b"next", b"next"]
    last = answered(200)
    stamps = replace(answered(0).stamps, first_byte=206, headers=207, closed=209)
    assert exchange == replace(last, stamps=stamps, attempts=4, connection_reused=False)


async def test_one_answer_that_nothing_follows_is_the_whole() -> None:
    """The usual request."""
    assert await run(Scripted(answered(200)), polling) == answered(200)


async def test_its_arrivals_are_the_kernels_only_if_all_were() -> None:
    """The sending of the first is judged by the first."""
    assert (await run(Scripted(answered(0, clock="loop"), answered(200)), polling)).clock == "loop"
    assert (await run(Scripted(answered(0), answered(200, clock="loop")), polling)).clock == "loop"


async def test_a_failed_exchange_ends_the_chain_and_is_not_followed() -> None:
    """With its own reason."""
    failure = Failure(error_class="ConnectionResetError", message="gone", phase="body")
    broken = answered(100, status="error", failure=failure)
    seen: list[Exchange] = []

    def follow(exchange: Exchange) -> NextStep:
        seen.append(exchange)
        return NextStep(request=wire(b"next"))

    exchange = await run(Scripted(answered(0), broken), follow)
    assert (exchange.status, exchange.failure, exchange.attempts) == ("error", failure, 2)
    assert exchange.stamps.started == 0
    assert seen == [answered(0)]


async def test_the_deadline_covers_the_exchanges_together() -> None:
    """Its message names the whole deadline and what the last exchange waited for."""
    exchange = await run(Scripted(answered(0), None), polling, deadline_s=0.02)
    assert (exchange.status, exchange.attempts) == ("timeout", 2)
    assert exchange.failure == failures.deadline(0.02, "headers")


async def test_the_deadline_covers_the_waits_in_between() -> None:
    """No further request is sent."""
    transport = Scripted(answered(0))
    exchange = await run(transport, lambda _: NextStep(request=wire(b"next"), wait_s=60), deadline_s=0.02)
    assert transport.sent == [b"first"]
    assert (exchange.status, exchange.failure) == ("timeout", failures.deadline(0.02, "body"))


@pytest.mark.parametrize("waits", [True, False], ids=["between two", "in an exchange"])
async def test_a_cancellation_carries_what_had_happened(*, waits: bool) -> None:
    """From the first exchange on."""
    transport = Scripted(answered(0), None)
    follow: Follow = (lambda _: NextStep(request=wire(b"next"), wait_s=60)) if waits else polling
    task = asyncio.create_task(run(transport, follow))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(CancelledExchange) as caught:
        await task
    exchange = caught.value.exchange
    assert (exchange.status, exchange.stamps.started) == ("cancelled", 0)
    assert exchange.failure is not None
    assert exchange.failure.error_class == "Cancelled"
    assert exchange.attempts == (1 if waits else 2)
