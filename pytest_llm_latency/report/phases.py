"""The phases of a request: the median of each, for this run and the baseline, as a waterfall."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.model import Columns
from pytest_llm_latency.stats.columns import BY_COLUMN, between, of_step
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.units import NANOSECONDS

BAR_LEFT, BAR_RIGHT = 130, 428
_ROW, _LEAST = 26, 1.0


def _first_delta(columns: Columns) -> Floats:
    return np.maximum(0.0, BY_COLUMN["ttft"](columns) - columns.after_ns["first_byte"] / NANOSECONDS)


def _streaming(columns: Columns) -> Floats:
    return BY_COLUMN["e2e"](columns) - BY_COLUMN["ttft"](columns)


PHASES: Mapping[str, Callable[[Columns], Floats]] = MappingProxyType({
    "name resolution": between("connect_start", "dns_end"),
    "TCP connect": between("dns_end", "tcp_end"),
    "TLS handshake": between("tcp_end", "tls_end"),
    "send": between("send_start", "send_end"),
    "server wait": between("send_end", "first_byte"),
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


def waterfall(run: Sequence[Columns], baseline: Sequence[Columns], step: str | None) -> Waterfall | None:
    """Return the waterfall of two sides' successful requests of a step, or ``None`` without any of this run."""
    now, before = _typical(run, step), _typical(baseline, step)
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


def _typical(runs: Sequence[Columns], step: str | None) -> list[Typical | None]:
    answered = [each.ok & of_step(each, step) for each in runs]
    requests = sum(int(chosen.sum()) for chosen in answered)
    found: list[Typical | None] = []
    for take in PHASES.values():
        taken = [take(each)[chosen] for each, chosen in zip(runs, answered, strict=True)]
        values = np.concatenate([each[~np.isnan(each)] for each in taken] or [np.empty(0)])
        typical = Typical(seconds=float(np.median(values)), had=values.size, requests=requests) if values.size else None
        found.append(typical)
    return found


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
