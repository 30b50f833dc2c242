"""Latencies are drawn from a seed, the model's name and the ordinal number of the request."""

import statistics
from random import Random

import pytest

from pytest_llm_latency.simulator.profiles import (
    Arrival,
    Bimodal,
    Drift,
    Fixed,
    LogNormal,
    Profile,
    SimulatorSettings,
    Tail,
    draw,
    drift_factor,
    profile_for,
)

FIRST_DRAW_S = 0.040414320663

FIXED = Profile(ttft=Fixed(value_s=0.1), inter_token=Fixed(value_s=0.01), headers_s=0.005)


def arrival(ordinal: int = 0, *, model: str = "m", since_start_s: float = 0.0, prompt_tokens: int = 0) -> Arrival:
    """Build an arrival."""
    return Arrival(model=model, ordinal=ordinal, since_start_s=since_start_s, prompt_tokens=prompt_tokens)


def settings(profile: Profile, *, seed: int = 0, slowdown: float = 1.0) -> SimulatorSettings:
    """Build settings with one profile for every model."""
    return SimulatorSettings(seed=seed, slowdown=slowdown, profiles={"*": profile})


def first(profile: Profile, ordinal: int = 0, *, prompt_tokens: int = 0) -> float:
    """Return the time to the first token of one request."""
    return draw(settings(profile), arrival(ordinal, prompt_tokens=prompt_tokens), 1).tokens_s[0]


def test_the_same_request_of_the_same_seed_gets_the_same_latencies() -> None:
    """A draw does not depend on the draws before it."""
    drawn = [draw(settings(Profile(), seed=7), arrival(ordinal), 5) for ordinal in (3, 1, 3)]
    assert drawn[0] == drawn[2]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(("seed", "model"), [(8, "m"), (7, "n")])
def test_another_seed_or_model_gets_other_latencies(seed: int, model: str) -> None:
    """Seed and model's name are part of the draw."""
    base = draw(settings(Profile(), seed=7), arrival(model="m"), 5)
    assert draw(settings(Profile(), seed=seed), arrival(model=model), 5) != base


def test_draws_are_the_same_on_every_machine_and_version() -> None:
    """A stored figure keeps its meaning: the first draw of seed 0 is written down here."""
    drawn = draw(SimulatorSettings(), arrival(), 1).tokens_s[0]
    assert drawn == pytest.approx(FIRST_DRAW_S, abs=1e-9)


def test_tokens_come_after_the_ttft_one_inter_token_latency_apart() -> None:
    """Times count from the arrival and add up."""
    timing = draw(settings(FIXED), arrival(), 3)
    assert timing.tokens_s == pytest.approx((0.1, 0.11, 0.12))
    assert timing.headers_s == pytest.approx(0.005)


def test_headers_never_come_after_the_first_token() -> None:
    """A first token that is faster than the headers' time takes the headers along."""
    profile = Profile(ttft=Fixed(value_s=0.001), headers_s=1.0)
    assert draw(settings(profile), arrival(), 2).headers_s == pytest.approx(0.001)


def test_lognormal_latencies_have_their_median_and_spread() -> None:
    """Median and sigma are those of the logarithm."""
    random, latency = Random(1), LogNormal(median_s=0.2, sigma=0.1)
    drawn = [latency.draw(random) for _ in range(2000)]
    assert statistics.median(drawn) == pytest.approx(0.2, rel=0.02)
    assert statistics.quantiles(drawn, n=1000)[840] / 0.2 == pytest.approx(1.105, rel=0.02)


def test_bimodal_latencies_have_two_modes_in_the_stated_shares() -> None:
    """With sigma 0 there are two values only."""
    random, latency = Random(1), Bimodal(median_s=0.1, second_median_s=0.5, second_share=0.25, sigma=0)
    drawn = [latency.draw(random) for _ in range(2000)]
    assert set(drawn) == {0.1, 0.5}
    assert drawn.count(0.5) / len(drawn) == pytest.approx(0.25, abs=0.03)


def test_slowdowns_multiply_every_latency_and_change_no_draw() -> None:
    """The profile's slowdown and the simulator's multiply each other."""
    base = draw(settings(Profile()), arrival(), 4)
    slow = draw(settings(Profile(slowdown=1.5), slowdown=2.0), arrival(), 4)
    assert slow.tokens_s == pytest.approx([3 * each for each in base.tokens_s])
    assert slow.headers_s == pytest.approx(3 * base.headers_s)


def test_a_tail_strikes_its_share_and_leaves_the_others_alone() -> None:
    """A request is either as it was or slower by the factor."""
    plain, tailed = Profile(), Profile(tail=Tail(share=0.1, factor=5.0))
    ratios = [round(first(tailed, ordinal) / first(plain, ordinal), 6) for ordinal in range(1000)]
    assert set(ratios) == {1.0, 5.0}
    assert ratios.count(5.0) / 1000 == pytest.approx(0.1, abs=0.03)


def test_the_ttft_grows_with_the_prompt() -> None:
    """The term is stated for 1,000 prompt tokens."""
    profile = Profile(ttft=Fixed(value_s=0.1), ttft_per_1000_prompt_tokens_s=0.2)
    assert first(profile, prompt_tokens=500) == pytest.approx(0.2)


@pytest.mark.parametrize(("ordinal", "factor"), [(0, 1.0), (50, 1.5), (100, 2.0), (900, 2.0)])
def test_a_drift_over_requests_grows_linearly_and_stays(ordinal: int, factor: float) -> None:
    """Half way there it is half the change."""
    assert drift_factor(Drift(factor=2.0, over_requests=100), arrival(ordinal)) == pytest.approx(factor)


@pytest.mark.parametrize(("since_start_s", "factor"), [(0.0, 1.0), (30.0, 0.75), (60.0, 0.5), (600.0, 0.5)])
def test_a_drift_over_time_counts_from_the_start(since_start_s: float, factor: float) -> None:
    """A factor below 1 makes the model faster."""
    drift = Drift(factor=0.5, over_s=60.0)
    assert drift_factor(drift, arrival(since_start_s=since_start_s)) == pytest.approx(factor)


def test_a_drift_reaches_the_latencies() -> None:
    """The draw applies what the drift has come to."""
    drifting = Profile(ttft=Fixed(value_s=0.1), drift=Drift(factor=3.0, over_requests=10))
    assert first(drifting, 5) == pytest.approx(0.2)


def test_the_first_pattern_that_matches_a_models_name_counts() -> None:
    """Patterns are tried in their order; a model that none matches has the default profile."""
    small, large = Profile(output_tokens=1), Profile(output_tokens=2)
    chosen = SimulatorSettings(profiles={"gpt-*-mini": small, "gpt-*": large})
    assert profile_for(chosen, "gpt-4o-mini") is small
    assert profile_for(chosen, "gpt-4o") is large
    assert profile_for(chosen, "claude") == Profile()
