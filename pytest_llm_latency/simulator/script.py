"""A response as bytes: what is written when, and how the connection goes on after it."""

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal, NamedTuple

from pytest_llm_latency.simulator.truth import Exchange

Ending = Literal["complete", "reset", "stall", "cut"]

HEAD = -1
LAST_CHUNK = b"0\r\n\r\n"


class Write(NamedTuple):
    """Bytes that go in one write of their own, not before ``due_ns``.

    ``completes`` is how many pieces of the body are whole with them; ``HEAD`` stands for the
    headers. ``is_apart`` lets the peer read what went before them first.
    """

    due_ns: int
    data: bytes
    completes: int = 0
    is_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The writes of one response, and how it ends at ``end_due_ns``.

    ``complete`` leaves the connection open unless it ``closes``; ``cut`` closes it, ``reset``
    resets it and ``stall`` leaves it open and silent. ``is_sound`` says that the bytes are HTTP as
    it should be. ``exchange`` takes the stamps.
    """

    writes: Sequence[Write]
    end_due_ns: int
    ending: Ending = "complete"
    closes: bool = False
    is_sound: bool = True
    exchange: Exchange | None = None


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and the headers."""
    try:
        reason = http.HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"date: {formatdate(usegmt=True)}", "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of the chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)
