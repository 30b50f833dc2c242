"""From recordings to samples and conditions."""

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

import nouns
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.fingerprints import VARIED
from pytest_llm_latency.execution.sampling import Collected, Place, blame, collect
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.metrics import DEFINITIONS_VERSION
from pytest_llm_latency.model import Conditions, Decoded, Failure, Recording, Request, Sample
from recordings import MS, decoded, recording, request

NOWHERE = Place(worker=None, host=None, region=None)
ASSERTION = Failure(error_class="AssertionError", message="empty", phase="assertion")


class Decoder:
    """A client that says of each recording what it is told to."""

    def __init__(self, **said: Any) -> None:
        self._said = said

    async def send(self, request: Request) -> Recording:
        """Nothing is sent here."""
        raise NotImplementedError

    def decode(self, recording: Recording) -> Decoded:
        """Return the same for each, with the recording's own status."""
        return decoded(**{"status": recording.status, "failure": recording.failure} | self._said)

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:
        """Nothing is left to count."""
        return decoded

    def close(self) -> None:
        """Nothing is open."""


def entry(index: int = 0, *, step: str | None = None, phase: Any = "measure", **changes: Any) -> Entry:
    """Return one entry."""
    return Entry(iteration=index, phase=phase, step=step, recording=recording(b"ab", b"c", **changes))


def gather(entries: Iterable[Entry], client: Client | None = None, **plan: Any) -> Collected:
    """Collect them."""
    return collect(entries, client or Decoder(), nouns.plan(**plan), NOWHERE)


def conditions(*requests: Request, **changes: Any) -> Conditions:
    """Return the conditions of a step with these requests."""
    (found,) = gather([entry(index, request=each, **changes) for index, each in enumerate(requests)]).conditions
    return found


def asking(*messages: tuple[str, str]) -> Request:
    """Return a request of these messages."""
    return request(messages=tuple({"role": role, "content": content} for role, content in messages))


def test_a_sample_keeps_what_was_recorded_and_decoded() -> None:
    """Stamps, pieces, events and outcome."""
    place = Place(worker="gw1", host="h", region="eu")
    found = collect([entry(7, step="plan")], Decoder(), nouns.plan(), place).samples
    said, record = decoded(), recording(b"ab", b"c")
    assert found == (
        Sample(
            index=0,
            iteration=7,
            phase="measure",
            step="plan",
            status="ok",
            failure=None,
            http_status=200,
            attempts=1,
            stamps=record.stamps,
            build_ns=900,
            connection_reused=False,
            http_version="1.1",
            paced_ns=None,
            clock="kernel",
            server_processing_s=None,
            piece_ns=array("q", [MS, 2 * MS]),
            piece_bytes=array("q", [2, 1]),
            event_ns=array("q", said.event_ns),
            event_kinds="cc",
            event_characters=array("q", [2, 3]),
            finish_reason="stop",
            usage=said.usage,
            cost_usd=said.cost_usd,
            cost_in_usd=said.cost_in_usd,
            worker="gw1",
            host="h",
            region="eu",
            side=None,
        ),
    )


def test_the_text_of_an_answer_is_kept_where_the_plan_says_so_without_secrets() -> None:
    """An answer may repeat what its request carried."""
    told = entry(request=request(parameters={"api_key": "my-own-secret"}))
    for keep, expected in ((True, "It is ***."), (False, None)):
        (found,) = gather([told], Decoder(text="It is my-own-secret."), keep_answers=keep).samples
        assert found.text == expected


def test_samples_are_in_the_order_of_their_iterations_and_numbered() -> None:
    """Answers come in another order; the calls of an iteration stay in theirs."""
    found = gather([entry(2), entry(0, step="a"), entry(1), entry(0, step="b")]).samples
    assert [(each.index, each.iteration, each.step) for each in found] == [
        (0, 0, "a"),
        (1, 0, "b"),
        (2, 1, None),
        (3, 2, None),
    ]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("openai-processing-ms", "250"),), 0.25),
        ((("x-envoy-upstream-service-time", "12.5"),), 0.0125),
        ((("openai-processing-ms", "soon"),), None),
        ((), None),
    ],
)
def test_the_servers_own_time_is_read_from_its_headers(headers: Any, expected: float | None) -> None:
    """In seconds; what is no number is absent."""
    (found,) = gather([entry(headers=headers)]).samples
    assert found.server_processing_s == expected


def test_conditions_say_what_was_asked_and_who_answered() -> None:
    """One for each step, of the measured requests."""
    found = gather(
        [
            entry(0, phase="warmup", request=request("warm")),
            entry(1, request=request(parameters={"stream": True, "temperature": 0})),
            entry(1, step="check", endpoint="eu.example.com:8443", provider="azure"),
        ],
        version="v2",
    ).conditions
    assert [each.step for each in found] == [None, "check"]
    first = found[0]
    assert (first.model, first.provider, first.endpoint) == ("openai/gpt-4o-mini", "openai", "api.openai.com")
    assert (first.served_model, first.token_source) == ("gpt-4o-mini-2024-07-18", "usage")
    assert first.parameters == '{"temperature": 0}'
    assert (first.stream, first.version, first.definitions) == (True, "v2", DEFINITIONS_VERSION)
    assert first.load == "closed, concurrency 8"
    assert (found[1].endpoint, found[1].provider) == ("eu.example.com:8443", "azure")


def test_requests_that_were_given_up_leave_the_conditions_as_they_are() -> None:
    """One was cancelled while it was built and has no endpoint."""
    sound = [entry(index) for index in range(3)]
    given_up = entry(3, status="cancelled", endpoint=None, http_status=None, pieces=(), piece_ns=())
    assert gather([*sound, given_up]).conditions == gather(sound).conditions


def test_what_the_model_said_earlier_is_no_part_of_the_prompt() -> None:
    """A conversation has other answers and tool results each time."""
    one = asking(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!"), ("tool", "3 °C"), ("user", "Why?"))
    two = asking(("system", "Be brief."), ("user", "Hi"), ("assistant", "Good day."), ("user", "Why?"))
    other = asking(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!"), ("user", "When?"))
    assert conditions(one).prompts == conditions(two).prompts
    assert conditions(one).prompts != conditions(other).prompts


def test_prompts_do_not_depend_on_order_or_number() -> None:
    """Twenty requests for three prompts are the same as thirty."""
    prompts = [request(text) for text in "abc"]
    assert conditions(*prompts * 3).prompts == conditions(*reversed(prompts * 5)).prompts
    assert conditions(*prompts * 3).prompts != conditions(*prompts[:2] * 3).prompts


def test_prompts_that_differ_each_time_are_varied() -> None:
    """Their digest would never be the same again; a few prompts in turn are not varied."""
    assert conditions(*[request(f"prompt {index}") for index in range(10)]).prompts == VARIED
    assert conditions(*[request(f"prompt {index % 5}") for index in range(10)]).prompts != VARIED
    assert conditions(request("once")).prompts != VARIED


def test_parameters_that_differ_each_time_are_varied() -> None:
    """A seed of its own for each request."""
    requests = [request(parameters={"stream": True, "seed": index}) for index in range(10)]
    assert conditions(*requests).parameters == VARIED
    assert conditions(*requests[:2] * 4).parameters == '{"seed": 0}, {"seed": 1}'


def test_another_version_of_http_is_not_compared_in_silence() -> None:
    """It stands among the parameters, which two runs must share."""
    over_2 = replace(request(parameters={"seed": 1}), http_version="2")
    assert conditions(over_2).parameters == '{"http_version": "2", "seed": 1}'
    assert conditions(request(parameters={"seed": 1})).parameters == '{"seed": 1}'


def test_parameters_show_what_is_harmless_and_hash_the_rest() -> None:
    """Order does not matter; what says nothing about the sampling is left out."""
    tools = [{"type": "function", "function": {"name": "weather"}}]
    found = conditions(request(parameters={"stream": True, "tools": tools, "top_p": 0.5, "timeout": 3})).parameters
    turned = conditions(request(parameters={"top_p": 0.5, "tools": tools})).parameters
    assert found == turned
    assert found.startswith('{"tools": "#')
    assert found.endswith(', "top_p": 0.5}')
    assert "weather" not in found
    changed = conditions(request(parameters={"top_p": 0.5, "tools": [{**tools[0], "strict": True}]})).parameters
    assert changed != found


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "extra_headers",
        "headers",
        "aws_secret_access_key",
        "vertex_credentials",
        "azure_ad_token",
        "some_new_secret",
        "extra_body",
    ],
)
def test_no_secret_is_shown(name: str) -> None:
    """Known ones are left out, and what is not known to be harmless is hashed."""
    found = conditions(request(parameters={"stream": True, name: {"Authorization": "s3cr3t"}}))
    assert "s3cr3t" not in str(found)
    assert "Authorization" not in str(found)


def test_the_commonest_model_that_answered_counts() -> None:
    """A provider may route a few requests elsewhere; none said leaves it open."""

    class Routed(Decoder):
        def decode(self, recording: Recording) -> Decoded:
            prompt = recording.request.messages[0]["content"]
            return decoded(served_model=None if prompt == "none" else prompt)

    prompts = ["a", "b", "b", "none"]
    found = gather([entry(index, request=request(each)) for index, each in enumerate(prompts)], Routed())
    assert found.conditions[0].served_model == "b"
    found = gather([entry(request=request("none"))], Routed())
    assert found.conditions[0].served_model is None


def test_no_usage_leaves_the_source_of_tokens_open() -> None:
    """Every request failed, or the provider states none."""
    (found,) = gather([entry()], Decoder(usage=None)).conditions
    assert found.token_source is None


def test_a_mixed_step_names_all_and_is_not_streamed() -> None:
    """A body that changes model or form under one step measured something else."""
    found = conditions(request(), request(model="anthropic/claude", parameters={"stream": False}))
    assert found.model == "anthropic/claude, openai/gpt-4o-mini"
    assert found.stream is False


def test_nothing_recorded_is_nothing_collected() -> None:
    """An interrupted run may be empty."""
    found = gather([])
    assert (found.samples, found.conditions) == ((), ())


def test_a_failed_assertion_is_the_last_requests_error() -> None:
    """Earlier requests of the iteration and other iterations stay as they are."""
    samples = gather([entry(0, step="a"), entry(0, step="b"), entry(1)]).samples
    found = blame(samples, {0: ASSERTION})
    assert [(each.status, each.failure) for each in found] == [("ok", None), ("error", ASSERTION), ("ok", None)]
    assert found[1].event_ns == samples[1].event_ns


def test_a_request_that_failed_by_itself_keeps_its_own_reason() -> None:
    """The assertion is a consequence."""
    late = Failure(error_class="Timeout", message="late", phase="body")
    samples = gather([entry(0, status="timeout", failure=late)]).samples
    (found,) = blame(samples, {0: ASSERTION})
    assert (found.status, found.failure) == ("timeout", late)


def test_a_failed_request_is_blamed_by_its_own_sample_only() -> None:
    """What the body raised for it names the provider, and a later success is none of its business."""
    refused = Failure(error_class="HTTP429", message="slow down", phase="provider")
    raised = Failure(error_class="RequestFailedError", message="HTTP429: slow down", phase="provider")
    samples = gather([entry(0, step="a", status="refused", failure=refused), entry(0, step="b")]).samples
    assert blame(samples, {0: raised}) == samples


def test_an_iteration_that_never_called_has_no_one_to_blame() -> None:
    """It is in the run's own list of failures."""
    samples = gather([entry(0)]).samples
    assert blame(samples, {5: ASSERTION}) == samples
