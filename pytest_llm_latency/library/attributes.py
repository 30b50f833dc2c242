"""Attributes that read a step's summary by the ids of the tables' rows."""

from typing import Protocol, Self, overload

from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Distribution, Summary
from pytest_llm_latency.run_figures import RUN_FIGURES
from pytest_llm_latency.stats.summary import distribution


class Summarised(Protocol):
    """What has such attributes."""

    @property
    def summary(self) -> Summary:
        """The figures of a step as they are stored."""


class OfRequests:
    """A metric of the table by its id: its distribution over the measured requests, in the metric's unit."""

    def __set_name__(self, owner: type, name: str) -> None:
        row = METRICS[name]
        self._id = row.id
        self.__doc__ = f"{row.title} ({row.unit}): {row.definition}."

    @overload
    def __get__(self, figures: None, owner: type) -> Self: ...

    @overload
    def __get__(self, figures: Summarised, owner: type) -> Distribution: ...

    def __get__(self, figures: Summarised | None, owner: type) -> Self | Distribution:
        if figures is None:
            return self
        found = figures.summary.distribution(self._id)
        return distribution(self._id, ()) if found is None else found


class OfStep:
    """A figure of a whole step by its id; ``None`` where it is unknown."""

    def __set_name__(self, owner: type, name: str) -> None:
        row = RUN_FIGURES[name]
        self._id = row.id
        self.__doc__ = f"{row.title} ({row.unit}): {row.definition}."

    @overload
    def __get__(self, figures: None, owner: type) -> Self: ...

    @overload
    def __get__(self, figures: Summarised, owner: type) -> float | None: ...

    def __get__(self, figures: Summarised | None, owner: type) -> Self | float | None:
        if figures is None:
            return self
        found: float | None = getattr(figures.summary, self._id)
        return found
