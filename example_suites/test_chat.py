"""A chat call: how long a user waits for the first token and for the whole answer."""

import pytest

ARTICLE = (
    "The library opens at nine. Members borrow up to ten books for four weeks and renew them online. "
    "Reading rooms are free for everyone; the largest one closes an hour before the house."
)


@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=60, warmup=10, concurrency=10)
async def test_summarise(llm):
    """The body is one request; the plugin repeats it under the load that the marker names."""
    reply = await llm(f"Summarise in one sentence: {ARTICLE}")
    assert reply.text
