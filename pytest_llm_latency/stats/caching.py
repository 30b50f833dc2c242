"""The provider's prompt cache: which requests read from it, and what that does to a comparison."""

from collections.abc import Sequence

from pytest_llm_latency.model import Sample


def hit_share(samples: Sequence[Sample]) -> float | None:
    """Return the share of requests that read from the cache, of those whose usage says whether they did."""
    cached = [_cached(sample) for sample in samples if sample.status == "ok"]
    known = [tokens > 0 for tokens in cached if tokens is not None]
    return sum(known) / len(known) if known else None


def _cached(sample: Sample) -> int | None:
    return None if sample.usage is None else sample.usage.tokens_cached
