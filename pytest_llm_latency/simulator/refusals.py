"""The error responses that faults make of requests from the start."""

from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Question, Refusal
from pytest_llm_latency.simulator.faults import Fault, FaultKind
from pytest_llm_latency.simulator.transmission import MIDSTREAM_ERROR

_BAD_GATEWAY = 502
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

# Status and message of the faults that refuse a request, and whether they say when to come back.
_REFUSALS: Mapping[FaultKind, tuple[int, str, bool]] = MappingProxyType({
    "rate_limit": (429, "Rate limit reached: the simulator was told to refuse this request.", True),
    "wrong_key": (401, "Incorrect API key: the simulator was told to refuse this request.", False),
    "unknown_model": (404, "The model does not exist: the simulator was told to refuse this request.", False),
    "server_error": (500, MIDSTREAM_ERROR, False),
    "html_error": (502, "", False),
    "unavailable": (503, "The service is unavailable: the simulator was told to say so.", True),
})


def refusal(fault: Fault | None, question: Question, request_id: str) -> Refusal | None:
    """Return the refusal of a question that a fault strikes, ``None`` for a fault of another place."""
    if fault is None:
        return None
    # What a stream would report in an event is the status of a whole answer.
    kind = "server_error" if fault.kind == "error_event" and not question.stream else fault.kind
    if kind not in _REFUSALS:
        return None
    status, message, tells_when = _REFUSALS[kind]
    retry_after_s = fault.retry_after_s if tells_when else None
    return Refusal(status=status, message=message, request_id=request_id, retry_after_s=retry_after_s)


def page(fault: Fault | None, refused: Refusal) -> bytes | None:
    """Return the page of HTML that a gateway answers with in place of the provider, where the fault is that."""
    return _HTML if fault is not None and fault.kind == "html_error" and refused.status == _BAD_GATEWAY else None
