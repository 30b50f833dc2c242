"""The figures that a CI draws or compares from run to run: p50 and p95 of what is gated, and the errors."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pytest_llm_latency import units
from pytest_llm_latency.metrics import ERROR_RATE, Direction
from pytest_llm_latency.model import Session
from pytest_llm_latency.report.rows import Row, rows

Quantile = Literal["p50", "p95"]
# Half the relative width of the interval of a figure that nothing was compared with.
UNKNOWN_NOISE = 0.1
# Metrics in seconds are written in milliseconds, in which every one of these formats counts.
_UNITS: Mapping[str, tuple[str, float]] = MappingProxyType({
    "s": ("ms", units.MILLISECONDS),
    "s/token": ("ms/token", units.MILLISECONDS),
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of one step, in the unit that is named with it.

    ``interval`` is where the baseline's p95 and the interval of the ratio put it. ``noise`` is by
    what share of it two runs of the same code differ.
    """

    test_id: str
    step: str | None
    metric: str
    quantile: Quantile | None
    value: float
    unit: str
    direction: Direction
    interval: tuple[float, float] | None
    noise: float

    @property
    def benchmark(self) -> str:
        """The test, and its step where there are several."""
        return self.test_id if self.step is None else f"{self.test_id} · {self.step}"

    @property
    def name(self) -> str:
        """What of the benchmark it is: ``ttft p95``."""
        return self.metric if self.quantile is None else f"{self.metric} {self.quantile}"


def figures(session: Session) -> tuple[Figure, ...]:
    """Return the finite figures of a session, by test and step: their order is that of every run."""
    found = [each for result in session.results for row in rows(result) for each in _of_row(result.test_id, row)]
    unique = {(each.test_id, each.step, each.metric, each.quantile): each for each in found}
    return tuple(sorted(unique.values(), key=lambda each: (each.test_id, each.step or "")))


def _of_row(test_id: str, row: Row) -> Iterator[Figure]:
    unit, factor = _UNITS.get(row.metric.unit, (row.metric.unit, 1.0))
    quantiles: dict[Quantile, float | None] = {"p50": None if row.now is None else row.now.p50, "p95": row.p95}
    for name, value in quantiles.items():
        if value is not None and _is_written(value):
            yield Figure(
                test_id=test_id,
                step=row.step,
                metric=row.metric.id,
                quantile=name,
                value=value * factor,
                unit=unit,
                direction=row.metric.direction,
                interval=_interval(row, factor) if name == "p95" else None,
                noise=_noise(row),
            )
    if row.summary is not None and row.summary.error_rate is not None:
        yield Figure(
            test_id=test_id,
            step=row.step,
            metric=ERROR_RATE,
            quantile=None,
            value=row.summary.error_rate * 100,
            unit="%",
            direction="lower",
            interval=None,
            noise=UNKNOWN_NOISE,
        )


def _is_written(value: float) -> bool:
    """Whether a figure can be written in the smallest unit that one of the formats has."""
    return math.isfinite(value * units.NANOSECONDS)


def _ratios(row: Row) -> tuple[float, float] | None:
    found = None if row.verdict is None else row.verdict.interval
    return None if found is None or not 0 < found[0] <= found[1] < math.inf else found


def _noise(row: Row) -> float:
    ratios = _ratios(row)
    return UNKNOWN_NOISE if ratios is None else math.sqrt(ratios[1] / ratios[0]) - 1


def _interval(row: Row, factor: float) -> tuple[float, float] | None:
    ratios, before, now = _ratios(row), row.p95_before, row.p95
    if ratios is None or before is None or now is None or not _is_written(before * ratios[1]):
        return None
    # The ratio is estimated from the whole upper half, the p95 is a figure of its own: it may lie outside.
    low, high = (before * ratio * factor for ratio in ratios)
    return min(low, now * factor), max(high, now * factor)
