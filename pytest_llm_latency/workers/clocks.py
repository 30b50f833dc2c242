"""By how much the monotonic clock of a worker is ahead of the controller's, and what that may be wrong by.

Monotonic clocks of two hosts have nothing in common but their speed. A worker asks the controller
for its time, and takes it to be that of the middle between question and answer: wrong by half of
the time in between at most, however unevenly the way there and the way back were (Cristian 1989).
Of several rounds the fastest counts, as in NTP's clock filter (RFC 5905, section 10).
"""

import time
from array import array
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from pytest_llm_latency.errors import ChannelError
from pytest_llm_latency.units import nanoseconds, seconds
from pytest_llm_latency.workers import words
from pytest_llm_latency.workers.channel import Message

if TYPE_CHECKING:
    from pytest_llm_latency.model import Sample, Worker
    from pytest_llm_latency.workers.link import Link
    from pytest_llm_latency.workers.listener import Peer

ROUNDS = 12
_WITHIN_S = 20.0
# In so long a time the answer to a meeting has reached the last of so many workers, also of a busy machine.
_LEAD_S, _LEAD_EACH_S = 0.2, 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One question and its answer: when it was asked and answered here, and what the time was there."""

    asked_ns: int
    there_ns: int
    answered_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What this clock is ahead of the controller's by, and what that may be wrong by."""

    ahead_ns: int
    error_ns: int

    @property
    def said(self) -> dict[str, int]:
        """The offset as a worker tells it."""
        return {"ahead_ns": self.ahead_ns, "error_ns": self.error_ns}

    @property
    def shift_ns(self) -> int:
        """What to take from a stamp of this clock for the controller's: nothing where they may be the same clock."""
        return 0 if abs(self.ahead_ns) <= self.error_ns else self.ahead_ns


SAME_CLOCK = Offset(ahead_ns=0, error_ns=0)


def offset_of(worker: "Worker | None") -> Offset:
    """Return the offset of a worker's clock, that of the controller's where none was found."""
    if worker is None or worker.clock_offset_s is None or worker.clock_error_s is None:
        return SAME_CLOCK
    return Offset(ahead_ns=nanoseconds(worker.clock_offset_s), error_ns=nanoseconds(worker.clock_error_s))


def placed(worker: "Worker | None", offset: Offset) -> "Worker | None":
    """Return a worker with what was found of its clock."""
    if worker is None:
        return None
    return replace(worker, clock_offset_s=seconds(offset.ahead_ns), clock_error_s=seconds(offset.error_ns))


def soon(now_ns: int, offsets: Mapping[str, Offset]) -> dict[str, int]:
    """Return a moment that lies ahead, by the clock of each worker; the furthest and the last hear of it in time."""
    lead_s = _LEAD_S + _LEAD_EACH_S * len(offsets)
    moment_ns = now_ns + nanoseconds(lead_s) + 2 * max(each.error_ns for each in offsets.values())
    return {name: moment_ns + offset.shift_ns for name, offset in offsets.items()}


def estimate(rounds: Sequence[Round]) -> Offset:
    """Return the offset by the fastest of several rounds."""
    fastest = min(rounds, key=lambda each: each.answered_ns - each.asked_ns)
    whole_ns = fastest.answered_ns - fastest.asked_ns
    return Offset(ahead_ns=fastest.asked_ns + whole_ns // 2 - fastest.there_ns, error_ns=(whole_ns + 1) // 2)


def compare(link: "Link", rounds: int = ROUNDS) -> Offset:
    """Ask the controller for its time and return the offset; raises ``ChannelError`` where it does not answer."""
    return estimate([_round(link) for _ in range(rounds)])


def tell(peer: "Peer", message: Message) -> None:
    """Answer a worker's question for the time, on the controller."""
    peer.reply(message, {"now_ns": time.monotonic_ns()})


def shifted(sample: "Sample", offset: Offset) -> "Sample":
    """Return a sample with its stamps by the controller's clock; the times between them are the same."""
    from pytest_llm_latency.model import Stamps  # noqa: PLC0415  (only where something was measured)

    shift_ns = offset.shift_ns
    if not shift_ns:
        return sample
    known = {name: at_ns for each in fields(Stamps) if (at_ns := getattr(sample.stamps, name := each.name)) is not None}
    return replace(
        sample,
        stamps=replace(sample.stamps, **{name: at_ns - shift_ns for name, at_ns in known.items()}),
        piece_ns=array("q", [at_ns - shift_ns for at_ns in sample.piece_ns]),
        event_ns=array("q", [at_ns - shift_ns for at_ns in sample.event_ns]),
    )


def _round(link: "Link") -> Round:
    answered: Future[int] = Future()
    asked_ns = time.monotonic_ns()
    answer = link.ask(words.CLOCK, {})
    answer.add_done_callback(lambda _: answered.set_result(time.monotonic_ns()))  # in the thread that reads it
    try:
        there_ns = answer.result(_WITHIN_S).body["now_ns"]
    except TimeoutError:
        raise ChannelError(
            f"the controller did not tell its time within {_WITHIN_S:g} s: is its machine overloaded?"
        ) from None
    return Round(asked_ns=asked_ns, there_ns=there_ns, answered_ns=answered.result())
