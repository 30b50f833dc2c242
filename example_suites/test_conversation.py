"""A conversation of two turns: each step has figures and a verdict of its own."""

import pytest


@pytest.mark.llm_latency(model="anthropic/claude-haiku-4-5", requests=60, warmup=8, concurrency=8)
async def test_support_chat(llm):
    """The second turn carries the first one's answer, as a real conversation does."""
    messages = [{"role": "user", "content": "My parcel has not arrived. What can I do?"}]
    answer = await llm(messages, name="question", max_tokens=200)
    messages += [
        {"role": "assistant", "content": answer.text},
        {"role": "user", "content": "It was sent eight days ago to a neighbour."},
    ]
    advice = await llm(messages, name="follow-up", max_tokens=200)
    assert advice.text
