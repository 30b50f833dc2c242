"""Builds nouns for tests: samples with given latencies, runs, summaries, results, sessions.

Everything is fixed: the same arguments give the same nouns, and nothing reads a clock.
Summaries are computed in the plainest way, so that a test of a report needs no statistics.
"""

import dataclasses
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from pytest_llm_latency import load, metrics, per_request
from pytest_llm_latency import plan as plans
from pytest_llm_latency.model import (
    Columns,
    Comparison,
    Conditions,
    Distribution,
    Environment,
    Evidence,
    Failure,
    LimitCheck,
    Plan,
    Result,
    Run,
    Sample,
    Session,
    Stamps,
    Summary,
    Trace,
    Trust,
    Usage,
    Verdict,
    VerdictStatus,
    Worker,
)
from pytest_llm_latency.storage import by_column
from pytest_llm_latency.storage import samples as encoded
from pytest_llm_latency.storage.results import Manifest, StoredTest

STARTED_AT = "2026-03-02T09:15:00+00:00"
TEST_ID = "tests/test_chat.py::test_summarise"
_MS = 1_000_000
_QUANTILES = {"p50": 0.50, "p75": 0.75, "p90": 0.90, "p95": 0.95, "p99": 0.99}
_NEEDED = {"p95": 59, "p99": 299}


def lognormal(count: int, *, median: float, sigma: float = 0.25, seed: int = 1) -> list[float]:
    """Return latencies in seconds that look like a provider's, in whole microseconds on every platform."""
    random = Random(seed)
    return [round(median * math.exp(random.gauss(0.0, sigma)), 6) for _ in range(count)]


def plan(**changes: Any) -> Plan:
    """Return a plan of 100 requests in a closed loop of 8."""
    values = Plan(
        model="openai/gpt-4o-mini",
        requests=100,
        adaptive=False,
        warmup=5,
        ramp_in=0,
        load=load.closed(8),
        prompts=None,
        nonce=False,
        timeout_s=60.0,
        limits=(),
        gate=("ttft", "e2e"),
        tolerance=0.10,
        error_limit=0.01,
        version=None,
        pacing=plans.DEFAULT_PACING,
        budget=plans.DEFAULT_BUDGET,
        http_version=plans.DEFAULT_HTTP_VERSION,
        ab=None,
        retries=plans.DEFAULT_RETRIES,
    )
    return dataclasses.replace(values, **changes)


def trace(**changes: Any) -> Trace:
    """Return a trace of four arrivals with their lengths."""
    values = Trace(
        name="trace.csv",
        digest="0f1e2d3c4b5a",
        offsets_s=(0.0, 0.5, 0.75, 3.0),
        tokens_in=(400, 30, 120, 2000),
        tokens_out=(50, 10, 20, 400),
    )
    return dataclasses.replace(values, **changes)


def environment(**changes: Any) -> Environment:
    """Return where a run was measured."""
    values = Environment(
        label="default",
        machine="runner-1",
        platform="Linux-6.8-x86_64",
        python="3.12.4",
        cpus=4,
        versions={"pytest-llm-latency": "0.1.0", "litellm": "1.100.0", "httpx": "0.28.1"},
        commit="5c1e9a0d7b3f",
        branch="main",
        dirty=False,
        ci=None,
        region=None,
    )
    return dataclasses.replace(values, **changes)


def conditions(**changes: Any) -> Conditions:
    """Return what two runs must share."""
    values = Conditions(
        step=None,
        model="openai/gpt-4o-mini",
        provider="openai",
        served_model="gpt-4o-mini-2024-07-18",
        endpoint="api.openai.com",
        prompts="9f2c41",
        parameters='{"temperature": 0}',
        stream=True,
        token_source="usage",
        load="closed, concurrency 8",
        version=None,
        definitions=metrics.DEFINITIONS_VERSION,
        side=None,
    )
    return dataclasses.replace(values, **changes)


def worker(name: str = "gw0", **changes: Any) -> Worker:
    """Return a worker on a host of its own that began in time."""
    values = Worker(
        id=name,
        host="runner-1",
        region="eu",
        clock_offset_s=-1234.5,
        clock_error_s=0.0004,
        start_skew_s=0.0011,
    )
    return dataclasses.replace(values, **changes)


def trust(**changes: Any) -> Trust:
    """Return a client that kept up."""
    values = Trust(
        event_loop="asyncio",
        loop_lag_p99_s=0.0008,
        loop_lag_max_s=0.0031,
        send_lag_p99_s=0.0004,
        send_delay_p99_s=0.0003,
        loop_stamped_share=0.0,
        shared_stamp_share=0.01,
        error_p99_s=0.0005,
        cpu_share=0.18,
        machine_cpu_share=0.31,
        gc_collections=2,
        gc_pause_max_s=0.0004,
        gc_pause_total_s=0.0006,
        peak_memory_bytes=184_549_376,
        major_faults=0,
        open_files=27,
        open_files_limit=4096,
    )
    return dataclasses.replace(values, **changes)


def failure(error_class: str = "RateLimitError", message: str = "429: too many requests") -> Failure:
    """Return why a request failed."""
    return Failure(error_class=error_class, message=message, phase="provider")


def sample(
    index: int, ttft_s: float | None, e2e_s: float | None = None, *, failed: Failure | None = None, **changes: Any
) -> Sample:
    """Return one request; ``ttft_s=None`` is one that failed. Every tenth opens a new connection."""
    started = index * 400 * _MS
    first = None if ttft_s is None else started + round(ttft_s * 1e9)
    last = first if e2e_s is None or first is None else max(first, started + round(e2e_s * 1e9))
    new = index % 10 == 0
    stamps = Stamps(
        started=started,
        scheduled=None,
        connect_start=started + _MS // 10 if new else None,
        dns_end=started + 2 * _MS if new else None,
        tcp_end=started + 9 * _MS if new else None,
        tls_end=started + 24 * _MS if new else None,
        send_start=started + (25 * _MS if new else _MS // 5),
        send_end=started + (25 * _MS if new else _MS // 5) + _MS // 10,
        first_byte=None if first is None else first - _MS,
        headers=None if first is None else first - _MS,
        closed=None if last is None else last + _MS,
    )
    stamped = first is not None and last is not None
    events = [first + (last - first) * step // 4 for step in range(5)] if first is not None and last is not None else []
    values = Sample(
        index=index,
        iteration=index,
        phase="measure",
        step=None,
        status="ok" if stamped else "refused",
        failure=None if stamped else failed or failure(),
        http_status=200 if stamped else 429,
        attempts=1,
        stamps=stamps,
        build_ns=900_000,
        connection_reused=not new,
        http_version="1.1",
        paced_ns=None,
        clock="fake",
        server_processing_s=None,
        piece_ns=array("q", events),
        piece_bytes=array("q", [120] * len(events)),
        event_ns=array("q", events),
        event_kinds="c" * len(events),
        event_characters=array("q", [20] * len(events)),
        finish_reason="stop" if stamped else None,
        usage=Usage(
            tokens_in=412,
            tokens_out=25,
            tokens_reasoning=None,
            tokens_cached=0,
            tokens_cache_written=None,
            source="usage",
        )
        if stamped
        else None,
        cost_usd=0.00008 if stamped else None,
        worker=None,
        host=None,
        region=None,
        side=None,
    )
    return dataclasses.replace(values, **changes)


def samples(ttft_s: Iterable[float | None], *, streaming_s: float = 0.9, **changes: Any) -> tuple[Sample, ...]:
    """Return one request for each time to first token; ``None`` is a failed one."""
    return tuple(
        sample(index, value, None if value is None else value * 1.1 + streaming_s, **changes)
        for index, value in enumerate(ttft_s)
    )


def with_tokens(of: Sample, tokens_in: int, *, cost: float) -> Sample:
    """Return a successful request with an input of this length and this cost."""
    assert of.usage is not None
    return dataclasses.replace(of, usage=dataclasses.replace(of.usage, tokens_in=tokens_in), cost_usd=cost)


def run(ttft_s: Iterable[float | None] = (), **changes: Any) -> Run:
    """Return a run of these times to first token, or of the ``samples`` that are named."""
    values = Run(
        id="run-2",
        session_id="session-2",
        test_id=TEST_ID,
        file="tests/test_chat.py",
        line=12,
        plan=plan(),
        started_at=STARTED_AT,
        duration_s=40.0,
        complete=True,
        looks=(),
        samples=samples(ttft_s),
        iteration_failures=(),
        conditions=(conditions(),),
        environment=environment(),
        trust=trust(),
        workers=(),
        warnings=(),
    )
    return dataclasses.replace(values, **changes)


def stored_test(**changes: Any) -> StoredTest:
    """Return one test of a stored session that has passed."""
    values = {
        "test_id": TEST_ID,
        "file": "a.parquet",
        "status": "pass",
        "fails": False,
        "moved": False,
        "baseline": None,
    }
    return StoredTest(**{**values, **changes})


def manifest(**changes: Any) -> Manifest:
    """Return the manifest of a stored session that measured nothing."""
    values = Manifest(
        session_id="session-2",
        started_at=STARTED_AT,
        environment="default",
        interrupted=False,
        narrowed=False,
        expected=(),
        tests=(),
        closed=None,
    )
    return dataclasses.replace(values, **changes)


def distribution(metric: str, values: Sequence[float]) -> Distribution:
    """Return the distribution of values, ``inf`` and nothing else being a failed request."""
    ordered, finite = sorted(values), sorted(each for each in values if math.isfinite(each))
    found = {
        name: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        for name, share in _QUANTILES.items()
        if len(ordered) >= _NEEDED.get(name, 1)
    }
    known = {name: value for name, value in found.items() if math.isfinite(value)}
    return Distribution(
        metric=metric,
        count=len(ordered),
        successes=len(finite),
        mean=math.fsum(finite) / len(finite) if finite else None,
        minimum=finite[0] if finite else None,
        maximum=finite[-1] if finite else None,
        **{name: known.get(name) for name in _QUANTILES},
        needed={name: _NEEDED.get(name, 1) for name in _QUANTILES if name not in known},
        histogram=histogram(finite),
    )


def histogram(values: Sequence[float], bins: int = 24) -> tuple[int, ...]:
    """Count values in equal log-spaced bins between the least and the greatest."""
    if not values or min(values) <= 0:
        return ()
    low, high = math.log(min(values)), math.log(max(values))
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((math.log(value) - low) / (high - low) * bins)) if high > low else 0] += 1
    return tuple(counts)


def summaries(*runs: Run) -> tuple[Summary, ...]:
    """Return one summary for each step of these runs, pooled."""
    steps = dict.fromkeys(step for each in runs for step in metrics.steps(each))
    return tuple(_summary(runs, step) for step in steps)


def _summary(runs: Sequence[Run], step: str | None) -> Summary:
    measured = [each for one in runs for each in metrics.measured(one, step)]
    failures = [each.failure for each in measured if each.failure is not None]
    duration = math.fsum(one.duration_s for one in runs)
    cost = metrics.total(each.cost_usd for each in measured if each.failure is None)
    tokens = math.fsum(per_request.tokens_out(each) or 0.0 for each in measured)
    series = {name: [value for one in runs for value in metrics.series(one, step, row)] for name, row in _rows()}
    return Summary(
        step=step,
        requests=len(measured),
        successes=len(measured) - len(failures),
        error_rate=len(failures) / len(measured) if measured else None,
        errors={each.error_class: sum(one.error_class == each.error_class for one in failures) for each in failures},
        requests_per_s=len(measured) / duration,
        tokens_per_s=tokens / duration,
        cost_usd=cost,
        cost_per_1000_usd=None if cost is None else 1000 * cost / len(measured),
        cost_per_month_usd=None,
        goodput=None,
        cache_hits=0.0,
        distributions=tuple(distribution(name, values) for name, values in series.items() if values),
    )


def _rows() -> list[tuple[str, metrics.Metric]]:
    return list(metrics.METRICS.items())


def verdict(status: VerdictStatus = "pass", **changes: Any) -> Verdict:
    """Return what the gate says of one series."""
    values = Verdict(
        key=f"{TEST_ID}|ttft",
        status=status,
        baseline_runs=3,
        baseline=0.412,
        candidate=0.421,
        ratio=1.02,
        interval=(0.95, 1.10),
        raw_p_value=0.31,
        p_value=0.44,
        detectable=1.15,
        needed=None,
        information=None,
        reasons=(),
    )
    return dataclasses.replace(values, **changes)


REGRESSED: Mapping[str, Any] = {
    "candidate": 0.561,
    "ratio": 1.36,
    "interval": (1.21, 1.53),
    "raw_p_value": 0.0002,
    "p_value": 0.0004,
    "reasons": (
        "p95 412 ms → 561 ms (+36 %, 95 % interval +21 … +53 %), p = 0.0004 over 3 baseline runs",
        "run-to-run noise of 5 % is in part assumed, as few baseline runs show it: accept further runs",
    ),
}


def comparison(
    metric: str = "ttft", status: VerdictStatus = "pass", *, step: str | None = None, **changes: Any
) -> Comparison:
    """Return one gated metric with its verdict; ``regressed`` brings its own figures."""
    figures = {**REGRESSED, **changes} if status == "regressed" else changes
    return Comparison(step=step, metric=metric, verdict=verdict(status, **figures))


def limit(text: str = "ttft.p95 < 800ms", status: VerdictStatus = "pass", **changes: Any) -> LimitCheck:
    """Return one absolute limit that holds."""
    values = LimitCheck(
        limit=text,
        step=None,
        status=status,
        value=0.561,
        threshold=0.8,
        message="ttft p95 is 561 ms, within the limit of 800 ms",
    )
    return dataclasses.replace(values, **changes)


def result(
    status: VerdictStatus = "pass", *, of: Run | None = None, baseline: Sequence[Run] = (), **changes: Any
) -> Result:
    """Return the result of a run beside its baseline runs."""
    measured = of if of is not None else run(lognormal(100, median=0.3))
    values = Result(
        test_id=measured.test_id,
        file=measured.file,
        line=measured.line,
        run_id=measured.id,
        status=status,
        fails=status in {"regressed", "invalid"},
        silent=False,
        reasons=(),
        plan=measured.plan,
        started_at=measured.started_at,
        duration_s=measured.duration_s,
        environment=measured.environment,
        conditions=measured.conditions,
        trust=measured.trust,
        workers=measured.workers,
        summaries=summaries(measured),
        regions={},
        baseline=summaries(*baseline) if baseline else (),
        baseline_runs=len(baseline),
        comparisons=(),
        limits=(),
        environment_changes=(),
        warnings=(),
        accepting=False,
        folders={},
    )
    return dataclasses.replace(values, **changes)


def session(*results: Result, **changes: Any) -> Session:
    """Return a session of these results."""
    values = Session(
        id="session-2",
        started_at=STARTED_AT,
        duration_s=95.0,
        interrupted=False,
        expected=tuple(each.test_id for each in results),
        results=results,
        environment=environment(),
        settings={"simulate": False, "environment": "default", "keep": 5, "margin": 0.3},
        warnings=(),
        problems=(),
    )
    return dataclasses.replace(values, **changes)


def columns(of: Run) -> Columns:
    """Return a run by column, as it is read from where it is stored."""
    return by_column.decode(encoded.encode([of]), Path("run.parquet"))[0]


def evidence(candidate: Run, *baseline: Run) -> Evidence:
    """Return the raw runs behind one result."""
    return Evidence(run=columns(candidate), baseline=tuple(columns(each) for each in baseline))
