"""Faults as data: which requests go wrong, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import Literal

FaultKind = Literal[
    "rate_limit",
    "server_error",
    "reset_before_headers",
    "reset_mid_stream",
    "stall",
    "malformed",
    "truncated",
    "slow_headers",
    "error_event",
]

KINDS: Mapping[FaultKind, str] = MappingProxyType({
    "rate_limit": "status 429 with Retry-After",
    "server_error": "status 500",
    "reset_before_headers": "the connection is reset before any byte of the response",
    "reset_mid_stream": "the connection is reset after some deltas, or after half of a whole answer",
    "stall": "no more bytes after some deltas, or after half of a whole answer; the connection stays open",
    "malformed": "one event, or the whole answer, is broken JSON",
    "truncated": "a stream ends well-formed without finish, usage and end mark; a whole answer ends too early",
    "slow_headers": "headers and all that follows come late",
    "error_event": "the stream reports an error after some deltas and ends; instead of a whole answer status 500",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the requests whose model's name matches the pattern ``model``.

    It strikes a ``share`` of them, drawn from the seed, or each one whose number, counted from 1
    for each model's name, is a multiple of ``every``. ``after_chunks`` deltas come through before
    a fault in mid-stream.
    """

    kind: FaultKind
    model: str = "*"
    share: float | None = None
    every: int | None = None
    after_chunks: int = 3
    retry_after_s: float = 1.0
    delay_s: float = 5.0


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
