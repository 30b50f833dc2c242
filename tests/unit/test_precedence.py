"""What counts for a test: load profiles and providers of a settings file beside command line, marker and ini file."""

from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency import load, marker
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Pacing, Plan
from pytest_llm_latency.options import NO_FILE, OPTIONS, Settings
from pytest_llm_latency.options.provider import Provider

PROFILES: dict[str, dict[str, Any]] = {
    "evening": {"load": "poisson 20/s", "requests": 200, "max_concurrency": 50},
    "crowd": {"concurrency": 8, "requests": 80},
}
OPENAI = Provider(api_key=None, base_url=None, requests_per_minute=90.0, tokens_per_minute=None, max_concurrency=4)


def planned(
    *,
    flags: dict[str, Any] | None = None,
    elsewhere: dict[str, Any] | None = None,
    file: dict[str, Any] | None = None,
    provider: Provider = OPENAI,
    **arguments: Any,
) -> Plan:
    """Return the plan of a marker with these arguments, beside two load profiles and the limits of a provider."""
    flags = flags or {}
    values = {option.name: option.default for option in OPTIONS} | (elsewhere or {}) | (file or {}) | flags
    said = replace(NO_FILE, values=file or {}, load_profiles=PROFILES, providers={"openai": provider})
    settings = Settings(values=values, explicit=frozenset(flags), origins={}, file=said)
    return marker.make_plan(marker.read((), arguments), settings)


def test_a_load_profile_stands_for_what_it_says() -> None:
    """One without a shape is a closed load."""
    evening, crowd = planned(load="evening"), planned(load="crowd")
    assert (evening.load, evening.requests) == (load.poisson("20/s"), 200)
    assert evening.pacing.max_concurrency == 50
    assert (crowd.load, crowd.requests, crowd.warmup) == (load.closed(8), 80, 8)


@pytest.mark.parametrize(
    ("flags", "arguments", "elsewhere", "requests"),
    [
        ({}, {"load": "evening"}, {"requests": 70}, 200),
        ({}, {"load": "evening", "requests": 90}, {}, 90),
        ({"requests": 60}, {"load": "evening", "requests": 90}, {}, 60),
        ({"load": "evening"}, {"load": "crowd", "requests": 90}, {}, 200),
        ({}, {}, {"load": "evening"}, 200),
        ({}, {}, {"load": "evening", "requests": 70}, 70),
        ({}, {"load": "20/s"}, {"load": "evening"}, 200),
        ({}, {}, {}, 60),
    ],
)
def test_a_profile_counts_right_below_where_it_is_named(
    flags: dict[str, Any], arguments: dict[str, Any], elsewhere: dict[str, Any], requests: int
) -> None:
    """What the same place says beside the name counts more, and so does every place above."""
    assert planned(flags=flags, elsewhere=elsewhere, **arguments).requests == requests


def test_a_profile_that_the_file_names_counts_before_the_ini_file() -> None:
    """As the file itself does; what the file says beside the name counts more."""
    ini = {"load": "evening", "requests": 70}
    assert planned(elsewhere=ini, file={"load": "evening"}).requests == 200
    assert planned(elsewhere=ini, file={"load": "evening", "requests": 90}).requests == 90


def test_a_name_that_is_no_profile_is_told_the_nearest() -> None:
    """A shape that is none is told the nearest shape."""
    with pytest.raises(MarkerError, match=r"^load='evning' is no load profile: did you mean 'evening'\?$"):
        planned(load="evning")
    with pytest.raises(MarkerError, match=r"did you mean 'poisson 20/s'\?$"):
        planned(load="poison 20/s")


def test_the_limits_of_a_provider_hold_for_its_models_alone() -> None:
    """They count before the limits of all, and after those of the test and of its load profile."""
    everywhere = {"max-concurrency": 9, "tokens-per-minute": 5000.0}
    ours = planned(model="openai/gpt-4o-mini", elsewhere=everywhere).pacing
    assert ours == Pacing(requests_per_minute=90.0, tokens_per_minute=5000.0, max_concurrency=4)
    assert planned(model="openai/gpt-4o-mini", max_concurrency=2).pacing.max_concurrency == 2
    assert planned(model="openai/gpt-4o-mini", load="evening").pacing.max_concurrency == 50
    theirs = planned(model="anthropic/claude-haiku-4-5", elsewhere=everywhere).pacing
    assert theirs == Pacing(requests_per_minute=None, tokens_per_minute=5000.0, max_concurrency=9)


def test_a_model_without_its_provider_is_refused_beside_limits_of_providers() -> None:
    """Nothing would hold it back."""
    with pytest.raises(MarkerError, match=r"'gpt-4o' does not name its provider, .* write it as in 'openai/gpt-4o'\.$"):
        planned(model="gpt-4o")


def test_a_model_without_its_provider_is_measured_beside_providers_without_limits() -> None:
    """How they are reached is litellm's to resolve."""
    unlimited = replace(OPENAI, requests_per_minute=None, max_concurrency=None)
    nothing = Pacing(requests_per_minute=None, tokens_per_minute=None, max_concurrency=None)
    assert planned(model="gpt-4o", provider=unlimited).pacing == nothing
