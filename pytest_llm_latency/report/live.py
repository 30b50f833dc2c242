"""One line about the benchmark that is being measured."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import units
from pytest_llm_latency.report.text import shorten

if TYPE_CHECKING:
    from pytest_llm_latency.execution.executor import Progress

LATEST = 2_000  # requests that the p95 is of, so that it takes no time from what is measured
_GAP = "  "
_LEAST_NAME = 8
_P95 = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How far a benchmark is: iterations with those of the warm-up, and requests that count.

    ``planned`` is 0 until the first of them begins.
    ``p95_s`` is of the end-to-end times of the latest requests. ``cost_usd`` is that of all answers so far,
    ``None`` where it is not known before the end, and an estimate unless ``cost_known``.
    """

    test_id: str
    done: int
    planned: int
    elapsed_s: float
    errors: int
    p95_s: float | None
    cost_usd: float | None
    cost_known: bool
    workers: int


def of_progress(test_id: str, progress: "Progress", began_s: float) -> Snapshot:
    """Return how far a benchmark of this process is that began at this moment of the monotonic clock."""
    return Snapshot(
        test_id=test_id,
        done=progress.done,
        planned=progress.planned,
        elapsed_s=time.monotonic() - began_s,
        errors=progress.tally.errors,
        p95_s=p95(progress.tally.took_s[-LATEST:]),
        cost_usd=progress.tally.cost_usd,
        cost_known=progress.tally.cost_known,
        workers=1,
    )


def p95(took_s: Sequence[float]) -> float | None:
    """Return the upper of the two neighbours of the 95th percentile; ``None`` of nothing."""
    ordered = sorted(took_s)
    return ordered[min(len(ordered) - 1, int(_P95 * len(ordered)))] if ordered else None


def line(snapshot: Snapshot, width: int) -> str:
    """Return the line, no longer than ``width``: the name of the test is what gives way."""
    told = _GAP.join(_parts(snapshot))
    room = max(_LEAST_NAME, width - len(told) - len(_GAP))
    return f"{shorten(snapshot.test_id, room)}{_GAP}{told}"[:width]


def _parts(snapshot: Snapshot) -> list[str]:
    if not snapshot.planned:
        return ["preparing"]
    parts = [f"{units.format_count(snapshot.done)}/{units.format_count(snapshot.planned)}"]
    rate = snapshot.done / snapshot.elapsed_s if snapshot.elapsed_s > 0 else 0.0
    if rate:
        parts.append(units.format_rate(rate))
    if snapshot.p95_s is not None:
        parts.append(f"e2e p95 {units.format_seconds(snapshot.p95_s)}")
    parts.append(f"{units.format_count(snapshot.errors)} error{'' if snapshot.errors == 1 else 's'}")
    if snapshot.cost_usd is not None:
        parts.append(f"{'' if snapshot.cost_known else 'about '}{units.format_money(snapshot.cost_usd)}")
    left_s = round((snapshot.planned - snapshot.done) / rate) if rate else 0
    if left_s > 0:
        parts.append(f"{units.format_seconds(left_s)} left")
    if snapshot.workers > 1:
        parts.append(f"{snapshot.workers} workers")
    return parts


class Together:
    """How far the workers of a gang are with one test, by what each said last. One thread hears, another one asks."""

    def __init__(self) -> None:
        self._test_id = ""
        self._began_s = 0.0
        self._said: dict[str, Mapping[str, Any]] = {}
        self._took_s: deque[float] = deque(maxlen=LATEST)

    def hear(self, worker: str, said: Mapping[str, Any]) -> None:
        """Take in what a worker says of the test that it measures."""
        if said["test"] != self._test_id:
            self._test_id, self._began_s = str(said["test"]), time.monotonic()
            self._said.clear()
            self._took_s.clear()
        self._said[worker] = said
        self._took_s.extend(map(float, said["took_s"]))

    def snapshot(self) -> Snapshot | None:
        """Return how far they are together, ``None`` where nothing is known."""
        said = list(self._said.values())
        if not said:
            return None
        costs = [each["cost_usd"] for each in said if each["cost_usd"] is not None]
        return Snapshot(
            test_id=self._test_id,
            done=sum(each["done"] for each in said),
            planned=sum(each["planned"] for each in said),
            elapsed_s=time.monotonic() - self._began_s,
            errors=sum(each["errors"] for each in said),
            p95_s=p95(list(self._took_s)),
            cost_usd=sum(costs) if costs else None,
            cost_known=len(costs) == len(said) and all(each["cost_known"] for each in said),
            workers=len(said),
        )
