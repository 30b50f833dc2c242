"""What can be told of a benchmark while it is measured: counts, and how long the answers took."""

from array import array

from pytest_llm_latency.model import MEASURE, Phase, Recording
from pytest_llm_latency.units import seconds

_REFUSED = 400


class Tally:
    """Counts measured requests as they end. One thread adds, another one may read."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.took_s = array("d")

    def add(self, recording: Recording, phase: Phase) -> None:
        """Count a request that has ended."""
        if phase != MEASURE:
            return
        self.requests += 1
        if recording.status != "ok" or (recording.http_status or 0) >= _REFUSED:
            self.errors += 1
        elif recording.piece_ns:
            self.took_s.append(seconds(recording.piece_ns[-1] - recording.stamps.started))
