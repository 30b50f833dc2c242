"""The simulated provider's state: settings, counters and the log; how each request is answered."""

import itertools
import math
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_llm_latency.model import CONTENT, CONTROL, TOOL_CALL
from pytest_llm_latency.simulator import transmission
from pytest_llm_latency.simulator.answers import Answer, Facts, Piece, Question, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.faults import Fault, striking
from pytest_llm_latency.simulator.profiles import Arrival, Timing, draw, profile_for
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.routes import Asked, Begun, Call, Followed, Framing, Kept, Polled, Route
from pytest_llm_latency.simulator.settings import read_settings
from pytest_llm_latency.simulator.transmission import MIDSTREAM_ERROR, Transmission
from pytest_llm_latency.simulator.truth import Exchange, TruthLog
from pytest_llm_latency.units import nanoseconds, seconds

NUMBER_HEADER = "x-simulator-request"

_KEPT_SIZE = 1000
_NO_QUESTION = Question(model="unknown", stream=False, prompt_tokens=0, max_tokens=None, tool=None)
_RATE_LIMITED = "Rate limit reached: the simulator was told to refuse this request."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path of a protocol."""

    protocol: str
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response ready to be sent. ``vanishes`` says that the connection is reset instead."""

    status: int
    headers: Mapping[str, str]
    transmission: Transmission
    exchange: Exchange
    vanishes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One request: its number among all, its ordinal among those for its model, and what strikes it."""

    protocol: str
    question: Question
    arrived_ns: int
    number: int
    ordinal: int
    fault: Fault | None

    @property
    def request_id(self) -> str:
        """Return the provider's name for the request."""
        return f"{self.number:032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer that is fetched later, with the request that began it."""

    turn: _Turn
    answer: Answer
    timing: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What a response says beside its body; ``framing`` is that of a stream."""

    processing_s: float = 0.0
    said: Answer | None = None
    status: int = 200
    framing: Framing | None = None


class Simulation:
    """Answers questions in the order of their arrival and logs the truth about each."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.log = TruthLog()
        self._content: Mapping[str, object] = {}
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count(1)
        self._ordinals: Counter[str] = Counter()
        self._epoch_ns = time.monotonic_ns()
        self.configure(settings)

    def configure(self, changes: Mapping[str, object]) -> None:
        """Replace the named top-level settings; for wrong ones raise ``SettingsError`` and change nothing."""
        content = {**self._content, **changes}
        self._settings = read_settings(content)
        self._content = content

    def reset(self) -> None:
        """Start draws and drifts again and forget the log; the requests' numbers go on."""
        self._ordinals.clear()
        self._epoch_ns = time.monotonic_ns()
        self.log.clear()

    def respond(self, endpoint: Endpoint, call: Call, arrived_ns: int) -> Response:
        """Return the response to a request that arrived at a stamp of the monotonic clock.

        Raises ``QuestionError`` or ``ValueError`` for what the provider refuses.
        """
        match endpoint.route:
            case Asked() as route:
                question = route.question(call)
                if question.stream and (route.events is None or route.framing is None):
                    raise QuestionError(f"{route.path} has no stream: leave out stream.")
                return self._answer(route, self._turn(endpoint.protocol, question, arrived_ns))
            case Begun() as route:
                return self._begin(route, self._turn(endpoint.protocol, route.question(call), arrived_ns), call)
            case Polled() | Followed() as later:
                return self._show(later, endpoint.protocol, call, arrived_ns)

    def refuse(self, protocol: str, message: str, arrived_ns: int, *, status: int = 400) -> Response:
        """Return the response to a request that the provider would not understand."""
        turn = self._turn(protocol, _NO_QUESTION, arrived_ns)
        return self._refuse(turn, Refusal(status=status, message=message, request_id=turn.request_id))

    def _answer(self, route: Asked, turn: _Turn) -> Response:
        refusal = _refusal(turn)
        if refusal is not None:
            return self._refuse(turn, refusal)
        said, timing = self._said(turn)
        stream = turn.question.stream
        planned = _planned(route, turn, said, timing)
        terms = _Terms(
            processing_s=timing.tokens_s[0] if stream else timing.tokens_s[-1],
            said=said,
            framing=route.framing if stream else None,
        )
        return self._response(turn, planned, terms)

    def _said(self, turn: _Turn) -> tuple[Answer, Timing]:
        said = answer(turn.question, profile_for(self._settings, turn.question.model))
        return said, self._draw(turn, max(1, said.output_tokens))

    def _begin(self, route: Begun, turn: _Turn, call: Call) -> Response:
        """Keep the answer, and say where it can be fetched."""
        refusal = _refusal(turn)
        if refusal is not None:
            return self._refuse(turn, refusal)
        said, timing = self._said(turn)
        self._kept[said.id] = _Kept(turn=turn, answer=said, timing=timing)
        if len(self._kept) > _KEPT_SIZE:
            self._kept.pop(next(iter(self._kept)))
        receipt = Piece(route.receipt(Kept(answer=said, base_url=call.base_url, generated=0)), CONTROL, -1)
        planned = transmission.whole(receipt, turn.arrived_ns + nanoseconds(timing.headers_s))
        if turn.fault is not None:
            planned = transmission.spoil(planned, turn.fault)
        return self._response(turn, planned, _Terms(processing_s=timing.headers_s, status=route.status))

    def _show(self, route: Polled | Followed, protocol: str, call: Call, arrived_ns: int) -> Response:
        """Show how far a kept answer is, or follow it."""
        kept = self._kept.get(call.parameters["id"])
        if kept is None:
            return self.refuse(protocol, "there is no such prediction", arrived_ns, status=404)
        turn = replace(kept.turn, arrived_ns=arrived_ns, number=next(self._numbers), fault=None)
        said = kept.answer
        if isinstance(route, Followed):
            planned = transmission.stream(route.events(kept.answer), kept.timing, kept.turn.arrived_ns)
            return self._response(turn, planned, _Terms(said=said, framing=route.framing))
        due_ns = [kept.turn.arrived_ns + nanoseconds(kept.timing.tokens_s[step]) for step in kept.answer.steps]
        generated = sum(each <= arrived_ns for each in due_ns)
        shown = Kept(answer=kept.answer, base_url=call.base_url, generated=generated)
        piece = Piece(route.state(shown), CONTENT if generated else CONTROL, -1)
        return self._response(turn, transmission.whole(piece, arrived_ns), _Terms(said=said))

    def _turn(self, protocol: str, question: Question, arrived_ns: int) -> _Turn:
        ordinal = self._ordinals[question.model]
        self._ordinals[question.model] += 1
        settings = self._settings
        return _Turn(
            protocol=protocol,
            question=question,
            arrived_ns=arrived_ns,
            number=next(self._numbers),
            ordinal=ordinal,
            fault=striking(settings.faults, seed=settings.seed, model=question.model, ordinal=ordinal),
        )

    def _draw(self, turn: _Turn, tokens: int) -> Timing:
        arrival = Arrival(
            model=turn.question.model,
            ordinal=turn.ordinal,
            since_start_s=seconds(turn.arrived_ns - self._epoch_ns),
            prompt_tokens=turn.question.prompt_tokens,
        )
        return draw(self._settings, arrival, tokens)

    def _refuse(self, turn: _Turn, refusal: Refusal) -> Response:
        headers_s = self._draw(turn, 1).headers_s
        piece = Piece(PROTOCOLS[turn.protocol].error(refusal), CONTROL, 0)
        planned = transmission.whole(piece, turn.arrived_ns + nanoseconds(headers_s))
        response = self._response(turn, planned, _Terms(processing_s=headers_s, status=refusal.status))
        if refusal.retry_after_s is None:
            return response
        retry_after = {"retry-after": str(math.ceil(refusal.retry_after_s))}
        return replace(response, headers={**response.headers, **retry_after})

    def _response(self, turn: _Turn, planned: Transmission, terms: _Terms) -> Response:
        protocol, question, said = PROTOCOLS[turn.protocol], turn.question, terms.said
        facts = Facts(request_id=turn.request_id, model=question.model, processing_s=terms.processing_s)
        exchange = Exchange(
            request=turn.number,
            protocol=turn.protocol,
            model=question.model,
            ordinal=turn.ordinal,
            stream=question.stream,
            status=terms.status,
            fault=None if turn.fault is None else turn.fault.kind,
            prompt_tokens=question.prompt_tokens,
            output_tokens=0 if said is None else said.output_tokens,
            reasoning_tokens=0 if said is None else said.reasoning_tokens,
            cached_tokens=0 if said is None else said.cached_tokens,
            cache_written_tokens=0 if said is None else said.cache_written_tokens,
            arrived_ns=turn.arrived_ns,
            kinds="".join(piece.kind for piece in planned.pieces),
            due_ns=planned.due_ns,
            piece_bytes=array("q", [len(piece.data) for piece in planned.pieces]),
        )
        self.log.add(exchange)
        content_type = protocol.JSON if terms.framing is None else terms.framing.content_type
        return Response(
            status=terms.status,
            headers={"content-type": content_type, NUMBER_HEADER: str(turn.number), **protocol.headers(facts)},
            transmission=planned,
            exchange=exchange,
            vanishes=turn.fault is not None and turn.fault.kind == "reset_before_headers",
        )


def _refusal(turn: _Turn) -> Refusal | None:
    """Return the error response that a fault makes of a request from the start."""
    fault = turn.fault
    if fault is None:
        return None
    if fault.kind == "rate_limit":
        return Refusal(status=429, message=_RATE_LIMITED, request_id=turn.request_id, retry_after_s=fault.retry_after_s)
    if fault.kind == "server_error" or (fault.kind == "error_event" and not turn.question.stream):
        return Refusal(status=500, message=MIDSTREAM_ERROR, request_id=turn.request_id)
    return None


def _planned(route: Asked, turn: _Turn, said: Answer, timing: Timing) -> Transmission:
    if turn.question.stream and route.events is not None:
        planned = transmission.stream(route.events(said), timing, turn.arrived_ns)
    else:
        kind = CONTENT if turn.question.tool is None else TOOL_CALL
        piece = Piece(route.document(said), kind, said.steps[-1])
        planned = transmission.whole(piece, turn.arrived_ns + nanoseconds(timing.tokens_s[-1]))
    return planned if turn.fault is None else transmission.spoil(planned, turn.fault, route.framing)
