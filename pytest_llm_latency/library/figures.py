"""The figures of a step as attributes: one for each row of the tables of metrics and of a run's figures."""

from typing import Self, overload

from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Distribution, Summary
from pytest_llm_latency.run_figures import RUN_FIGURES
from pytest_llm_latency.stats.summary import distribution


class OfRequests:
    """A metric of the table by its id: its distribution over the measured requests, in the metric's unit."""

    def __set_name__(self, owner: type, name: str) -> None:
        row = METRICS[name]
        self._id = row.id
        self.__doc__ = f"{row.title} ({row.unit}): {row.definition}."

    @overload
    def __get__(self, figures: None, owner: type) -> Self: ...

    @overload
    def __get__(self, figures: "Figures", owner: type) -> Distribution: ...

    def __get__(self, figures: "Figures | None", owner: type) -> Self | Distribution:
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
    def __get__(self, figures: "Figures", owner: type) -> float | None: ...

    def __get__(self, figures: "Figures | None", owner: type) -> Self | float | None:
        if figures is None:
            return self
        found: float | None = getattr(figures.summary, self._id)
        return found


class Figures:
    """The figures of one step, as in ``figures.ttft.p95``.

    A metric has ``p50``, ``p75``, ``p90``, ``p95``, ``p99``, ``mean``, ``minimum`` and ``maximum``, each
    ``None`` where the requests cannot support it, and in ``needed`` how many it takes. A failed request
    ranks as slower than every success. Seconds are ``float``, money is in US dollars.
    """

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    @property
    def summary(self) -> Summary:
        """All of them as they are stored."""
        return self._summary

    @property
    def step(self) -> str | None:
        """The name of the step; ``None`` for calls without one."""
        return self.summary.step

    @property
    def requests(self) -> int:
        """The measured requests, those included that a failed iteration never reached."""
        return self.summary.requests

    @property
    def successes(self) -> int:
        """How many of them succeeded."""
        return self.summary.successes

    @property
    def errors(self) -> dict[str, int]:
        """How many failed, by the class of the error."""
        return dict(self.summary.errors)

    ttft = OfRequests()
    e2e = OfRequests()
    ttfo = OfRequests()
    tpot = OfRequests()
    itl = OfRequests()
    icl = OfRequests()
    max_stall = OfRequests()
    throughput = OfRequests()
    e2e_scheduled = OfRequests()
    server_wait = OfRequests()
    server_processing = OfRequests()
    send_lag = OfRequests()
    paced = OfRequests()
    dns = OfRequests()
    connect = OfRequests()
    tls = OfRequests()
    client_overhead = OfRequests()
    tokens_in = OfRequests()
    tokens_out = OfRequests()
    tokens_reasoning = OfRequests()
    tokens_cached = OfRequests()
    tokens_cache_written = OfRequests()
    cost = OfRequests()

    error_rate = OfStep()
    goodput = OfStep()
    cache_hits = OfStep()
    requests_per_s = OfStep()
    tokens_per_s = OfStep()
    cost_usd = OfStep()
    cost_per_1000_usd = OfStep()
    cost_per_month_usd = OfStep()
