"""What is known of a request, whatever becomes of it."""

import pytest

from pytest_llm_latency.execution.answer import Answer, Progress
from pytest_llm_latency.execution.dialing import Opening
from pytest_llm_latency.model import ClockSource


@pytest.mark.parametrize(
    ("handshake", "arrivals", "expected"),
    [
        ("kernel", ["kernel", "kernel"], "kernel"),
        ("loop", ["kernel", "kernel"], "loop"),
        ("kernel", ["kernel", "loop", "kernel"], "loop"),
        ("kernel", [], "loop"),
    ],
)
async def test_the_clock_is_the_kernels_only_if_every_arrival_has_its_stamp(
    handshake: ClockSource, arrivals: list[ClockSource], expected: ClockSource
) -> None:
    """Those of the handshake and those of the answer; where nothing came there is none."""
    progress = Progress(started=1, http_version="1.1", opening=Opening(clock=handshake), answer=Answer())
    assert progress.answer is not None
    for clock in arrivals:
        progress.answer.hear(clock)
    assert progress.exchange("ok", None).clock == expected
