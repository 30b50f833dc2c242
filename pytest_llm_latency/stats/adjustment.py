"""The adjustment of p values over all tests of a session."""

from collections.abc import Sequence

from pytest_llm_latency.stats.policy import GatePolicy


def adjusted(
    values: Sequence[float | None], policy: GatePolicy, *, elsewhere: Sequence[float] = ()
) -> list[float | None]:
    """Return Benjamini–Hochberg adjusted p values; series that are not given yet count with 1.

    ``elsewhere`` are p values of the same family whose own adjustment is not asked for.
    """
    both = [*values, *elsewhere]
    known = sorted((value, place) for place, value in enumerate(both) if value is not None)
    hypotheses = policy.hypotheses(len(known))
    result: list[float | None] = [None] * len(both)
    smallest = 1.0
    for position, (value, place) in reversed(list(enumerate(known, start=1))):
        smallest = min(smallest, value * hypotheses / position)
        result[place] = smallest
    return result[: len(values)]
