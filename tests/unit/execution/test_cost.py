"""What a request cost, added up by hand."""

import dataclasses

import pytest

from pytest_llm_latency.execution.cost import Prices, cost, from_row
from pytest_llm_latency.model import Usage

USAGE = Usage(
    tokens_in=1_000,
    tokens_out=200,
    tokens_reasoning=None,
    tokens_cached=None,
    tokens_cache_written=None,
    source="usage",
)
PRICES = Prices(input=2e-6, output=8e-6)
ROW = {
    "input_cost_per_token": 2e-6,
    "output_cost_per_token": 8e-6,
    "cache_read_input_token_cost": 5e-7,
    "cache_creation_input_token_cost": 2.5e-6,
    "output_cost_per_reasoning_token": 9e-6,
    "input_cost_per_token_flex": 1e-6,
    "output_cost_per_token_flex": 4e-6,
    "input_cost_per_token_batches": 1e-6,
    "output_cost_per_token_batches": 4e-6,
    "input_cost_per_token_above_200k_tokens": 4e-6,
    "output_cost_per_token_above_200k_tokens": 12e-6,
    "input_cost_per_token_above_200k_tokens_flex": 3e-6,
}


@pytest.mark.parametrize(
    ("counts", "prices", "dollars"),
    [
        ({}, {}, 0.002 + 0.0016),
        ({"tokens_cached": 600}, {"cache_read": 5e-7}, 0.0008 + 0.0003 + 0.0016),
        ({"tokens_cached": 600}, {}, 0.002 + 0.0016),
        ({"tokens_cache_written": 500}, {"cache_written": 2.5e-6}, 0.001 + 0.00125 + 0.0016),
        ({"tokens_cached": 600, "tokens_cache_written": 400}, {"cache_read": 0.0, "cache_written": 3e-6}, 0.0028),
        ({"tokens_reasoning": 150}, {"reasoning": 1e-5}, 0.002 + 0.0004 + 0.0015),
        ({"tokens_reasoning": 150}, {}, 0.002 + 0.0016),
        ({"tokens_out": 0}, {"output": None}, 0.002),
        ({"tokens_out": None}, {"output": 0.0}, 0.002),
    ],
    ids=[
        "plain",
        "read from the cache",
        "a cache without a price of its own",
        "written to the cache",
        "all of the prompt in the cache",
        "reasoning with a price",
        "reasoning is output",
        "no output",
        "an embedding",
    ],
)
def test_each_part_of_a_usage_has_its_price(
    counts: dict[str, int | None], prices: dict[str, float | None], dollars: float
) -> None:
    """Cached tokens are a part of the input and reasoning of the output: none is billed twice."""
    usage, listed = dataclasses.replace(USAGE, **counts), dataclasses.replace(PRICES, **prices)
    assert cost(usage, listed) == pytest.approx(dollars, rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "prices"),
    [({"tokens_in": None}, {}), ({"tokens_out": None}, {}), ({}, {"output": None})],
    ids=["no input count", "no output count", "no price of the output"],
)
def test_what_is_unknown_makes_the_cost_unknown(counts: dict[str, None], prices: dict[str, None]) -> None:
    """Never 0."""
    assert cost(dataclasses.replace(USAGE, **counts), dataclasses.replace(PRICES, **prices)) is None
    assert cost(None, PRICES) is None
    assert cost(USAGE, None) is None


@pytest.mark.parametrize(
    ("tokens_in", "tier", "per_input", "output"),
    [
        (1_000, None, 2e-6, 8e-6),
        (1_000, "auto", 2e-6, 8e-6),
        (1_000, "flex", 1e-6, 4e-6),
        (1_000, "FLEX", 1e-6, 4e-6),
        (1_000, "batch", 1e-6, 4e-6),
        (200_000, None, 2e-6, 8e-6),
        (200_001, None, 4e-6, 12e-6),
        (200_001, "flex", 3e-6, 12e-6),
    ],
)
def test_a_row_has_prices_by_tier_and_by_the_length_of_the_prompt(
    tokens_in: int, tier: str | None, per_input: float, output: float
) -> None:
    """The band counts more than the tier where both have not the same price."""
    found = from_row(ROW, tokens_in=tokens_in, tier=tier)
    assert found is not None
    assert (found.input, found.output) == (per_input, output)
    assert (found.cache_read, found.cache_written) == (5e-7, 2.5e-6)


def test_reasoning_is_billed_as_the_output_of_its_tier() -> None:
    """Unless the tier has a price for it."""
    usual, flex = (from_row(ROW, tokens_in=1, tier=tier) for tier in (None, "flex"))
    own = from_row({**ROW, "output_cost_per_reasoning_token_flex": 7e-6}, tokens_in=1, tier="flex")
    assert [each and each.reasoning for each in (usual, flex, own)] == [9e-6, None, 7e-6]


@pytest.mark.parametrize(
    ("row", "tier"),
    [
        ({}, None),
        ({"output_cost_per_token": 1e-6}, None),
        ({"input_cost_per_token": None}, None),
        (ROW, "priority"),
        ({**ROW, "off_peak_pricing": {"input_cost_per_token": 1e-6}}, None),
        ({**ROW, "tiered_pricing": [{"range": [0, 1e5]}]}, None),
    ],
)
def test_a_row_without_the_price_that_applies_has_none(row: dict[str, object], tier: str | None) -> None:
    """A tier without a price of its own is not billed at the usual one, which may be half of it."""
    assert from_row(row, tokens_in=1_000, tier=tier) is None
