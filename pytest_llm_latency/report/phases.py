"""The phases of a request: the median of each, for this run and the baseline, as a waterfall."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from pytest_llm_latency import units
from pytest_llm_latency.model import Sample
from pytest_llm_latency.per_request import e2e, ttft

BAR_LEFT, BAR_RIGHT = 130, 428
_ROW, _LEAST = 26, 1.0


def _between(start: str, end: str) -> Callable[[Sample], float | None]:
    def take(sample: Sample) -> float | None:
        first, last = getattr(sample.stamps, start), getattr(sample.stamps, end)
        return None if first is None or last is None else units.seconds(last - first)

    return take


def _first_delta(sample: Sample) -> float | None:
    first, answered = ttft(sample), _between("started", "first_byte")(sample)
    return None if first is None or answered is None else max(0.0, first - answered)


def _streaming(sample: Sample) -> float | None:
    first, last = ttft(sample), e2e(sample)
    return None if first is None or last is None else last - first


PHASES: Mapping[str, Callable[[Sample], float | None]] = MappingProxyType({
    "name resolution": _between("connect_start", "dns_end"),
    "TCP connect": _between("dns_end", "tcp_end"),
    "TLS handshake": _between("tcp_end", "tls_end"),
    "send": _between("send_start", "send_end"),
    "server wait": _between("send_end", "first_byte"),
    "first delta": _first_delta,
    "streaming": _streaming,
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Typical:
    """The median of one phase over the requests that had it, and how many of all these are."""

    seconds: float
    had: int
    requests: int

    @property
    def rare(self) -> bool:
        """Whether less than half of the requests had this phase, as on reused connections."""
        return 2 * self.had < self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One phase of one side; a ``faint`` one is rare, and the next phase starts where it does."""

    x: float
    width: float
    faint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One line of the waterfall and of its table."""

    title: str
    y: float
    bars: tuple[Bar | None, Bar | None]
    now: str
    before: str
    had: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """The phases in their order; the two sides share one linear axis from 0."""

    height: float
    phases: tuple[Phase, ...]


def waterfall(run: Iterable[Sample], baseline: Iterable[Sample]) -> Waterfall | None:
    """Return the waterfall of two sides' successful requests, or ``None`` without any of this run."""
    now, before = _typical(run), _typical(baseline)
    if not any(now):
        return None
    longest = max(_starts(now)[-1], _starts(before)[-1]) or 1.0
    bars = zip(_bars(now, longest), _bars(before, longest), strict=True)
    return Waterfall(
        height=_ROW * len(PHASES) + 6,
        phases=tuple(
            Phase(
                title=title,
                y=index * _ROW + 4,
                bars=pair,
                now=units.format_seconds(None if found is None else found.seconds),
                before=units.format_seconds(None if old is None else old.seconds),
                had="–"
                if found is None
                else f"{units.format_count(found.had)} of {units.format_count(found.requests)}",
            )
            for index, (title, pair, found, old) in enumerate(zip(PHASES, bars, now, before, strict=True))
        ),
    )


def _typical(samples: Iterable[Sample]) -> list[Typical | None]:
    answered = [each for each in samples if each.status == "ok"]
    taken = [[value for each in answered if (value := take(each)) is not None] for take in PHASES.values()]
    return [
        Typical(seconds=median(values), had=len(values), requests=len(answered)) if values else None for values in taken
    ]


def _starts(phases: Sequence[Typical | None]) -> list[float]:
    """Return where each phase starts, and where the last one ends."""
    return list(
        itertools.accumulate((0.0 if each is None or each.rare else each.seconds for each in phases), initial=0.0)
    )


def _bars(phases: Sequence[Typical | None], longest: float) -> list[Bar | None]:
    factor = (BAR_RIGHT - BAR_LEFT) / longest
    return [
        None
        if each is None
        else Bar(
            x=round(BAR_LEFT + start * factor, 1),
            width=round(max(_LEAST, min(each.seconds, longest - start) * factor), 1),
            faint=each.rare,
        )
        for each, start in zip(phases, _starts(phases), strict=False)
    ]
