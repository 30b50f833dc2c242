"""What is known of a benchmark while it is measured."""

import pytest

from pytest_llm_latency.execution.spending import NOTHING, Spent, Use
from pytest_llm_latency.execution.tally import Tally
from pytest_llm_latency.model import Decoded, Phase, Recording, Usage
from recordings import decoded, recording

USAGE = Usage(
    tokens_in=10, tokens_out=30, tokens_reasoning=None, tokens_cached=None, tokens_cache_written=None, source="usage"
)


class Decoder:
    """A client whose answers cost the same, and that counts how many it has read."""

    def __init__(self, cost_usd: float | None) -> None:
        self.read = 0
        self._cost_usd = cost_usd

    async def send(self, _: object) -> Recording:
        """Nothing is sent here."""
        raise NotImplementedError

    def decode(self, _: Recording) -> Decoded:
        """Return what every answer says."""
        self.read += 1
        return decoded(usage=USAGE, cost_usd=self._cost_usd)

    def settle(self, _: Recording, found: Decoded) -> Decoded:
        """Return what was decoded."""
        return found

    def close(self) -> None:
        """There is nothing to close."""


def counted(client: Decoder, *phases: Phase, http_status: int = 200) -> Tally:
    """Return the tally of requests in these phases."""
    tally = Tally()
    for phase in phases:
        found = recording(b"x", http_status=http_status)
        tally.add(found, phase)
        tally.price(found, phase, client)
    return tally


def test_the_cost_is_estimated_from_the_warm_up() -> None:
    """What is measured is not decoded meanwhile, and of a long warm-up only the first answers are."""
    client = Decoder(0.25)
    tally = counted(client, "warmup", "warmup", "measure", "measure", "measure")
    assert (tally.cost_usd, tally.cost_known, client.read) == (1.25, False, 2)
    assert counted(client, *["warmup"] * 40).cost_usd == 10.0  # type: ignore[list-item]  (a literal, repeated)
    assert client.read == 2 + 16


@pytest.mark.parametrize(
    ("tally", "reads"),
    [
        (counted(Decoder(None), "warmup", "measure"), "no price is known"),
        (counted(Decoder(0.25), "measure"), "there was no warm-up"),
        (counted(Decoder(0.25), "warmup", http_status=500), "all of it failed"),
    ],
)
def test_a_cost_that_is_not_known_is_none(tally: Tally, reads: str) -> None:
    """An estimate of 0 would look free."""
    assert tally.cost_usd is None, reads


def test_where_a_budget_counts_nothing_is_estimated_or_decoded_again() -> None:
    """What a request cost that broke off is in it too."""
    spent, client = Spent(), Decoder(9.0)
    tally = Tally(spent)
    for phase in ("warmup", "measure"):
        spent.add(Use(tokens=40.0, dollars=0.5), answered=True)
        tally.add(recording(b"x"), phase)  # type: ignore[arg-type]  (one of the two)
        tally.price(recording(b"x"), phase, client)  # type: ignore[arg-type]  (the same)
    spent.add(NOTHING, answered=False)
    spent.add(Use(tokens=4.0, dollars=0.1), answered=False)
    assert (tally.cost_usd, tally.cost_known, client.read) == (1.1, True, 0)
