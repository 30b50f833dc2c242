"""Where a request leaves litellm: the transport of its HTTP clients takes what we build out of its hands.

The clients are litellm's own and serve the whole process, so any other use of litellm goes through.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

import httpx

Made = TypeVar("Made")

BUILDING: ContextVar[bool] = ContextVar("llm_latency_building", default=False)


class Handover(BaseException):
    """Carries a built request past every handler of errors; it is none."""

    def __init__(self, request: httpx.Request) -> None:
        self.request = request


class Seam(httpx.AsyncBaseTransport):
    """Raises ``Handover`` for a request that is built while ``BUILDING`` is set, and sends any other."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take the request, or pass it on over a connection of its own."""
        if BUILDING.get():
            await request.aread()
            raise Handover(request)
        transport = httpx.AsyncHTTPTransport()
        response = await transport.handle_async_request(request)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(response, transport),
            extensions=response.extensions,
        )


class _Body(httpx.AsyncByteStream):
    """A body that closes its connection when it is closed."""

    def __init__(self, response: httpx.Response, transport: httpx.AsyncHTTPTransport) -> None:
        self._response = response
        self._transport = transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._response.aiter_raw():
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._transport.aclose()


async def to_its_end(making: Coroutine[Any, Any, Made]) -> Made:
    """Await what is not cut short: litellm, for one, builds in a thread and would leave coroutines behind."""
    task = asyncio.create_task(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieved here, so that the loop does not report it
        raise
