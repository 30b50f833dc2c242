"""Costs by our arithmetic against litellm's own, and its tokenizers without a network."""

from typing import Any

import pytest

import recordings
from pytest_llm_latency.execution import cost
from pytest_llm_latency.model import Usage

MODELS = [
    ("gpt-4o-mini", "openai"),
    ("gpt-4.1", "openai"),
    ("o3", "openai"),
    ("gpt-5", "openai"),
    ("gpt-4o-mini", "azure"),
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-haiku-4-5", "anthropic"),
    ("gemini-2.5-flash", "gemini"),
    ("gemini-2.5-pro", "gemini"),
    ("mistral-large-latest", "mistral"),
    ("command-a-03-2025", "cohere_chat"),
    ("openai/gpt-oss-120b", "groq"),
    ("anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
]
LENGTHS = [
    {"tokens_in": 1_000, "tokens_out": 500},
    {"tokens_in": 1_000, "tokens_out": 500, "tokens_cached": 300, "tokens_cache_written": 200},
    {"tokens_in": 1_000, "tokens_out": 500, "tokens_reasoning": 120},
    {"tokens_in": 250_000, "tokens_out": 500, "tokens_cached": 100_000, "tokens_reasoning": 120},
    {"tokens_in": 1_000, "tokens_out": 500, "tokens_cached": 300, "tier": "priority"},
    {"tokens_in": 1_000, "tokens_out": 500, "tokens_cached": 300, "tier": "flex"},
]


@pytest.fixture(scope="module")
def library() -> Any:
    """Return what of litellm is used, which takes seconds to import."""
    from pytest_llm_latency.execution import library  # noqa: PLC0415  (only here)

    return library


@pytest.fixture(scope="module")
def client(library: Any) -> Any:
    """Return a client that sends nothing here."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    return LiteLLMClient()


@pytest.mark.parametrize(("model", "provider"), MODELS)
def test_a_cost_is_what_litellm_says(library: Any, model: str, provider: str) -> None:
    """For each part of a usage, each length and each tier that its price map has a price for."""
    litellm, types = library.litellm, library.litellm.types.utils
    row = library.price_row(model, provider)
    assert row is not None
    for wanted in LENGTHS:
        tier = wanted.get("tier")
        counts = {name: value for name, value in wanted.items() if name != "tier"}
        usage = Usage(**{  # type: ignore[arg-type]  # (counts by their names)
            **dict.fromkeys(("tokens_reasoning", "tokens_cached", "tokens_cache_written")),
            **counts,
            "source": "usage",
        })
        prices = cost.from_row(row, tokens_in=usage.tokens_in or 0, tier=tier)  # type: ignore[arg-type]  # (a text)
        if tier is not None and f"input_cost_per_token_{tier}" not in row:
            assert prices is None
            continue
        read, written = usage.tokens_cached or 0, usage.tokens_cache_written or 0
        theirs = types.Usage(
            prompt_tokens=usage.tokens_in,
            completion_tokens=usage.tokens_out,
            total_tokens=(usage.tokens_in or 0) + (usage.tokens_out or 0),
            prompt_tokens_details=types.PromptTokensDetailsWrapper(cached_tokens=read, cache_creation_tokens=written),
            completion_tokens_details=types.CompletionTokensDetailsWrapper(
                reasoning_tokens=usage.tokens_reasoning or 0
            ),
            cache_read_input_tokens=read,
            cache_creation_input_tokens=written,
        )
        said = litellm.cost_per_token(model=model, custom_llm_provider=provider, usage_object=theirs, service_tier=tier)
        assert cost.cost(usage, prices) == pytest.approx(sum(said), rel=1e-9), wanted
        assert cost.cost_of_input(usage, prices) == pytest.approx(said[0], rel=1e-9), wanted


@pytest.mark.parametrize(
    ("model", "provider"),
    [("our-deployment", "azure"), ("llama", "hosted_vllm"), ("gpt-4o-mini", "anthropic"), ("none", "ollama")],
)
def test_a_model_that_the_map_does_not_know_has_no_row(library: Any, model: str, provider: str) -> None:
    """Nor has one of another provider: it is not its price."""
    assert library.price_row(model, provider) is None


def test_an_embedding_costs_its_input(library: Any) -> None:
    """It has no output."""
    row = library.price_row("text-embedding-3-small", "openai")
    usage = Usage(
        tokens_in=1_000_000,
        tokens_out=None,
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )
    assert row is not None
    assert cost.cost(usage, cost.from_row(row, tokens_in=1_000_000, tier=None)) == pytest.approx(0.02)


def test_an_answer_without_usage_is_counted_and_priced_after_the_run(client: Any) -> None:
    """By a tokenizer that needs no network."""
    silent = recordings.decoded(usage=None, text="The quick brown fox jumps over the lazy dog.")
    settled = client.settle(recordings.recording(request=recordings.request("Say it.")), silent)
    assert settled.usage is not None
    assert settled.usage.source == "tokenizer"
    assert settled.usage.tokens_out == 10
    assert settled.usage.tokens_in == 10  # three of the text, the rest sets the message apart
    assert settled.cost_usd == pytest.approx(10 * 1.5e-7 + 10 * 6e-7)


def test_a_usage_of_the_provider_stays_as_it_is(client: Any) -> None:
    """And so does its cost."""
    said = recordings.decoded()
    assert client.settle(recordings.recording(), said) is said
