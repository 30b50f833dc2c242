"""What the simulator says is understood by litellm's parsers, and through them by the OpenAI SDK's."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from pytest_llm_latency.simulator.process import SimulatorProcess

MODELS = {
    "openai": "openai/gpt-4o-mini",
    "anthropic": "anthropic/claude-3-5-haiku-latest",
    "gemini": "gemini/gemini-2.0-flash",
}
TEXT = "The simulated model answers with"

# litellm leaves clients open when a loop ends and takes seconds to import: one process for all of it.
SCRIPT = '''
import asyncio, json, sys
import litellm

litellm.suppress_debug_info = True
PROMPT = [{"role": "user", "content": "What is the weather?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tell it.", "parameters": SCHEMA}}]


async def ask(model, api_base, messages=PROMPT, **parameters):
    """Return the whole answer; litellm would import mcp, which it does not bring, for any tool."""
    answer = await litellm.acompletion(
        model=model, api_base=api_base, api_key="none", messages=messages, max_retries=0, _skip_mcp_handler=True,
        **parameters,
    )
    if parameters.get("stream"):
        answer = litellm.stream_chunk_builder([chunk async for chunk in answer])
    return answer.model_dump()


async def round_trip(model, api_base, stream):
    first = await ask(model, api_base, tools=TOOLS, stream=stream)
    message = first["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "{}"}
    return first, await ask(model, api_base, [*PROMPT, message, result], tools=TOOLS, stream=stream)


async def refused(model, api_base):
    try:
        await ask(model.replace("/", "/refused-"), api_base)
    except litellm.RateLimitError as error:
        return error.status_code


async def main():
    found = {}
    for provider, (model, api_base) in json.loads(sys.argv[1]).items():
        found[provider] = {
            "whole": await ask(model, api_base),
            "stream": await ask(model, api_base, stream=True, stream_options={"include_usage": True}),
            "bound": await ask(model, api_base, stream=True, max_tokens=2),
            "tools": await round_trip(model, api_base, False),
            "tools streamed": await round_trip(model, api_base, True),
            "refused": await refused(model, api_base),
        }
    print(json.dumps(found))


asyncio.run(main())
'''


@pytest.fixture(scope="module")
def answers() -> Any:
    """Ask each provider's model everything, and return litellm's answers as JSON."""
    settings = {
        "profiles": {"*": {"ttft": 0.002, "inter_token": 0.0005, "headers_s": 0.001, "output_tokens": 5}},
        "faults": [{"kind": "rate_limit", "model": "refused-*", "every": 1}],
    }
    with SimulatorProcess(settings) as simulator:
        models = {provider: (model, simulator.api_base(provider)) for provider, model in MODELS.items()}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, json.dumps(models)],
            env=os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(params=MODELS)
def said(answers: Any, request: pytest.FixtureRequest) -> Any:
    """Return litellm's answers of one provider."""
    return answers[request.param]


def content(answer: Any) -> tuple[str, str]:
    """Return an answer's text and finish reason."""
    choice = answer["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


@pytest.mark.parametrize("form", ["whole", "stream"])
def test_text_and_usage_are_understood(said: Any, form: str) -> None:
    """Streamed or not."""
    assert content(said[form]) == (TEXT, "stop")
    assert said[form]["usage"]["completion_tokens"] == 5
    assert said[form]["usage"]["prompt_tokens"] > 0


def test_a_bound_is_understood(said: Any) -> None:
    """Each provider has a word of its own for it."""
    assert content(said["bound"]) == ("The simulated", "length")


@pytest.mark.parametrize("form", ["tools", "tools streamed"])
def test_a_tool_call_goes_there_and_back(said: Any, form: str) -> None:
    """The call is answered with its result, and the result with text."""
    first, second = said[form]
    assert first["choices"][0]["finish_reason"] == "tool_calls"
    (call,) = first["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "text"}
    assert content(second) == (TEXT, "stop")


def test_a_rate_limit_is_mapped(said: Any) -> None:
    """The provider's shape of an error becomes litellm's own."""
    assert said["refused"] == 429
