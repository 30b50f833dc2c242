"""The checks that every plan must pass."""

import dataclasses
import math
import re
from typing import Any

import pytest

from pytest_llm_latency import load, plan
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.metrics import GATED
from pytest_llm_latency.model import Pacing, Plan

SOUND = Plan(
    model="openai/gpt-4o-mini",
    requests=10,
    adaptive=False,
    warmup=0,
    ramp_in=0,
    load=load.closed(10),
    prompts=None,
    nonce=False,
    timeout_s=plan.DEFAULT_TIMEOUT_S,
    limits=(),
    gate=plan.DEFAULT_GATE,
    tolerance=plan.DEFAULT_TOLERANCE,
    error_limit=plan.DEFAULT_ERROR_LIMIT,
    version=None,
    pacing=plan.DEFAULT_PACING,
    budget=plan.DEFAULT_BUDGET,
    http_version=plan.DEFAULT_HTTP_VERSION,
    ab=None,
    retries=plan.DEFAULT_RETRIES,
)


def test_a_sound_plan_is_returned_as_it_is() -> None:
    """As many users as requests are still possible."""
    assert plan.check(SOUND) is SOUND


def test_the_defaults_alone_make_a_sound_plan() -> None:
    """A marker without arguments must work."""
    defaults = dataclasses.replace(
        SOUND, requests=plan.DEFAULT_REQUESTS, load=load.closed(plan.DEFAULT_CONCURRENCY), gate=plan.DEFAULT_GATE
    )
    assert plan.check(defaults) is defaults


@pytest.mark.parametrize("requests", [0, -1, 1.5, True, "10", None])
def test_requests_must_be_a_whole_number_of_at_least_one(requests: Any) -> None:
    """An empty sample has nothing to say."""
    with pytest.raises(MarkerError, match=r"^requests is .*: it must be a whole number of at least 1\.$"):
        plan.check(dataclasses.replace(SOUND, requests=requests))


@pytest.mark.parametrize("warmup", [-1, 0.5, False, "2"])
def test_warmup_must_be_a_whole_number_of_at_least_zero(warmup: Any) -> None:
    """No warm-up is a choice, less is a mistake."""
    with pytest.raises(MarkerError, match=r"^warmup is .*: it must be a whole number of at least 0\.$"):
        plan.check(dataclasses.replace(SOUND, warmup=warmup))


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, True, "60s", None])
@pytest.mark.parametrize(("field", "name"), [("timeout_s", "timeout"), ("tolerance", "tolerance")])
def test_timeout_and_tolerance_must_be_positive_numbers(field: str, name: str, value: Any) -> None:
    """Both are named in the message as the marker names them."""
    with pytest.raises(MarkerError, match=rf"^{name} is .*: it must be a number above 0\.$"):
        plan.check(dataclasses.replace(SOUND, **{field: value}))


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, True, "60"])
@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
def test_limits_a_minute_must_be_positive_numbers(name: str, value: Any) -> None:
    """None at all is no limit."""
    pacing = dataclasses.replace(plan.DEFAULT_PACING, **{name: value})
    with pytest.raises(MarkerError, match=rf"^{name} is .*: it must be a number above 0\.$"):
        plan.check(dataclasses.replace(SOUND, pacing=pacing))


@pytest.mark.parametrize("value", [0, 2.5, True, "8"])
def test_a_bound_of_what_is_under_way_must_be_a_whole_number(value: Any) -> None:
    """Of at least one request."""
    pacing = dataclasses.replace(plan.DEFAULT_PACING, max_concurrency=value)
    with pytest.raises(MarkerError, match=r"^max_concurrency is .*: it must be a whole number of at least 1\.$"):
        plan.check(dataclasses.replace(SOUND, pacing=pacing))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"requests": 100, "tokens": 5_000}, {"requests": 100, "tokens": 5_000}),
        ({"seconds": 30, "dollars": 0.5}, {"seconds": 30, "dollars": 0.5}),
        ({"seconds": "30", "dollars": "0.50"}, {"seconds": 30.0, "dollars": 0.5}),
        ({"seconds": "2min", "dollars": "$0.50"}, {"seconds": 120.0, "dollars": 0.5}),
    ],
)
def test_a_budget_is_a_mapping_of_bounds(given: Any, expected: dict[str, float]) -> None:
    """Time and money may be texts with their unit."""
    found = plan.read_budget(given)
    assert {name: getattr(found, name) for name in expected} == expected
    assert dataclasses.replace(SOUND, budget=found) == plan.check(dataclasses.replace(SOUND, budget=found))
    assert all(getattr(found, name) is None for name in plan.BUDGETS if name not in expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (30, "budget is 30: write a mapping, as in budget={'seconds': 30, 'dollars': 0.5}."),
        ({"second": 30}, "budget names 'second': did you mean 'seconds'?"),
        ({7: 30}, "budget names 7: known are requests, seconds, tokens, dollars."),
        ({"seconds": "soon"}, "budget: 'soon' is not a duration"),
        ({"dollars": "5 EUR"}, "budget: '5 EUR' is not an amount of money"),
        ({"requests": 0}, "the budget of requests is 0: it must be a whole number of at least 1."),
        ({"requests": 1.5}, "the budget of requests is 1.5: it must be a whole number of at least 1."),
        ({"tokens": "100"}, "the budget of tokens is '100': it must be a whole number of at least 1."),
        ({"seconds": -1}, "the budget of seconds is -1: it must be a number above 0."),
        ({"seconds": math.nan}, "the budget of seconds is nan: it must be a number above 0."),
        ({"dollars": 0}, "the budget of dollars is 0: it must be a number above 0."),
        ({"dollars": True}, "the budget of dollars is True: it must be a number above 0."),
        ({"dollars": math.inf}, "the budget of dollars is inf: it must be a number above 0."),
    ],
)
def test_what_is_no_budget_is_refused(given: Any, message: str) -> None:
    """With what would be right."""
    with pytest.raises(MarkerError, match=f"^{re.escape(message)}"):
        plan.check(dataclasses.replace(SOUND, budget=plan.read_budget(given)))


@pytest.mark.parametrize("share", [-0.01, 1.01, math.nan])
def test_the_error_limit_must_be_a_share(share: float) -> None:
    """From none to all of the requests."""
    with pytest.raises(MarkerError, match=r"^the error limit is .*: it must be a share from 0 to 1, as in '1%'\.$"):
        plan.check(dataclasses.replace(SOUND, error_limit=share))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_error_limit_may_be_nothing_or_everything(share: float) -> None:
    """The ends of the range belong to it."""
    assert plan.check(dataclasses.replace(SOUND, error_limit=share)).error_limit == share


def test_a_misspelt_metric_of_the_gate_suggests_the_right_one() -> None:
    """The nearest known word is named."""
    with pytest.raises(MarkerError, match=r"^gate names the metric 'tfft': did you mean 'ttft'\?$"):
        plan.check(dataclasses.replace(SOUND, gate=("e2e", "tfft")))


def test_a_metric_of_the_gate_that_resembles_nothing_lists_what_is_known() -> None:
    """The list is the whole of the gated metrics."""
    with pytest.raises(MarkerError) as caught:
        plan.check(dataclasses.replace(SOUND, gate=("beauty",)))
    assert str(caught.value) == f"gate names the metric 'beauty': known are {', '.join(GATED)}."


def test_a_metric_that_is_known_but_never_gated_is_refused() -> None:
    """Token counts are no latency."""
    with pytest.raises(MarkerError, match=r"^gate names the metric 'tokens_in'"):
        plan.check(dataclasses.replace(SOUND, gate=("tokens_in",)))


def test_more_users_than_requests_are_refused() -> None:
    """Some of the users would never send anything."""
    with pytest.raises(
        MarkerError, match=r"^concurrency 11 is above requests 10: raise requests or lower concurrency\.$"
    ):
        plan.check(dataclasses.replace(SOUND, load=load.closed(11)))


def test_an_open_loop_has_no_concurrency_to_compare_with_requests() -> None:
    """One request at a rate is a plan."""
    assert plan.check(dataclasses.replace(SOUND, requests=1, load=load.constant(5))).requests == 1


def test_a_gate_on_the_schedule_needs_a_load_that_has_one() -> None:
    """A closed loop schedules nothing, so that the metric would never be measured."""
    gated = dataclasses.replace(SOUND, gate=("e2e_scheduled",))
    with pytest.raises(MarkerError, match=r"^gate names e2e_scheduled, .* Write a rate, as in load='20/s'"):
        plan.check(gated)
    assert plan.check(dataclasses.replace(gated, load=load.constant(5))).gate == ("e2e_scheduled",)


def test_a_load_is_described_with_what_thins_it_out() -> None:
    """Runs under other limits are not compared."""
    assert plan.describe_load(SOUND) == load.describe(SOUND.load)
    pacing = Pacing(requests_per_minute=90.0, tokens_per_minute=1e5, max_concurrency=20)
    described = plan.describe_load(dataclasses.replace(SOUND, ramp_in=3, pacing=pacing))
    after = ", ramp-in 3, at most 90 requests/min, at most 100000 tokens/min, at most 20 at once"
    assert described == load.describe(SOUND.load) + after
