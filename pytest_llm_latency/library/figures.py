"""The figures of a step as attributes: one for each row of the tables of metrics and of a run's figures."""

from pytest_llm_latency.library.named import Named
from pytest_llm_latency.model import Summary


class Figures(Named):
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
