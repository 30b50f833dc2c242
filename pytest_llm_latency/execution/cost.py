"""What a request cost: arithmetic over its usage and the prices of its model.

A price that is not known makes the cost unknown, never 0: a request whose model has no price looks
free otherwise.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency.model import Usage

# What a request asks for as ``service_tier``: the suffix of its prices in the price map. Every other
# word (auto, default, standard, standard_only) is served at the usual prices or answers which it was.
TIERS: Mapping[str, str] = MappingProxyType({
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
    "batch": "batches",
    "batches": "batches",
})

# Prices of a row that depend on what is not known here: bands of lengths, the hour of the day.
_UNREADABLE = ("tiered_pricing", "off_peak_pricing")
_INPUT, _OUTPUT = "input_cost_per_token", "output_cost_per_token"
_READ, _WRITTEN = "cache_read_input_token_cost", "cache_creation_input_token_cost"
_REASONING = "output_cost_per_reasoning_token"
_ABOVE = re.compile(rf"(?:{_INPUT}|{_OUTPUT}|{_READ}|{_WRITTEN})_above_(\d+)(k?)_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars a token. ``None`` is billed as what it is a part of, or, for the output, unknown."""

    input: float
    output: float | None
    cache_read: float | None = None
    cache_written: float | None = None
    reasoning: float | None = None


def cost(usage: Usage | None, prices: Prices | None) -> float | None:
    """Return the US dollars that a usage costs, ``None`` where a count or a price is unknown.

    Tokens that were read from the provider's prompt cache, or written to it, are part of the input;
    reasoning tokens are part of the output.
    """
    spent = cost_of_input(usage, prices)
    output = None if usage is None or prices is None else _output(usage, prices)
    return None if spent is None or output is None else math.fsum([spent, output])


def cost_of_input(usage: Usage | None, prices: Prices | None) -> float | None:
    """Return the US dollars that the input of a usage costs, ``None`` where its count or its price is unknown."""
    if usage is None or prices is None or usage.tokens_in is None:
        return None
    read, written = usage.tokens_cached or 0, usage.tokens_cache_written or 0
    plain = max(0, usage.tokens_in - read - written)
    return math.fsum([
        plain * prices.input,
        read * (prices.input if prices.cache_read is None else prices.cache_read),
        written * (prices.input if prices.cache_written is None else prices.cache_written),
    ])


def _output(usage: Usage, prices: Prices) -> float | None:
    if not usage.tokens_out:  # an embedding has none
        return None if usage.tokens_out is None and prices.output != 0 else 0.0
    if prices.output is None:
        return None
    reasoning = min(usage.tokens_reasoning or 0, usage.tokens_out)
    own = prices.output if prices.reasoning is None else prices.reasoning
    return (usage.tokens_out - reasoning) * prices.output + reasoning * own


def from_row(row: Mapping[str, object], *, tokens_in: int, tier: str | None) -> Prices | None:
    """Return the prices of a row of litellm's map for a prompt of this length.

    ``tier`` is the request's ``service_tier``. ``None`` where the row has no price for it, or one
    that depends on more than the length of the prompt.
    """
    suffix = TIERS.get((tier or "").lower())
    if any(row.get(name) for name in _UNREADABLE):
        return None
    if suffix is not None and f"{_INPUT}_{suffix}" not in row:
        return None
    found = _Row(row, above=_band(row, tokens_in), suffix=suffix)
    per_input = found.price(_INPUT)
    if per_input is None:
        return None
    return Prices(
        input=per_input,
        output=found.price(_OUTPUT),
        cache_read=found.price(_READ),
        cache_written=found.price(_WRITTEN),
        reasoning=found.reasoning(),
    )


def _band(row: Mapping[str, object], tokens_in: int) -> str | None:
    """Return the part of the names of the prices that a prompt of this length has, as in ``_above_200k_tokens``."""
    matches = [match for name in row if (match := _ABOVE.match(name))]
    bands = {int(match[1]) * (1000 if match[2] else 1): f"_above_{match[1]}{match[2]}_tokens" for match in matches}
    passed = [limit for limit in bands if tokens_in > limit]
    return bands[max(passed)] if passed else None


@dataclass(frozen=True, slots=True)
class _Row:
    """Looks a price up by the most specific of its names: with band and tier, with one of them, with neither."""

    row: Mapping[str, object]
    above: str | None
    suffix: str | None

    def price(self, name: str) -> float | None:
        """Return the price for this prompt and tier; a band counts more than a tier."""
        bands = [each for each in (self.above, "") if each is not None]
        suffixes = [f"_{self.suffix}", ""] if self.suffix else [""]
        names = [f"{name}{band}{suffix}" for band in bands for suffix in suffixes]
        return next((value for each in names if (value := self._number(each)) is not None), None)

    def reasoning(self) -> float | None:
        """Return the price of reasoning; a tier with a price of its own output bills reasoning as output."""
        own = self._number(f"{_REASONING}_{self.suffix}") if self.suffix else None
        if own is not None or (self.suffix and self._number(f"{_OUTPUT}_{self.suffix}") is not None):
            return own
        return self._number(_REASONING)

    def _number(self, name: str) -> float | None:
        value = self.row.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
