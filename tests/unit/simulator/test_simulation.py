"""The simulation numbers requests, draws their latencies and says what each response is."""

import json
from dataclasses import replace

import pytest

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.simulator.answers import Piece, Question, QuestionError
from pytest_llm_latency.simulator.protocols import PROTOCOLS, openai
from pytest_llm_latency.simulator.routes import Begun, Call, Followed, Kept, Polled
from pytest_llm_latency.simulator.simulation import Endpoint, Response, Simulation

FIXED = {"ttft": 0.1, "inter_token": 0.01, "headers_s": 0.002, "output_tokens": 3}


def call(model: str = "m", *, stream: bool = True) -> Call:
    """Build a request that OpenAI and Anthropic understand."""
    messages = [{"role": "user", "content": "hello"}]
    return Call(fields={"model": model, "messages": messages, "max_tokens": 99, "stream": stream})


def endpoint(protocol: str = "openai") -> Endpoint:
    """Return a protocol's first path."""
    return Endpoint(protocol=protocol, route=PROTOCOLS[protocol].ROUTES[0])


def simulation(**settings: object) -> Simulation:
    """Build a simulation with fixed latencies."""
    return Simulation({"profiles": {"*": FIXED}, **settings})


def faulty(kind: str, **fault: object) -> Simulation:
    """Build a simulation whose every request is struck."""
    return simulation(faults=[{"kind": kind, "every": 1, **fault}])


def respond(simulation: Simulation, *, stream: bool = True, protocol: str = "openai") -> Response:
    """Ask a question that arrives at 0."""
    return simulation.respond(endpoint(protocol), call(stream=stream), 0)


def test_a_stream_is_due_as_its_profile_says() -> None:
    """Role with the headers, a token each 10 ms, finish and end with the last."""
    exchange = respond(simulation()).exchange
    assert [each / 1e6 for each in exchange.due_ns] == pytest.approx([2, 100, 110, 120, 120, 120])
    assert exchange.kinds == "xcccxx"


def test_a_whole_answer_is_due_with_its_last_token() -> None:
    """The provider's own figure is the time that it took."""
    response = respond(simulation(), stream=False)
    assert [each / 1e6 for each in response.exchange.due_ns] == pytest.approx([120])
    assert response.headers["openai-processing-ms"] == "120"
    assert response.headers["content-type"] == "application/json"


def test_ordinals_count_for_each_model_and_numbers_for_all() -> None:
    """A request's latency depends on no other model's requests."""
    one = simulation()
    exchanges = [one.respond(endpoint(), call(model), 0).exchange for model in ("a", "b", "a")]
    assert [each.ordinal for each in exchanges] == [0, 0, 1]
    assert [each.request for each in exchanges] == [1, 2, 3]


def test_the_response_names_its_number() -> None:
    """With it the truth is asked for."""
    one = simulation()
    response = respond(one)
    assert response.headers["x-simulator-request"] == "1"
    assert one.log.find(1) is response.exchange


def test_the_same_sequence_gets_the_same_latencies_after_a_reset() -> None:
    """Numbers go on, so that the log stays unambiguous."""
    one = Simulation({"seed": 5})
    before = [respond(one).exchange for _ in range(3)]
    one.reset()
    after = [respond(one).exchange for _ in range(3)]
    assert [each.due_ns for each in after] == [each.due_ns for each in before]
    assert before[0].due_ns != before[1].due_ns
    assert [each.request for each in one.log.since(0)] == [4, 5, 6]


def test_two_simulations_of_one_seed_agree() -> None:
    """The draws do not depend on the process."""
    assert respond(Simulation({"seed": 5})).exchange.due_ns == respond(Simulation({"seed": 5})).exchange.due_ns


def test_changed_settings_replace_the_named_ones_and_keep_the_others() -> None:
    """A slowdown in the middle of a run leaves the profiles alone."""
    one = simulation()
    one.configure({"slowdown": 2})
    assert respond(one).exchange.due_ns[1] == 200_000_000


def test_wrong_settings_change_nothing() -> None:
    """The message is the caller's."""
    one = simulation()
    with pytest.raises(SettingsError, match="slowdown"):
        one.configure({"slowdown": -1, "profiles": {}})
    assert respond(one).exchange.due_ns[1] == 100_000_000


def test_a_rate_limit_says_when_to_come_back() -> None:
    """In whole seconds, rounded up, as HTTP wants them."""
    response = respond(faulty("rate_limit", retry_after_s=1.2))
    assert (response.status, response.headers["retry-after"]) == (429, "2")
    assert response.exchange.kinds == "x"
    assert response.exchange.fault == "rate_limit"
    assert json.loads(response.transmission.pieces[0].data)["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("kind", "stream", "status"),
    [
        ("wrong_key", True, 401),
        ("unknown_model", False, 404),
        ("server_error", True, 500),
        ("server_error", False, 500),
        ("error_event", False, 500),
        ("error_event", True, 200),
        ("slow_headers", True, 200),
    ],
)
def test_a_fault_has_its_status(kind: str, stream: bool, status: int) -> None:  # noqa: FBT001  (a parameter)
    """An error in mid-stream comes after a status of 200."""
    response = respond(faulty(kind), stream=stream)
    assert response.status == status
    assert ("retry-after" in response.headers) is False


def test_a_reset_before_the_headers_vanishes() -> None:
    """No other fault does."""
    assert respond(faulty("reset_before_headers")).vanishes
    assert not respond(faulty("reset_mid_stream")).vanishes


def test_a_request_that_is_no_question_is_refused_in_the_providers_shape() -> None:
    """It is logged too."""
    one = simulation()
    response = one.refuse("anthropic", "model: Field required", 0)
    assert response.status == 400
    assert json.loads(response.transmission.pieces[0].data)["error"]["type"] == "invalid_request_error"
    assert one.log.find(1) is response.exchange


def test_the_plan_is_logged_piece_by_piece() -> None:
    """Sizes are those of the body without transfer encoding."""
    response = respond(simulation(), protocol="anthropic")
    sizes = [len(piece.data) for piece in response.transmission.pieces]
    assert list(response.exchange.piece_bytes) == sizes
    assert len(response.exchange.due_ns) == len(response.exchange.kinds) == len(sizes)


def told(kept: Kept) -> bytes:
    """Return how far an answer is, and where."""
    content = {"id": kept.answer.id, "done": kept.generated, "complete": kept.complete, "at": kept.base_url}
    return json.dumps(content).encode()


BEGUN = Endpoint(protocol="openai", route=Begun(path="/begin", question=openai.question, receipt=told))
POLLED = Endpoint(protocol="openai", route=Polled(path="/poll/{id}", state=told))
FOLLOWED = Endpoint(
    protocol="openai",
    route=Followed(
        path="/follow/{id}",
        events=lambda said: [
            Piece(text.encode(), "c", step) for text, step in zip(said.deltas, said.steps, strict=True)
        ],
        framing=PROTOCOLS["openai"].ROUTES[0].framing,
    ),
)
MS = 1_000_000


def body(response: Response) -> dict[str, object]:
    """Return the JSON of a document."""
    found: dict[str, object] = json.loads(response.transmission.pieces[0].data)
    return found


def test_an_answer_can_be_kept_and_fetched_later() -> None:
    """The receipt goes with the headers; how far it is counts from the question's arrival."""
    one = simulation()
    receipt = one.respond(BEGUN, call(), 1000 * MS)
    assert (receipt.status, body(receipt)["done"], body(receipt)["at"]) == (201, 0, "http://simulator")
    assert list(receipt.transmission.due_ns) == [1002 * MS]
    later = Call(fields={}, parameters={"id": str(body(receipt)["id"])}, base_url="https://here:1")
    shown = [body(one.respond(POLLED, later, (1000 + after) * MS)) for after in (50, 100, 115, 120)]
    assert [(each["done"], each["complete"]) for each in shown] == [(0, False), (1, False), (2, False), (3, True)]
    assert shown[0]["at"] == "https://here:1"
    polled = one.log.find(3)
    assert polled is not None
    assert (polled.model, polled.output_tokens, polled.kinds) == ("m", 3, "c")


def test_a_kept_answer_can_be_followed_as_a_stream() -> None:
    """What is there already is due at once, the rest in its time."""
    one = simulation()
    receipt = one.respond(BEGUN, call(), 1000 * MS)
    followed = one.respond(FOLLOWED, Call(fields={}, parameters={"id": str(body(receipt)["id"])}), 1105 * MS)
    assert followed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert [each // MS for each in followed.transmission.due_ns] == [1100, 1110, 1120]
    assert followed.exchange.arrived_ns == 1105 * MS


def test_an_answer_that_is_not_kept_is_404() -> None:
    """In the provider's shape; also after so many others that it had to go."""
    one = simulation()
    first = body(one.respond(BEGUN, call(), 0))["id"]
    for _ in range(1000):
        one.respond(BEGUN, call(), 0)
    for name in ("unknown", str(first)):
        response = one.respond(POLLED, Call(fields={}, parameters={"id": name}), 0)
        assert response.status == 404
        assert "error" in body(response)


def test_a_refused_question_keeps_nothing() -> None:
    """It is answered as any other."""
    assert faulty("rate_limit").respond(BEGUN, call(), 0).status == 429


def test_a_route_without_a_stream_refuses_one() -> None:
    """An embedding has none."""
    bare = Endpoint(protocol="openai", route=replace(PROTOCOLS["openai"].ROUTES[0], events=None))
    with pytest.raises(QuestionError, match="has no stream: leave out stream"):
        simulation().respond(bare, call(), 0)
    assert simulation().respond(bare, call(stream=False), 0).status == 200


def test_what_is_not_generated_takes_the_time_of_the_first_token() -> None:
    """And has no output tokens."""

    def embedded(asked: Call) -> Question:
        return replace(openai.question(asked), is_generated=False)

    route = replace(PROTOCOLS["openai"].ROUTES[0], question=embedded)
    exchange = simulation().respond(Endpoint(protocol="openai", route=route), call(stream=False), 0).exchange
    assert (list(exchange.due_ns), exchange.output_tokens) == ([100 * MS], 0)


def test_connections_are_counted_apart_from_requests() -> None:
    """A fault when one is made strikes no request, and a reset counts again."""
    one = simulation(faults=[{"kind": "stall", "point": "connect", "model": "x", "every": 2}])
    assert [one.greet() is not None for _ in range(3)] == [False, True, False]
    assert respond(one).exchange.fault is None
    one.reset()
    assert [one.greet() is not None for _ in range(2)] == [False, True]
