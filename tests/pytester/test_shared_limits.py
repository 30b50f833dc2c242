"""Limits and budgets hold for the sum of all workers."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_llm_latency.model import Sample
from pytest_llm_latency.units import nanoseconds
from suites import Suite, printed

LIMITED = """
import pytest

@pytest.mark.llm_latency(
    model="openai/gpt-4o-mini", requests=90, warmup=2, concurrency=20, requests_per_minute=3000, max_concurrency=5
)
async def test_chat(llm):
    await llm("Say hello.")
"""
TWO = """
import pytest

@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=20, warmup=1, concurrency=5)
async def test_chat(llm, name):
    await llm("Say hello.")
"""


@pytest.fixture(autouse=True)
def _workers_start_at_once(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let xdist start its workers as processes that have imported what is slow."""
    monkeypatch.setattr(sys, "executable", str(programs / "python"))


def all_samples(suite: Suite) -> list[Sample]:
    """Return every sample of the last run, in the order of their starts."""
    session = suite.session
    found = [sample for test in session.tests for run in session.runs(test) for sample in run.samples]
    return sorted(found, key=lambda sample: sample.stamps.started)


def most_at_once(samples: Sequence[Sample]) -> int:
    """Return how many requests were under way at the same time, at most."""
    moments = [(sample.stamps.started, 1) for sample in samples]
    moments += [(sample.stamps.closed or sample.stamps.started, -1) for sample in samples]
    under_way = most = 0
    for _, change in sorted(moments):
        under_way += change
        most = max(most, under_way)
    return most


def test_a_rate_and_a_bound_of_concurrency_hold_for_a_gang(suite: Suite) -> None:
    """Fifty a second and five at once, of both workers together."""
    suite.write(LIMITED)
    suite.measure("-n2")
    found = all_samples(suite)
    assert {sample.worker for sample in found} == {"gw0", "gw1"}
    assert len(found) == 92
    assert most_at_once(found) <= 5
    assert found[-1].stamps.started - found[0].stamps.started >= nanoseconds((92 - 1 - 5) / 50 * 0.98)
    assert all(sample.paced_ns is not None for sample in found)


@pytest.mark.parametrize("mode", ["gang", "parallel"])
def test_a_budget_of_requests_is_used_up_to_the_last_one(suite: Suite, mode: str) -> None:
    """Thirty, whoever sends them."""
    suite.write(TWO)
    result = suite.measure("-n2", f"--llm-latency-workers={mode}", "--llm-latency-budget-requests=30")
    assert len(all_samples(suite)) == 30
    text = " ".join(printed(result).split())
    assert "the session's budget of 30 requests allows no further request, after 30 requests" in text
    assert "INTERNALERROR" not in text
