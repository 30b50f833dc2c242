"""The clocks of a controller and a worker over a real connection."""

import time

import pytest

from pytest_llm_latency.workers import clocks, words
from pytest_llm_latency.workers.link import Link
from pytest_llm_latency.workers.listener import Listener

AHEAD_NS = 10**12


@pytest.mark.parametrize("ahead_ns", [0, AHEAD_NS, -AHEAD_NS])
def test_an_offset_is_found_within_the_error_that_is_stated(ahead_ns: int) -> None:
    """One clock is found to be the same."""
    tell = lambda peer, message: peer.reply(message, {"now_ns": time.monotonic_ns() - ahead_ns})  # noqa: E731  (a line)
    listener = Listener({words.CLOCK: tell}, came=lambda _: None, gone=lambda *_: None)
    link = Link("gw0", listener.address, listener.token)
    try:
        found = clocks.compare(link)
    finally:
        link.close()
        listener.close()
    assert abs(found.ahead_ns - ahead_ns) <= found.error_ns
    assert bool(found.shift_ns) is bool(ahead_ns)
