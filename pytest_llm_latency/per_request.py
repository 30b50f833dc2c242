"""What one request gives: the value of each metric from its stamps, its events and its usage.

Every function returns ``None`` for what a request does not have. Seconds are ``float``.
"""

import itertools
import math
from collections.abc import Callable, Sequence

from pytest_llm_latency.model import CONTENT, CONTROL, REASONING, TOOL_CALL, Sample
from pytest_llm_latency.units import seconds


def generated(sample: Sample) -> Sequence[int]:
    """Return the stamps of the generated deltas of any channel, in their order."""
    if CONTROL not in sample.event_kinds:
        return sample.event_ns
    return [at for at, kind in zip(sample.event_ns, sample.event_kinds, strict=True) if kind != CONTROL]


def _since_start(sample: Sample, at: int | None) -> float | None:
    return None if at is None else seconds(at - sample.stamps.started)


def _between(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else seconds(end - start)


def _last(sample: Sample) -> int | None:
    return max(generated(sample), default=None)


def e2e(sample: Sample) -> float | None:
    """Seconds from the start to the last generated delta."""
    return _since_start(sample, _last(sample))


def ttft(sample: Sample) -> float | None:
    """Seconds from the start to the first generated delta of any channel."""
    return _since_start(sample, min(generated(sample), default=None))


def ttfo(sample: Sample) -> float | None:
    """Seconds from the start to the first content or tool-call delta."""
    output = [at for at, kind in zip(sample.event_ns, sample.event_kinds, strict=True) if kind in (CONTENT, TOOL_CALL)]
    return _since_start(sample, min(output, default=None))


def tokens_out(sample: Sample) -> float | None:
    """Output tokens, as the usage says."""
    return None if sample.usage is None else sample.usage.tokens_out


def tpot(sample: Sample) -> float | None:
    """Seconds a token after the first delta; the first delta's tokens go by its share of the characters."""
    carried, stamps = delta_tokens(sample), generated(sample)
    later = math.fsum(carried[1:])
    return seconds(stamps[-1] - stamps[0]) / later if later > 0 else None


def itl(sample: Sample) -> list[tuple[float, float]]:
    """Each gap between chunks as seconds a token, with the tokens that the later chunk carries as its weight."""
    gaps = zip(itertools.pairwise(generated(sample)), delta_tokens(sample)[1:], strict=False)
    return [(seconds(later - earlier) / tokens, tokens) for (earlier, later), tokens in gaps if tokens > 0]


def delta_tokens(sample: Sample) -> list[float]:
    """Return how many output tokens each generated delta carries, by its share of the characters.

    The first one carries at least one. Nothing where the tokens are unknown, fewer than two, or all
    in one delta: then there is no gap to share among them.
    """
    tokens = _streamed_tokens(sample)
    carried = _generated_characters(sample)
    if tokens is None or tokens < 2 or len(carried) < 2:  # noqa: PLR2004  (a gap needs two)
        return []
    if len(carried) == tokens:
        return [1.0] * len(carried)
    total, later = sum(carried), sum(carried[1:])
    first = max(1.0, tokens * carried[0] / total) if total else 1.0
    rest = tokens - first
    return [first, *(rest * count / later if later else rest / (len(carried) - 1) for count in carried[1:])]


def _generated_characters(sample: Sample) -> Sequence[int]:
    if CONTROL not in sample.event_kinds:
        return sample.event_characters
    return [count for count, kind in zip(sample.event_characters, sample.event_kinds, strict=True) if kind != CONTROL]


def _streamed_tokens(sample: Sample) -> float | None:
    """Return the output tokens that arrived as deltas: reasoning that the provider hides did not."""
    tokens = tokens_out(sample)
    if tokens is None or sample.usage is None or REASONING in sample.event_kinds:
        return tokens
    return tokens - (sample.usage.tokens_reasoning or 0)


def icl(sample: Sample) -> list[float]:
    """Gaps between chunks that carry output, in seconds, in their order."""
    return [seconds(later - earlier) for earlier, later in itertools.pairwise(generated(sample))]


def icl_mean(sample: Sample) -> float | None:
    """The mean gap between chunks that carry output."""
    gaps = icl(sample)
    return math.fsum(gaps) / len(gaps) if gaps else None


def max_stall(sample: Sample) -> float | None:
    """The longest gap between chunks that carry output."""
    gaps = (later - earlier for earlier, later in itertools.pairwise(generated(sample)))
    longest = max(gaps, default=None)
    return None if longest is None else seconds(longest)


def e2e_scheduled(sample: Sample) -> float | None:
    """Seconds from the planned start to the last generated delta."""
    return _between(sample.stamps.scheduled, _last(sample))


def send_lag(sample: Sample) -> float | None:
    """Seconds from the planned start (open loop) or the start to the first byte sent, without paced waiting."""
    stamps = sample.stamps
    planned = stamps.started if stamps.scheduled is None else stamps.scheduled + (sample.paced_ns or 0)
    return _between(planned, stamps.send_start)


def throughput(sample: Sample) -> float | None:
    """Output tokens a second of the whole request."""
    tokens, duration = tokens_out(sample), e2e(sample)
    return None if tokens is None or not duration else tokens / duration


def tokens(name: str) -> Callable[[Sample], float | None]:
    """Return what reads one count of the usage."""
    return lambda sample: None if sample.usage is None else getattr(sample.usage, name)


def lasting(name: str) -> Callable[[Sample], float | None]:
    """Return what reads a field in nanoseconds."""
    return lambda sample: None if getattr(sample, name) is None else seconds(getattr(sample, name))


def phase(start: str, end: str) -> Callable[[Sample], float | None]:
    """Return what measures from one stamp to another."""
    return lambda sample: _between(getattr(sample.stamps, start), getattr(sample.stamps, end))
