"""The phases of a request: the median of each, for this run and the baseline, one below the other."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pytest_llm_latency import units
from pytest_llm_latency.model import Columns, Evidence
from pytest_llm_latency.report.charts.drawing import WIDTH, Chart, Key, Label, Reading, Shape, Table
from pytest_llm_latency.stats.columns import BY_COLUMN, between, of_step
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.units import NANOSECONDS

BAR_LEFT, BAR_RIGHT = 112, 306
_ROW, _LEAST = 24, 1.0


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


def chart(evidence: Evidence, step: str | None) -> Chart | None:
    """Return the waterfall of both sides' successful requests of a step, or ``None`` without any of this run."""
    now, before = typical([evidence.run], step), typical(evidence.baseline, step)
    if not any(now):
        return None
    longest = max(_starts(now)[-1], _starts(before)[-1]) or 1.0
    height = _ROW * len(PHASES) + 6
    tops = [4 + _ROW * index for index in range(len(PHASES))]
    return Chart(
        name="phases",
        title="Phases of a request",
        description="The median duration of each phase, one below the other; the table that follows has the numbers.",
        keys=(Key(paint="run-bar", text="this run, median"), Key(paint="base-bar", text="baseline, median")),
        shapes=(
            Shape(paint="axis", path=f"M{BAR_LEFT} 0V{height}"),
            *_bars(now, longest, [(top, 10) for top in tops], "run"),
            *_bars(before, longest, [(top + 12, 4) for top in tops], "base"),
        ),
        labels=tuple(
            label for top, name, each in zip(tops, PHASES, now, strict=True) for label in _words(top, name, each)
        ),
        table=_table(now, before),
        note="A phase that less than half of the requests had, as on reused connections, is pale and delays nothing.",
        height=height,
    )


def typical(runs: Sequence[Columns], step: str | None) -> list[Typical | None]:
    """Return the median of each phase over the successful requests of a step that had it."""
    answered = [each.ok & of_step(each, step) for each in runs]
    requests = sum(int(chosen.sum()) for chosen in answered)
    found: list[Typical | None] = []
    for take in PHASES.values():
        taken = [take(each)[chosen] for each, chosen in zip(runs, answered, strict=True)]
        values = np.concatenate([each[~np.isnan(each)] for each in taken] or [np.empty(0)])
        found.append(
            Typical(seconds=float(np.median(values)), had=values.size, requests=requests) if values.size else None
        )
    return found


def _starts(phases: Sequence[Typical | None]) -> list[float]:
    """Return where each phase starts, and where the last one ends."""
    return list(
        itertools.accumulate((0.0 if each is None or each.rare else each.seconds for each in phases), initial=0.0)
    )


def _bars(
    phases: Sequence[Typical | None], longest: float, places: Sequence[tuple[int, int]], side: str
) -> list[Shape]:
    factor = (BAR_RIGHT - BAR_LEFT) / longest
    found = []
    for each, start, (top, height) in zip(phases, _starts(phases), places, strict=False):
        if each is not None:
            width = max(_LEAST, min(each.seconds, longest - start) * factor)
            path = f"M{BAR_LEFT + start * factor:.4g} {top}h{width:.4g}v{height}h-{width:.4g}z"
            found.append(Shape(paint=f"{side}-{'rare' if each.rare else 'bar'}", path=path))
    return found


def _words(top: int, name: str, found: Typical | None) -> tuple[Label, Label]:
    seconds = units.format_seconds(None if found is None else found.seconds)
    return (
        Label(x=BAR_LEFT - 8, y=top + 12, text=name, anchor="end"),
        Label(x=WIDTH - 6, y=top + 12, text=seconds, anchor="end", kind="strong"),
    )


def _table(now: Sequence[Typical | None], before: Sequence[Typical | None]) -> Table:
    return Table(
        caption="Median of each phase over the successful requests that had it. Medians do not add up.",
        head=("phase", "this run", "baseline", "requests"),
        readings=tuple(
            Reading(
                label=name,
                cells=(
                    *(units.format_seconds(None if each is None else each.seconds) for each in (found, old)),
                    "–"
                    if found is None
                    else f"{units.format_count(found.had)} of {units.format_count(found.requests)}",
                ),
            )
            for name, found, old in zip(PHASES, now, before, strict=True)
        ),
    )
