"""The table of metrics: what each is called, its unit and direction, and how a sample gives it.

One row makes the column, the JSON key, the heading, the documentation and the exported name.
The definitions are numbered: figures that were computed under another number are not compared.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency import per_request
from pytest_llm_latency.model import MEASURE, Failure, Run, Sample

DEFINITIONS_VERSION = 1
ERROR_RATE = "error_rate"  # compared like a metric, of a step and not of its requests

Direction = Literal["lower", "higher"]
Unit = Literal["s", "s/token", "tokens", "tokens/s", "USD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row: ``take`` computes the value of a successful sample, ``None`` where it has none.

    ``gated`` says whether the metric may be compared with a baseline. Where ``each`` is given a
    request has many values, each with its weight: the figures are over all of them together, and
    ``take`` is their weighted mean.
    """

    id: str
    title: str
    unit: Unit
    direction: Direction
    take: Callable[[Sample], float | None]
    gated: bool
    definition: str
    each: Callable[[Sample], list[tuple[float, float]]] | None = None


def _row(  # noqa: PLR0913, PLR0917  (a row of the table)
    id: str,  # noqa: A002
    title: str,
    unit: Unit,
    take: Callable[[Sample], float | None],
    definition: str,
    direction: Direction = "lower",
    *,
    gated: bool = False,
) -> Metric:
    return Metric(id=id, title=title, unit=unit, direction=direction, take=take, gated=gated, definition=definition)


_ROWS = (
    _row(
        "ttft",
        "Time to first token",
        "s",
        per_request.ttft,
        "first generated delta of any channel − started",
        gated=True,
    ),
    _row("e2e", "End to end", "s", per_request.e2e, "last generated delta − started", gated=True),
    _row(
        "ttfo", "Time to first output", "s", per_request.ttfo, "first content or tool-call delta − started", gated=True
    ),
    _row(
        "tpot",
        "Time per output token",
        "s/token",
        per_request.tpot,
        "(last − first generated delta) ÷ (output tokens − tokens in the first delta), "
        "without reasoning tokens where no reasoning was streamed",
        gated=True,
    ),
    Metric(
        id="itl",
        title="Inter-token latency",
        unit="s/token",
        direction="lower",
        take=per_request.tpot,
        gated=False,
        definition="gap before a chunk ÷ the tokens that the chunk carries, counted once for each of them; the tokens "
        "go by the shares of the characters; over all tokens of the run",
        each=per_request.itl,
    ),
    _row(
        "icl",
        "Inter-chunk latency, mean",
        "s",
        per_request.icl_mean,
        "mean gap between chunks that carry output",
        gated=True,
    ),
    _row(
        "max_stall",
        "Longest stall",
        "s",
        per_request.max_stall,
        "the longest gap between chunks that carry output",
        gated=True,
    ),
    _row(
        "throughput",
        "Throughput",
        "tokens/s",
        per_request.throughput,
        "output tokens ÷ (last generated delta − started)",
        "higher",
        gated=True,
    ),
    _row(
        "e2e_scheduled",
        "End to end from schedule",
        "s",
        per_request.e2e_scheduled,
        "last generated delta − scheduled (open loop only), with what rate limits held back: a user waits for it",
        gated=True,
    ),
    _row(
        "server_wait",
        "Server wait",
        "s",
        per_request.phase("send_end", "first_byte"),
        "first byte − send end",
        gated=True,
    ),
    _row(
        "server_processing",
        "Server processing",
        "s",
        lambda sample: sample.server_processing_s,
        "what the provider says in its headers",
    ),
    _row(
        "send_lag",
        "Send lag",
        "s",
        per_request.send_lag,
        "send start − scheduled (open loop) or − started, without paced time",
    ),
    _row(
        "paced",
        "Held back by rate limits",
        "s",
        per_request.lasting("paced_ns"),
        "waiting before started; in no latency",
    ),
    _row(
        "dns",
        "Name resolution",
        "s",
        per_request.phase("connect_start", "dns_end"),
        "name resolution of a new connection",
    ),
    _row("connect", "TCP connect", "s", per_request.phase("dns_end", "tcp_end"), "TCP handshake of a new connection"),
    _row("tls", "TLS handshake", "s", per_request.phase("tcp_end", "tls_end"), "TLS handshake of a new connection"),
    _row(
        "client_overhead",
        "Client overhead",
        "s",
        per_request.lasting("build_ns"),
        "what litellm took to build the request; not part of any latency",
    ),
    _row("tokens_in", "Input tokens", "tokens", per_request.tokens("tokens_in"), "from the provider's usage"),
    _row("tokens_out", "Output tokens", "tokens", per_request.tokens_out, "from the provider's usage"),
    _row(
        "tokens_reasoning",
        "Reasoning tokens",
        "tokens",
        per_request.tokens("tokens_reasoning"),
        "from the provider's usage",
    ),
    _row("tokens_cached", "Cached tokens", "tokens", per_request.tokens("tokens_cached"), "from the provider's usage"),
    _row(
        "tokens_cache_written",
        "Tokens written to the cache",
        "tokens",
        per_request.tokens("tokens_cache_written"),
        "from the provider's usage",
    ),
    _row(
        "cost",
        "Cost",
        "USD",
        lambda sample: sample.cost_usd,
        "usage × your own prices or those of litellm's local map; unknown where one of them is",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({row.id: row for row in _ROWS})
GATED: tuple[str, ...] = tuple(row.id for row in _ROWS if row.gated)


def value(metric: Metric, sample: Sample) -> float | None:
    """Return the metric of one sample; a failed sample is worse than every success.

    ``inf`` where lower is better, ``0.0`` where higher is, for a request that did not succeed.
    ``None`` where a successful request has no such figure.
    """
    return metric.take(sample) if sample.status == "ok" else _worst(metric)


def _worst(metric: Metric) -> float:
    return math.inf if metric.direction == "lower" else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequests:
    """The requests of one step of a run: its measured samples, in their order, and those that were missed.

    An iteration that failed before it reached the step counts as a failed request of the step, so
    that a broken body never leaves a smaller and faster sample.
    """

    samples: Sequence[Sample]
    missed: Sequence[Failure]

    @property
    def count(self) -> int:
        """The requests, those included that a failed iteration never reached."""
        return len(self.samples) + len(self.missed)

    def failures(self) -> list[Failure]:
        """Return why each failed request failed.

        An iteration whose body raised after its requests (a failed assertion) has a failed sample:
        the collecting marks its last one, so that it ranks as slow and counts as an error here.
        """
        return [*(_failure(sample) for sample in self.samples if sample.status != "ok"), *self.missed]

    def series(self, metric: Metric) -> list[float]:
        """Return one value a request, in their order; nothing where no successful request has the metric."""
        found = [(sample.status == "ok", value(metric, sample)) for sample in self.samples]
        if any(ok for ok, _ in found) and all(known is None for ok, known in found if ok):
            return []
        return [*(known for _, known in found if known is not None), *[_worst(metric)] * len(self.missed)]

    def weighted(self, metric: Metric) -> list[tuple[float, float]]:
        """Return every value of a metric that has many a request, with its weight.

        A failed request, or one that was never reached, weighs as much as a successful one on average.
        """
        if metric.each is None:
            return [(value, 1.0) for value in self.series(metric)]
        known = [found for sample in self.samples if sample.status == "ok" and (found := metric.each(sample))]
        if not known:
            return []
        usual = math.fsum(weight for found in known for _, weight in found) / len(known)
        return [*(pair for found in known for pair in found), *[(_worst(metric), usual)] * len(self.failures())]


def by_step(run: Run) -> dict[str | None, StepRequests]:
    """Return the requests of each step of a run, in the order of the steps' first appearance."""
    samples: dict[str | None, list[Sample]] = {}
    for sample in run.samples:
        if sample.phase == MEASURE:
            samples.setdefault(sample.step, []).append(sample)
    return {step: _requests(run, found) for step, found in samples.items()}


def _requests(run: Run, samples: Sequence[Sample]) -> StepRequests:
    reached = {sample.iteration for sample in samples} if run.iteration_failures else set()
    missed = [failure for iteration, failure in run.iteration_failures if iteration not in reached]
    return StepRequests(samples=samples, missed=missed)


def requests(run: Run, step: str | None) -> StepRequests:
    """Return the requests of one step, which the run may not have reached at all."""
    return _requests(run, measured(run, step))


def measured(run: Run, step: str | None) -> list[Sample]:
    """Return the measured samples of one step, in their order."""
    return [sample for sample in run.samples if sample.phase == MEASURE and sample.step == step]


def steps(run: Run) -> tuple[str | None, ...]:
    """Return the steps of a run in the order of their first appearance."""
    return tuple(dict.fromkeys(sample.step for sample in run.samples if sample.phase == MEASURE))


def series(run: Run, step: str | None, metric: Metric) -> list[float]:
    """Return one value a measured request of a step, in their order, as ``StepRequests.series``."""
    return requests(run, step).series(metric)


def _failure(sample: Sample) -> Failure:
    if sample.failure is not None:
        return sample.failure
    return Failure(error_class=sample.status, message=f"the request ended as {sample.status}", phase="body")


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum, or ``None`` when a part of it is unknown or nothing is there."""
    known = list(values)
    if not known or any(each is None for each in known):
        return None
    return math.fsum(each for each in known if each is not None)
