"""A run under another tool's definitions."""

import pytest

import nouns
from pytest_llm_latency.definitions import TOOLS
from pytest_llm_latency.stats.recomputed import Row, recompute


def rows(tool: str, *ttft_s: float | None, stream: bool = True) -> dict[str, Row]:
    """Return the figures of a run of these times to first token."""
    run = nouns.run(ttft_s, conditions=(nouns.conditions(stream=stream),))
    return {row.figure: row for row in recompute(run, TOOLS[tool])}


def test_both_definitions_stand_side_by_side() -> None:
    """Failed requests rank as slow in ours and are left out of the tool's; so is what a sample cannot support."""
    found = rows("aiperf", *(0.1 * number for number in range(1, 12)), None)["ttft"]
    assert found.ours is not None
    assert found.theirs is not None
    assert (found.ours.count, found.theirs.count) == (12, 11)
    assert (found.ours.p50, found.theirs.p50) == (pytest.approx(0.6), pytest.approx(0.6))
    assert (found.ours.p95, found.theirs.p95) == (None, pytest.approx(1.05))
    assert found.theirs.mean == pytest.approx(0.6)


def test_a_quantile_is_taken_as_the_tool_takes_it() -> None:
    """Between its neighbours, or the first value that the share of the weight does not exceed."""
    assert rows("aiperf", 0.1, 0.2)["ttft"].theirs.p50 == pytest.approx(0.15)  # type: ignore[union-attr]  # (measured)
    sent = rows("guidellm", 0.1, 0.2)["ttft"].theirs
    assert sent is not None
    assert sent.p50 == pytest.approx(0.1 - 0.025)  # the first request of a run opens a connection


def test_what_only_a_stream_has_is_left_out_of_whole_answers() -> None:
    """Its first token would be its last."""
    assert list(rows("vllm", 0.1, 0.2)) == ["ttft", "itl", "tpot", "e2e"]
    assert list(rows("vllm", 0.1, 0.2, stream=False)) == ["e2e"]


def test_a_run_without_a_success_has_nothing_of_theirs() -> None:
    """And no made-up number."""
    found = rows("vllm", None, None)["ttft"]
    assert found.theirs is None
    assert found.ours is not None
    assert found.ours.p50 is None
