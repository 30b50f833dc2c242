"""One run: its samples and the surroundings in which they were measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llm_latency.model.notice import Notice
from pytest_llm_latency.model.plan import Plan
from pytest_llm_latency.model.request import Failure, Sample, Side, TokenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What two runs must share, step by step, for their figures to be compared.

    ``side`` is of which side of a run they are, where it measures two.
    """

    step: str | None
    model: str
    provider: str
    served_model: str | None
    endpoint: str
    prompts: str
    parameters: str
    stream: bool
    token_source: TokenSource | None
    load: str
    version: str | None
    definitions: int
    side: Side | None


PROXY = "proxy"
ELSEWHERE = "read from results of another system"  # the label of where such a run was measured; no folder's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was measured. A difference is a warning, never a reason not to compare.

    ``versions`` names, beside packages, under ``PROXY`` the variables that ask for a proxy.
    """

    label: str
    machine: str
    platform: str
    python: str
    cpus: int
    versions: Mapping[str, str]
    commit: str | None
    branch: str | None
    dirty: bool | None
    ci: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How well the client kept up while it measured.

    ``send_lag_p99_s`` counts from the planned start, ``send_delay_p99_s`` from the start that every
    latency counts from. ``loop_stamped_share`` of the answers have stamps of the event loop alone;
    in ``shared_stamp_share`` the first delta was read together with later ones, whose stamp it got.
    ``error_p99_s`` is an upper estimate of what 1 % of the times to the first token are wrong by.
    ``cpu_share`` is the process's CPU time over the wall time of the phase, ``machine_cpu_share``
    the busy share of all processors of the machine. ``open_files`` were open at the end.
    """

    event_loop: str | None
    loop_lag_p99_s: float | None
    loop_lag_max_s: float | None
    send_lag_p99_s: float | None
    send_delay_p99_s: float | None
    loop_stamped_share: float | None
    shared_stamp_share: float | None
    error_p99_s: float | None
    cpu_share: float | None
    machine_cpu_share: float | None
    gc_collections: int | None
    gc_pause_max_s: float | None
    gc_pause_total_s: float | None
    peak_memory_bytes: int | None
    major_faults: int | None
    open_files: int | None
    open_files_limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of several processes that measured a run together, and its clock beside the controller's.

    ``clock_offset_s`` is what its monotonic clock is ahead by, ``clock_error_s`` what that may be
    wrong by. ``start_skew_s`` is how long after the moment that all had agreed on it began, below 0
    before it.
    """

    id: str
    host: str | None
    region: str | None
    clock_offset_s: float | None
    clock_error_s: float | None
    start_skew_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured benchmark: the plan, the samples in the order of their starts, the surroundings.

    ``complete`` is false when the measuring was cut off. ``iteration_failures`` names the measured
    iterations whose body raised, and why. ``duration_s`` is the wall time of the measured phase
    without the looks. ``looks`` has the iterations that were measured at each look of an adaptive
    run, that at its end included; it is empty where nothing was looked at before the end.
    ``workers`` are those that measured it together; it is empty where one process measured alone.
    """

    id: str
    session_id: str
    test_id: str
    file: str
    line: int | None
    plan: Plan
    started_at: str
    duration_s: float
    complete: bool
    looks: tuple[int, ...]
    samples: tuple[Sample, ...]
    iteration_failures: tuple[tuple[int, Failure], ...]
    conditions: tuple[Conditions, ...]
    environment: Environment
    trust: Trust
    workers: tuple[Worker, ...]
    warnings: tuple[Notice, ...]
