"""A sweep over the prompt's length: where does the time to the first token begin to grow?"""

import pytest

PARAGRAPH = "The committee met again and found that the matter needs more time than was planned for it. "


@pytest.mark.parametrize("paragraphs", [1, 20, 200])
@pytest.mark.llm_latency(model="gemini/gemini-2.5-flash", requests=60, warmup=6, concurrency=6, gate=["ttft"])
async def test_prompt_length(llm, paragraphs):
    """Only the time to the first token is compared with the baseline here."""
    reply = await llm(f"Answer with one word. Is this a decision? {PARAGRAPH * paragraphs}", max_tokens=20)
    assert reply.text
