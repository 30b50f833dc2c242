"""Opens a TCP connection to one of the addresses of a name, as RFC 8305 advises.

The families take turns, the resolver's first one first; an attempt that has not succeeded after
250 ms, or has failed, is joined by the next; the first to succeed wins. The resolver gives all
addresses at once, so that there is no waiting for one family's answer.
"""

import asyncio
import errno
import itertools
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

ATTEMPT_DELAY_S = 0.25

Address = tuple[int, int, int, str, tuple[object, ...]]
"""As ``socket.getaddrinfo`` returns it: family, kind, protocol, name, address."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host; an address itself is not looked up. Raises ``OSError`` and ``UnicodeError``."""
    with suppress(socket.gaierror):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def open_first(addresses: Sequence[Address]) -> tuple[socket.socket, int]:
    """Return the first connection that stands, and when it did; raises the first attempt's ``OSError``."""
    if len(addresses) == 1:
        return await _open(addresses[0])
    waiting, attempts = taking_turns(addresses), list[asyncio.Task[tuple[socket.socket, int]]]()
    try:
        while waiting or not all(attempt.done() for attempt in attempts):
            if waiting:
                attempts.append(asyncio.create_task(_open(waiting.pop(0))))
            pending = [attempt for attempt in attempts if not attempt.done()]
            delay_s = ATTEMPT_DELAY_S if waiting else None
            done, _ = await asyncio.wait(pending, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                if attempt.exception() is None:
                    attempts.remove(attempt)
                    return attempt.result()
    finally:
        _abandon(attempts)
    raise next((error for attempt in attempts if (error := attempt.exception())), OSError("the name has no address"))


def taking_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses with the families in turns, beginning with that of the first."""
    families = dict.fromkeys(address[0] for address in addresses)
    turns = itertools.zip_longest(*([each for each in addresses if each[0] == family] for family in families))
    return [address for turn in turns for address in turn if address is not None]


async def _open(address: Address) -> tuple[socket.socket, int]:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock, time.monotonic_ns()


async def _connect(sock: socket.socket, where: tuple[object, ...]) -> None:
    """Connect to an address; the loops' own ways would look it up again."""
    code = sock.connect_ex(where)
    if code == errno.EINPROGRESS:
        loop = asyncio.get_running_loop()
        writable = loop.create_future()
        loop.add_writer(sock.fileno(), _resolve, writable)
        try:
            await writable
        finally:
            loop.remove_writer(sock.fileno())
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _abandon(attempts: Sequence[asyncio.Task[tuple[socket.socket, int]]]) -> None:
    """Close what the losers have opened, or will have; without waiting, so that nothing comes in between."""
    for attempt in attempts:
        if attempt.done():
            _close(attempt)
        else:
            attempt.cancel()
            attempt.add_done_callback(_close)


def _close(attempt: asyncio.Task[tuple[socket.socket, int]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[0].close()
