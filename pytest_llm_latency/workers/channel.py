"""What controller and workers say to each other: frames of JSON with bytes beside them, after proof of a secret.

A frame is two lengths (four bytes each, big-endian), a JSON list of kind, number and body, and raw
bytes. Nothing in it is code, and none is longer than ``MOST_BYTES``.

Before anything else is read, each side proves that it has the session's token: it answers the
other's random challenge with an HMAC (RFC 2104). So the token itself never crosses the wire.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import struct
from dataclasses import dataclass
from typing import Any

from pytest_llm_latency.errors import ChannelError

MOST_BYTES = 4 << 20
REPLY = "reply"  # the answer to the message of the same number
ALIVE = "alive"  # says nothing but that its process runs
HELLO = "hello"  # the first message of a worker: its name

_LENGTHS = struct.Struct("!II")
_CHALLENGE_BYTES = _PROOF_BYTES = 32
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message: ``body`` is JSON, ``data`` is not looked into; ``number`` is set where an answer is wanted."""

    kind: str
    body: dict[str, Any]
    data: bytes = b""
    number: int | None = None


def new_token() -> str:
    """Return the secret of one session."""
    return secrets.token_hex(32)


def encode(message: Message) -> bytes:
    """Return a message as a frame; raise ``ChannelError`` for one that is too long."""
    head = json.dumps([message.kind, message.number, message.body], separators=(",", ":")).encode()
    if len(head) + len(message.data) > MOST_BYTES:
        raise ChannelError(
            f"a message of {len(head) + len(message.data):,} bytes is longer than {MOST_BYTES:,}: send it in parts."
        )
    return _LENGTHS.pack(len(head), len(message.data)) + head + message.data


async def read(reader: asyncio.StreamReader, within_s: float) -> Message:
    """Return the next message; each of its parts must have come within so many seconds.

    Raises ``TimeoutError``, ``asyncio.IncompleteReadError`` at the end, and ``ChannelError`` for what is no message.
    """
    async with asyncio.timeout(within_s):
        lengths = await reader.readexactly(_LENGTHS.size)
    head_bytes, data_bytes = _LENGTHS.unpack(lengths)
    if head_bytes + data_bytes > MOST_BYTES:
        raise ChannelError(f"a message of {head_bytes + data_bytes:,} bytes was announced: {MOST_BYTES:,} are allowed.")
    async with asyncio.timeout(within_s):
        payload = await reader.readexactly(head_bytes + data_bytes)
    return decode(payload[:head_bytes], payload[head_bytes:])


def decode(head: bytes, data: bytes) -> Message:
    """Return the message of a frame's two parts; raise ``ChannelError`` for what is none."""
    try:
        kind, number, body = json.loads(head)
    except (ValueError, TypeError, RecursionError):
        raise ChannelError("something came that is no message: is another program connected?") from None
    if type(kind) is not str or type(body) is not dict or (number is not None and type(number) is not int):
        raise ChannelError("something came that has not the form of a message: is another program connected?")
    return Message(kind=kind, body=body, data=data, number=number)


def name_of(message: Message) -> str:
    """Return the name with which a worker introduces itself."""
    name = message.body.get("name")
    if message.kind != HELLO or type(name) is not str or not 0 < len(name) <= _NAME_LENGTH:
        raise ChannelError("a connection did not begin with a worker's name: is another version installed there?")
    return name


async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
    """Prove the token to who has connected, after it has proved it; raise ``ChannelError`` where it cannot."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    writer.write(challenge)
    theirs = await reader.readexactly(_CHALLENGE_BYTES)
    _check(await reader.readexactly(_PROOF_BYTES), _proof(token, b"worker", challenge + theirs))
    writer.write(_proof(token, b"controller", challenge + theirs))


async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
    """Prove the token to the listener that was connected to, then have it proved; the other end of ``admit``."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    theirs = await reader.readexactly(_CHALLENGE_BYTES)
    writer.write(challenge + _proof(token, b"worker", theirs + challenge))
    _check(await reader.readexactly(_PROOF_BYTES), _proof(token, b"controller", theirs + challenge))


def _proof(token: str, side: bytes, challenges: bytes) -> bytes:
    return hmac.digest(token.encode(), side + challenges, hashlib.sha256)


def _check(proof: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(proof, expected):
        raise ChannelError("the other end does not know this session's token: is another session on that port?")
