"""Profiles without pytest: what is asked, what is told meanwhile, and what is left of one that was cut off."""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import judge, marker, preparing, profiling
from pytest_llm_latency.benchmark import AsyncCaller, SyncCaller
from pytest_llm_latency.errors import MarkerError, ProfileError, SettingsError
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.library.events import Event, Finished, Started
from pytest_llm_latency.library.profiler import LatencyProfiler
from pytest_llm_latency.library.result import UntrustedRunWarning
from pytest_llm_latency.measuring import Measuring, Origin
from pytest_llm_latency.model import Failure, Request
from pytest_llm_latency.report.live import Snapshot

MODEL = "openai/gpt-4o-mini"
REFUSED = Answer(ttft_s=0.0, failure=Failure(error_class="RateLimitError", message="no more", phase="provider"))


@pytest.fixture(autouse=True)
def _on_a_machine_that_keeps_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "distrusted", lambda *_, **__: ())
    monkeypatch.setattr(Origin, "surroundings", lambda _: nouns.environment())  # asking git takes longer than the rest


def client(answer: Callable[[int], Answer] = lambda _: Answer(ttft_s=0.0)) -> FakeClient:
    """Return a client that answers at once."""
    return FakeClient(lambda _, number: answer(number), MonotonicClock())


def profiler(sender: FakeClient, **options: Any) -> LatencyProfiler:
    """Return a profiler that sends through this client."""
    return LatencyProfiler(MODEL, client=sender, **options)


def contents(requests: Sequence[Request]) -> list[object]:
    """Return what was asked."""
    return [request.messages[-1]["content"] for request in requests]


def test_a_prompt_is_sent_so_often_with_its_parameters() -> None:
    """After the warm-up, and the figures are those of the measured requests."""
    sender = client()
    result = profiler(sender).profile("Say hello.", requests=60, warmup=2, concurrency=4, temperature=0.5)
    assert contents(sender.requests) == ["Say hello."] * 62
    assert {(each.model, each.parameters["temperature"]) for each in sender.requests} == {(MODEL, 0.5)}
    assert (result.name, result.requests, result.successes, result.complete) == (MODEL, 60, 60, True)
    assert result.ttft.p95 is not None
    assert result.e2e.count == 60
    assert (result.status, result.fails, result.valid, result.reasons) == ("no_baseline", False, True, ())


def test_several_prompts_take_turns() -> None:
    """In their order, as with a marker."""
    sender = client()
    profiler(sender).profile(prompts=["one", "two"], requests=4, warmup=0, name="turns")
    assert contents(sender.requests) == ["one", "two", "one", "two"]


def test_an_async_body_makes_its_own_calls() -> None:
    """Each step has figures of its own, and none of them stands for all."""

    async def body(llm: AsyncCaller) -> None:
        reply = await llm("one", name="ask")
        await llm(reply.text, name="tell")

    result = profiler(client()).profile(body=body, requests=5, warmup=0)
    assert list(result.steps) == ["ask", "tell"]
    assert result.step_named("tell").ttft.count == 5
    with pytest.raises(ProfileError, match=r"2 steps.*result\.step_named\('ask'\)"):
        _ = result.ttft
    with pytest.raises(ProfileError, match="no step 'told': it has 'ask', 'tell'"):
        result.step_named("told")


def test_a_plain_body_runs_in_threads() -> None:
    """As many as there are users."""
    sender = client()

    def body(llm: SyncCaller) -> None:
        assert llm("plain").text

    assert profiler(sender).profile(body=body, requests=6, warmup=0, concurrency=3).successes == 6
    assert contents(sender.requests) == ["plain"] * 6


def test_an_object_whose_call_is_async_is_awaited() -> None:
    """A partial and a method are functions already."""

    class Body:
        """Calls once."""

        async def __call__(self, llm: AsyncCaller) -> None:
            """Ask."""
            await llm("called")

    assert profiler(client()).profile(body=Body(), requests=2, warmup=0).successes == 2


def test_a_server_and_its_key_are_those_of_every_request() -> None:
    """A body's too, unless a call names its own."""
    sender = client()

    async def body(llm: AsyncCaller) -> None:
        await llm("one")
        await llm("two", api_base="http://other")

    reaching = profiler(sender, base_url="http://localhost:1/v1", api_key="sk-x")
    reaching.profile(body=body, requests=1, warmup=0)
    result = reaching.profile("three", requests=1, warmup=0)
    asked = [(each.parameters["api_base"], each.parameters["api_key"]) for each in sender.requests]
    assert asked == [("http://localhost:1/v1", "sk-x"), ("http://other", "sk-x"), ("http://localhost:1/v1", "sk-x")]
    assert "sk-x" not in result.to_json() + repr(result.run)


def test_a_profile_takes_what_a_marker_takes() -> None:
    """Of the same types, but for what needs accepted runs."""
    marked, taken = (inspect.signature(each).parameters for each in (marker.llm_latency, LatencyProfiler.profile))
    assert set(marked) - set(taken) == {"model", "adaptive"}
    assert {name: taken[name] for name in marked if name in taken} == {
        name: each for name, each in marked.items() if name in taken
    }


def test_an_accepting_or_adaptive_suite_changes_nothing(tmp_path: Path) -> None:
    """Its settings file may be shared."""
    (tmp_path / "suite.toml").write_text(
        "[gate]\naccept = true\n[profiling]\nadaptive = true\nwarmup = 0\n", encoding="utf-8"
    )
    result = profiler(client(), config=tmp_path / "suite.toml").profile("hi")
    assert (result.requests, result.run.plan.adaptive, result.judged.accepting) == (60, False, False)


def test_events_are_told_from_beginning_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the progress between them."""
    monkeypatch.setattr(profiling, "SHOW_EVERY_S", 0.005)
    told: list[Event] = []
    result = profiler(client(lambda _: Answer(ttft_s=0.01))).profile("hi", requests=3, warmup=0, on_event=told.append)
    assert isinstance(told[0], Started)
    assert (told[0].name, told[0].plan.requests) == (MODEL, 3)
    assert all(isinstance(each, Snapshot) for each in told[1:-1])
    assert told[-1] == Finished(result=result)


@pytest.mark.parametrize("kind", [Snapshot, Finished])
def test_what_a_callback_raises_is_raised_when_all_is_measured(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that was measured is lost."""
    monkeypatch.setattr(profiling, "SHOW_EVERY_S", 0.005)

    def tell(event: Event) -> None:
        if type(event) is kind:
            raise LookupError(kind.__name__)

    asked = profiler(client(lambda _: Answer(ttft_s=0.02)))
    with pytest.raises(LookupError, match=kind.__name__):
        asked.profile("hi", requests=2, warmup=0, on_event=tell)
    assert asked.last is not None
    assert asked.last.successes == 2


def test_an_interruption_keeps_what_was_complete() -> None:
    """As a result that is not valid and says why."""
    asked = profiler(client())

    def body(llm: SyncCaller) -> None:
        llm("hi")

    async def interrupted(llm: AsyncCaller) -> None:
        if len(sent) == 7:
            raise KeyboardInterrupt
        sent.append(await llm("hi"))

    sent: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        asked.profile(body=interrupted, requests=60, warmup=2)
    assert asked.last is not None
    assert (asked.last.successes, asked.last.complete, asked.last.valid) == (5, False, False)
    assert "interrupted after 5 of 60 requests" in asked.last.reasons[0]
    assert asked.profile(body=body, requests=2, warmup=0).successes == 2


async def test_a_cancelled_profile_keeps_what_was_complete() -> None:
    """And another one can follow."""
    second = asyncio.Event()

    def script(number: int) -> Answer:
        if number == 1:
            second.set()
        return Answer(ttft_s=0.0 if number == 0 else 60.0)

    asked = profiler(client(script))
    task = asyncio.create_task(asked.aprofile("hi", requests=2, warmup=0))
    await second.wait()
    with pytest.raises(ProfileError, match="another profile is being measured"):
        await profiler(client()).aprofile("hi")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked.last is not None
    assert (asked.last.complete, asked.last.valid, asked.last.successes) == (False, False, 1)


def test_a_profile_that_could_not_begin_or_end_leaves_the_next_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it has started is stopped, whatever else fails."""

    def fail(*_: object) -> None:
        raise OSError("no entropy")

    stopped = []
    simulator = SimpleNamespace(api_bases={}, close=lambda: stopped.append(True))
    with monkeypatch.context() as broken:
        broken.setattr(profiling, "new_session_id", fail)
        with pytest.raises(OSError, match="no entropy"):
            profiler(client()).profile("hi", requests=1)
    with monkeypatch.context() as broken:
        broken.setattr(Measuring, "close", fail)
        broken.setattr(Measuring, "client", lambda self, plan, name: self.limited(client(), plan, name))
        broken.setattr(preparing, "start_simulator", lambda _: simulator)
        with pytest.raises(OSError, match="no entropy"):
            LatencyProfiler(MODEL, simulate=True).profile("hi", requests=1)
    assert stopped
    assert profiler(client()).profile("hi", requests=1).requests == 1


async def test_events_can_be_iterated_over() -> None:
    """The last one has the result; who leaves early ends the measuring."""
    asked = profiler(client())
    events = [event async for event in asked.events("hi", requests=2, warmup=0)]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].result.successes == 2
    endless = profiler(client(lambda _: Answer(ttft_s=60.0))).events("hi", requests=2, warmup=0)
    assert isinstance(await anext(endless), Started)
    await endless.aclose()  # type: ignore[attr-defined]  (it is a generator)
    assert (await asked.aprofile("hi", requests=1, warmup=0)).successes == 1


async def test_events_end_with_the_error_of_what_they_tell_of() -> None:
    """And not in silence."""

    async def body(_: AsyncCaller) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        _ = [event async for event in profiler(client()).events(body=body, requests=2)]


async def test_profile_in_a_running_loop_names_the_method_to_await() -> None:
    """As in a notebook."""
    with pytest.raises(ProfileError, match=r"await profiler\.aprofile"):
        profiler(client()).profile("hi")
    with pytest.raises(ProfileError, match="awaits its body"):
        await profiler(client()).aprofile(body=lambda llm: llm("hi"))


def test_requests_that_fail_are_figures_without_a_number() -> None:
    """And the result fails."""
    result = profiler(client(lambda _: REFUSED)).profile("hi", requests=60, warmup=0)
    assert (result.successes, result.fails, result.error_rate, result.ttft.p95) == (0, True, 1.0, None)
    assert result.errors == {"RateLimitError": 60}


def test_a_result_that_cannot_be_trusted_is_returned_with_a_warning() -> None:
    """Here because the budget ended with the warm-up."""
    with pytest.warns(UntrustedRunWarning, match="cannot be trusted: .*budget"):
        result = profiler(client()).profile("hi", requests=5, warmup=2, budget={"requests": 2})
    assert (result.valid, result.fails) == (False, True)
    with pytest.raises(ProfileError, match="ended before its first measured request"):
        _ = result.ttft


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ProfileError, r"nothing to send: give a prompt"),
        ({"prompt": "hi", "body": print}, ProfileError, "a body makes its own calls, so that the prompt"),
        ({"body": print, "temperature": 0}, ProfileError, "so that temperature would go nowhere"),
        ({"prompt": "hi", "prompts": ["ho"]}, ProfileError, "prompt and prompts do not go together"),
        ({"prompt": "hi", "model": "groq/x"}, ProfileError, r"make a LatencyProfiler\('groq/x'\) for this one"),
        ({"prompt": "hi", "request": 9}, ProfileError, "no argument 'request': did you mean 'requests'.*extra_body="),
        ({"prompt": "hi", "warm_up": 9}, ProfileError, "did you mean 'warmup'"),
        ({"prompt": "hi", "name": ""}, ProfileError, "name='' cannot be"),
        ({"prompt": "hi", "requests": 0}, MarkerError, "requests is 0"),
        ({"prompt": "hi", "limits": "ttft < 1s"}, MarkerError, "lacks a statistic"),
        ({"prompts": []}, MarkerError, "prompts is"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    arguments: Mapping[str, Any], error: type[Exception], message: str
) -> None:
    """With what to write."""
    sender = client()
    with pytest.raises(error, match=message):
        profiler(sender).profile(**arguments)
    assert sender.requests == []


def test_options_are_those_of_a_test_run(tmp_path: Path) -> None:
    """Under their names in Python."""
    made = LatencyProfiler(MODEL, environment="staging", alpha=0.01, monthly_requests=1000, on_no_baseline="fail")
    values = made._settings.values
    assert [values[name] for name in ("alpha", "monthly-requests", "on-no-baseline")] == [0.01, 1000, "fail"]
    assert made._settings.environment == "staging"
    (tmp_path / "own.toml").write_text('[profiling]\nrequests = 3\nwarmup = 0\nprompts = "p.txt"\n', encoding="utf-8")
    assert profiler(client(), config=tmp_path / "own.toml").profile("hi").requests == 3
    assert LatencyProfiler(MODEL, simulate=True)._settings.environment == "simulator"
    with pytest.raises(ProfileError, match="no option 'alfa': did you mean 'alpha'"):
        LatencyProfiler(MODEL, alfa=0.01)  # type: ignore[call-arg]  (that is the point)
    with pytest.raises(ProfileError, match="no option 'simulat': did you mean 'simulate'"):
        LatencyProfiler(MODEL, simulat=True)  # type: ignore[call-arg]  (the same)
    with pytest.raises(SettingsError, match=r"^max_error: 'soon' is not a duration"):
        LatencyProfiler(MODEL, max_error="soon")
    with pytest.raises(SettingsError, match=r"^simulate_slowdown needs simulate=True\.$"):
        LatencyProfiler(MODEL, simulate_slowdown=2, client=client()).profile("hi")
