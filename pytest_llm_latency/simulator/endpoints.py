"""From a request to the script of its response: the providers' routes and the simulator's own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_llm_latency.simulator.answers import QuestionError
from pytest_llm_latency.simulator.control import Control, Said, complaint
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.requests import HttpRequest, Problem
from pytest_llm_latency.simulator.routes import Call, Router
from pytest_llm_latency.simulator.script import HEAD, Script, Write, head
from pytest_llm_latency.simulator.simulation import Endpoint, Response, Simulation
from pytest_llm_latency.simulator.staging import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """A route of the simulator itself."""

    answer: Callable[[HttpRequest], Said]


class Endpoints:
    """Answers every request of a server whose own URL is ``base_url``."""

    def __init__(self, simulation: Simulation, base_url: str) -> None:
        self._simulation = simulation
        self._base_url = base_url
        self._scheme = base_url.partition(":")[0]
        self._router: Router[Endpoint | _Own] = Router()
        control = Control(simulation)
        self._add("GET", "/_simulator/health", _Own(answer=control.health))
        self._add("GET", "/_simulator/truth", _Own(answer=control.truth))
        self._add("POST", "/_simulator/profile", _Own(answer=control.profile))
        self._add("POST", "/_simulator/reset", _Own(answer=control.reset))
        for name, protocol in PROTOCOLS.items():
            for route in protocol.ROUTES:
                self._add(route.method, route.path, Endpoint(protocol=name, route=route))

    def _add(self, method: str, path: str, target: Endpoint | _Own) -> None:
        self._router.add(method, path, target)
        if method == "GET" and isinstance(target, _Own):
            self._router.add("HEAD", path, target)

    def respond(self, request: HttpRequest) -> Script:
        """Return the script of a request's response."""
        found = self._router.find(request.method, request.path)
        if found.target is None:
            if not found.allowed:
                said = complaint(404, f"{request.path} is not simulated: `llm-latency simulate` prints what is.")
                return _told(said, request)
            said = complaint(405, f"{request.method} is not for {request.path}: use {' or '.join(found.allowed)}.")
            return _told(said, request, {"allow": ", ".join(found.allowed)})
        if isinstance(found.target, _Own):
            return _told(found.target.answer(request), request)
        return stage(self._response(found.target, request, found.parameters), request)

    def refuse(self, problem: Problem) -> Script:
        """Return the script of the answer to bytes that cannot be read; the connection closes after it."""
        return _told(complaint(problem.status, problem.message), None)

    def _response(self, endpoint: Endpoint, request: HttpRequest, parameters: Mapping[str, str]) -> Response:
        host = request.headers.get("host")
        try:
            call = Call(
                fields=_object(request.body) if request.method == "POST" else {},
                parameters=parameters,
                query=request.query,
                headers=request.headers,
                base_url=f"{self._scheme}://{host}" if host else self._base_url,
            )
            return self._simulation.respond(endpoint, call, request.arrived_ns)
        except (ValueError, QuestionError) as error:
            return self._simulation.refuse(endpoint.protocol, str(error), request.arrived_ns)


def _object(body: bytes) -> Mapping[str, object]:
    content = json.loads(body)
    if not isinstance(content, dict):
        raise QuestionError("the body of the request must be a JSON object")
    return content


def _told(said: Said, request: HttpRequest | None, headers: Mapping[str, str] | None = None) -> Script:
    """Return the script of a short answer; without a request the connection closes after it."""
    closes = request is None or not request.keep_alive
    length = {"content-type": said.content_type, "content-length": str(len(said.body))}
    closing = {"connection": "close"} if closes else {}
    first = head(said.status, {**length, **(headers or {}), **closing})
    has_body = request is None or request.method != "HEAD"
    return Script(writes=(Write(0, first + said.body if has_body else first, HEAD),), end_due_ns=0, closes=closes)
