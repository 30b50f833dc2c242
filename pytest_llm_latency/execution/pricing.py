"""Which prices apply to a request: the user's own, or those of litellm's price map."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_llm_latency.execution import cost
from pytest_llm_latency.execution.cost import Prices
from pytest_llm_latency.execution.price_file import ModelPrices
from pytest_llm_latency.model import Decoded, Request

# From a model's name at its provider, and the provider, to the row of the price map.
Rows = Callable[[str, str], Mapping[str, object] | None]


class PriceList:
    """The prices of all models; ``own`` are the user's, by the model as a test names it."""

    def __init__(self, own: Mapping[str, ModelPrices], rows: Rows) -> None:
        self._own = own
        self._rows = rows

    def priced(self, request: Request, decoded: Decoded, *, model: str, provider: str) -> Decoded:
        """Return an answer with the US dollars that it cost, ``None`` where they are unknown.

        ``model`` is the name at the provider. One that the price map does not know, as a name that a
        user gave a deployment, has the price of the model that answered.
        """
        prices = self._prices(request, decoded, model=model, provider=provider)
        total = cost.cost(decoded.usage, prices)
        spent = None if total is None else cost.cost_of_input(decoded.usage, prices)
        return replace(decoded, cost_usd=total, cost_in_usd=spent)

    def _prices(self, request: Request, decoded: Decoded, *, model: str, provider: str) -> Prices | None:
        tier = request.parameters.get("service_tier")
        tier = tier if isinstance(tier, str) else None
        for name in dict.fromkeys((request.model, f"{provider}/{model}", model)):
            if name in self._own:
                return self._own[name].get(cost.TIERS.get((tier or "").lower()))
        return self._listed(decoded, tier, model=model, provider=provider)

    def _listed(self, decoded: Decoded, tier: str | None, *, model: str, provider: str) -> Prices | None:
        for name in (model, decoded.served_model):
            row = None if name is None else self._rows(name, provider)
            if row is not None:
                tokens_in = 0 if decoded.usage is None else decoded.usage.tokens_in or 0
                return cost.from_row(row, tokens_in=tokens_in, tier=tier)
        return None
