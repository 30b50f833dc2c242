"""Which prices apply to a request."""

from collections.abc import Mapping

import pytest

import recordings
from pytest_llm_latency.execution.cost import Prices
from pytest_llm_latency.execution.price_file import ModelPrices
from pytest_llm_latency.execution.pricing import PriceList

MAP: Mapping[str, Mapping[str, object]] = {
    "gpt-4o-mini": {"input_cost_per_token": 1.0, "output_cost_per_token": 10.0, "input_cost_per_token_flex": 0.5},
    "gpt-4o-mini-2024-07-18": {"input_cost_per_token": 2.0, "output_cost_per_token": 20.0},
}
OWN: Mapping[str, ModelPrices] = {
    "openai/gpt-4o-mini": {None: Prices(input=100.0, output=0.0), "flex": Prices(input=50.0, output=0.0)}
}


def costs(
    model: str, *, own: Mapping[str, ModelPrices] | None = None, tier: object = None, served: str | None = None
) -> float | None:
    """Return what 3 tokens in and 2 out of a model of OpenAI cost."""
    prices = PriceList(own or {}, lambda name, _: MAP.get(name))
    parameters = {} if tier is None else {"service_tier": tier}
    request = recordings.request(model=f"openai/{model}", parameters=parameters)
    answer = recordings.decoded(served_model=served)
    return prices.priced(request, answer, model=model, provider="openai").cost_usd


def test_the_price_map_has_the_price_of_most_models() -> None:
    """3 tokens at 1 dollar and 2 at 10."""
    assert costs("gpt-4o-mini") == 23
    assert costs("gpt-4o-mini", tier="flex") == 21.5
    assert costs("gpt-4o-mini", tier=["flex"]) == 23


def test_a_name_of_a_users_own_has_the_price_of_the_model_that_answered() -> None:
    """As the deployments of Azure have."""
    assert costs("our-deployment", served="gpt-4o-mini-2024-07-18") == 46
    assert costs("our-deployment", served="none") is None
    assert costs("our-deployment") is None


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "gpt-4o-mini"])
def test_the_users_own_prices_count_more(name: str) -> None:
    """By the name that a test uses or that the provider does, and for a tier only where they state it."""
    own = {name: OWN["openai/gpt-4o-mini"]}
    assert costs("gpt-4o-mini", own=own) == 300
    assert costs("gpt-4o-mini", own=own, tier="flex") == 150
    assert costs("gpt-4o-mini", own=own, tier="priority") is None


def test_without_a_usage_there_is_no_cost() -> None:
    """It is unknown."""
    prices = PriceList({}, lambda name, _: MAP.get(name))
    silent = recordings.decoded(usage=None)
    found = prices.priced(recordings.request(), silent, model="gpt-4o-mini", provider="openai")
    assert (found.cost_usd, found.cost_in_usd) == (None, None)


def test_what_the_input_cost_is_a_part_of_the_cost() -> None:
    """It is unknown where the whole is."""
    prices = PriceList({"openai/gpt-4o-mini": {None: Prices(input=2.0, output=None)}}, lambda name, _: MAP.get(name))
    for name, expected in (("gpt-4o", (23, 3)), ("gpt-4o-mini", (None, None))):
        asked = recordings.request(model=f"openai/{name}")
        found = prices.priced(asked, recordings.decoded(served_model="gpt-4o-mini"), model=name, provider="openai")
        assert (found.cost_usd, found.cost_in_usd) == expected
