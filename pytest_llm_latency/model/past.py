"""What remains of an accepted run when its samples are no longer kept."""

from dataclasses import dataclass

from pytest_llm_latency.model.run import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLevel:
    """The quantiles of one judged metric of one step that are compared together, in the metric's unit."""

    step: str | None
    metric: str
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An accepted run of a test as its history knows it: when, of what and on which level; no verdict depends on it."""

    id: str
    started_at: str
    commit: str | None
    conditions: tuple[Conditions, ...]
    levels: tuple[PastLevel, ...]
