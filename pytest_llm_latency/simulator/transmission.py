"""What is sent when, and what a fault makes of it."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pytest_llm_latency.model import CONTROL, Integers
from pytest_llm_latency.simulator.answers import Piece
from pytest_llm_latency.simulator.faults import Fault, FaultKind
from pytest_llm_latency.simulator.profiles import Timing
from pytest_llm_latency.simulator.routes import Framing
from pytest_llm_latency.simulator.script import Ending
from pytest_llm_latency.units import nanoseconds

MIDSTREAM_ERROR = "The server had an error while processing your request."
_HEADERS_STEP = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """The pieces of a body, when each is due, and how the response ends.

    Stamps are nanoseconds of the monotonic clock. ``due_ns`` is parallel to ``pieces``.
    ``content_length`` is ``None`` for a chunked body. ``complete`` ends the body as HTTP wants it,
    ``cut`` closes the connection, ``reset`` resets it and ``stall`` leaves it open.
    """

    pieces: tuple[Piece, ...]
    due_ns: Integers
    headers_due_ns: int
    end_due_ns: int
    ending: Ending = "complete"
    content_length: int | None = None

    @property
    def kinds(self) -> str:
        """Return one letter of ``model.EventKind`` a piece."""
        return "".join(piece.kind for piece in self.pieces)


def stream(pieces: list[Piece], timing: Timing, arrived_ns: int) -> Transmission:
    """Return the transmission of a stream: each piece goes when its token is there."""
    headers_due_ns = arrived_ns + nanoseconds(timing.headers_s)
    steps_ns = [arrived_ns + nanoseconds(each) for each in timing.tokens_s]
    due_ns = [headers_due_ns if piece.step == _HEADERS_STEP else steps_ns[piece.step] for piece in pieces]
    return Transmission(
        pieces=tuple(pieces), due_ns=array("q", due_ns), headers_due_ns=headers_due_ns, end_due_ns=due_ns[-1]
    )


def whole(piece: Piece, due_ns: int) -> Transmission:
    """Return the transmission of a body that is sent in one piece, with its headers."""
    return Transmission(
        pieces=(piece,),
        due_ns=array("q", [due_ns]),
        headers_due_ns=due_ns,
        end_due_ns=due_ns,
        content_length=len(piece.data),
    )


def spoil(sound: Transmission, fault: Fault, framing: Framing | None = None) -> Transmission:
    """Return what a fault makes of a transmission; faults of other places leave it as it is.

    ``framing`` is that of a stream.
    """
    if fault.point is not None:  # strikes the bytes, not the plan
        return sound
    if fault.kind == "slow_headers":
        return _later(sound, nanoseconds(fault.delay_s))
    if sound.content_length is not None or framing is None:
        return _WHOLE[fault.kind](sound) if fault.kind in _WHOLE else sound
    if fault.kind == "error_event":
        return _error_event(sound, fault, framing.error_event(MIDSTREAM_ERROR))
    if fault.kind == "malformed":
        return _malformed_event(sound, fault, framing.malformed)
    return _STREAMED[fault.kind](sound, fault) if fault.kind in _STREAMED else sound


def _later(sound: Transmission, delay_ns: int) -> Transmission:
    return replace(
        sound,
        due_ns=array("q", [each + delay_ns for each in sound.due_ns]),
        headers_due_ns=sound.headers_due_ns + delay_ns,
        end_due_ns=sound.end_due_ns + delay_ns,
    )


def struck(sound: Transmission, fault: Fault) -> int:
    """Return the index of the delta that is struck: the last one at the latest."""
    generated = [index for index, piece in enumerate(sound.pieces) if piece.kind != CONTROL]
    return generated[min(fault.after_chunks, len(generated) - 1)]


def _stopped(sound: Transmission, fault: Fault, ending: Ending) -> Transmission:
    index = struck(sound, fault)
    pieces, due_ns = sound.pieces[:index], sound.due_ns[:index]
    return replace(sound, pieces=pieces, due_ns=due_ns, end_due_ns=sound.due_ns[index], ending=ending)


def _error_event(sound: Transmission, fault: Fault, event: bytes) -> Transmission:
    stopped = _stopped(sound, fault, "complete")
    pieces = (*stopped.pieces, Piece(event, CONTROL, _HEADERS_STEP))
    return replace(stopped, pieces=pieces, due_ns=array("q", [*stopped.due_ns, stopped.end_due_ns]))


def _malformed_event(sound: Transmission, fault: Fault, malformed: Callable[[bytes], bytes]) -> Transmission:
    index = struck(sound, fault)
    broken = Piece(malformed(sound.pieces[index].data), CONTROL, sound.pieces[index].step)
    return replace(sound, pieces=(*sound.pieces[:index], broken, *sound.pieces[index + 1 :]))


def _half(sound: Transmission, ending: Ending) -> Transmission:
    piece = sound.pieces[0]
    return replace(sound, pieces=(piece._replace(data=piece.data[: len(piece.data) // 2]),), ending=ending)


def _malformed_whole(sound: Transmission) -> Transmission:
    half = _half(sound, "complete")
    return replace(half, content_length=len(half.pieces[0].data))


_STREAMED: Mapping[FaultKind, Callable[[Transmission, Fault], Transmission]] = MappingProxyType({
    "reset_mid_stream": lambda sound, fault: _stopped(sound, fault, "reset"),
    "stall": lambda sound, fault: _stopped(sound, fault, "stall"),
    "truncated": lambda sound, fault: _stopped(sound, fault, "complete"),
})
_WHOLE: Mapping[FaultKind, Callable[[Transmission], Transmission]] = MappingProxyType({
    "reset_mid_stream": lambda sound: _half(sound, "reset"),
    "stall": lambda sound: _half(sound, "stall"),
    "truncated": lambda sound: _half(sound, "cut"),
    "malformed": _malformed_whole,
})
