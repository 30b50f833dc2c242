"""Whether a run was steady: latencies that rise or fall while they are measured are of no one load."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import mannwhitneyu

from pytest_llm_latency import load, metrics, units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Notice, Run, Sample

SMALLEST_CHANGE = 0.20  # a ratio of the thirds' medians below this one is no reason to act
SIGNIFICANCE = 0.01
_PARTS = 3
_LEAST = 10  # requests of a third


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The first third of a run beside its last: their medians, and the p value of being alike."""

    first: float
    last: float
    p_value: float

    @property
    def ratio(self) -> float:
        """The last median over the first."""
        return self.last / self.first

    @property
    def is_drift(self) -> bool:
        """Whether the change is large, and more than chance."""
        large = max(self.ratio, 1 / self.ratio) > 1 + SMALLEST_CHANGE
        return large and self.p_value < SIGNIFICANCE


def trend(values: Sequence[float]) -> Trend | None:
    """Compare the first third of values, in their order, with the last by the test of Mann and Whitney.

    ``None`` where a third is too small, or a median is not above 0.
    """
    size = len(values) // _PARTS
    if size < _LEAST:
        return None
    first, last = values[:size], values[-size:]
    medians = median(first), median(last)
    if min(medians) <= 0:
        return None
    p_value = float(mannwhitneyu(first, last, alternative="two-sided").pvalue)
    return Trend(first=medians[0], last=medians[1], p_value=p_value)


def drifts(run: Run) -> tuple[Notice, ...]:
    """Return a warning for each step whose latency rose or fell, under a load that did not."""
    if not load.is_steady(run.plan.load):
        return ()
    return tuple(notice for step in metrics.steps(run) if (notice := _drift(run, step)) is not None)


def _drift(run: Run, step: str | None) -> Notice | None:
    samples = sorted(metrics.measured(run, step), key=lambda sample: sample.stamps.started)
    for name in ("ttft", "e2e"):  # what is not streamed has no first token
        values = _values(samples, name)
        if values:
            found = trend(values)
            return None if found is None or not found.is_drift else _notice(step, name, found, len(values) // _PARTS)
    return None


def _values(samples: Sequence[Sample], name: str) -> list[float]:
    taken = (METRICS[name].take(sample) for sample in samples if sample.status == "ok")
    return [value for value in taken if value is not None]


def _notice(step: str | None, metric: str, found: Trend, size: int) -> Notice:
    place = metric if step is None else f"{metric} of step {step!r}"
    first, last = units.format_seconds(found.first), units.format_seconds(found.last)
    change = f"{units.format_change(found.ratio)}, p = {units.format_probability(found.p_value)}".replace("= <", "<")
    remedy = (
        "The load may be more than the endpoint can take: lower it, or measure longer."
        if found.ratio > 1
        else f"The beginning was not steady: leave it out with ramp_in={size}."
    )
    return Notice(
        code="not_steady",
        message=f"{place} {'rose' if found.ratio > 1 else 'fell'} while it was measured: the median of the first "
        f"third is {first}, of the last third {last} ({change}). {remedy}",
    )
