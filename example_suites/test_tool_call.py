"""A tool call: the latency of an agent's step, and a body that checks what came back."""

import json

import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
            "required": ["city"],
        },
    },
}


@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=60, warmup=10, concurrency=10)
async def test_weather_tool(llm):
    """An assertion that fails is a failed request: it counts as an error and is never left out."""
    reply = await llm("How warm is it in Lisbon?", tools=[WEATHER], tool_choice="required")
    [call] = reply.tool_calls
    assert call.name == "get_weather"
    assert "city" in json.loads(call.arguments)
