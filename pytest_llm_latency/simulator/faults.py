"""Faults as data: which requests go wrong, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import Literal

FaultKind = Literal[
    "rate_limit",
    "wrong_key",
    "unknown_model",
    "server_error",
    "reset_before_headers",
    "reset_mid_stream",
    "stall",
    "malformed",
    "truncated",
    "slow_headers",
    "error_event",
    "reset",
    "close",
    "garbage",
    "content_length_long",
    "content_length_short",
    "broken_chunk_size",
    "oversized_header",
    "wrong_content_type",
    "html_error",
    "unavailable",
    "drip",
]
FaultPoint = Literal[
    "connect",
    "before_headers",
    "in_headers",
    "after_headers",
    "between_events",
    "inside_event",
    "inside_chunk_framing",
    "before_end",
]

KINDS: Mapping[FaultKind, str] = MappingProxyType({
    "rate_limit": "status 429 with Retry-After",
    "wrong_key": "status 401",
    "unknown_model": "status 404",
    "server_error": "status 500",
    "reset_before_headers": "the connection is reset before any byte of the response",
    "reset_mid_stream": "the connection is reset after some deltas, or after half of a whole answer",
    "stall": "no more bytes after some deltas, or after half of a whole answer; the connection stays open",
    "malformed": "one event, or the whole answer, is broken JSON",
    "truncated": "a stream ends well-formed without finish, usage and end mark; a whole answer ends too early",
    "slow_headers": "headers and all that follows come late",
    "error_event": "the stream reports an error after some deltas and ends; instead of a whole answer status 500",
})

HTTP_KINDS: Mapping[FaultKind, str] = MappingProxyType({
    "content_length_long": "the stated length is 16 bytes more than the body, and the connection closes after it",
    "content_length_short": "the stated length is half of the body, which comes in full",
    "broken_chunk_size": "the chunk of one delta, or of the whole answer, states seven bytes too many",
    "oversized_header": "the headers have one of a quarter of a megabyte",
    "wrong_content_type": "the answer is sound and says that it is HTML",
    "html_error": "status 502 with a page of HTML",
    "unavailable": "status 503 with Retry-After",
    "drip": "the body comes byte by byte, `delay_s` apart",
})

POINTED_KINDS: Mapping[FaultKind, str] = MappingProxyType({
    "reset": "the connection is reset",
    "close": "the connection is closed",
    "stall": "no more bytes come, and the connection stays open",
    "garbage": "sixteen bytes are none that belong there; the rest comes as it should",
})

POINTS: Mapping[FaultPoint, str] = MappingProxyType({
    "connect": "when the connection was accepted; counts connections, whatever the model",
    "before_headers": "before the first byte of the response",
    "in_headers": "in the middle of the headers",
    "after_headers": "after the headers",
    "between_events": "before an event; in the middle of a whole answer",
    "inside_event": "in the middle of an event or of a whole answer",
    "inside_chunk_framing": "inside the size of an event's chunk; in the middle of a whole answer",
    "before_end": "after the last event, before the end of the body; before the last byte of a whole answer",
})

EVERY_FAULT: tuple[tuple[FaultKind, FaultPoint | None], ...] = (
    *((kind, None) for kind in (*KINDS, *HTTP_KINDS)),
    *((kind, point) for kind in POINTED_KINDS for point in POINTS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the requests whose model's name matches the pattern ``model``.

    It strikes a ``share`` of them, drawn from the seed, or each one whose number, counted from 1
    for each model's name, is a multiple of ``every``. ``after_chunks`` deltas come through before
    a fault in mid-stream. ``point`` is where the kinds of ``POINTED_KINDS`` strike.
    """

    kind: FaultKind
    point: FaultPoint | None = None
    model: str = "*"
    share: float | None = None
    every: int | None = None
    after_chunks: int = 3
    retry_after_s: float = 1.0
    delay_s: float = 5.0

    @property
    def name(self) -> str:
        """Return the kind and the point."""
        return self.kind if self.point is None else f"{self.kind} at {self.point}"


def of_requests(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Return the faults that strike requests."""
    return tuple(each for each in faults if each.point != "connect")


def of_connections(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Return the faults that strike when a connection is made."""
    return tuple(replace(each, model="*") for each in faults if each.point == "connect")


def striking(faults: tuple[Fault, ...], *, seed: int, model: str, ordinal: int) -> Fault | None:
    """Return the first fault that strikes the request ``ordinal`` (from 0) for a model."""
    for index, fault in enumerate(faults):
        if not fnmatchcase(model, fault.model):
            continue
        if fault.every is not None:
            strikes = (ordinal + 1) % fault.every == 0
        else:
            random = Random(f"{seed}/fault {index}/{model}/{ordinal}")  # noqa: S311  (faults are no secrets)
            strikes = fault.share is not None and random.random() < fault.share
        if strikes:
            return fault
    return None
