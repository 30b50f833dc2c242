"""litellm builds, our transport sends, litellm's parsers read: against the simulator, for three providers."""

import asyncio
import contextlib
import copy
import gc
import json
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pytest_llm_latency import plan as plans
from pytest_llm_latency.errors import (
    BypassError,
    MissingKeyError,
    ProviderError,
    RequestFailedError,
    UnknownModelError,
)
from pytest_llm_latency.execution import arguments, spending
from pytest_llm_latency.execution.client import CancelledRequest
from pytest_llm_latency.execution.recorder import ITERATION, Iteration, Recorder
from pytest_llm_latency.load import closed
from pytest_llm_latency.model import Decoded, Plan, Recording, Request
from pytest_llm_latency.simulator.faults import KINDS
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.truth import Exchange
from recordings import request

LONG_S = 30.0
SHORT_S = 0.3
MODELS = {
    "openai": "openai/gpt-4o-mini",
    "anthropic": "anthropic/claude-haiku-4-5",
    "gemini": "gemini/gemini-2.5-flash",
}
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tell it.", "parameters": SCHEMA}}]
TEXT = "The simulated model answers with"
SECRET = "sk-live-0123456789abcdef"
QUICK = {"*": {"ttft": 0.004, "inter_token": 0.001, "headers_s": 0.002, "output_tokens": 5}}


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """Run one simulator for all."""
    with SimulatorProcess({"profiles": QUICK}) as simulator:
        yield simulator


@pytest.fixture
def simulator(process: SimulatorProcess) -> SimulatorProcess:
    """Return the simulator without faults and with an empty log."""
    process.configure({"faults": []})
    process.reset()
    return process


@pytest.fixture(scope="module")
def make() -> Callable[..., Any]:
    """Return the client's class; litellm takes seconds to import."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    return LiteLLMClient


@pytest.fixture(scope="module")
def shared(process: SimulatorProcess, make: Callable[..., Any]) -> Any:
    """Return one client for all: it serves one loop after another."""
    return make(api_bases={provider: process.api_base(provider) for provider in MODELS})


@pytest.fixture
def client(shared: Any) -> Iterator[Any]:
    """Return the client; afterwards its connections are closed, as at the end of each benchmark."""
    yield shared
    shared.close()


@pytest.fixture
def real(make: Callable[..., Any]) -> Iterator[Any]:
    """Return a client that would send to the providers."""
    made = make()
    yield made
    made.close()


@pytest.fixture(params=MODELS)
def provider(request: pytest.FixtureRequest) -> str:
    """Return each provider."""
    return str(request.param)


def asking(
    provider: str, prompt: str = "What is the weather?", *, deadline_s: float = LONG_S, **parameters: Any
) -> Request:
    """Return a streamed request."""
    return request(prompt, model=MODELS[provider], deadline_s=deadline_s, parameters={"stream": True, **parameters})


def ask(client: Any, *requests: Request) -> list[Recording]:
    """Send requests one after another in a loop of their own."""

    async def send() -> list[Recording]:
        return [await client.send(each) for each in requests]

    return asyncio.run(send())


def truth(simulator: SimulatorProcess, recording: Recording) -> Exchange:
    """Return what the simulator did for a recording."""
    return simulator.truth(dict(recording.headers)["x-simulator-request"])


# Sound answers.


@pytest.mark.parametrize("stream", [True, False])
def test_text_usage_and_cost_are_what_the_provider_sent(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """In the same words for all."""
    (recording,) = ask(client, asking(provider, stream=stream))
    said: Decoded = client.decode(recording)
    sent = truth(simulator, recording)
    assert (recording.status, recording.failure, said.status, said.failure) == ("ok", None, "ok", None)
    assert (said.text, said.finish_reason, said.tool_calls, said.reasoning) == (TEXT, "stop", (), "")
    assert said.served_model == MODELS[provider].partition("/")[2]
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, sent.output_tokens)
    assert said.usage.source == "usage"
    assert said.cost_usd is not None
    assert 0 < said.cost_usd < 0.01
    assert (recording.provider, recording.endpoint, recording.attempts) == (provider, "simulator", 1)
    assert recording.build_ns is not None
    assert recording.build_ns > 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_call_is_joined_from_its_parts(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """Arguments are the JSON text that the model wrote; what the caller gave stays as it was."""
    tools = copy.deepcopy(TOOLS)
    (recording,) = ask(client, asking(provider, stream=stream, tools=tools))
    said: Decoded = client.decode(recording)
    assert tools == TOOLS
    assert (said.status, said.text, said.finish_reason) == ("ok", "", "tool_calls")
    (call,) = said.tool_calls
    assert call.name == "weather"
    assert call.id
    assert json.loads(call.arguments).keys() == {"city"}
    assert said.event_kinds == truth(simulator, recording).kinds


def test_events_are_stamped_after_the_server_sent_them_and_in_order(
    client: Any, simulator: SimulatorProcess, provider: str
) -> None:
    """One event a piece, of the same kind; no stamp is earlier than the truth allows."""
    recording = ask(client, asking(provider), asking(provider))[1]
    said: Decoded = client.decode(recording)
    sent = truth(simulator, recording)
    assert said.event_kinds == sent.kinds
    assert list(said.event_ns) == sorted(said.event_ns)
    assert all(ours >= theirs for ours, theirs in zip(said.event_ns, sent.sent_ns, strict=True))
    first = next(at for at, kind in zip(said.event_ns, said.event_kinds, strict=True) if kind != "x")
    stamps = recording.stamps
    assert sent.first_generated is not None
    assert first >= sent.sent_ns[sent.first_generated]
    assert stamps.send_start is not None
    assert stamps.started <= stamps.send_start <= sent.arrived_ns <= first
    assert recording.connection_reused is True


def test_what_an_answer_used_is_read_from_a_few_of_its_events(client: Any, provider: str) -> None:
    """Tokens and cost are those of the whole answer."""
    (answer,) = ask(client, asking(provider, max_tokens=40))
    decoded = client.decode(answer)
    seen: list[Recording] = []
    watching = SimpleNamespace(decode=lambda part: seen.append(part) or client.decode(part))
    used = spending.used(answer, watching, spending.NOTHING)  # type: ignore[arg-type]  (all that it needs)
    assert used == spending.Use(tokens=decoded.usage.tokens_in + decoded.usage.tokens_out, dollars=decoded.cost_usd)
    assert used.dollars > 0
    assert [len(part.pieces) for part in seen] == [1]


def test_an_answer_that_is_not_streamed_is_one_event(client: Any, simulator: SimulatorProcess, provider: str) -> None:
    """At the arrival of its last piece."""
    (recording,) = ask(client, asking(provider, stream=False))
    said: Decoded = client.decode(recording)
    assert said.event_kinds == "c"
    assert said.event_ns == (recording.piece_ns[-1],)
    assert said.event_ns[0] >= truth(simulator, recording).sent_ns[-1]


def test_a_bound_on_the_output_is_told_as_the_reason_to_stop(client: Any, provider: str) -> None:
    """``max_tokens`` of litellm, in each provider's own words."""
    (recording,) = ask(client, asking(provider, max_tokens=2))
    said: Decoded = client.decode(recording)
    assert (said.text, said.finish_reason) == ("The simulated", "length")


@pytest.mark.parametrize("stream", [True, False])
def test_a_conversation_goes_on_with_the_replys_message(client: Any, provider: str, *, stream: bool) -> None:
    """A tool's result goes back with the call that asked for it."""
    from pytest_llm_latency.execution.reply import Reply  # noqa: PLC0415  (a light module)

    (recording,) = ask(client, asking(provider, stream=stream, tools=TOOLS))
    message = Reply(recording, client.decode).message
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": '{"celsius": 3}'}
    messages = (*recording.request.messages, message, result)
    further = request(model=MODELS[provider], messages=messages, parameters={"stream": stream, "tools": TOOLS})
    assert client.decode(ask(client, further)[0]).text == TEXT


def test_an_identical_request_is_built_once(client: Any, simulator: SimulatorProcess, provider: str) -> None:
    """And every request is sent once."""
    prompt = f"built once for {provider}"
    before = len(client._built)
    recordings = ask(client, *[asking(provider, prompt)] * 4)
    assert len(client._built) == before + 1
    assert [each.status for each in recordings] == ["ok"] * 4
    assert len(simulator.truths()) == 4


def test_built_requests_do_not_pile_up(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters of its own for each request must not fill the memory."""
    monkeypatch.setattr("pytest_llm_latency.execution.built.KEPT", 3)
    client._built.clear()
    ask(client, *[asking("openai", seed=index) for index in range(6)])
    assert len(client._built) == 3


@pytest.mark.parametrize("stream", [True, False])
def test_each_benchmark_goes_to_the_server_that_the_environment_names(
    real: Any, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """A fixture may name another one, or another key, between two benchmarks."""
    parrots = [Parrot(), Parrot(), Parrot()]

    async def measure(parrot: Parrot, key: str) -> None:
        async with await asyncio.start_server(parrot.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setenv("OPENAI_API_KEY", key)
            monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{port}/v1")
            recording = await real.send(asking("openai", stream=stream))
            real.close()
            assert recording.endpoint == f"127.0.0.1:{port}"

    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for parrot, key in zip(parrots, ("one", "one", "other"), strict=True):
        asyncio.run(measure(parrot, key))
    seen = [re.findall(r"Bearer (\w+)", " ".join(parrot.requests)) for parrot in parrots]
    assert seen == [["one"], ["one"], ["other"]]


# What goes wrong.


def failure(status: str, error_class: str, http_status: int | None) -> tuple[str, str, int | None]:
    """Return a row of the table below."""
    return status, error_class, http_status


STREAMED: Mapping[str, tuple[str, str, int | None]] = {
    "rate_limit": failure("refused", "HTTP429", 429),
    "wrong_key": failure("error", "HTTP401", 401),
    "unknown_model": failure("error", "HTTP404", 404),
    "server_error": failure("error", "HTTP500", 500),
    "reset_before_headers": failure("error", "ConnectionResetError", None),
    "reset_mid_stream": failure("error", "ConnectionResetError", 200),
    "stall": failure("timeout", "Timeout", 200),
    "malformed": failure("error", "MalformedStream", 200),
    "truncated": failure("error", "TruncatedStream", 200),
    "slow_headers": failure("timeout", "Timeout", None),
    "error_event": failure("error", "ProviderError", 200),
}
WHOLE = {
    **STREAMED,
    "malformed": failure("error", "MalformedAnswer", 200),
    "truncated": failure("error", "ConnectionResetError", 200),
    "error_event": failure("error", "HTTP500", 500),
}


def test_every_fault_of_the_simulator_has_its_row() -> None:
    """A new one must be judged."""
    assert STREAMED.keys() == KINDS.keys()


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("fault", KINDS)
def test_each_fault_is_told_as_what_it_is_after_one_attempt(
    client: Any, simulator: SimulatorProcess, provider: str, fault: str, *, stream: bool
) -> None:
    """By litellm a truncated answer is a success, for two providers a malformed one too, and some are retried."""
    simulator.configure({"faults": [{"kind": fault, "every": 1, "after_chunks": 2, "delay_s": 60}]})
    deadline_s = SHORT_S if fault in {"stall", "slow_headers"} else LONG_S
    (recording,) = ask(client, asking(provider, stream=stream, deadline_s=deadline_s))
    said: Decoded = client.decode(recording)
    assert said.failure is not None
    found = (said.status, said.failure.error_class, recording.http_status)
    assert found == (STREAMED if stream else WHOLE)[fault]
    assert len(simulator.truths()) == 1
    came = stream and recording.http_status == 200
    assert said.text == ("The simulated" if came else "")


def test_a_slow_stream_is_whole_within_the_deadline(client: Any, simulator: SimulatorProcess, provider: str) -> None:
    """Slow is not wrong."""
    simulator.configure({"faults": [{"kind": "slow_headers", "every": 1, "delay_s": 0.05}]})
    (recording,) = ask(client, asking(provider))
    assert client.decode(recording).status == "ok"


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b'""', b'{"choices": []}', b'{"error": {"message": "no"}}', b"", b"<html></html>"],
)
def test_an_answer_that_is_none_is_an_error(client: Any, provider: str, body: bytes) -> None:
    """Under HTTP 200, from a gateway that is not what it says."""
    (recording,) = ask(client, asking(provider, stream=False))
    broken = recording_with(recording, body)
    said: Decoded = client.decode(broken)
    assert said.status == "error"
    assert said.failure is not None
    assert said.failure.phase in {"protocol", "provider"}


def recording_with(recording: Recording, body: bytes) -> Recording:
    """Return a recording with another body."""
    from dataclasses import replace  # noqa: PLC0415  (one use)

    pieces = (body,) if body else ()
    return replace(recording, pieces=pieces, piece_ns=recording.piece_ns[:1] if body else ())


# What the user wrote.


@pytest.mark.parametrize("model", ["no-such-model", "nobody/gpt", "", "openai"])
def test_a_model_that_litellm_does_not_know_is_one_clear_error(client: Any, model: str) -> None:
    """When it is prepared and when it is called."""
    with pytest.raises(UnknownModelError, match=r"does not know the model .*write it as 'provider/model'"):
        client.prepare(model)
    with pytest.raises(UnknownModelError):
        ask(client, request(model=model))


def test_a_provider_that_the_simulator_does_not_speak_for_is_named(client: Any) -> None:
    """A dry run sends nothing elsewhere."""
    with pytest.raises(ProviderError, match=r"openai, anthropic, gemini and not for 'mistral'"):
        client.prepare("mistral/mistral-small-latest")
    with pytest.raises(ProviderError, match="'mistral'"):
        ask(client, request(model="mistral/mistral-small-latest"))


@pytest.mark.parametrize(
    "server",
    [
        {"base_url": "http://127.0.0.1:9/v1"},
        {"api_base": "http://127.0.0.1:9/v1"},
        {"api_base": "http://127.0.0.1:9/v1", "base_url": "http://127.0.0.1:9/v1"},
    ],
    ids=["base_url", "api_base", "both"],
)
def test_a_dry_run_stays_with_the_simulator_whatever_the_call_names(
    client: Any, simulator: SimulatorProcess, provider: str, server: Mapping[str, str]
) -> None:
    """It must never leave the machine."""
    (recording,) = ask(client, asking(provider, **server))
    assert (recording.status, recording.endpoint) == ("ok", "simulator")
    assert len(simulator.truths()) == 1


def test_a_dry_run_refuses_what_would_leave_the_machine(
    client: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A way to name a server that is not foreseen."""
    monkeypatch.setattr(arguments, "for_simulator", lambda given, _: {**given, "api_key": "none"})
    with pytest.raises(BypassError, match=r"would go to 127\.0\.0\.1:9 and not to the simulator"):
        ask(client, asking(provider, "away", api_base="http://127.0.0.1:9"))


def test_a_missing_key_is_named_before_anything_is_sent(
    real: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way to run without one."""
    for name in (*KEYS.values(), "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    real.prepare(MODELS[provider])
    with pytest.raises(MissingKeyError, match=rf"set .*{KEYS[provider]}.*--llm-latency-simulate"):
        ask(real, asking(provider))


def test_a_key_may_come_with_the_call(real: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then none is required in the environment."""
    monkeypatch.delenv(KEYS[provider], raising=False)
    (recording,) = ask(real, asking(provider, api_key=SECRET, api_base="http://127.0.0.1:9"))
    assert recording.failure is not None
    assert recording.failure.phase == "connect"


def test_a_parameter_that_the_provider_does_not_take_is_litellms_to_refuse(client: Any) -> None:
    """With its own reason."""
    with pytest.raises(ProviderError, match=r"cannot build a request for 'anthropic/.*logit_bias"):
        ask(client, asking("anthropic", logit_bias={"1": 2}))


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_that_does_not_pass_through_the_transport_is_never_measured(client: Any, *, stream: bool) -> None:
    """Here litellm answers by itself."""
    with pytest.raises(BypassError, match="did not pass through the measuring transport"):
        ask(client, asking("openai", mock_response="made up", stream=stream))


def test_a_server_that_does_not_run_is_an_error_of_the_connection(
    real: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By litellm it would be the server's error 500; nothing is retried."""
    monkeypatch.setenv(KEYS[provider], SECRET)
    (recording,) = ask(real, asking(provider, api_base="http://127.0.0.1:9"))
    assert (recording.status, recording.http_status, recording.endpoint) == ("error", None, "127.0.0.1:9")
    assert recording.failure is not None
    assert (recording.failure.error_class, recording.failure.phase) == ("ConnectionRefusedError", "connect")


def test_a_proxy_of_the_environment_is_used(real: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it does not run, and the failure names it."""
    monkeypatch.setenv(KEYS[provider], SECRET)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    (recording,) = ask(real, asking(provider))
    assert (recording.status, recording.stamps.send_start) == ("error", None)
    assert recording.failure is not None
    assert recording.failure.phase == "connect"
    assert recording.failure.message.startswith("the proxy 127.0.0.1:9: Connection refused. Check the proxy that HTTPS")


# Keys.


class Parrot:
    """A server that refuses every request and repeats all that it got."""

    def __init__(self, *, start: str = "POST", length: int = 280) -> None:
        self._start, self._length = start, length
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        repeated = " ".join(head.split())
        repeated = repeated[max(0, repeated.lower().find(self._start.lower())) :]
        body = json.dumps({"error": {"message": f"refused: {repeated}"[: self._length]}}).encode()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


KEY = "unrecognisable:key/of=a+gateway"


def test_a_key_is_in_nothing_that_is_kept_but_the_request(
    real: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a gateway repeats it: not in the recording, what it says, or what the body sees."""
    monkeypatch.setenv(KEYS[provider], KEY)
    plan = Plan(
        model=MODELS[provider],
        requests=1,
        adaptive=False,
        warmup=0,
        ramp_in=0,
        load=closed(1),
        prompts=None,
        nonce=False,
        timeout_s=LONG_S,
        limits=(),
        gate=(),
        tolerance=0.1,
        error_limit=0.01,
        version=None,
        pacing=plans.DEFAULT_PACING,
        budget=plans.DEFAULT_BUDGET,
        http_version=plans.DEFAULT_HTTP_VERSION,
        ab=None,
        retries=plans.DEFAULT_RETRIES,
    )

    async def refused(parrot: Parrot) -> tuple[Recording, str]:
        server = await asyncio.start_server(parrot.serve, "127.0.0.1", 0)
        async with server:
            recorder = Recorder(plan, real)
            ITERATION.set(Iteration(index=0, phase="measure", scheduled_ns=None))
            with pytest.raises(RequestFailedError) as caught:
                await recorder.call("Hi", api_base=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            (entry,) = recorder.spool.read()
            return entry.recording, repr(caught.value)

    parrot = Parrot()
    recording, raised = asyncio.run(refused(parrot))
    said = real.decode(recording)
    assert KEY in parrot.requests[0], "the key must have been sent"
    assert len(parrot.requests) == 1
    assert KEY not in raised
    assert "***" in raised
    assert KEY not in repr(said)
    kept = {name: getattr(recording, name) for name in recording.__slots__ if name not in {"request", "pieces"}}
    assert KEY not in repr(kept)


def test_the_headers_of_a_call_are_in_no_message(real: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway takes its credential under any name, and repeats it where a message is cut."""
    monkeypatch.setenv(KEYS[provider], "none-at-all")
    tenant = "tenant-" + "4711" * 60

    async def refused(parrot: Parrot) -> Recording:
        async with await asyncio.start_server(parrot.serve, "127.0.0.1", 0) as server:
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            sent: Recording = await real.send(asking(provider, api_base=base, extra_headers={"X-Acme": tenant}))
            return sent

    parrot = Parrot(start="x-acme", length=10_000)
    said: Decoded = real.decode(asyncio.run(refused(parrot)))
    assert tenant in parrot.requests[0]
    assert said.failure is not None
    assert "***" in said.failure.message
    assert "4711" not in said.failure.message


def test_the_simulator_gets_no_real_key(client: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run must not carry one, wherever it is set."""
    monkeypatch.setenv(KEYS[provider], SECRET)
    ask(client, asking(provider, f"secret {provider}", api_key=SECRET))
    built = list(client._built)[-1]
    assert SECRET.encode() not in built.head + built.body


# Neighbours.


def test_the_warnings_of_litellm_are_no_errors_of_a_suite_that_is_strict(client: Any, provider: str) -> None:
    """Nor do ours stay silent afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (recording,) = ask(client, asking(provider, f"strict {provider}"))
        assert client.decode(recording).status == "ok"
        with pytest.raises(UserWarning, match="signal"):
            warnings.warn("signal", stacklevel=1)


def test_no_task_is_left_behind(client: Any, provider: str) -> None:
    """For what it logs, litellm has workers of its own."""

    async def send() -> set[asyncio.Task[Any]]:
        client.decode(await client.send(asking(provider, f"alone {provider}")))
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]  # (within a task there is one)

    assert asyncio.run(send()) == set()


def test_a_client_serves_one_loop_after_another_without_being_closed(client: Any, simulator: SimulatorProcess) -> None:
    """Its connections do not outlive their loop."""
    for _ in range(3):
        (recording,) = ask(client, asking("openai"))
        assert (recording.status, recording.connection_reused) == ("ok", False)
    assert len(simulator.truths()) == 3
    client.close()
    gc.collect()


def test_a_cancelled_call_is_recorded_and_leaves_the_client_usable(
    client: Any, simulator: SimulatorProcess, provider: str
) -> None:
    """Cancelled while it is built, and while it is answered: with the stamps of what had happened."""

    async def send() -> tuple[list[Recording], Recording]:
        given_up = []
        simulator.configure({"faults": [{"kind": "stall", "every": 1, "after_chunks": 2}]})
        for wait_s in (0.0, 0.1):
            task = asyncio.create_task(client.send(asking(provider, f"cancelled {provider} {wait_s}")))
            await asyncio.sleep(wait_s)
            task.cancel()
            with pytest.raises(CancelledRequest) as caught:
                await task
            given_up.append(caught.value.recording)
        simulator.configure({"faults": []})
        return given_up, await client.send(asking(provider))

    (unsent, unfinished), sent = asyncio.run(send())
    assert client.decode(sent).text == TEXT
    for recording in (unsent, unfinished):
        said = client.decode(recording)
        assert (said.status, recording.provider) == ("cancelled", provider)
        assert said.failure is not None
        assert said.failure.error_class == "Cancelled"
    assert (unsent.endpoint, unsent.attempts, unsent.stamps.send_start) == (None, 0, None)
    assert (unfinished.endpoint, unfinished.http_status) == ("simulator", 200)
    assert unfinished.stamps.headers is not None
    assert client.decode(unfinished).text == "The simulated"


def test_replies_may_be_decoded_in_threads_beside_the_loop(client: Any) -> None:
    """Plain tests look at their replies there."""
    recordings = ask(client, *[asking(provider) for provider in MODELS])
    said: list[str] = []

    def look() -> None:
        said.extend(client.decode(recording).text for recording in recordings * 3)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [TEXT] * 36


@pytest.mark.parametrize("stream", [True, False])
def test_other_uses_of_litellm_in_the_process_still_reach_their_provider(
    client: Any, simulator: SimulatorProcess, *, stream: bool
) -> None:
    """A judge model in the body is none of our business; OpenAI's is the client that all of litellm shares."""
    import litellm  # noqa: PLC0415  (imported with the client)

    async def judge() -> tuple[str, str]:
        sent = await client.send(asking("openai"))
        answer = await litellm.acompletion(
            model=MODELS["openai"],
            messages=[{"role": "user", "content": "Judge."}],
            api_base=simulator.api_base("openai"),
            api_key="none",
            stream=stream,
        )
        if stream:
            answer = litellm.stream_chunk_builder([chunk async for chunk in answer])
        return client.decode(sent).text, answer.choices[0].message.content

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # litellm's own
        assert asyncio.run(judge()) == (TEXT, TEXT)
        litellm.in_memory_llm_clients_cache.flush_cache()
        gc.collect()
    assert len(simulator.truths()) == 2


async def test_the_seam_hands_a_request_over_only_while_we_build() -> None:
    """Any other goes through, and its connection is closed with its body."""
    from pytest_llm_latency.execution.seam import BUILDING, Handover, Seam  # noqa: PLC0415  (a light module)

    parrot = Parrot()
    async with await asyncio.start_server(parrot.serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with httpx.AsyncClient(transport=Seam()) as through:
            assert (await through.get(url)).status_code == 401
            token = BUILDING.set(True)
            with pytest.raises(Handover) as taken:
                await through.post(url, json={"a": 1})
            BUILDING.reset(token)
    assert taken.value.request.content == b'{"a":1}'
    assert len(parrot.requests) == 1


def test_no_measured_request_is_the_first_that_is_built(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first build for a provider takes many times as long as any other, and is done for nothing."""
    client = make(api_bases={"openai": "http://127.0.0.1:9/v1"})
    built: list[str] = []
    handed_over = client._handed_over

    async def noted(request: Request) -> object:
        built.append(request.model)
        return await handed_over(request)

    monkeypatch.setattr(client, "_handed_over", noted)
    client.prepare("openai/gpt-4o-mini")
    client.prepare("openai/gpt-4.1")
    assert built == ["openai/gpt-4o-mini"]
    client.close()
