"""The provider's prompt cache: which requests read from it, and what that does to a comparison."""

from collections.abc import Sequence
from statistics import median

from pytest_llm_latency import metrics, units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Notice, Run, Sample, Summary

LARGEST_DIFFERENCE = 0.20  # of the shares of a run and its baseline
SMALLEST_EFFECT = 0.20  # of the cache on the median
_LEAST = 10  # requests with and without
_REMEDY = "Write nonce=True to keep the cache out"


def hit_share(samples: Sequence[Sample]) -> float | None:
    """Return the share of requests that read from the cache, of those whose usage says whether they did."""
    known = [cached > 0 for cached in map(_cached, samples) if cached is not None]
    return sum(known) / len(known) if known else None


def notices(run: Run, baseline: Sequence[Summary]) -> tuple[Notice, ...]:
    """Return a warning for each step in which the cache answered another share of the requests, or made two kinds."""
    before = {summary.step: summary.cache_hits for summary in baseline}
    found = []
    for step in metrics.steps(run):
        samples = metrics.measured(run, step)
        found += [_differing(step, hit_share(samples), before.get(step)), _mixed(step, samples)]
    return tuple(notice for notice in found if notice is not None)


def _cached(sample: Sample) -> int | None:
    return None if sample.usage is None or sample.status != "ok" else sample.usage.tokens_cached


def _differing(step: str | None, now: float | None, before: float | None) -> Notice | None:
    if now is None or before is None or abs(now - before) <= LARGEST_DIFFERENCE:
        return None
    return Notice(
        code="cache_share",
        message=f"{_share(now)} of the requests{_of(step)} read from the provider's prompt cache, {_share(before)} in "
        f"the baseline, so that a change of the latency may be the cache's. {_REMEDY}, or fill it before each run.",
    )


def _mixed(step: str | None, samples: Sequence[Sample]) -> Notice | None:
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for sample in samples:
        cached, ttft = _cached(sample), METRICS["ttft"].take(sample)
        if cached is not None and ttft is not None:
            kinds[cached > 0].append(ttft)
    hits, misses = kinds[True], kinds[False]
    if min(len(hits), len(misses)) < _LEAST:
        return None
    with_cache, without = median(hits), median(misses)
    if without <= with_cache * (1 + SMALLEST_EFFECT):
        return None
    return Notice(
        code="cache_mixed",
        message=f"{_share(len(hits) / (len(hits) + len(misses)))} of the requests{_of(step)} read from the provider's "
        f"prompt cache: the median ttft is {units.format_seconds(with_cache)} with it and "
        f"{units.format_seconds(without)} without. {_REMEDY}, or warmup until it is full.",
    )


def _share(value: float) -> str:
    return units.format_percent(value, digits=0)


def _of(step: str | None) -> str:
    return "" if step is None else f" of step {step!r}"
