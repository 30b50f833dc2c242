"""What a body calls: steps, prompts, parameters and failures."""

import asyncio
import enum
import re
from dataclasses import replace
from typing import Any

import pytest

import nouns
from pytest_llm_latency.errors import BodyError, MarkerError, RequestFailedError
from pytest_llm_latency.execution.client import CancelledRequest
from pytest_llm_latency.execution.clock import FakeClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.execution.recorder import ITERATION, Iteration, Recorder
from pytest_llm_latency.model import Decoded, Failure, Recording
from pytest_llm_latency.prompts import Input, Listed, Replayed
from recordings import recording

BROKEN = Failure(error_class="HTTP500", message="the server has trouble", phase="provider")


def recorder(answer: Answer | None = None, **plan: Any) -> tuple[Recorder, FakeClient]:
    """Return a recorder and the client behind it."""
    client = FakeClient(lambda _, number: answer or Answer(ttft_s=0.1), FakeClock())
    return Recorder(nouns.plan(**plan), client), client


def listed(*texts: str) -> Listed:
    """Return a source of these prompts."""
    return Listed(name=None, inputs=tuple(Input(prompt=text, max_tokens=None) for text in texts), seed=None)


@pytest.fixture
def iteration() -> Any:
    """Be within an iteration."""
    under_way = Iteration(index=3, phase="measure", scheduled_ns=7)
    token = ITERATION.set(under_way)
    yield under_way
    ITERATION.reset(token)


async def test_a_call_outside_of_the_body_is_an_error() -> None:
    """A fixture is set up while nothing is measured."""
    with pytest.raises(BodyError, match=r"outside of the test body.*call it in the body"):
        await recorder()[0].call("Hi")


@pytest.mark.usefixtures("iteration")
async def test_calls_are_told_apart_by_name_or_by_order() -> None:
    """The first without a name has no step, the second is its second call, named ones keep their names."""
    made, _ = recorder()
    for name in (None, "plan", None, "plan", None):
        await made.call("Hi", name=name)
    assert [entry.step for entry in made.spool.read()] == [None, "plan", "call 2", "plan", "call 3"]


@pytest.mark.usefixtures("iteration")
async def test_a_step_may_be_named_by_an_enumeration() -> None:
    """Its text is the name."""

    class Step(enum.StrEnum):
        PLAN = "plan"

    made, _ = recorder()
    await made.call("Hi", name=Step.PLAN)
    (entry,) = made.spool.read()
    assert (entry.step, type(entry.step)) == ("plan", str)


@pytest.mark.usefixtures("iteration")
async def test_a_call_without_a_prompt_sends_the_iterations_own() -> None:
    """Counted from the end of the warm-up, and the same one in each call."""
    client = FakeClient(lambda *_: Answer(ttft_s=0.1), FakeClock())
    made = Recorder(nouns.plan(warmup=2), client, listed("a", "b", "c"))
    await made.call()
    await made.call(name="again")
    assert [request.messages for request in client.requests] == [({"role": "user", "content": "b"},)] * 2
    assert made.given().prompt == "b"


@pytest.mark.usefixtures("iteration")
async def test_a_source_may_bound_the_answer_where_the_body_does_not() -> None:
    """A prompt of the body's own has the body's parameters alone."""
    client = FakeClient(lambda *_: Answer(ttft_s=0.1), FakeClock())
    made = Recorder(nouns.plan(warmup=2), client, Replayed(trace=nouns.trace(), source=None))
    await made.call()
    await made.call(max_tokens=3)
    await made.call(max_completion_tokens=4)
    await made.call("Hi")
    assert [request.parameters for request in client.requests] == [
        {"stream": True, "max_tokens": 10},
        {"stream": True, "max_tokens": 3},
        {"stream": True, "max_completion_tokens": 4},
        {"stream": True},
    ]


@pytest.mark.usefixtures("iteration")
async def test_a_call_without_a_prompt_needs_a_source() -> None:
    """Both ways to give one stand in the message."""
    with pytest.raises(BodyError, match=r"write llm\('\.\.\.'\), or prompts=\['\.\.\.'\] in the marker"):
        await recorder()[0].call()


@pytest.mark.usefixtures("iteration")
async def test_a_nonce_leads_every_prompt() -> None:
    """Those of the body too."""
    made, client = recorder(nonce=True)
    await made.call("Hi")
    await made.call([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    first, second = (request.messages for request in client.requests)
    assert re.fullmatch(r"\[\d{18}\]\nHi", str(first[0]["content"]))
    assert re.fullmatch(r"\[\d{18}\]\nBe brief\.", str(second[0]["content"]))
    assert second[1] == {"role": "user", "content": "Hi"}


async def test_an_entry_knows_its_place(iteration: Iteration) -> None:
    """Iteration, phase and the planned start, which only the first call has."""
    made, _ = recorder()
    await made.call("Hi")
    await made.call("Hi")
    entries = list(made.spool.read())
    assert [(entry.iteration, entry.phase) for entry in entries] == [(3, "measure")] * 2
    assert [entry.recording.stamps.scheduled for entry in entries] == [7, None]
    assert iteration.calls.total() == 2


@pytest.mark.usefixtures("iteration")
async def test_a_text_is_one_message_of_the_user() -> None:
    """It goes streamed, to the plan's model, under the plan's deadline."""
    made, client = recorder(timeout_s=12.5)
    await made.call("Hi", temperature=0)
    (sent,) = client.requests
    assert sent.messages == ({"role": "user", "content": "Hi"},)
    assert sent.parameters == {"stream": True, "temperature": 0}
    assert (sent.model, sent.deadline_s) == ("openai/gpt-4o-mini", 12.5)


@pytest.mark.usefixtures("iteration")
async def test_a_call_may_choose_another_model_deadline_and_form() -> None:
    """``timeout`` is the deadline and not a parameter of the request."""
    made, client = recorder(timeout_s=60)
    await made.call("Hi", model="anthropic/claude", timeout=3, stream=False)
    (sent,) = client.requests
    assert (sent.model, sent.deadline_s, sent.parameters) == ("anthropic/claude", 3.0, {"stream": False})


@pytest.mark.usefixtures("iteration")
@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), True, "30", None])
async def test_a_deadline_that_is_none_is_refused(wrong: object) -> None:
    """A request without an end would hold up the run."""
    with pytest.raises(BodyError, match=r"timeout=.* in seconds, as in"):
        await recorder()[0].call("Hi", timeout=wrong)


@pytest.mark.usefixtures("iteration")
async def test_messages_are_kept_as_they_were_sent() -> None:
    """A body goes on to change its own list."""
    made, client = recorder()
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "one"}]}]
    await made.call(messages)
    messages[0]["content"][0]["text"] = "two"
    messages.append({"role": "user", "content": "three"})
    assert client.requests[0].messages == ({"role": "user", "content": [{"type": "text", "text": "one"}]},)


@pytest.mark.usefixtures("iteration")
@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (3, "int"),
        ([], "an empty list"),
        (b"Hi", "bytes"),
        ({"role": "user"}, "dict"),
        (["Hi"], "a list of other things"),
        ([{"role": "user"}, 3], "a list of other things"),
    ],
)
async def test_what_is_no_prompt_is_refused_with_an_example(prompt: Any, kind: str) -> None:
    """Before anything is sent."""
    made, client = recorder()
    with pytest.raises(BodyError, match=rf"takes a prompt or a list of messages, not {kind}: write llm\("):
        await made.call(prompt)
    assert client.requests == []


@pytest.mark.usefixtures("iteration")
async def test_messages_have_one_place() -> None:
    """As a keyword they would replace the prompt without a word."""
    with pytest.raises(BodyError, match="first argument"):
        await recorder()[0].call("Hi", messages=[{"role": "user", "content": "other"}])


@pytest.mark.usefixtures("iteration")
@pytest.mark.parametrize("name", ["", 3, ["a"]])
async def test_what_cannot_label_a_step_is_refused(name: Any) -> None:
    """A step is a short text."""
    with pytest.raises(BodyError, match=r"cannot label a step.*name='summary'"):
        await recorder()[0].call("Hi", name=name)


@pytest.mark.usefixtures("iteration")
async def test_a_missing_model_is_an_error_that_shows_both_places() -> None:
    """The marker or the call names it."""
    with pytest.raises(MarkerError, match=r"no model is named.*llm\(\.\.\., model=.*--llm-latency-model="):
        await recorder(model=None)[0].call("Hi")


@pytest.mark.usefixtures("iteration")
async def test_a_failed_request_is_recorded_before_it_is_raised() -> None:
    """Nothing is lost."""
    made, _ = recorder(Answer(ttft_s=0.1, failure=BROKEN))
    with pytest.raises(RequestFailedError, match=r"^HTTP500: the server has trouble$"):
        await made.call("Hi")
    (entry,) = made.spool.read()
    assert entry.recording.failure == BROKEN


class Redacting(FakeClient):
    """Sees a key in an HTTP error and takes it out of the message, as the real client does."""

    async def send(self, request: Any) -> Recording:
        """Return a refusal that repeats the key."""
        sent = await super().send(request)
        return replace(sent, http_status=401, pieces=(b'{"error": {"message": "bad key: s3cr3t"}}',))

    def decode(self, recording: Recording) -> Decoded:
        """Return the refusal without the key."""
        said = super().decode(recording)
        failure = Failure(error_class="HTTP401", message="HTTP 401: bad key: ***", phase="provider")
        return replace(said, status="error", failure=failure)


@pytest.mark.usefixtures("iteration")
async def test_the_message_of_a_refusal_comes_from_the_client_which_knows_its_keys() -> None:
    """A gateway may repeat the key that it refuses."""
    made = Recorder(nouns.plan(), Redacting(lambda *_: Answer(ttft_s=0.1), FakeClock()))
    with pytest.raises(RequestFailedError) as caught:
        await made.call("Hi")
    assert "s3cr3t" not in str(caught.value)
    assert str(caught.value) == "HTTP 401: bad key: ***"
    assert caught.value.__cause__ is None


@pytest.mark.usefixtures("iteration")
async def test_a_request_that_the_body_gives_up_is_recorded_as_cancelled() -> None:
    """Else exactly the slow ones would vanish; what had arrived by then is kept."""
    clock = FakeClock()
    made = Recorder(nouns.plan(), FakeClient(lambda *_: Answer(ttft_s=1.0, gaps_s=(1.0, 1.0)), clock))
    task = asyncio.create_task(made.call("Hi", name="slow"))
    await clock.sleep_until(2_500_000_000)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough") as caught:
        await task
    assert type(caught.value) is asyncio.CancelledError
    (entry,) = made.spool.read()
    recording = entry.recording
    assert (entry.step, recording.status, recording.stamps.scheduled) == ("slow", "cancelled", 7)
    assert recording.piece_ns == (1_000_000_000, 2_000_000_000)
    assert recording.failure == Failure(
        error_class="Cancelled", message="the test body gave the request up after 2.5 s", phase="body"
    )


@pytest.mark.usefixtures("iteration")
async def test_a_body_may_catch_its_own_deadline() -> None:
    """``asyncio.timeout`` compares the class of the cancellation."""
    stuck = Recorder(nouns.plan(), Stuck(lambda *_: Answer(ttft_s=0.1), FakeClock()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stuck.call("Hi")
    assert [entry.recording.status for entry in stuck.spool.read()] == ["cancelled"]


class Stuck(FakeClient):
    """Never answers."""

    async def send(self, request: Any) -> Recording:
        """Wait for the cancellation."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            raise CancelledRequest(recording(request=request, status="cancelled")) from cancelled
        raise AssertionError


@pytest.mark.usefixtures("iteration")
async def test_a_request_that_ends_after_its_run_belongs_to_none() -> None:
    """A task that the body forgot is cancelled with its loop, when the run has been read."""
    made = Recorder(nouns.plan(), Stuck(lambda *_: Answer(ttft_s=0.1), FakeClock()))
    task = asyncio.create_task(made.call("Hi"))
    await asyncio.sleep(0)
    made.spool.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("iteration")
async def test_each_api_is_asked_in_its_own_form() -> None:
    """A response is streamed as a chat is, an embedding is not; all are steps of the same body."""
    made, client = recorder()
    await made.call("Hi")
    await made.respond("Hi", instructions="Be brief.")
    await made.respond([{"type": "function_call_output", "call_id": "1", "output": "21"}], stream=False)
    await made.embed(["one", "two"], name="index", dimensions=4)
    await made.embed("one")
    question = {"role": "user", "content": "Hi"}
    assert [(each.api, each.messages, each.parameters, each.step) for each in client.requests] == [
        ("chat", (question,), {"stream": True}, None),
        ("responses", (question,), {"stream": True, "instructions": "Be brief."}, "call 2"),
        (
            "responses",
            ({"type": "function_call_output", "call_id": "1", "output": "21"},),
            {"stream": False},
            "call 3",
        ),
        (
            "embeddings",
            ({"role": "user", "content": "one"}, {"role": "user", "content": "two"}),
            {"dimensions": 4},
            "index",
        ),
        ("embeddings", ({"role": "user", "content": "one"},), {}, "call 4"),
    ]


@pytest.mark.usefixtures("iteration")
async def test_a_source_bounds_a_response_in_the_words_of_its_api() -> None:
    """Chats and responses have different ones."""
    client = FakeClient(lambda *_: Answer(ttft_s=0.1), FakeClock())
    made = Recorder(nouns.plan(warmup=2), client, Replayed(trace=nouns.trace(), source=None))
    await made.respond()
    assert client.requests[0].parameters == {"stream": True, "max_output_tokens": 10}


@pytest.mark.usefixtures("iteration")
@pytest.mark.parametrize("texts", [[], "", ["one", ""], [1], None, [{"role": "user"}]])
async def test_what_is_no_text_cannot_be_embedded(texts: Any) -> None:
    """The message shows how it is written."""
    with pytest.raises(BodyError, match=r"write llm\.embed\(\['\.\.\.'\]\)"):
        await recorder()[0].embed(texts)


@pytest.mark.usefixtures("iteration")
async def test_several_answers_to_one_request_are_refused() -> None:
    """Their events would be mixed, and their tokens added up."""
    made, client = recorder()
    with pytest.raises(
        BodyError, match=r"n=2: one request is measured by one answer; call llm\(\.\.\.\) once for each"
    ):
        await made.call("Hi", n=2)
    await made.call("Hi", n=1)
    assert len(client.requests) == 1


@pytest.mark.usefixtures("iteration")
async def test_the_input_of_a_response_is_its_first_argument() -> None:
    """As the messages of a chat are."""
    with pytest.raises(BodyError, match="takes the input as its first argument"):
        await recorder()[0].respond("Hi", input="Hi")
