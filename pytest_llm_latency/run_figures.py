"""The table of figures that a whole step has: fields of ``Summary`` that a limit may name without a statistic."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Unit = Literal["share", "1/s", "tokens/s", "USD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigure:
    """One row; ``id`` is the field, ``direction`` says which way is better."""

    id: str
    title: str
    unit: Unit
    direction: Literal["lower", "higher"]
    definition: str


_ROWS = (
    RunFigure(
        id="error_rate",
        title="Error rate",
        unit="share",
        direction="lower",
        definition="failed requests ÷ requests, with those that a failed iteration never reached",
    ),
    RunFigure(
        id="goodput",
        title="Goodput",
        unit="share",
        direction="higher",
        definition="requests that succeed within every stated limit ÷ requests",
    ),
    RunFigure(
        id="cache_hits",
        title="Prompt-cache hits",
        unit="share",
        direction="higher",
        definition="requests that read from the provider's prompt cache ÷ requests whose usage says whether they did",
    ),
    RunFigure(
        id="requests_per_s",
        title="Requests a second",
        unit="1/s",
        direction="higher",
        definition="successful requests ÷ seconds of the measured phase",
    ),
    RunFigure(
        id="tokens_per_s",
        title="Tokens a second",
        unit="tokens/s",
        direction="higher",
        definition="output tokens of the successful requests ÷ seconds of the measured phase",
    ),
    RunFigure(
        id="cost_usd",
        title="Cost",
        unit="USD",
        direction="lower",
        definition="of all answered requests; unknown where one of them is",
    ),
    RunFigure(
        id="cost_per_1000_usd",
        title="Cost of 1,000 requests",
        unit="USD",
        direction="lower",
        definition="1000 × cost ÷ requests",
    ),
    RunFigure(
        id="cost_per_month_usd",
        title="Cost of a month",
        unit="USD",
        direction="lower",
        definition="cost ÷ requests × the requests a month that `--llm-latency-monthly-requests` states",
    ),
)

RUN_FIGURES: Mapping[str, RunFigure] = MappingProxyType({row.id: row for row in _ROWS})
