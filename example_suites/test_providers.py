"""Providers side by side: the same prompt, one benchmark and one baseline for each model."""

import pytest


@pytest.mark.parametrize(
    "model",
    ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"],
)
@pytest.mark.llm_latency(requests=60, warmup=8, concurrency=8)
async def test_translate(llm, model):
    """A call may name the model itself; the marker then needs none."""
    reply = await llm("Translate into French: the meeting starts at ten.", model=model, max_tokens=100)
    assert reply.text
