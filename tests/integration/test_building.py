"""What is built by example is, byte for byte, what litellm builds: for every provider."""

import asyncio
from contextlib import closing
from typing import Any

import pytest

from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from recordings import request

TEXTS = (
    "What is the weather?",
    "And tomorrow?",
    'He said: "no" \\ and left.\n\nWhy?\tTell me.',
    "Größe, 日本 and 😀 \u2028 \x7f",
    "{}",
    "x" * 3000,
)
MODELS = (
    "openai/gpt-4o-mini",
    "azure/gpt-4o-mini",
    "anthropic/claude-haiku-4-5",
    "gemini/gemini-2.5-flash",
    "mistral/mistral-medium-latest",
    "cohere_chat/command-a-03-2025",
    "together_ai/moonshotai/Kimi-K3",
    "openrouter/openai/gpt-4o-mini",
    "groq/openai/gpt-oss-20b",
    "hosted_vllm/qwen3",
    "litellm_proxy/ours",
    "ollama/llama3.1",
    "ollama_chat/llama3.1",
    "replicate/meta/llama-3-8b-instruct",
    "bedrock/anthropic.claude-sonnet-4-20250514-v1:0",
    "bedrock/invoke/anthropic.claude-3-5-sonnet-20240620-v1:0",
)
SIGNED = {"bedrock"}  # each request has a signature of its own
WRAPPED = {"ollama"}  # the prompt stands in a longer text


def provider(model: str) -> str:
    """Return litellm's name of a model's provider."""
    return model.partition("/")[0]


@pytest.fixture(scope="module")
def client() -> Any:
    """Return a client that builds for every provider and sends nothing; litellm takes seconds to import."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    bases = {name: f"http://127.0.0.1:9{PROTOCOLS[name].API_BASE}" for name in map(provider, MODELS)}
    with closing(LiteLLMClient(api_bases=bases)) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
def test_a_request_by_example_is_the_one_that_litellm_builds(
    client: Any, model: str, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """Whatever has to be escaped in its text; a signed request is never built by example."""
    asked = [request(each, model=model, parameters={"stream": stream}) for each in TEXTS]

    async def build(*, by_example: bool) -> list[WireRequest]:
        client.close()
        with monkeypatch.context() as patch:
            if not by_example:
                patch.setattr(client._templates, "fill", lambda _: None)
            return [await client._build(each) for each in asked]

    quick, plain = (asyncio.run(build(by_example=each)) for each in (True, False))
    assert len(client._built) == len(TEXTS)
    if provider(model) in SIGNED:
        assert [each.body for each in quick] == [each.body for each in plain]
        assert client._templates.fill(request("next", model=model)) is None
    else:
        assert quick == plain


@pytest.mark.parametrize("model", [model for model in MODELS if provider(model) not in SIGNED | WRAPPED])
def test_litellm_builds_two_requests_of_many(client: Any, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others take no milliseconds of the core that open streams are read on."""
    built: list[str] = []
    real = client._handed_over

    async def counted(asked: Any) -> Any:
        built.append(asked.messages[-1]["content"])
        return await real(asked)

    async def build() -> None:
        for number in range(5):
            await client._build(request(f"Say {number}.", model=model))

    client.close()
    monkeypatch.setattr(client, "_handed_over", counted)
    asyncio.run(build())
    assert built == ["Say 0.", "Say 1."]
