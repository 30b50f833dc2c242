"""What can be told of a benchmark while it is measured: counts, how long the answers took, and about what they cost."""

from array import array

from pytest_llm_latency.execution import spending
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.spending import NOTHING, Spent
from pytest_llm_latency.model import MEASURE, WARMUP, Phase, Recording
from pytest_llm_latency.units import seconds

_REFUSED = 400
_PRICED = 16  # answers of the warm-up


class Tally:
    """Counts measured requests as they end. One thread adds, another one may read.

    ``spent`` is what the answers are known to have cost, those of the warm-up too: each of them where
    a budget counts, and otherwise the first of the warm-up, because nothing is decoded while it is measured.
    """

    def __init__(self, spent: Spent | None = None) -> None:
        self.requests = 0
        self.errors = 0
        self.took_s = array("d")
        self.answers = 0
        self.spent = Spent() if spent is None else spent

    @property
    def cost_usd(self) -> float | None:
        """The dollars so far, an estimate unless ``cost_known``; ``None`` where no price or no answer is known."""
        spent = self.spent
        if spent.dollars is None or not spent.answers:
            return None
        return spent.dollars * max(1.0, self.answers / spent.answers)

    @property
    def cost_known(self) -> bool:
        """Whether what each answer cost is known."""
        return self.spent.answers >= self.answers

    def price(self, recording: Recording, phase: Phase, client: Client) -> None:
        """Learn what an answer of the warm-up cost, where nobody counts it; call it after ``add``."""
        if phase == WARMUP and _answered(recording) and self.spent.answers < min(_PRICED, self.answers):
            self.spent.add(spending.used(recording, client, NOTHING), answered=True)

    def add(self, recording: Recording, phase: Phase) -> None:
        """Count a request that has ended."""
        self.answers += _answered(recording)
        if phase != MEASURE:
            return
        self.requests += 1
        if not _answered(recording):
            self.errors += 1
        elif recording.piece_ns:
            self.took_s.append(seconds(recording.piece_ns[-1] - recording.stamps.started))


def _answered(recording: Recording) -> bool:
    return recording.status == "ok" and (recording.http_status or 0) < _REFUSED
