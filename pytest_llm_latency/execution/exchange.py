"""One request over the wire and its answer, as bytes and stamps."""

import asyncio
from dataclasses import dataclass

from pytest_llm_latency.execution.routes import Route
from pytest_llm_latency.model import ClockSource, Failure, Stamps, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """A request as it goes over the wire: ``head`` is that of HTTP/1.1 and ends with the empty line."""

    route: Route
    endpoint: str
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, with every stamp that happened; ``attempts`` counts the times it was sent."""

    stamps: Stamps
    http_status: int | None
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]
    piece_ns: tuple[int, ...]
    connection_reused: bool | None
    http_version: str | None
    clock: ClockSource
    status: Status
    failure: Failure | None
    attempts: int


class CancelledExchange(asyncio.CancelledError):
    """A cancellation, with what had happened of its exchange."""

    def __init__(self, exchange: Exchange, *arguments: object) -> None:
        super().__init__(*arguments)
        self.exchange = exchange
