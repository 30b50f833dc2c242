"""What the provider's prompt cache answered, and when that is worth a warning."""

import dataclasses
from collections.abc import Sequence

import pytest

import nouns
from pytest_llm_latency.model import Run, Sample, Summary
from pytest_llm_latency.stats.caching import hit_share, notices
from pytest_llm_latency.stats.summary import summarise


def cached(tokens: Sequence[int | None], *, hit_s: float = 0.3, miss_s: float = 0.3) -> tuple[Sample, ...]:
    """Return a request for each number of cached tokens, with the latency of its kind."""
    samples = nouns.samples([hit_s if each else miss_s for each in tokens])
    return tuple(
        dataclasses.replace(sample, usage=dataclasses.replace(sample.usage, tokens_cached=each))
        for sample, each in zip(samples, tokens, strict=True)
        if sample.usage is not None
    )


def run(hits: int, misses: int, *, hit_s: float = 0.3, miss_s: float = 0.3) -> Run:
    """Return a run of so many requests of each kind, one kind after the other in turn."""
    return nouns.run(samples=cached([128] * hits + [0] * misses, hit_s=hit_s, miss_s=miss_s))


def summaries(hits: int, misses: int) -> tuple[Summary, ...]:
    """Return the figures of a baseline of so many requests of each kind."""
    return summarise(run(hits, misses))


def test_the_share_of_hits_is_of_the_requests_that_know() -> None:
    """A usage without cached tokens says nothing, and a request without any tokens from the cache is a miss."""
    assert hit_share(cached([128, 0, 0, None, 64])) == 0.5
    assert hit_share(cached([None])) is None
    assert hit_share(()) is None
    assert hit_share(nouns.samples([None])) is None


def test_the_share_stands_in_the_summary() -> None:
    """For reports and limits."""
    assert summaries(30, 10)[0].cache_hits == 0.75


@pytest.mark.parametrize(("hits", "expected"), [(0, 0), (19, 0), (21, 1), (100, 1)])
def test_a_share_that_differs_from_the_baselines_is_told(hits: int, expected: int) -> None:
    """From a fifth on; a change of the latency may be the cache's."""
    found = notices(run(hits, 100 - hits), summaries(0, 100))
    assert [each.code for each in found] == ["cache_share"] * expected
    if found:
        assert found[0].message == (
            f"{hits} % of the requests read from the provider's prompt cache, 0 % in the baseline, so that a change "
            "of the latency may be the cache's. Write nonce=True to keep the cache out, or fill it before each run."
        )


def test_a_step_that_the_baseline_lacks_is_not_compared() -> None:
    """Nor is a run without a baseline."""
    assert notices(run(100, 0), ()) == ()


def test_two_kinds_of_requests_in_one_figure_are_told_with_both_medians() -> None:
    """The quantiles are then those of the mixture."""
    [found] = notices(run(40, 60, hit_s=0.2, miss_s=0.5), ())
    assert found.code == "cache_mixed"
    assert found.message == (
        "40 % of the requests read from the provider's prompt cache: the median ttft is 200 ms with it and 500 ms "
        "without. Write nonce=True to keep the cache out, or warmup until it is full."
    )


@pytest.mark.parametrize(("hits", "misses", "miss_s"), [(9, 91, 0.5), (91, 9, 0.5), (50, 50, 0.23)])
def test_a_few_hits_or_a_small_effect_are_not_worth_a_word(hits: int, misses: int, miss_s: float) -> None:
    """Ten requests of a kind are the least, a fifth the smallest effect."""
    assert notices(run(hits, misses, hit_s=0.2, miss_s=miss_s), ()) == ()
