"""What the requests of a run give, all at once: the gated metrics of ``per_request`` on whole columns.

A chart of 100,000 requests takes seconds where each is an object. The definitions are those of
``per_request``; a test holds the two against each other.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_llm_latency.metrics import Metric
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.units import NANOSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_llm_latency.model import Columns

_LEAST_TOKENS = 2  # a gap needs two


def _reduced(function: np.ufunc, values: Floats, columns: "Columns", empty: float) -> Floats:
    """Return the reduction of each sample's events, ``empty`` where it has none."""
    offsets = columns.events.offsets
    there = np.diff(offsets) > 0
    found = np.full(there.size, empty)
    if there.any():
        found[there] = function.reduceat(values, offsets[:-1][there])
    return found


def _first(columns: "Columns") -> Floats:
    return _reduced(np.minimum, columns.events.at_ns, columns, np.nan)


def _last(columns: "Columns") -> Floats:
    return _reduced(np.maximum, columns.events.at_ns, columns, np.nan)


def _first_output(columns: "Columns") -> Floats:
    outputs = np.where(columns.events.output, columns.events.at_ns, np.inf)
    found = _reduced(np.minimum, outputs, columns, np.nan)
    return np.where(np.isinf(found), np.nan, found)


def _count(columns: "Columns") -> Floats:
    return np.diff(columns.events.offsets).astype(np.float64)


def _tpot(columns: "Columns") -> Floats:
    """Seconds a token after the first delta, as ``per_request.tpot`` shares the tokens."""
    deltas, carried, events = _count(columns), columns.events.characters, columns.events
    shown = _reduced(np.maximum, np.where(events.output, 0.0, 1.0), columns, 0.0) > 0  # reasoning was streamed
    hidden = np.where(shown, 0.0, np.nan_to_num(columns.tokens["tokens_reasoning"]))
    tokens = columns.tokens["tokens_out"] - hidden
    total, first = _reduced(np.add, carried, columns, 0.0), np.zeros(deltas.size)
    first[deltas > 0] = carried[events.offsets[:-1][deltas > 0]]
    share = np.divide(tokens * first, total, out=np.ones(deltas.size), where=total > 0)
    later = np.where(deltas == tokens, deltas - 1, tokens - np.maximum(1.0, share))
    usable = (tokens >= _LEAST_TOKENS) & (deltas >= _LEAST_TOKENS) & (later > 0)
    streamed = (_last(columns) - _first(columns)) / NANOSECONDS
    return _ratio(streamed, later, usable)


def _ratio(above: Floats, below: Floats, usable: "NDArray[np.bool_]") -> Floats:
    found = np.full(above.size, np.nan)
    found[usable] = above[usable] / below[usable]
    return found


def _mean_gap(columns: "Columns") -> Floats:
    gaps = _count(columns) - 1
    streamed = (_last(columns) - _first(columns)) / NANOSECONDS
    return _ratio(streamed, gaps, gaps > 0)


def _longest_gap(columns: "Columns") -> Floats:
    offsets, at = columns.events.offsets, columns.events.at_ns
    gaps = np.diff(at, prepend=0.0)
    starts = offsets[:-1][np.diff(offsets) > 0]
    gaps[starts] = -np.inf  # no gap is before the first delta of a sample
    found = _reduced(np.maximum, gaps, columns, np.nan)
    return np.where(np.isinf(found), np.nan, found / NANOSECONDS)


def _throughput(columns: "Columns") -> Floats:
    duration = _last(columns) / NANOSECONDS
    return _ratio(columns.tokens["tokens_out"], duration, duration > 0)


def between(start: str, end: str) -> "Callable[[Columns], Floats]":
    """Return what measures from one stamp to another, in seconds."""
    return lambda columns: (columns.after_ns[end] - columns.after_ns[start]) / NANOSECONDS


def _seconds(take: "Callable[[Columns], Floats]") -> "Callable[[Columns], Floats]":
    return lambda columns: take(columns) / NANOSECONDS


# Every gated metric, by its id; a row for each is asked for by a test.
BY_COLUMN: "Mapping[str, Callable[[Columns], Floats]]" = MappingProxyType({
    "ttft": _seconds(_first),
    "e2e": _seconds(_last),
    "ttfo": _seconds(_first_output),
    "tpot": _tpot,
    "icl": _mean_gap,
    "max_stall": _longest_gap,
    "throughput": _throughput,
    "e2e_scheduled": lambda columns: (_last(columns) - columns.after_ns["scheduled"]) / NANOSECONDS,
    "server_wait": between("send_end", "first_byte"),
    "tokens_in": lambda columns: columns.tokens["tokens_in"],
    "tokens_out": lambda columns: columns.tokens["tokens_out"],
    "cost": lambda columns: columns.cost_usd,
})


def worst(metric: Metric) -> float:
    """Return what a failed request counts as."""
    return np.inf if metric.direction == "lower" else 0.0


def values(columns: "Columns", metric: Metric) -> Floats:
    """Return the metric of each sample: the worst value for a failed one, NaN where a success has none."""
    return np.where(columns.ok, BY_COLUMN[metric.id](columns), worst(metric))


def of_step(columns: "Columns", step: str | None) -> "NDArray[np.bool_]":
    """Return which samples are of a step."""
    return np.asarray(columns.step == step, dtype=np.bool_)


def steps(columns: "Columns") -> tuple[str | None, ...]:
    """Return the steps of a run in the order of their first appearance."""
    return tuple(dict.fromkeys(columns.step.tolist()))


def series(columns: "Columns", step: str | None, metric: Metric) -> Floats:
    """Return what ``metrics.series`` returns: one value a measured request of a step, in their order."""
    chosen = of_step(columns, step)
    found = values(columns, metric)[chosen]
    known, succeeded = found[~np.isnan(found)], columns.ok[chosen]
    if succeeded.any() and not (succeeded & ~np.isnan(found)).any():
        return np.empty(0)
    return np.concatenate([known, np.full(missed(columns, step), worst(metric))])


def missed(columns: "Columns", step: str | None) -> int:
    """Return how many iterations failed before they reached a step."""
    reached: set[Any] = set(columns.iteration[of_step(columns, step)].tolist())
    return sum(iteration not in reached for iteration, _ in columns.run.iteration_failures)
