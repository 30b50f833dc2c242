"""Parts of a load: which iterations each of several processes runs, so that together they run it exactly.

Iterations are dealt out by their number. A closed loop deals them to its users, and the users to
the processes; an open loop deals them to the processes, each at its own moment of the one schedule.
"""

from dataclasses import dataclass

from pytest_llm_latency.model import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's place, from 0, among the ``count`` that divide a load."""

    position: int
    count: int


WHOLE = Share(position=0, count=1)


def users(schedule: Schedule, share: Share) -> int | None:
    """Return how many iterations a process keeps under way, ``None`` in an open loop."""
    if schedule.concurrency is None:
        return None
    return len(range(share.position, schedule.concurrency, share.count))


def positions(schedule: Schedule, share: Share, block: int = 1) -> tuple[int, ...]:
    """Return the positions in the schedule that a process runs; ``block`` of them always stay together."""
    hands = share.count if schedule.concurrency is None else schedule.concurrency
    return tuple(
        position
        for position in range(len(schedule.offsets_s))
        if position // block % hands % share.count == share.position
    )
