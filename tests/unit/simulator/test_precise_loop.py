"""The simulator's loop is asyncio's with another way to wait."""

import asyncio
import socket

from pytest_llm_latency.simulator import precise_loop


def test_timers_fire_in_their_order_and_sockets_are_read() -> None:
    """Both ends of the wait work: a timer that is due, and a descriptor that is ready."""
    seen: list[object] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)  # noqa: FBT003  (its only form)
            reading = asyncio.ensure_future(loop.sock_recv(left, 10))
            loop.call_later(0.004, seen.append, "second")
            loop.call_later(0.002, seen.append, "first")
            loop.call_later(0.006, right.send, b"bytes")
            seen.append(await reading)

    with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
        runner.run(run())
    assert seen == ["first", "second", b"bytes"]
