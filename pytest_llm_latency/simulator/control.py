"""What tests ask of the simulator itself, under ``/_simulator``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llm_latency import wire
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.simulator.requests import HttpRequest
from pytest_llm_latency.simulator.simulation import Simulation
from pytest_llm_latency.simulator.truth import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A short answer: its status, its body and what that is."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Control:
    """Answers about one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def health(self, _request: HttpRequest) -> Said:
        """Say that the server is there."""
        return said({"status": "ok"})

    def truth(self, request: HttpRequest) -> Said:
        """Answer one exchange (``request=``) or those above a number (``since=``) as JSON lines."""
        asked = request.query
        text = asked.get("request", asked.get("since", "0"))
        if not text.isdecimal():
            return complaint(400, f"{text!r} is not a request's number: take it from x-simulator-request.")
        number = int(text)
        if "request" in asked:
            found = self._simulation.log.find(number)
            if found is None:
                return complaint(404, f"request {number} is not in the log: it keeps the last ones since the reset.")
            return Said(status=200, body=_json(found).encode())
        lines = "".join(f"{_json(each)}\n" for each in self._simulation.log.since(number))
        return Said(status=200, body=lines.encode(), content_type="application/jsonl")

    def profile(self, request: HttpRequest) -> Said:
        """Replace the settings that the body names."""
        try:
            changes = json.loads(request.body)
            if not isinstance(changes, dict):
                return complaint(400, "the body of the request must be a JSON object")
            self._simulation.configure(changes)
        except (SettingsError, ValueError) as error:
            return complaint(400, str(error))
        return said({"status": "ok"})

    def reset(self, _request: HttpRequest) -> Said:
        """Start the draws and drifts again and forget the log."""
        self._simulation.reset()
        return said({"status": "ok"})


def said(content: Mapping[str, object], status: int = 200) -> Said:
    """Return an answer in JSON."""
    return Said(status=status, body=json.dumps(content).encode())


def complaint(status: int, message: str) -> Said:
    """Return an error."""
    return said({"error": message}, status)


def _json(exchange: Exchange) -> str:
    return json.dumps(wire.to_builtins(exchange), separators=(",", ":"))
