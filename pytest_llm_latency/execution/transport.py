"""Sends a built HTTP request and records the answer: stamps and bytes, nothing parsed but HTTP itself."""

import asyncio
import socket
import ssl
import time
from typing import Protocol

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import failures, stamping
from pytest_llm_latency.execution.answer import HTTPProtocolError, Progress
from pytest_llm_latency.execution.exchange import CancelledExchange, Exchange, WireRequest
from pytest_llm_latency.execution.http1 import OneByOne
from pytest_llm_latency.execution.tls import Contexts
from pytest_llm_latency.model import Failure, Status

__all__ = ["CancelledExchange", "Exchange", "HTTPProtocolError", "Transport", "WireRequest"]


class _Way(Protocol):
    """How requests of one version of HTTP share connections."""

    async def exchange(self, request: WireRequest, progress: Progress) -> None:
        """Send a request and wait for the whole answer; raises ``OSError`` and ``ValueError``."""

    def close(self) -> None:
        """Close every connection."""


class Transport:
    """Keeps connections and sends requests over them, one loop after another: no connection outlives its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._contexts = Contexts(tls)
        self._ways: dict[str, _Way] = {}
        self._keeper: socket.socket | None = None

    async def send(self, request: WireRequest, *, deadline_s: float, http_version: str = "1.1") -> Exchange:
        """Send one request and wait for the whole answer.

        Whatever goes wrong on the way is in the exchange's ``status`` and ``failure``, with the
        stamps of what did happen. Only a cancellation is raised, as ``CancelledExchange``, and
        ``ProviderError`` for a set-up with which nothing can be sent.
        """
        way = self._way(http_version)
        if request.route.origin.scheme == "https":
            self._contexts.get(request.route.verify)  # loading certificates takes tens of milliseconds, once
        if self._keeper is None:
            self._keeper = stamping.keep_stamping()
        progress = Progress(started=time.monotonic_ns(), http_version=http_version)
        try:
            async with asyncio.timeout(deadline_s) as deadline:
                await _attempts(way, request, progress)
        except (OSError, ValueError) as error:
            if not deadline.expired():  # the network has time-outs of its own
                return _ended(progress, "error", failures.network(error, request.route, progress.phase))
            return _ended(progress, "timeout", failures.deadline(deadline_s, progress.phase))
        except asyncio.CancelledError as cancelled:
            exchange = _ended(progress, "cancelled", failures.given_up(time.monotonic_ns() - progress.started))
            raise CancelledExchange(exchange, *cancelled.args) from cancelled
        except BaseException:
            progress.stop()
            raise
        return progress.exchange("ok", None)

    def close(self) -> None:
        """Close every connection; the transport can be used again."""
        for way in self._ways.values():
            way.close()
        self._contexts.forget()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _way(self, http_version: str) -> _Way:
        if http_version not in self._ways:
            make = OneByOne if http_version == "1.1" else _multiplexed
            self._ways[http_version] = make(self._contexts)
        return self._ways[http_version]


async def _attempts(way: _Way, request: WireRequest, progress: Progress) -> None:
    """Send a request, and once more where the first time says nothing about the server."""
    try:
        await way.exchange(request, progress)
    except ConnectionError as error:
        if not progress.is_void(error):
            raise
        progress.begin_again()
        await way.exchange(request, progress)


def _ended(progress: Progress, status: Status, failure: Failure) -> Exchange:
    progress.stop()
    return progress.exchange(status, failure)


def _multiplexed(contexts: Contexts) -> _Way:
    try:
        from pytest_llm_latency.execution.multiplexed import Multiplexed  # noqa: PLC0415  (its package is an extra)
    except ImportError:
        raise ProviderError(
            "HTTP/2 needs the package h2: install it with pip install 'pytest-llm-latency[http2]', "
            "or measure with http_version='1.1'."
        ) from None
    return Multiplexed(contexts)
