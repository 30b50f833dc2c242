"""When an adaptive run is looked at, and which runs can be adaptive."""

import dataclasses
import re
from typing import Any

import pytest

import nouns
from pytest_llm_latency import looks
from pytest_llm_latency.errors import MarkerError


@pytest.mark.parametrize(
    ("requests", "at"),
    [(119, ()), (120, (60,)), (240, (60, 120)), (400, (100, 200)), (1000, (62, 125, 250, 500))],
)
def test_an_adaptive_run_is_looked_at_after_a_half_and_a_half_of_that(requests: int, at: tuple[int, ...]) -> None:
    """As long as a p95 is supported."""
    adaptive = nouns.plan(requests=requests, adaptive=True)
    assert looks.at(adaptive) == at
    assert looks.at(dataclasses.replace(adaptive, adaptive=False)) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requests": 119}, "raise requests to at least 120, or leave adaptive out."),
        ({"requests": 240, "gate": ()}, "gate=False gates nothing: leave one of them out."),
    ],
)
def test_an_adaptive_plan_needs_something_to_look_for_and_requests_for_a_second_look(
    changes: dict[str, Any], message: str
) -> None:
    """The message says how to mend it."""
    with pytest.raises(MarkerError, match=re.escape(message)):
        looks.check(nouns.plan(adaptive=True, **changes))
    looks.check(nouns.plan(adaptive=True, requests=120))
    looks.check(nouns.plan(adaptive=False, **changes))
