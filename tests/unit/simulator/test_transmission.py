"""A transmission says what goes when; a fault makes another transmission of it."""

import json

import pytest

from pytest_llm_latency.simulator import transmission
from pytest_llm_latency.simulator.answers import Piece
from pytest_llm_latency.simulator.faults import KINDS, Fault, FaultKind
from pytest_llm_latency.simulator.profiles import Timing
from pytest_llm_latency.simulator.routes import Framing
from pytest_llm_latency.simulator.transmission import Transmission

MS = 1_000_000
ARRIVED = 50 * MS
TIMING = Timing(headers_s=0.001, tokens_s=(0.010, 0.012, 0.014))
PIECES = [
    Piece(b'data: {"role":"assistant"}\n\n', "x", -1),
    *(Piece(b'data: {"text":"%d"}\n\n' % step, "c", step) for step in range(3)),
    Piece(b"data: [DONE]\n\n", "x", 2),
]
FRAMING = Framing(content_type="text/event-stream", error_event=lambda message: f"error: {message}".encode())
DOCUMENT = Piece(b'{"text":"0123"}', "c", 2)


def streamed(kind: FaultKind | None = None, *, after_chunks: int = 1) -> Transmission:
    """Return a stream, spoilt by a fault of a kind."""
    sound = transmission.stream(PIECES, TIMING, ARRIVED)
    return sound if kind is None else spoilt(sound, kind, after_chunks=after_chunks)


def whole(kind: FaultKind | None = None) -> Transmission:
    """Return a whole answer, spoilt by a fault of a kind."""
    sound = transmission.whole(DOCUMENT, ARRIVED + 14 * MS)
    return sound if kind is None else spoilt(sound, kind)


def spoilt(sound: Transmission, kind: FaultKind, *, after_chunks: int = 1) -> Transmission:
    """Return what a fault of a kind makes of a transmission."""
    fault = Fault(kind=kind, every=1, after_chunks=after_chunks, delay_s=0.005)
    return transmission.spoil(sound, fault, FRAMING)


def due_ms(sent: Transmission) -> list[float]:
    """Return when pieces are due, in milliseconds after the arrival."""
    return [(each - ARRIVED) / MS for each in sent.due_ns]


def test_pieces_of_a_stream_are_due_with_headers_and_tokens() -> None:
    """What ends the stream goes with the last token."""
    sent = streamed()
    assert due_ms(sent) == [1, 10, 12, 14, 14]
    assert (sent.headers_due_ns - ARRIVED, sent.end_due_ns - ARRIVED) == (1 * MS, 14 * MS)
    assert (sent.ending, sent.content_length) == ("complete", None)


def test_a_whole_answer_goes_with_its_headers() -> None:
    """Its length is stated."""
    sent = whole()
    assert sent.headers_due_ns == sent.due_ns[0] == sent.end_due_ns
    assert sent.content_length == len(DOCUMENT.data)


@pytest.mark.parametrize(
    ("kind", "ending"), [("reset_mid_stream", "reset"), ("stall", "stall"), ("truncated", "complete")]
)
def test_a_stream_stops_after_the_stated_deltas(kind: FaultKind, ending: str) -> None:
    """It ends when the next delta would have gone."""
    sent = streamed(kind, after_chunks=2)
    assert sent.pieces == tuple(PIECES[:3])
    assert due_ms(sent) == [1, 10, 12]
    assert sent.end_due_ns - ARRIVED == 14 * MS
    assert sent.ending == ending


def test_a_truncated_stream_never_has_its_last_delta() -> None:
    """A provider may say the finish reason with the last one."""
    assert streamed("truncated", after_chunks=99).pieces == tuple(PIECES[:3])


def test_an_error_event_ends_the_stream_in_good_order() -> None:
    """It goes when the next delta would have gone."""
    sent = streamed("error_event")
    assert [piece.data for piece in sent.pieces[:2]] == [piece.data for piece in PIECES[:2]]
    assert sent.pieces[-1].data.startswith(b"error: ")
    assert due_ms(sent) == [1, 10, 12]
    assert (sent.ending, sent.pieces[-1].kind) == ("complete", "x")


def test_one_event_is_malformed_and_the_stream_goes_on() -> None:
    """The event's own framing stays."""
    sent = streamed("malformed")
    broken = sent.pieces[2]
    assert broken.kind == "x"
    assert broken.data.startswith(b"data: {")
    assert broken.data.endswith(b"\n\n")
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.data.removeprefix(b"data: "))
    assert [*sent.pieces[:2], *sent.pieces[3:]] == [*PIECES[:2], *PIECES[3:]]


def test_a_malformed_event_with_a_name_keeps_the_name() -> None:
    """Anthropic's events have a line for it."""
    named = Piece(b'event: delta\ndata: {"text":"a long text"}\n\n', "c", 0)
    sent = spoilt(transmission.stream([named], TIMING, ARRIVED), "malformed")
    assert sent.pieces[0].data.startswith(b"event: delta\ndata: {")
    assert sent.pieces[0].data.endswith(b"\n\n")


@pytest.mark.parametrize("sent", [streamed("slow_headers"), whole("slow_headers")])
def test_slow_headers_delay_all_that_follows(sent: Transmission) -> None:
    """The gaps stay as they were."""
    sound = whole() if sent.content_length else streamed()
    assert [late - due for late, due in zip(sent.due_ns, sound.due_ns, strict=True)] == [5 * MS] * len(sound.due_ns)
    assert sent.headers_due_ns - sound.headers_due_ns == 5 * MS
    assert sent.end_due_ns - sound.end_due_ns == 5 * MS


@pytest.mark.parametrize(("kind", "ending"), [("reset_mid_stream", "reset"), ("stall", "stall"), ("truncated", "cut")])
def test_a_whole_answer_breaks_off_in_the_middle(kind: FaultKind, ending: str) -> None:
    """The stated length is that of the sound answer."""
    sent = whole(kind)
    assert sent.pieces[0].data == DOCUMENT.data[:7]
    assert sent.content_length == len(DOCUMENT.data)
    assert sent.ending == ending


def test_a_malformed_whole_answer_is_broken_json_of_its_stated_length() -> None:
    """HTTP is sound, the content is not."""
    sent = whole("malformed")
    assert sent.content_length == len(sent.pieces[0].data)
    assert sent.ending == "complete"
    with pytest.raises(json.JSONDecodeError):
        json.loads(sent.pieces[0].data)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() & {"wrong_key", "server_error", "reset_before_headers"}))
def test_faults_that_strike_before_the_body_leave_it_alone(kind: FaultKind) -> None:
    """They are somebody else's."""
    assert streamed(kind) == streamed()
    assert whole(kind) == whole()
