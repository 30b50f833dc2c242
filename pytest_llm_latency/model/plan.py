"""The plan of one benchmark: how it is loaded, held back, measured and judged."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The arrivals of a trace file: its name and a digest of what is replayed.

    ``offsets_s`` are seconds after the first arrival, at the speed at which they were recorded.
    The token counts are parallel to them, ``None`` where the file has none.
    """

    name: str
    digest: str
    offsets_s: tuple[float, ...]
    tokens_in: tuple[int, ...] | None
    tokens_out: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load shape by its name in ``load.SHAPES``, with its parameters; ``trace`` is what a replay replays."""

    shape: str
    parameters: Mapping[str, float]
    trace: Trace | None


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
class Pacing:
    """Limits that hold requests back before they are sent; ``None`` is no limit.

    ``max_concurrency`` bounds the requests under way, of an open loop too. The waiting is recorded
    (``paced_ns``) and is no part of any latency.
    """

    requests_per_minute: float | None
    tokens_per_minute: float | None
    max_concurrency: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a request is sent again that was refused or not answered, and how long the first wait is.

    Each further wait is twice as long. Every latency has the attempts and the waits in it.
    """

    most: int
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may use up; it stops before the first request above one of these. ``None`` is no bound."""

    requests: int | None
    seconds: float | None
    tokens: int | None
    dollars: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one benchmark is measured and judged: what marker, options and settings came to.

    ``timeout_s`` is the deadline of each request. ``gate`` names the metrics that are compared
    with the baseline, ``limits`` the absolute limits in the user's own words. ``version`` is the
    user's label of the benchmark: another one is not compared. ``http_version`` is what is asked
    of the server: ``1.1`` or ``2``. ``ramp_in`` iterations come right before the measured ones,
    under the same load, and do not count. ``prompts`` says in words where the iterations' prompts
    come from, ``None`` where the body has its own; with ``nonce`` each request's begins differently.
    An ``adaptive`` run measures at most ``requests``: it stops at a look at which the verdict is clear.
    ``ab`` is a model or a base URL that stands in for the baseline and is measured interleaved with
    the test's own: ``requests``, ``warmup`` and ``ramp_in`` are then those of each of the two sides.
    ``retries`` says how often a request is sent again. With ``keep_answers`` the samples have the texts of the answers.
    """

    model: str | None
    requests: int
    adaptive: bool
    warmup: int
    ramp_in: int
    load: Load
    prompts: str | None
    nonce: bool
    timeout_s: float
    limits: tuple[str, ...]
    gate: tuple[str, ...]
    tolerance: float
    error_limit: float
    version: str | None
    pacing: Pacing
    budget: Budget
    http_version: str
    ab: str | None
    retries: Retries
    keep_answers: bool = False

    @property
    def compared(self) -> "Compared":
        """With what the test is compared."""
        return Compared(gate=self.gate, ab=self.ab)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What of a test's plan others must know to judge theirs: its ``gate``, and its other side, if it has one."""

    gate: tuple[str, ...]
    ab: str | None
