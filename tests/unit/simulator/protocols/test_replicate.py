"""What the simulator says as Replicate follows the reference of predictions and of streaming them."""

import json
from typing import Any

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import replicate
from pytest_llm_latency.simulator.routes import Begun, Call, Kept
from pytest_llm_latency.simulator.simulation import Endpoint, Simulation

MODEL = {"owner": "meta", "name": "llama"}
FIXED = {"ttft": 0.1, "inter_token": 0.01, "headers_s": 0.002, "output_tokens": 3}
MS = 1_000_000


def begin(stream: bool = False, prefer: str | None = None) -> Call:  # noqa: FBT001, FBT002  (a builder of tests)
    """Return the request that begins a prediction."""
    fields: dict[str, object] = {"input": {"prompt": "Say something, please.", "stream": stream}}
    headers = {} if prefer is None else {"prefer": prefer}
    return Call(fields=fields, parameters=MODEL, headers=headers, base_url="http://s")


def said(tokens: int = 2) -> Answer:
    """Return an answer."""
    return answer(replicate.question(begin()), Profile(output_tokens=tokens))


def shown(generated: int) -> dict[str, Any]:
    """Return a prediction of two parts."""
    told: dict[str, Any] = json.loads(
        replicate.prediction(Kept(answer=said(), base_url="http://s", generated=generated))
    )
    return told


@pytest.mark.parametrize(
    ("generated", "status", "output"),
    [(0, "starting", None), (1, "processing", ["The"]), (2, "succeeded", ["The", " simulated"])],
)
def test_a_prediction_says_how_far_it_is(generated: int, status: str, output: object) -> None:
    """The counts come with the end."""
    told = shown(generated)
    assert (told["status"], told["output"], told["model"], told["error"]) == (status, output, "meta/llama", None)
    assert ("metrics" in told) is (generated == 2)
    assert told["urls"]["stream"] == f"http://s/v1/streams/{told['id']}"


def test_a_stream_is_plain_text() -> None:
    """Each line of it is one of the event's."""
    *texts, done = (piece.data for piece in replicate.events(said()))
    assert texts == [b"event: output\nid: 0:0\ndata: The\n\n", b"event: output\nid: 1:0\ndata:  simulated\n\n"]
    assert done == b"event: done\nid: 2:0\ndata: {}\n\n"
    assert b"event: error\n" in replicate.error_event("a\nb")
    assert b"data: a\ndata: b\n" in replicate.error_event("a\nb")
    assert replicate.malformed(texts[0]).startswith(b"event: done\n")


@pytest.mark.parametrize("name", ["max_tokens", "max_new_tokens", "max_length"])
def test_a_bound_has_many_names(name: str) -> None:
    """They depend on the model."""
    call = Call(fields={"input": {"prompt": "a", name: 3}}, parameters=MODEL)
    assert replicate.question(call).max_tokens == 3


def test_a_version_is_named_in_the_body() -> None:
    """Where the path has no model."""
    asked = replicate.question(Call(fields={"version": "abc", "input": {"prompt": "a"}, "stream": True}))
    assert (asked.model, asked.stream) == ("abc", True)
    with pytest.raises(QuestionError, match="prompt is required"):
        replicate.question(Call(fields={"input": {}}))


def test_errors_have_replicates_shape() -> None:
    """A title, a detail and the status."""
    told = json.loads(replicate.error(Refusal(status=429, message="no")))
    assert told == {"title": "Too Many Requests", "detail": "no", "status": 429}
    assert "x-request-id" in replicate.headers(Facts(request_id="1", model="m", processing_s=0.1))


def post() -> Endpoint:
    """Return the path on which predictions are begun."""
    route = replicate.ROUTES[0]
    assert isinstance(route, Begun)
    return Endpoint(protocol="replicate", route=route)


def test_a_client_that_waits_gets_the_whole_result() -> None:
    """When the last token is there; any other a receipt at once."""
    simulation = Simulation({"profiles": {"*": FIXED}})
    waited = simulation.respond(post(), begin(prefer="wait=5"), 0)
    at_once = simulation.respond(post(), begin(), 0)
    assert (waited.status, at_once.status) == (201, 201)
    assert [list(each.exchange.due_ns) for each in (waited, at_once)] == [[120 * MS], [2 * MS]]
    statuses = [json.loads(each.transmission.pieces[0].data)["status"] for each in (waited, at_once)]
    assert statuses == ["succeeded", "starting"]
    assert (waited.exchange.output_tokens, at_once.exchange.output_tokens) == (3, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_fault_strikes_the_stream_where_there_is_one(*, stream: bool) -> None:
    """Else the result."""
    faults = [{"kind": "truncated", "every": 1, "after_chunks": 1}]
    simulation = Simulation({"profiles": {"*": FIXED}, "faults": faults})
    begun = simulation.respond(post(), begin(stream, None if stream else "wait"), 0)
    assert (begun.fault is None) is stream
    if stream:
        name = json.loads(begun.transmission.pieces[0].data)["id"]
        follow = Endpoint(protocol="replicate", route=replicate.ROUTES[-1])
        followed = simulation.respond(follow, Call(fields={}, parameters={"id": name}), 5)
        assert followed.exchange.kinds == "c"
        assert followed.exchange.fault == "truncated"
