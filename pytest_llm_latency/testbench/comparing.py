"""Two sides of results as runs that can be compared: with what both of them say, and nothing else."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_llm_latency import load, metrics, plan
from pytest_llm_latency.model import (
    CONTENT,
    ELSEWHERE,
    MEASURE,
    Conditions,
    Environment,
    Failure,
    Plan,
    Run,
    Sample,
    Stamps,
    Trust,
    Usage,
)
from pytest_llm_latency.testbench.stored_result import Result, measured

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What both sides say: with ``whole`` a dataset is one test, as one of them has one result of each of its.

    It says which test each dataset is.
    """

    whole: Mapping[str, str] | None
    providers: bool
    ttft: bool


def sides(before: Sequence[Result], now: Sequence[Result]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Return the runs of two sides; what only one of them knows counts on neither."""
    first, second = measured(before), measured(now)
    both = [*first, *second]
    agreed = Agreed(
        whole=_names(first, second) if any(map(_single, (first, second))) else None,
        providers=all(each.provider is not None for each in both),
        ttft=all(each.ttft_s is not None for each in both if each.status == "success"),
    )
    return _runs(first, agreed), _runs(second, agreed)


def _names(first: Sequence[Result], second: Sequence[Result]) -> dict[str, str]:
    """Return which test each dataset is: the only ones of both sides are the same, whatever their files call them."""
    before, now = (list(dict.fromkeys(each.dataset for each in side)) for side in (first, second))
    alone = len(before) == len(now) == 1
    return {name: now[0] if alone else name for name in (*before, *now)}


def _single(results: Sequence[Result]) -> bool:
    """Say whether each test of each file has one result alone."""
    return max(Counter((each.source, each.test_id, each.provider) for each in results).values(), default=1) == 1


def _runs(results: Sequence[Result], agreed: Agreed) -> tuple[Run, ...]:
    groups: dict[tuple[str, str | None, str], list[Result]] = {}
    for each in results:
        provider = each.provider if agreed.providers else None
        test_id = each.test_id if agreed.whole is None else agreed.whole[each.dataset]
        groups.setdefault((each.source, provider, test_id), []).append(each)
    return tuple(_run(source, provider, test_id, own, agreed) for (source, provider, test_id), own in groups.items())


def _run(source: str, provider: str | None, test_id: str, own: Sequence[Result], agreed: Agreed) -> Run:
    name = hashlib.sha256(f"{source}\n{provider}\n{test_id}".encode()).hexdigest()[:16]
    ordered = sorted(own, key=lambda each: each.at)
    start, end = ordered[0].at, max(each.at + timedelta(seconds=each.duration_s) for each in ordered)
    models = sorted({each.model for each in own if each.model is not None})
    prompts = sorted({each.test_id for each in own})
    return Run(
        id=name,
        session_id=name,
        test_id=test_id,
        file=source,
        line=None,
        plan=_plan(len(own), agreed),
        started_at=start.isoformat(),
        duration_s=max((end - start).total_seconds(), 0.001),
        complete=True,
        looks=(),
        samples=tuple(_sample(index, each, start, agreed) for index, each in enumerate(ordered)),
        iteration_failures=(),
        conditions=(
            Conditions(
                step=None,
                model=provider or _UNKNOWN,
                provider=provider or _UNKNOWN,
                served_model=", ".join(models) or None,
                endpoint=_UNKNOWN,
                prompts=hashlib.sha256("\n".join(prompts).encode()).hexdigest()[:12],
                parameters=_UNKNOWN,
                stream=agreed.ttft,
                token_source="usage",  # noqa: S106  (tokens of an answer)
                load=_UNKNOWN,
                version=None,
                definitions=metrics.DEFINITIONS_VERSION,
                side=None,
            ),
        ),
        environment=_ENVIRONMENT,
        trust=_TRUST,
        workers=(),
        warnings=(),
    )


def _plan(requests: int, agreed: Agreed) -> Plan:
    return Plan(
        model=None,
        requests=requests,
        adaptive=False,
        warmup=0,
        ramp_in=0,
        load=load.closed(1),
        prompts=None,
        nonce=False,
        timeout_s=plan.DEFAULT_TIMEOUT_S,
        limits=(),
        gate=("ttft", "e2e") if agreed.ttft else ("e2e",),
        tolerance=plan.DEFAULT_TOLERANCE,
        error_limit=plan.DEFAULT_ERROR_LIMIT,
        version=None,
        pacing=plan.DEFAULT_PACING,
        budget=plan.DEFAULT_BUDGET,
        http_version=plan.DEFAULT_HTTP_VERSION,
        ab=None,
        retries=plan.DEFAULT_RETRIES,
    )


def _sample(index: int, result: Result, start: datetime, agreed: Agreed) -> Sample:
    started = round((result.at - start).total_seconds() * 1e9)
    ended = started + round(result.duration_s * 1e9)
    good = result.status == "success"
    first = [] if result.ttft_s is None or not agreed.ttft else [started + round(result.ttft_s * 1e9)]
    events = [*first, ended] if good else []
    return Sample(
        index=index,
        iteration=index,
        phase=MEASURE,
        step=None,
        status="ok" if good else "timeout" if result.status == "timeout" else "error",
        failure=None if good else _failure(result),
        http_status=None,
        attempts=1,
        stamps=Stamps(started=started, closed=ended),
        build_ns=None,
        connection_reused=None,
        http_version=None,
        paced_ns=None,
        clock="loop",
        server_processing_s=None,
        piece_ns=array("q", events),
        piece_bytes=array("q", [0] * len(events)),
        event_ns=array("q", events),
        event_kinds=CONTENT * len(events),
        event_characters=array("q", [1] * len(events)),
        finish_reason=None,
        usage=_usage(result),
        cost_usd=result.cost_usd,
        worker=None,
        host=None,
        region=None,
        side=None,
    )


def _failure(result: Result) -> Failure:
    message = result.error or f"the result is a {result.status}"
    return Failure(error_class=result.status, message=message, phase="provider")


def _usage(result: Result) -> Usage | None:
    if result.tokens_in is None and result.tokens_out is None:
        return None
    return Usage(
        tokens_in=result.tokens_in,
        tokens_out=result.tokens_out,
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )


_ENVIRONMENT = Environment(
    label=ELSEWHERE,
    machine=_UNKNOWN,
    platform=_UNKNOWN,
    python=_UNKNOWN,
    cpus=0,
    versions={},
    commit=None,
    branch=None,
    dirty=None,
    ci=None,
    region=None,
)
_TRUST = Trust(
    event_loop=None,
    loop_lag_p99_s=None,
    loop_lag_max_s=None,
    send_lag_p99_s=None,
    send_delay_p99_s=None,
    loop_stamped_share=None,
    shared_stamp_share=None,
    error_p99_s=None,
    cpu_share=None,
    machine_cpu_share=None,
    gc_collections=None,
    gc_pause_max_s=None,
    gc_pause_total_s=None,
    peak_memory_bytes=None,
    major_faults=None,
    open_files=None,
    open_files_limit=None,
)
