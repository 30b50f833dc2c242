"""Whether what was measured can be trusted: one table of limits, each with its reason and its remedy.

The page explanation/when-a-run-is-invalid.md says where the limits come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pytest_llm_latency import units
from pytest_llm_latency.model import Conditions, Notice, Summary, Trust, Worker

RELATIVE_ERROR = 0.05  # of the median of a latency
SEND_LAG_LIMIT_S = 0.1
START_SKEW_LIMIT_S = 0.05  # between the workers that measure one load
LOOP_LAG_LIMIT_S = 0.2
MACHINE_CPU_LIMIT = 0.95

_MORE_CPU = "Lower the load, or measure on a machine with more free CPU."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One limit: over it ``reason`` says so, with what was found, the limit and what it is to be fixed by."""

    code: str
    found: Callable[[Trust], float | None]
    limit: float
    reason: str
    show: Callable[[float], str] = units.format_seconds


# Over one of these nothing is judged.
_INVALID = (
    _Row(
        code="client_overloaded",
        found=lambda trust: trust.send_lag_p99_s,
        limit=SEND_LAG_LIMIT_S,
        reason="the client was overloaded: 1 % of the requests left {found} late or more (limit {limit}). "
        f"{_MORE_CPU}",
    ),
    _Row(
        code="event_loop_blocked",
        found=lambda trust: trust.loop_lag_p99_s,
        limit=LOOP_LAG_LIMIT_S,
        reason="the client's event loop was blocked: for 1 % of the time it came {found} late or more (limit {limit}). "
        "Keep slow work out of an async test's body, lower the load, or measure on a machine with more free CPU.",
    ),
)
# Over one of these the reader is told, where the server runs on the same machine.
_STRAINED = (
    _Row(
        code="machine_busy",
        found=lambda trust: trust.machine_cpu_share,
        limit=MACHINE_CPU_LIMIT,
        reason="the processors of this machine were {found} busy: the server on it may have answered late for that. "
        f"{_MORE_CPU}",
        show=units.format_percent,
    ),
)

# The gated latencies that hold the same error as the time to first token: a time that ends at one
# stamp. The mean gaps (tpot, icl) spread it over all of an answer's deltas.
_AS_WRONG: Mapping[str, str] = MappingProxyType({
    "ttft": "time to first token",
    "ttfo": "time to first output",
    "e2e": "end-to-end time",
    "e2e_scheduled": "end-to-end time from the schedule",
    "server_wait": "server wait",
    "max_stall": "longest stall",
})


def distrusted(
    trust: Trust, summaries: Sequence[Summary], gate: Sequence[str], *, allowed_s: float
) -> tuple[Notice, ...]:
    """Return the reasons why what was measured must not be judged; empty where it can be trusted.

    ``allowed_s`` is the error that every latency may have, however short it is.
    """
    return (*_over(_INVALID, trust), *_too_wrong(trust, summaries, gate, allowed_s))


def skewed(workers: Sequence[Worker]) -> tuple[Notice, ...]:
    """Return a reason not to judge a run whose workers did not begin together: the load was another one.

    What a worker's clock may be wrong by is allowed on top.
    """
    late = [
        (abs(each.start_skew_s), each)
        for each in workers
        if each.start_skew_s is not None and abs(each.start_skew_s) > START_SKEW_LIMIT_S + (each.clock_error_s or 0.0)
    ]
    if not late:
        return ()
    skew_s, worker = max(late, key=lambda each: each[0])
    message = (
        f"the workers did not begin together: {worker.id} began {units.format_seconds(skew_s)} beside the moment that "
        f"was agreed on (limit {units.format_seconds(START_SKEW_LIMIT_S)}). Measure with fewer workers, or on machines "
        "with more free CPU."
    )
    return (Notice(code="start_skew", message=message),)


def strained(trust: Trust, conditions: Sequence[Conditions]) -> tuple[Notice, ...]:
    """Return what a reader should know of a run that is judged all the same.

    A busy machine makes a server on it slow, which no stamp of the client shows; what it does to the
    client itself is in the estimated error.
    """
    local = any(_is_local(endpoint) for each in conditions for endpoint in each.endpoint.split(", "))
    return _over(_STRAINED, trust) if local else ()


def _is_local(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0] if endpoint.rpartition(":")[2].isdigit() else endpoint
    return host in {"localhost", "[::1]"} or host.startswith("127.")


def _over(rows: Sequence[_Row], trust: Trust) -> tuple[Notice, ...]:
    found = [(row, row.found(trust)) for row in rows]
    return tuple(
        Notice(code=row.code, message=row.reason.format(found=row.show(value), limit=row.show(row.limit)))
        for row, value in found
        if value is not None and value > row.limit
    )


def _too_wrong(trust: Trust, summaries: Sequence[Summary], gate: Sequence[str], allowed_s: float) -> tuple[Notice, ...]:
    """Compare the estimated error with the shortest typical latency of those that are judged."""
    medians = [
        (median, metric)
        for summary in summaries
        for metric in _AS_WRONG
        if (metric == "ttft" or metric in gate) and (median := _median(summary, metric)) is not None
    ]
    if trust.error_p99_s is None or not medians:
        return ()
    median, metric = min(medians)
    limit_s = max(RELATIVE_ERROR * median, allowed_s)
    if trust.error_p99_s <= limit_s:
        return ()
    busy = "" if trust.cpu_share is None else f"; the client used {units.format_percent(trust.cpu_share)} of a core"
    message = (
        f"the stamps are too uncertain: 1 % of the requests may be wrong by {units.format_seconds(trust.error_p99_s)} "
        f"or more, where {units.format_seconds(limit_s)} is the limit beside a {_AS_WRONG[metric]} of "
        f"{units.format_seconds(median)} (median){busy}. {_MORE_CPU}"
    )
    return (Notice(code="stamps_uncertain", message=message),)


def _median(summary: Summary, metric: str) -> float | None:
    """Return the median, or the mean of the few where a sample is too small for one."""
    found = summary.distribution(metric)
    if found is None:
        return None
    return found.mean if found.p50 is None else found.p50
