"""What is said of a run: figures, verdicts, the result of a test and of a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_llm_latency.model.notice import Notice
from pytest_llm_latency.model.plan import Plan
from pytest_llm_latency.model.run import Conditions, Environment, Trust, Worker

VerdictStatus = Literal["pass", "improved", "regressed", "inconclusive", "no_baseline", "incomparable", "invalid"]

# From what a reader must see first to what needs no look. The status of a test is the first of
# these that one of its parts has.
WORST_FIRST: tuple[VerdictStatus, ...] = (
    "invalid",
    "regressed",
    "incomparable",
    "inconclusive",
    "no_baseline",
    "improved",
    "pass",
)


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
    """One step of one run in figures. Rates are per second of the measured phase.

    ``cache_hits`` is the share of requests that read from the provider's prompt cache, of those
    whose usage says whether they did. ``cost_per_month_usd`` is at the volume that the user stated,
    ``None`` where none is.
    """

    step: str | None
    requests: int
    successes: int
    error_rate: float | None
    errors: Mapping[str, int]
    requests_per_s: float | None
    tokens_per_s: float | None
    cost_usd: float | None
    cost_per_1000_usd: float | None
    cost_per_month_usd: float | None
    goodput: float | None
    cache_hits: float | None
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
    requests that would settle an inconclusive series. ``information`` is the share of what the
    planned requests of an adaptive run would tell of the series that this run tells, ``None``
    where the run was not looked at before its end.
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
    information: float | None
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

    ``baseline`` are the summaries of the pooled baseline runs, step by step. ``regions`` has the
    summaries of the requests from each region, where there were several. ``fails`` is whether
    the native test fails under the policy in force, ``silent`` whether the policy for its status is
    to say nothing. ``reasons`` are those that stand in no
    comparison and no limit: why the test is invalid or incomparable. ``accepting`` says that the run becomes the
    baseline by itself; ``folders`` has the results and the baselines folder where they are not the
    usual ones, by the option of ``llm-latency baseline`` that names them.
    """

    test_id: str
    file: str
    line: int | None
    run_id: str
    status: VerdictStatus
    fails: bool
    silent: bool
    reasons: tuple[str, ...]
    plan: Plan
    started_at: str
    duration_s: float
    environment: Environment
    conditions: tuple[Conditions, ...]
    trust: Trust
    workers: tuple[Worker, ...]
    summaries: tuple[Summary, ...]
    regions: Mapping[str, tuple[Summary, ...]]
    baseline: tuple[Summary, ...]
    baseline_runs: int
    comparisons: tuple[Comparison, ...]
    limits: tuple[LimitCheck, ...]
    environment_changes: tuple[str, ...]
    warnings: tuple[Notice, ...]
    accepting: bool
    folders: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One ``pytest --llm-latency`` from start to end. Results stand in the order of their tests.

    ``expected`` are the ids of the latency tests that were collected, selected and not skipped: one
    of them without a result has failed by itself, or is lost data, unless the session was
    interrupted or stopped early. ``settings`` has numbers, switches and words by the option.
    ``problems`` are what fails the session beside its results: a lost result, a file that could
    not be written.
    """

    id: str
    started_at: str
    duration_s: float
    interrupted: bool
    expected: tuple[str, ...]
    results: tuple[Result, ...]
    environment: Environment
    settings: Mapping[str, object]
    warnings: tuple[Notice, ...]
    problems: tuple[str, ...]
