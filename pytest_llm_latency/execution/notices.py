"""What a reader has to know of how a run went: that it was stopped, held back, or refused."""

from collections.abc import Sequence

from pytest_llm_latency import interleaving
from pytest_llm_latency.model import MEASURE, Notice, Plan, Sample
from pytest_llm_latency.units import format_seconds, seconds

_SHORTEST_S = 0.001  # asking another process for leave takes less


def notices(plan: Plan, samples: Sequence[Sample], stopped: Notice | None) -> tuple[Notice, ...]:
    """Return the warnings of a run."""
    found = [] if stopped is None else [_stopped(plan, samples, stopped)]
    told = (_held_back(samples), _retried(samples) if plan.retries.most else None)
    return (*found, *(each for each in told if each is not None))


def _retried(samples: Sequence[Sample]) -> Notice | None:
    """Say how many measured requests took several attempts; a connection that the server closed is one of them."""
    measured = [sample for sample in samples if sample.phase == MEASURE]
    attempts = [sample.attempts for sample in measured if sample.attempts > 1]
    if not attempts:
        return None
    return Notice(
        code="retried",
        message=f"{len(attempts):,} of {len(measured):,} requests took several attempts, {max(attempts)} at most; the "
        "attempts that failed and the waits between them are in their latencies.",
    )


def _stopped(plan: Plan, samples: Sequence[Sample], stopped: Notice) -> Notice:
    measured = len({sample.iteration for sample in samples if sample.phase == MEASURE})
    planned = interleaving.iterations(plan).requests
    return Notice(
        code=stopped.code,
        message=f"the run was stopped after {measured:,} of {planned:,} iterations: {stopped.message}",
    )


def _held_back(samples: Sequence[Sample]) -> Notice | None:
    """Say how long measured requests waited, and how many of all were refused."""
    measured = [sample for sample in samples if sample.phase == MEASURE]
    paced = [seconds(sample.paced_ns) for sample in measured if sample.paced_ns]
    waits = [each for each in paced if each >= _SHORTEST_S]
    refused = sum(sample.status == "refused" for sample in samples)
    parts = []
    if waits:
        parts.append(
            f"{len(waits):,} of {len(measured):,} requests were held back for {format_seconds(sum(waits))} in all, "
            f"{format_seconds(max(waits))} at most, which is in no latency"
        )
    if refused:
        parts.append(f"the provider refused {refused:,} of {len(samples):,} requests, which count as errors")
    if not parts:
        return None
    return Notice(
        code="paced",
        message=f"{'; '.join(parts)}. The load was lighter than planned: plan one within the rate limits.",
    )
