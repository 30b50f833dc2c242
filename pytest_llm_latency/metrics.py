"""The table of metrics: what each is called, its unit and direction, and how a sample gives it.

One row makes the column, the JSON key, the heading, the documentation and the exported name.
The definitions are numbered: figures that were computed under another number are not compared.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency.model import CONTENT, CONTROL, MEASURE, REASONING, TOOL_CALL, Failure, Run, Sample
from pytest_llm_latency.units import seconds

DEFINITIONS_VERSION = 1
ERROR_RATE = "error_rate"  # compared like a metric, of a step and not of its requests

Direction = Literal["lower", "higher"]
Unit = Literal["s", "s/token", "tokens", "tokens/s", "USD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row: ``take`` computes the value of a successful sample, ``None`` where it has none.

    ``gated`` says whether the metric may be compared with a baseline.
    """

    id: str
    title: str
    unit: Unit
    direction: Direction
    take: Callable[[Sample], float | None]
    gated: bool
    definition: str


def _generated(sample: Sample, *, without: str = CONTROL) -> list[int]:
    events = zip(sample.event_ns, sample.event_kinds, strict=True)
    return [at for at, kind in events if kind not in without]


def _since_start(sample: Sample, at: int | None) -> float | None:
    return None if at is None else seconds(at - sample.stamps.started)


def _between(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else seconds(end - start)


def _last(sample: Sample) -> int | None:
    return max(_generated(sample), default=None)


def e2e(sample: Sample) -> float | None:
    """Seconds from the start to the last generated delta."""
    return _since_start(sample, _last(sample))


def ttft(sample: Sample) -> float | None:
    """Seconds from the start to the first generated delta of any channel."""
    return _since_start(sample, min(_generated(sample), default=None))


def ttfo(sample: Sample) -> float | None:
    """Seconds from the start to the first content or tool-call delta."""
    output = [at for at, kind in zip(sample.event_ns, sample.event_kinds, strict=True) if kind in (CONTENT, TOOL_CALL)]
    return _since_start(sample, min(output, default=None))


def tokens_out(sample: Sample) -> float | None:
    """Output tokens, as the usage says."""
    return None if sample.usage is None else sample.usage.tokens_out


def tpot(sample: Sample) -> float | None:
    """Seconds a token after the first delta; the first delta's tokens go by its share of the characters."""
    tokens, generated = _streamed_tokens(sample), _generated(sample)
    if tokens is None or tokens < 2 or len(generated) < 2:  # noqa: PLR2004  (a gap needs two)
        return None
    later = tokens - _first_delta_tokens(sample, tokens)
    return seconds(generated[-1] - generated[0]) / later if later > 0 else None


def _streamed_tokens(sample: Sample) -> float | None:
    """Return the output tokens that arrived as deltas: reasoning that the provider hides did not."""
    tokens = tokens_out(sample)
    if tokens is None or sample.usage is None or REASONING in sample.event_kinds:
        return tokens
    return tokens - (sample.usage.tokens_reasoning or 0)


def _first_delta_tokens(sample: Sample, tokens: float) -> float:
    carried = [
        characters
        for characters, kind in zip(sample.event_characters, sample.event_kinds, strict=True)
        if kind != CONTROL
    ]
    if len(carried) == tokens:
        return 1.0
    total = sum(carried)
    return max(1.0, tokens * carried[0] / total) if total else 1.0


def icl(sample: Sample) -> list[float]:
    """Gaps between chunks that carry output, in seconds, in their order."""
    generated = _generated(sample)
    return [seconds(later - earlier) for earlier, later in itertools.pairwise(generated)]


def icl_mean(sample: Sample) -> float | None:
    """The mean gap between chunks that carry output."""
    gaps = icl(sample)
    return math.fsum(gaps) / len(gaps) if gaps else None


def max_stall(sample: Sample) -> float | None:
    """The longest gap between chunks that carry output."""
    return max(icl(sample), default=None)


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


def _tokens(name: str) -> Callable[[Sample], float | None]:
    return lambda sample: None if sample.usage is None else getattr(sample.usage, name)


def _lasting(name: str) -> Callable[[Sample], float | None]:
    return lambda sample: None if getattr(sample, name) is None else seconds(getattr(sample, name))


def _phase(start: str, end: str) -> Callable[[Sample], float | None]:
    return lambda sample: _between(getattr(sample.stamps, start), getattr(sample.stamps, end))


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
    _row("ttft", "Time to first token", "s", ttft, "first generated delta of any channel − started", gated=True),
    _row("e2e", "End to end", "s", e2e, "last generated delta − started", gated=True),
    _row("ttfo", "Time to first output", "s", ttfo, "first content or tool-call delta − started", gated=True),
    _row(
        "tpot",
        "Time per output token",
        "s/token",
        tpot,
        "(last − first generated delta) ÷ (output tokens − tokens in the first delta), "
        "without reasoning tokens where no reasoning was streamed",
        gated=True,
    ),
    _row("icl", "Inter-chunk latency, mean", "s", icl_mean, "mean gap between chunks that carry output", gated=True),
    _row("max_stall", "Longest stall", "s", max_stall, "the longest gap between chunks that carry output", gated=True),
    _row(
        "throughput",
        "Throughput",
        "tokens/s",
        throughput,
        "output tokens ÷ (last generated delta − started)",
        "higher",
        gated=True,
    ),
    _row(
        "e2e_scheduled",
        "End to end from schedule",
        "s",
        e2e_scheduled,
        "last generated delta − scheduled (open loop only), with what rate limits held back: a user waits for it",
        gated=True,
    ),
    _row("server_wait", "Server wait", "s", _phase("send_end", "first_byte"), "first byte − send end", gated=True),
    _row(
        "server_processing",
        "Server processing",
        "s",
        lambda sample: sample.server_processing_s,
        "what the provider says in its headers",
    ),
    _row("send_lag", "Send lag", "s", send_lag, "send start − scheduled (open loop) or − started, without paced time"),
    _row("paced", "Held back by rate limits", "s", _lasting("paced_ns"), "waiting before started; in no latency"),
    _row("dns", "Name resolution", "s", _phase("connect_start", "dns_end"), "name resolution of a new connection"),
    _row("connect", "TCP connect", "s", _phase("dns_end", "tcp_end"), "TCP handshake of a new connection"),
    _row("tls", "TLS handshake", "s", _phase("tcp_end", "tls_end"), "TLS handshake of a new connection"),
    _row(
        "client_overhead",
        "Client overhead",
        "s",
        _lasting("build_ns"),
        "what litellm took to build the request; not part of any latency",
    ),
    _row("tokens_in", "Input tokens", "tokens", _tokens("tokens_in"), "from the provider's usage"),
    _row("tokens_out", "Output tokens", "tokens", tokens_out, "from the provider's usage"),
    _row("tokens_reasoning", "Reasoning tokens", "tokens", _tokens("tokens_reasoning"), "from the provider's usage"),
    _row("tokens_cached", "Cached tokens", "tokens", _tokens("tokens_cached"), "from the provider's usage"),
    _row("cost", "Cost", "USD", lambda sample: sample.cost_usd, "usage × litellm's local price map"),
)

METRICS: Mapping[str, Metric] = MappingProxyType({row.id: row for row in _ROWS})
GATED: tuple[str, ...] = tuple(row.id for row in _ROWS if row.gated)


def value(metric: Metric, sample: Sample) -> float | None:
    """Return the metric of one sample; a failed sample is worse than every success.

    ``inf`` where lower is better, ``0.0`` where higher is, for a request that did not succeed.
    ``None`` where a successful request has no such figure.
    """
    if sample.status == "ok":
        return metric.take(sample)
    return math.inf if metric.direction == "lower" else 0.0


def measured(run: Run, step: str | None) -> list[Sample]:
    """Return the measured samples of one step, in their order."""
    return [sample for sample in run.samples if sample.phase == MEASURE and sample.step == step]


def steps(run: Run) -> tuple[str | None, ...]:
    """Return the steps of a run in the order of their first appearance."""
    return tuple(dict.fromkeys(sample.step for sample in run.samples if sample.phase == MEASURE))


def series(run: Run, step: str | None, metric: Metric) -> list[float]:
    """Return one value a measured request of a step, in their order.

    An iteration that failed before it reached the step counts as a failed request of the step,
    so that a broken body never leaves a smaller and faster sample. Where no successful request
    has the metric, the series is empty.
    """
    samples = measured(run, step)
    reached = {sample.iteration for sample in samples}
    missed = sum(1 for iteration, _ in run.iteration_failures if iteration not in reached)
    values = [found for sample in samples if (found := value(metric, sample)) is not None]
    worst = math.inf if metric.direction == "lower" else 0.0
    finite = any(sample.status == "ok" and metric.take(sample) is not None for sample in samples)
    return [*values, *[worst] * missed] if finite or not any(s.status == "ok" for s in samples) else []


def failures(run: Run, step: str | None) -> list[Failure]:
    """Return why each failed request of a step failed.

    An iteration that failed before it reached the step is one failed request of the step. One
    whose body raised after its requests (a failed assertion) has a failed sample already: the
    collecting marks its last one, so that it ranks as slow and counts as an error here.
    """
    samples = measured(run, step)
    reached = {sample.iteration for sample in samples}
    requests = [_failure(sample) for sample in samples if sample.status != "ok"]
    return requests + [failure for iteration, failure in run.iteration_failures if iteration not in reached]


def _failure(sample: Sample) -> Failure:
    if sample.failure is not None:
        return sample.failure
    return Failure(error_class=sample.status, message=f"the request ended as {sample.status}", phase="body")


def request_count(run: Run, step: str | None) -> int:
    """Return the requests of a step, those included that a failed iteration never reached."""
    samples = measured(run, step)
    reached = {sample.iteration for sample in samples}
    return len(samples) + sum(1 for iteration, _ in run.iteration_failures if iteration not in reached)


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum, or ``None`` when a part of it is unknown or nothing is there."""
    known = list(values)
    if not known or any(each is None for each in known):
        return None
    return math.fsum(each for each in known if each is not None)
