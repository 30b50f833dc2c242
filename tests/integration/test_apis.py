"""What is measured beside the chats of every provider: responses, embeddings, images, and servers without a name."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from nouns import plan
from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import providers
from pytest_llm_latency.execution.reply import Reply
from pytest_llm_latency.execution.sampling import Place, collect
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import CONTROL, MEASURE, REASONING, Decoded, Recording, Request, Sample
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.truth import Exchange
from pytest_llm_latency.units import seconds
from recordings import request

# litellm's names of models; the last two are servers that are asked as ``openai/`` with an ``api_base``.
MODELS: Mapping[str, str] = {
    "openai": "openai/gpt-4o-mini",
    "azure": "azure/gpt-4o-mini",
    "mistral": "mistral/mistral-medium-latest",
    "together_ai": "together_ai/moonshotai/Kimi-K3",
    "openrouter": "openrouter/openai/gpt-4o-mini",
    "groq": "groq/openai/gpt-oss-20b",
    "hosted_vllm": "hosted_vllm/qwen3",
    "litellm_proxy": "litellm_proxy/ours",
    "tgi": "openai/tgi",
    "llama.cpp": "openai/gpt-oss-20b.gguf",
}
COMPATIBLE = ("tgi", "llama.cpp")
OF_RESPONSES = ("openai", "azure", "openrouter", "hosted_vllm", "litellm_proxy")
OF_EMBEDDINGS = ("openai", "azure", "mistral", "together_ai", "openrouter", "hosted_vllm", "litellm_proxy", "llama.cpp")
OF_LIMITS: Mapping[str, str] = {
    "openai": "x-ratelimit-remaining-requests",
    "azure": "x-ratelimit-remaining-requests",
    "mistral": "x-ratelimit-remaining-req-minute",
    "together_ai": "x-ratelimit-remaining",
    "openrouter": "x-ratelimit-remaining",
    "groq": "x-ratelimit-remaining-requests",
    "litellm_proxy": "x-ratelimit-remaining-requests",
}

TEXT, THOUGHT = "The simulated model answers with", "First the simulated"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "Tell it.", "parameters": SCHEMA}
QUICK = {
    "*": {
        "ttft": 0.002,
        "inter_token": 0.0002,
        "headers_s": 0.001,
        "output_tokens": 5,
        "reasoning_tokens": 3,
        "cached_share": 0.5,
    }
}
LONG = {**QUICK["*"], "output_tokens": 30}
HERE = Place(worker=None, host=None, region=None)
IMAGE = "data:image/png;base64," + base64.b64encode(bytes(30_000)).decode()


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """Run one simulator for all."""
    with SimulatorProcess({"profiles": {"gpt-4.1": LONG, **QUICK}}) as simulator:
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
def shared(make: Callable[..., Any]) -> Iterator[Any]:
    """Return one client for all, which sends where each call says."""
    made = make()
    yield made
    made.restore()


@pytest.fixture
def client(shared: Any) -> Iterator[Any]:
    """Return the client; afterwards its connections are closed, as at the end of each benchmark."""
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def rehearsing(make: Callable[..., Any], process: SimulatorProcess) -> Iterator[Any]:
    """Return one client of a dry run."""
    made = make(api_bases=process.api_bases)
    yield made
    made.restore()


@pytest.fixture
def dry(rehearsing: Any) -> Iterator[Any]:
    """Return the client of a dry run; afterwards its connections are closed."""
    yield rehearsing
    rehearsing.close()


def asking(simulator: SimulatorProcess, provider: str, **changes: Any) -> Request:
    """Return a request to the simulator, named as a user would name a server."""
    model = changes.pop("model", MODELS[provider])
    reached = providers.row(model.partition("/")[0]).access(simulator.api_base(provider))
    api, messages = changes.pop("api", "chat"), changes.pop("messages", None)
    asked = request("What is the weather?", api=api, model=model, parameters={**reached, **changes})
    return asked if messages is None else replaced(asked, messages)


def replaced(asked: Request, messages: Any) -> Request:
    """Return a request with other messages."""
    return request(api=asked.api, model=asked.model, parameters=asked.parameters, messages=tuple(messages))


def ask(client: Any, asked: Request) -> tuple[Recording, Decoded]:
    """Send a request in a loop of its own, and read its answer."""

    async def send() -> Recording:
        sent: Recording = await client.send(asked)
        return sent

    recording = asyncio.run(send())
    return recording, client.decode(recording)


def only(simulator: SimulatorProcess) -> Exchange:
    """Return what the simulator did for the only request that it got."""
    (exchange,) = simulator.truths()
    return exchange


def sampled(client: Any, recording: Recording) -> Sample:
    """Return the sample of a recording."""
    entry = Entry(iteration=0, phase=MEASURE, step=None, recording=recording)
    (sample,) = collect([entry], client, plan(model=recording.request.model), HERE).samples
    return sample


# Servers that litellm has no name for.


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", COMPATIBLE)
def test_a_compatible_server_is_asked_as_openai_with_its_api_base(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """Text, what llama.cpp thinks, usage and stamps are what the server sent."""
    recording, said = ask(client, asking(simulator, provider, stream=stream))
    sent = only(simulator)
    assert (said.failure, said.text, said.finish_reason) == (None, TEXT, "stop")
    assert said.reasoning == ("" if provider == "tgi" else THOUGHT)
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, sent.output_tokens)
    assert said.usage.tokens_cached == (None if provider == "tgi" else sent.cached_tokens)
    assert (recording.provider, recording.attempts, sent.protocol) == ("openai", 1, provider)
    if stream:
        assert said.event_kinds == sent.kinds
        assert all(ours >= theirs for ours, theirs in zip(said.event_ns, sent.sent_ns, strict=True))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", COMPATIBLE)
def test_a_compatible_server_calls_tools(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """In OpenAI's form."""
    tools = [{"type": "function", "function": FUNCTION}]
    _, said = ask(client, asking(simulator, provider, stream=stream, tools=tools))
    (call,) = said.tool_calls
    assert (call.name, json.loads(call.arguments), said.finish_reason) == ("weather", {"city": "text"}, "tool_calls")


@pytest.mark.parametrize("provider", COMPATIBLE)
@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ("wrong_key", "HTTP401"),
        ("unknown_model", "HTTP404"),
        ("rate_limit", "HTTP429"),
        ("server_error", "HTTP500"),
        ("error_event", "ProviderError"),
        ("truncated", "TruncatedStream"),
    ],
)
def test_a_compatible_servers_error_is_told_in_its_words(
    client: Any, simulator: SimulatorProcess, provider: str, fault: str, error_class: str
) -> None:
    """Whatever its shape."""
    simulator.configure({"faults": [{"kind": fault, "every": 1}]})
    _, said = ask(client, asking(simulator, provider, stream=True))
    assert said.failure is not None
    assert said.failure.error_class == error_class
    assert "{" not in said.failure.message


# Chats, beside what is proved for all providers.


@pytest.mark.parametrize("provider", OF_LIMITS)
def test_a_refused_request_tells_of_the_limit_in_the_providers_headers(
    client: Any, simulator: SimulatorProcess, provider: str
) -> None:
    """And when to come back."""
    simulator.configure({"faults": [{"kind": "rate_limit", "every": 1, "retry_after_s": 2}]})
    recording, said = ask(client, asking(simulator, provider, stream=True))
    headers = dict(recording.headers)
    assert (said.status, headers["retry-after"], headers[OF_LIMITS[provider]]) == ("refused", "2", "0")


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_the_figures_follow_from_the_stamps_of_what_was_generated(
    client: Any, simulator: SimulatorProcess, provider: str
) -> None:
    """Also where what was thought is hidden: its tokens are none of those that came."""
    recording, said = ask(client, asking(simulator, provider, stream=True))
    sent, sample, began = only(simulator), sampled(client, recording), recording.stamps.started
    stamped = [(at, kind) for at, kind in zip(said.event_ns, said.event_kinds, strict=True) if kind != CONTROL]
    ours = [at for at, _ in stamped]
    output = next(at for at, kind in stamped if kind != REASONING)
    assert (REASONING in said.event_kinds) is (provider == "groq")
    assert METRICS["ttft"].take(sample) == pytest.approx(seconds(ours[0] - began))
    assert METRICS["ttfo"].take(sample) == pytest.approx(seconds(output - began))
    assert METRICS["e2e"].take(sample) == pytest.approx(seconds(ours[-1] - began))
    shown = sent.output_tokens - (0 if provider == "groq" else sent.reasoning_tokens)
    assert METRICS["tpot"].take(sample) == pytest.approx(seconds(ours[-1] - ours[0]) / (shown - 1))


@pytest.mark.parametrize("provider", [name for name in MODELS if name not in COMPATIBLE])
def test_a_dry_run_goes_to_the_simulator_with_no_real_key(
    dry: Any, simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """Whatever server and key the environment names."""
    for name in PROTOCOLS[provider].ENVIRONMENT:
        monkeypatch.setenv(name, "http://127.0.0.1:9/sk-live-0123456789")
    monkeypatch.setenv("AZURE_AD_TOKEN", "sk-live-0123456789")
    recording, said = ask(dry, request(model=MODELS[provider]))
    assert (said.status, recording.endpoint, recording.provider) == ("ok", "simulator", provider)
    assert only(simulator).protocol == provider
    built = list(dry._built)[-1]
    assert b"sk-live" not in built.head + built.body


def test_a_provider_that_a_call_states_beside_the_model_counts(dry: Any, simulator: SimulatorProcess) -> None:
    """As litellm has it."""
    stated = request(model="qwen3", parameters={"stream": True, "custom_llm_provider": "hosted_vllm"})
    recording, said = ask(dry, stated)
    assert (recording.provider, only(simulator).protocol, said.text) == ("hosted_vllm", "hosted_vllm", TEXT)


@pytest.mark.parametrize("provider", ["hosted_vllm", "litellm_proxy"])
@pytest.mark.parametrize("access", [{}, {"api_key": "none"}])
def test_a_server_that_is_not_named_is_nobody_elses(
    client: Any, monkeypatch: pytest.MonkeyPatch, provider: str, access: Mapping[str, str]
) -> None:
    """By litellm a chat would go to OpenAI, whose key may be there."""
    variable = PROTOCOLS[provider].ENVIRONMENT[0]
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with pytest.raises(ProviderError, match=rf"is not named: set {variable}, or write llm\(\.\.\., api_base="):
        ask(client, request(model=MODELS[provider], parameters={"stream": True, **access}))


# Images.


@pytest.mark.parametrize("provider", ["openai", "azure", "mistral", "openrouter", "hosted_vllm"])
def test_an_image_is_sent_with_the_text(client: Any, simulator: SimulatorProcess, provider: str) -> None:
    """It counts as an image and not as text, and what is kept of the prompt stays small."""
    image = {"type": "image_url", "image_url": {"url": IMAGE}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    recording, said = ask(client, asking(simulator, provider, stream=True, messages=messages))
    assert said.text == TEXT
    assert only(simulator).prompt_tokens < 120
    entry = Entry(iteration=0, phase=MEASURE, step=None, recording=recording)
    (conditions,) = collect([entry], client, plan(), HERE).conditions
    assert len(conditions.prompts) < 100


# The Responses API.


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", OF_RESPONSES)
def test_a_response_has_text_reasoning_and_usage(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """Read by litellm's parsers of that API."""
    _, said = ask(client, asking(simulator, provider, api="responses", stream=stream))
    sent = only(simulator)
    assert (said.failure, said.text, said.reasoning, said.finish_reason) == (None, TEXT, THOUGHT, "stop")
    assert said.served_model == MODELS[provider].partition("/")[2]
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, sent.output_tokens)
    assert (said.usage.tokens_reasoning, said.usage.tokens_cached) == (sent.reasoning_tokens, sent.cached_tokens)
    if stream:
        assert said.event_kinds == sent.kinds
        assert all(ours >= theirs for ours, theirs in zip(said.event_ns, sent.sent_ns, strict=True))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", OF_RESPONSES)
def test_a_responses_tool_call_makes_the_round_trip(
    client: Any, simulator: SimulatorProcess, provider: str, *, stream: bool
) -> None:
    """The reply's items and the tool's output go back as input."""
    tools = [{"type": "function", **FUNCTION}]
    recording, said = ask(client, asking(simulator, provider, api="responses", stream=stream, tools=tools))
    (call,) = said.tool_calls
    assert (call.name, json.loads(call.arguments), said.finish_reason) == ("weather", {"city": "text"}, "tool_calls")
    items = Reply(recording, client.decode).items
    assert [item["type"] for item in items] == ["function_call"]
    output = {"type": "function_call_output", "call_id": call.id, "output": "21 degrees"}
    further = replaced(recording.request, [*recording.request.messages, *items, output])
    assert ask(client, further)[1].text == TEXT


def test_a_response_that_was_cut_off_says_so(client: Any, simulator: SimulatorProcess) -> None:
    """By the request's own bound."""
    bound = asking(simulator, "openai", model="openai/gpt-4.1", api="responses", stream=True, max_output_tokens=16)
    _, said = ask(client, bound)
    assert (said.failure, said.finish_reason, len(said.text.split())) == (None, "length", 13)


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        ("error_event", "ProviderError"),
        ("truncated", "TruncatedStream"),
        ("malformed", "MalformedStream"),
        ("rate_limit", "HTTP429"),
    ],
)
def test_a_response_that_fails_is_told_as_what_it_is(
    client: Any, simulator: SimulatorProcess, fault: str, error_class: str
) -> None:
    """As for chats."""
    simulator.configure({"faults": [{"kind": fault, "every": 1}]})
    _, said = ask(client, asking(simulator, "openai", api="responses", stream=True))
    assert said.failure is not None
    assert said.failure.error_class == error_class
    assert only(simulator).fault == fault


def test_a_provider_without_responses_is_named(client: Any, simulator: SimulatorProcess) -> None:
    """Litellm would send a chat, and it would be measured as what it is not."""
    with pytest.raises(ProviderError, match=r"no Responses API of 'groq'.*call llm\(...\)"):
        ask(client, asking(simulator, "groq", api="responses", stream=True))


# Embeddings.


@pytest.mark.parametrize("provider", OF_EMBEDDINGS)
def test_embeddings_are_measured_as_one_answer(client: Any, simulator: SimulatorProcess, provider: str) -> None:
    """A vector for each text, in numbers, however they travel."""
    texts = [{"role": "user", "content": text} for text in ("one", "two", "three")]
    asked = asking(simulator, provider, api="embeddings", messages=texts)
    recording, said = ask(client, asked)
    sent = only(simulator)
    assert (said.failure, said.text, said.event_kinds) == (None, "", "c")
    assert [len(vector) for vector in said.embeddings] == [16] * 3
    assert all(-1 <= number <= 1 and (number * 16).is_integer() for vector in said.embeddings for number in vector)
    assert Reply(recording, client.decode).embeddings == said.embeddings
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, 0)
    sample = sampled(client, recording)
    assert METRICS["e2e"].take(sample) == pytest.approx(seconds(recording.piece_ns[-1] - recording.stamps.started))
    assert recording.piece_ns[-1] >= sent.sent_ns[-1]


@pytest.mark.parametrize("form", ["float", "base64"])
def test_vectors_are_the_same_in_every_form(client: Any, simulator: SimulatorProcess, form: str) -> None:
    """Packed or not, and as long as was asked for."""
    asked = asking(
        simulator, "openai", api="embeddings", model="openai/text-embedding-3-small", encoding_format=form, dimensions=4
    )
    recording, said = ask(client, asked)
    assert (b'"embedding":[' in recording.pieces[0]) is (form == "float")
    assert [len(vector) for vector in said.embeddings] == [4]
    assert said.cost_usd is not None
    assert said.cost_usd > 0


def test_an_answer_without_vectors_is_an_error(client: Any, simulator: SimulatorProcess) -> None:
    """Of a gateway that is not what it says."""
    simulator.configure({"faults": [{"kind": "malformed", "every": 1}]})
    _, said = ask(client, asking(simulator, "openai", api="embeddings"))
    assert said.failure is not None
    assert said.failure.error_class == "MalformedAnswer"


def test_litellm_has_its_own_settings_back_when_a_session_ends(make: Callable[..., Any]) -> None:
    """Others in the process may use it."""
    import litellm  # noqa: PLC0415  (imported with the client)

    names = ("aclient_session", "callbacks", "cache", "num_retries", "suppress_debug_info")
    before = [getattr(litellm, name) for name in names]
    made = make()
    assert [getattr(litellm, name) for name in names] != before
    made.restore()
    assert [getattr(litellm, name) for name in names] == before
