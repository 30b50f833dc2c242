"""The looks at an adaptive run: after how many iterations it is judged, to see whether it needs more."""

from pytest_llm_latency import load
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Plan

DEFAULT_REQUESTS = 240  # the most, where nobody says: four times those of a fixed run
FIRST = 60  # no look is earlier: a p95 needs 59
LEAST_REQUESTS = 2 * FIRST
SETTLED = "settled"  # the notice that a run needed no more


def at(plan: Plan) -> tuple[int, ...]:
    """Return after how many measured iterations a run is looked at before its end: none that is not adaptive."""
    return halves(plan.requests) if plan.adaptive else ()


def halves(requests: int) -> tuple[int, ...]:
    """Return the looks at a run that grows to so many requests: at a half, at a half of that, and so on.

    Each has twice the requests of the one before, and so half their variance: less would not be
    worth draining the load for.
    """
    found: list[int] = []
    while (requests := requests // 2) >= FIRST:
        found.append(requests)
    return tuple(reversed(found))


def check(plan: Plan) -> None:
    """Raise ``MarkerError`` for a run that has nothing to wait for, an end of its own, or too few requests to look."""
    if plan.adaptive and not plan.gate:
        raise MarkerError(
            "adaptive=True waits for the verdict on what is gated, and gate=False gates nothing: leave one of them out."
        )
    if plan.adaptive and load.total(plan.load) is not None:
        raise MarkerError(
            f"an adaptive run may end early, and would not see the rest of the load '{load.describe(plan.load)}': "
            "leave adaptive out, or write a load that stays the same, as in load='20/s'."
        )
    if plan.adaptive and not at(plan):
        raise MarkerError(
            f"requests is {plan.requests}, and an adaptive run is looked at from {FIRST} on, at a half and at its end: "
            f"raise requests to at least {LEAST_REQUESTS}, or leave adaptive out."
        )
