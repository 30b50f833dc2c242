"""Limits only: fixed bounds that need no baseline, at a constant rate of arrivals."""

import pytest


@pytest.mark.llm_latency(
    model="openai/gpt-4o-mini",
    requests=60,
    warmup=5,
    load="10/s",
    timeout=30,
    gate=[],
    limits=["ttft.p95 < 3s", "e2e.p95 < 20s"],
)
def test_within_limits(llm):
    """A plain function works like a coroutine. Arrivals never wait for answers, as with real users."""
    reply = llm("Name three colours.", max_tokens=50)
    assert reply.text
