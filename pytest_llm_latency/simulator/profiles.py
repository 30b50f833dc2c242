"""Latency models as data: how long the simulated model takes for each request, drawn from a seed.

A draw depends on the seed, the model's name and the ordinal number of the request for that name,
so that the same sequence of requests is given the same latencies. Durations are seconds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency.simulator.faults import Fault

Text = Literal["ascii", "unicode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The same duration each time."""

    value_s: float

    def draw(self, random: Random) -> float:  # noqa: ARG002  (the other latencies draw)
        """Return the duration."""
        return self.value_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNormal:
    """Durations whose logarithm is normal with the standard deviation ``sigma``."""

    median_s: float
    sigma: float = 0.2

    def draw(self, random: Random) -> float:
        """Return one duration."""
        return self.median_s * math.exp(self.sigma * random.gauss(0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bimodal:
    """Two log-normal modes of the same sigma, as with a warm and a cold cache."""

    median_s: float
    second_median_s: float
    second_share: float
    sigma: float = 0.2

    def draw(self, random: Random) -> float:
        """Return one duration: ``second_share`` of them belong to the second mode."""
        median = self.second_median_s if random.random() < self.second_share else self.median_s
        return median * math.exp(self.sigma * random.gauss(0.0, 1.0))


Latency = Fixed | LogNormal | Bimodal


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A multiplier that goes linearly from 1 to ``factor`` and stays there.

    It gets there after ``over_requests`` requests for the model or after ``over_s`` seconds.
    """

    factor: float
    over_requests: int | None = None
    over_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """A share of the requests that takes ``factor`` times as long."""

    share: float
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one model behaves.

    ``headers_s`` is the time to the response's headers and to the events that come before the
    first token, never later than that token. ``tokens_per_chunk`` tokens travel in one delta.
    ``reasoning_tokens`` go before the ``output_tokens`` of the text or the tool call. Of the
    prompt's tokens ``cached_share`` is said to come from a cache, ``cache_written_share`` to be
    put there.
    """

    ttft: Latency = LogNormal(median_s=0.040, sigma=0.15)
    inter_token: Latency = Fixed(value_s=0.002)
    headers_s: float = 0.002
    output_tokens: int = 20
    tokens_per_chunk: int = 1
    reasoning_tokens: int = 0
    cached_share: float = 0.0
    cache_written_share: float = 0.0
    ttft_per_1000_prompt_tokens_s: float = 0.0
    slowdown: float = 1.0
    drift: Drift | None = None
    tail: Tail | None = None


DEFAULT_PROFILE = Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What form a body has on the wire.

    It is cut into writes of ``fragment`` bytes, wherever that is; ``coalesce`` events of a stream
    go together when the last of them is due. ``comments`` puts one between any two server-sent
    events, half-way in time, and ``line_ends`` makes all their lines end in CRLF. ``encoding`` is
    flushed with each event. ``text`` in ``unicode`` has characters of several bytes.
    """

    fragment: int | None = None
    coalesce: int = 1
    comments: bool = False
    line_ends: Literal["own", "crlf"] = "own"
    encoding: Literal["identity", "gzip", "deflate"] = "identity"
    text: Text = "ascii"


PLAIN = Shape()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Everything that the simulator can be told.

    ``profiles`` maps patterns of model names (``gpt-4o*``) to profiles: the first that matches
    counts, and ``DEFAULT_PROFILE`` where none does; ``wire`` maps them to shapes in the same way,
    and ``PLAIN`` is none. ``slowdown`` multiplies every latency.
    """

    seed: int = 0
    slowdown: float = 1.0
    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    wire: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as the draw sees it.

    ``ordinal`` counts the requests for ``model`` from 0; ``since_start_s`` counts from the
    simulator's start or its last reset.
    """

    model: str
    ordinal: int
    since_start_s: float
    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What was drawn for one request: the time to each of its tokens, counted from the arrival."""

    headers_s: float
    tokens_s: tuple[float, ...]


def profile_for(settings: SimulatorSettings, model: str) -> Profile:
    """Return the first profile whose pattern matches the model's name."""
    matching = (profile for pattern, profile in settings.profiles.items() if fnmatchcase(model, pattern))
    return next(matching, DEFAULT_PROFILE)


def shape_for(settings: SimulatorSettings, model: str) -> Shape:
    """Return the first shape whose pattern matches the model's name."""
    return next((shape for pattern, shape in settings.wire.items() if fnmatchcase(model, pattern)), PLAIN)


def drift_factor(drift: Drift | None, arrival: Arrival) -> float:
    """Return the multiplier that a drift has reached at an arrival."""
    if drift is None:
        return 1.0
    if drift.over_requests is not None:
        progress = arrival.ordinal / drift.over_requests
    else:
        progress = arrival.since_start_s / (drift.over_s or math.inf)
    return 1.0 + (drift.factor - 1.0) * min(progress, 1.0)


def draw(settings: SimulatorSettings, arrival: Arrival, tokens: int) -> Timing:
    """Draw the time to each of ``tokens`` tokens of one request.

    The first token comes after the TTFT, each further one an inter-token latency later. The order
    of the draws is fixed: a slowdown, a drift or a tail scales the latencies and changes no draw.
    """
    profile = profile_for(settings, arrival.model)
    random = Random(f"{settings.seed}/{arrival.model}/{arrival.ordinal}")  # noqa: S311  (latencies are no secrets)
    struck = random.random()
    factor = settings.slowdown * profile.slowdown * drift_factor(profile.drift, arrival)
    if profile.tail is not None and struck < profile.tail.share:
        factor *= profile.tail.factor
    at = profile.ttft.draw(random) + profile.ttft_per_1000_prompt_tokens_s * arrival.prompt_tokens / 1000
    tokens_s = [at * factor]
    for _ in range(tokens - 1):
        at += profile.inter_token.draw(random)
        tokens_s.append(at * factor)
    return Timing(headers_s=min(profile.headers_s * factor, tokens_s[0]), tokens_s=tuple(tokens_s))
