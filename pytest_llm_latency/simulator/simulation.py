"""The simulated provider's state: settings, counters and the log; how each request is answered."""

import itertools
import math
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_llm_latency.model import CONTENT, CONTROL, TOOL_CALL
from pytest_llm_latency.simulator import faults, refusals, transmission
from pytest_llm_latency.simulator.answers import Answer, Facts, Piece, Question, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.faults import Fault, striking
from pytest_llm_latency.simulator.profiles import PLAIN, Arrival, Shape, Timing, draw, profile_for, shape_for
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.routes import Asked, Begun, Call, Followed, Framing, Kept, Polled, Route
from pytest_llm_latency.simulator.settings import read_settings
from pytest_llm_latency.simulator.transmission import Transmission
from pytest_llm_latency.simulator.truth import Exchange, TruthLog
from pytest_llm_latency.units import nanoseconds, seconds

NUMBER_HEADER = "x-simulator-request"

_KEPT_SIZE = 1000
_NO_QUESTION = Question(model="unknown", stream=False, prompt_tokens=0, max_tokens=None, tool=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path of a protocol."""

    protocol: str
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response as it is planned. ``vanishes`` says that the connection is reset instead.

    ``framing`` is that of a stream, ``shape`` the form of the body, and ``fault`` what strikes it.
    """

    status: int
    headers: Mapping[str, str]
    transmission: Transmission
    exchange: Exchange
    vanishes: bool
    framing: Framing | None = None
    shape: Shape = PLAIN
    fault: Fault | None = None


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
        self._connections = 0
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count(1)
        self._ordinals: Counter[str] = Counter()
        self._epoch_ns = time.monotonic_ns()
        self.configure(settings)

    def configure(self, changes: Mapping[str, object]) -> None:
        """Replace the named top-level settings; for wrong ones raise ``SettingsError`` and change nothing."""
        content = {**self._content, **changes}
        self._settings = settings = read_settings(content)
        self._request_faults = faults.of_requests(settings.faults)
        self._connection_faults = faults.of_connections(settings.faults)
        self._content = content

    def reset(self) -> None:
        """Start draws and drifts again and forget the log; the requests' numbers go on."""
        self._ordinals.clear()
        self._connections = 0
        self._epoch_ns = time.monotonic_ns()
        self.log.clear()

    def greet(self) -> Fault | None:
        """Return what strikes a connection that has just been accepted."""
        ordinal, self._connections = self._connections, self._connections + 1
        return striking(self._connection_faults, seed=self._settings.seed, model="", ordinal=ordinal)

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
        refusal = refusals.refusal(turn.fault, turn.question, turn.request_id)
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
        model = turn.question.model
        said = answer(turn.question, profile_for(self._settings, model), shape_for(self._settings, model).text)
        return said, self._draw(turn, max(1, said.output_tokens))

    def _begin(self, route: Begun, turn: _Turn, call: Call) -> Response:
        """Keep the answer, and say where it can be fetched; what strikes a stream strikes it there."""
        refusal = refusals.refusal(turn.fault, turn.question, turn.request_id)
        if refusal is not None:
            return self._refuse(turn, refusal)
        said, timing = self._said(turn)
        self._kept[said.id] = _Kept(turn=turn, answer=said, timing=timing)
        if len(self._kept) > _KEPT_SIZE:
            self._kept.pop(next(iter(self._kept)))
        if turn.question.stream:
            turn = replace(turn, fault=None)
        waits = route.waits(call)
        shown = Kept(answer=said, base_url=call.base_url, generated=len(said.deltas) if waits else 0)
        after_s = timing.tokens_s[-1] if waits else timing.headers_s
        receipt = Piece(route.receipt(shown), CONTENT if waits else CONTROL, -1)
        planned = transmission.whole(receipt, turn.arrived_ns + nanoseconds(after_s))
        if turn.fault is not None:
            planned = transmission.spoil(planned, turn.fault)
        terms = _Terms(processing_s=after_s, said=said if waits else None, status=route.status)
        return self._response(turn, planned, terms)

    def _show(self, route: Polled | Followed, protocol: str, call: Call, arrived_ns: int) -> Response:
        """Show how far a kept answer is, or follow it."""
        kept = self._kept.get(call.parameters["id"])
        if kept is None:
            return self.refuse(protocol, "there is no such prediction", arrived_ns, status=404)
        turn = replace(kept.turn, arrived_ns=arrived_ns, number=next(self._numbers))
        said = kept.answer
        if isinstance(route, Followed):
            planned = transmission.stream(route.events(kept.answer), kept.timing, kept.turn.arrived_ns)
            if turn.fault is not None:
                planned = transmission.spoil(planned, turn.fault, route.framing)
            return self._response(turn, planned, _Terms(said=said, framing=route.framing))
        turn = replace(turn, fault=None)
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
            fault=striking(self._request_faults, seed=settings.seed, model=question.model, ordinal=ordinal),
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
        page = refusals.page(turn.fault, refusal)
        piece = Piece(page or PROTOCOLS[turn.protocol].error(refusal), CONTROL, 0)
        planned = transmission.whole(piece, turn.arrived_ns + nanoseconds(headers_s))
        response = self._response(turn, planned, _Terms(processing_s=headers_s, status=refusal.status))
        headers = dict(response.headers)
        if refusal.retry_after_s is not None:
            headers["retry-after"] = str(math.ceil(refusal.retry_after_s))
        if page is not None:
            headers["content-type"] = "text/html"
        return replace(response, headers=headers)

    def _response(self, turn: _Turn, planned: Transmission, terms: _Terms) -> Response:
        protocol, question, said = PROTOCOLS[turn.protocol], turn.question, terms.said
        facts = Facts(
            request_id=turn.request_id,
            model=question.model,
            processing_s=terms.processing_s,
            status=terms.status,
            stream=question.stream,
            prompt_tokens=None if said is None or question.stream else question.prompt_tokens,
            output_tokens=None if said is None or question.stream else said.output_tokens,
        )
        exchange = Exchange(
            request=turn.number,
            protocol=turn.protocol,
            model=question.model,
            ordinal=turn.ordinal,
            stream=question.stream,
            status=terms.status,
            fault=None if turn.fault is None else turn.fault.name,
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
            framing=terms.framing,
            shape=shape_for(self._settings, question.model),
            fault=turn.fault,
        )


def _planned(route: Asked, turn: _Turn, said: Answer, timing: Timing) -> Transmission:
    if turn.question.stream and route.events is not None:
        planned = transmission.stream(route.events(said), timing, turn.arrived_ns)
    else:
        kind = CONTENT if turn.question.tool is None else TOOL_CALL
        piece = Piece(route.document(said), kind, said.steps[-1])
        planned = transmission.whole(piece, turn.arrived_ns + nanoseconds(timing.tokens_s[-1]))
    return planned if turn.fault is None else transmission.spoil(planned, turn.fault, route.framing)
