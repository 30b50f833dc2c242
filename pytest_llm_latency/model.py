"""The nouns: what is measured, stored, compared and reported. Frozen values without I/O.

Stamps are integer nanoseconds of one monotonic clock, durations are seconds as ``float``,
and what did not happen is ``None``.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Phase = Literal["warmup", "measure"]
Status = Literal["ok", "error", "timeout", "refused", "cancelled"]
VerdictStatus = Literal["pass", "improved", "regressed", "inconclusive", "no_baseline", "incomparable", "invalid"]
TokenSource = Literal["usage", "tokenizer", "chunks"]
ClockSource = Literal["kernel", "loop", "fake"]

# One letter an event: generated deltas of three channels, and what is not generated.
EventKind = Literal["c", "r", "t", "x"]
CONTENT: EventKind = "c"
REASONING: EventKind = "r"
TOOL_CALL: EventKind = "t"
CONTROL: EventKind = "x"

MEASURE: Phase = "measure"
WARMUP: Phase = "warmup"

# Compact integers: eight bytes each. Python 3.11 cannot subscript ``array`` when the module runs.
if TYPE_CHECKING:
    Integers = array[int]
else:
    Integers = array


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load shape by its name in ``load.SHAPES``, with its parameters."""

    shape: str
    parameters: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the iterations of one phase start.

    ``offsets_s`` has one planned start for each iteration, in seconds after the phase begins.
    ``concurrency`` bounds the iterations under way (a closed loop: each offset is the earliest
    start); ``None`` means that starts never wait for answers (an open loop).
    """

    offsets_s: tuple[float, ...]
    concurrency: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one benchmark is measured and judged: what marker, options and settings came to.

    ``timeout_s`` is the deadline of each request. ``gate`` names the metrics that are compared
    with the baseline, ``limits`` the absolute limits in the user's own words. ``version`` is the
    user's label of the benchmark: another one is not compared.
    """

    model: str | None
    requests: int
    warmup: int
    load: Load
    timeout_s: float
    limits: tuple[str, ...]
    gate: tuple[str, ...]
    tolerance: float
    error_limit: float
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of ``llm(...)`` as it is handed to a client.

    ``parameters`` are litellm's, ``stream`` among them. ``deadline_s`` covers the whole request.
    """

    model: str
    messages: tuple[Mapping[str, object], ...]
    parameters: Mapping[str, object]
    step: str | None
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """When each phase of one request happened, in nanoseconds of the monotonic clock.

    ``started`` is the moment at which the built request was handed to the transport, so that
    building it (``build_ns`` of the sample) is not counted as the provider's latency.
    """

    started: int
    scheduled: int | None = None
    connect_start: int | None = None
    dns_end: int | None = None
    tcp_end: int | None = None
    tls_end: int | None = None
    send_start: int | None = None
    send_end: int | None = None
    first_byte: int | None = None
    headers: int | None = None
    closed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request or an iteration failed.

    ``phase`` is where: ``build``, ``dns``, ``connect``, ``tls``, ``send``, ``headers``, ``body``,
    ``protocol`` (the answer is not what the provider's protocol promises), ``provider`` (the
    provider said so) or ``assertion`` (the test body did).
    """

    error_class: str
    message: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One HTTP exchange as it came in: stamps and bytes, nothing parsed.

    ``piece_ns[i]`` is the arrival of ``pieces[i]``, a part of the body without transfer encoding.
    """

    request: Request
    stamps: Stamps
    build_ns: int | None
    url: str | None
    http_status: int | None
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]
    piece_ns: tuple[int, ...]
    connection_reused: bool | None
    clock: ClockSource
    status: Status
    failure: Failure | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one request and where they come from."""

    tokens_in: int | None
    tokens_out: int | None
    tokens_reasoning: int | None
    tokens_cached: int | None
    source: TokenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call of a reply; ``arguments`` is the JSON text as the model wrote it."""

    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a recording says, by the provider's own parser.

    The three event fields are parallel: the stamp of the piece that completed the event, its kind
    (one letter of ``EventKind``) and the characters that it carries.
    """

    status: Status
    failure: Failure | None
    event_ns: tuple[int, ...]
    event_kinds: str
    event_characters: tuple[int, ...]
    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    served_model: str | None
    usage: Usage | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured request: raw stamps, events and outcome; every metric is computed from it."""

    index: int
    iteration: int
    phase: Phase
    step: str | None
    status: Status
    failure: Failure | None
    http_status: int | None
    attempts: int
    stamps: Stamps
    build_ns: int | None
    connection_reused: bool | None
    clock: ClockSource
    server_processing_s: float | None
    piece_ns: Integers
    piece_bytes: Integers
    event_ns: Integers
    event_kinds: str
    event_characters: Integers
    finish_reason: str | None
    usage: Usage | None
    cost_usd: float | None
    worker: str | None
    host: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What two runs must share, step by step, for their figures to be compared."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was measured. A difference is a warning, never a reason not to compare."""

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
class Notice:
    """A warning as data: what, the number, the remedy."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How well the client kept up while it measured.

    Lags are seconds, ``cpu_share`` is the process's CPU time over the wall time of the phase.
    """

    loop_lag_p99_s: float | None
    loop_lag_max_s: float | None
    send_lag_p99_s: float | None
    cpu_share: float | None
    gc_collections: int | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured benchmark: the plan, the samples in the order of their starts, the surroundings.

    ``complete`` is false when the measuring was cut off. ``iteration_failures`` names the measured
    iterations whose body raised, and why. ``duration_s`` is the wall time of the measured phase.
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
    samples: tuple[Sample, ...]
    iteration_failures: tuple[tuple[int, Failure], ...]
    conditions: tuple[Conditions, ...]
    environment: Environment
    trust: Trust
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One metric over one step's measured requests; failed requests rank above every success.

    A quantile that the sample cannot support is ``None``, as is one that falls on a failed request;
    ``needed`` names, for such a quantile, the requests that it takes. ``mean``, ``minimum`` and
    ``maximum`` are over successes. ``histogram`` counts successes in equal log-spaced bins between
    the two.
    """

    metric: str
    count: int
    successes: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    p50: float | None
    p75: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    needed: Mapping[str, int]
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One step of one run in figures. Rates are per second of the measured phase."""

    step: str | None
    requests: int
    successes: int
    error_rate: float | None
    errors: Mapping[str, int]
    requests_per_s: float | None
    tokens_per_s: float | None
    cost_usd: float | None
    cost_per_1000_usd: float | None
    goodput: float | None
    distributions: tuple[Distribution, ...]

    def distribution(self, metric: str) -> Distribution | None:
        """Return the distribution of ``metric``, or ``None`` when nothing was measured of it."""
        return next((each for each in self.distributions if each.metric == metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate says of one series, and with what certainty.

    ``ratio`` is the estimated candidate p95 over the baseline's, ``interval`` its two-sided
    confidence interval, ``p_value`` the adjusted one, ``raw_p_value`` that of the series alone.
    ``detectable`` is the smallest ratio that this run could have told from noise, ``needed`` the
    requests that would settle an inconclusive series.
    """

    key: str
    status: VerdictStatus
    baseline_runs: int
    baseline: float | None
    candidate: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    raw_p_value: float | None
    p_value: float | None
    detectable: float | None
    needed: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One gated metric of one step: the verdict beside what was measured."""

    step: str | None
    metric: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """One absolute limit against one step: ``pass``, ``regressed`` (exceeded) or ``inconclusive``."""

    limit: str
    step: str | None
    status: VerdictStatus
    value: float | None
    threshold: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything that is said of one test: what reports render and what travels between processes.

    ``baseline`` are the summaries of the pooled baseline runs, step by step. ``fails`` is whether
    the native test fails under the policy in force.
    """

    test_id: str
    file: str
    line: int | None
    run_id: str
    status: VerdictStatus
    fails: bool
    reasons: tuple[str, ...]
    plan: Plan
    started_at: str
    duration_s: float
    environment: Environment
    conditions: tuple[Conditions, ...]
    trust: Trust
    summaries: tuple[Summary, ...]
    baseline: tuple[Summary, ...]
    baseline_runs: int
    comparisons: tuple[Comparison, ...]
    limits: tuple[LimitCheck, ...]
    environment_changes: tuple[str, ...]
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One ``pytest --llm-latency`` from start to end. Results stand in the order of their tests.

    ``expected`` are the ids of the latency tests that were collected and selected: one of them
    without a result is lost data unless the session was interrupted or stopped early.
    """

    id: str
    started_at: str
    duration_s: float
    interrupted: bool
    expected: tuple[str, ...]
    results: tuple[Result, ...]
    environment: Environment
    settings: Mapping[str, str]
    warnings: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The raw runs behind one result, for charts: the candidate and the accepted runs, oldest first."""

    run: Run
    baseline: tuple[Run, ...]
