"""The same metrics for every provider, by the table ``ROWS``: against the simulator in each one's own protocol.

To add a provider, add a row. Every variant is asked once for all rows side by side, in one event
loop with its server, and the tests look at what came of it.
"""

import asyncio
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import pytest

from pytest_llm_latency.execution import server_timing
from pytest_llm_latency.execution.reply import Reply
from pytest_llm_latency.model import Decoded, Recording, Request
from pytest_llm_latency.simulator import precise_loop
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.server import Options, serving
from pytest_llm_latency.simulator.simulation import Simulation
from pytest_llm_latency.simulator.truth import Exchange
from recordings import request

LONG_S = 30.0
SHORT_S = 0.4
QUICK = {"ttft": 0.004, "inter_token": 0.001, "headers_s": 0.002, "output_tokens": 5}
THOUGHTFUL = {**QUICK, "reasoning_tokens": 3, "cached_share": 0.25, "cache_written_share": 0.25}
PROMPT = "What is the weather in the town that you like best?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tell it.", "parameters": SCHEMA}}]
TEXT = "The simulated model answers with"
BEGUN = "The simulated"
THOUGHT = "First the simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One provider: litellm's name of a model, and what the provider has of what there is.

    ``counts_reasoning`` and the two of the cache say what the usage tells; ``streams_usage`` that a
    stream has one at all. ``times_stream`` and ``times_whole`` say whether headers have the
    provider's own processing time. ``exchanges`` is how many there are for a streamed answer,
    ``whole_status`` the HTTP status of one that is not.
    """

    model: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    calls_tools: bool = True
    thinks: bool = True
    counts_reasoning: bool = False
    counts_cached: bool = True
    counts_written: bool = False
    streams_usage: bool = True
    has_price: bool = True
    times_stream: bool = False
    times_whole: bool = False
    exchanges: int = 1
    whole_status: int = 200

    @property
    def provider(self) -> str:
        """Return litellm's name of the provider."""
        return self.model.partition("/")[0]


ROWS: Mapping[str, Row] = {
    "openai": Row(model="openai/gpt-4o-mini", thinks=False, counts_reasoning=True, times_stream=True, times_whole=True),
    "anthropic": Row(
        model="anthropic/claude-haiku-4-5",
        counts_reasoning=True,
        counts_written=True,
        times_stream=True,
        times_whole=True,
    ),
    "gemini": Row(model="gemini/gemini-2.5-flash", counts_reasoning=True, times_stream=True, times_whole=True),
    "cohere": Row(model="cohere_chat/command-a-03-2025", times_stream=True, times_whole=True),
    "replicate": Row(
        model="replicate/meta/llama-3-8b-instruct",
        calls_tools=False,
        thinks=False,
        counts_cached=False,
        streams_usage=False,
        exchanges=2,
        whole_status=201,
    ),
    "bedrock converse": Row(
        model="bedrock/anthropic.claude-sonnet-4-20250514-v1:0", counts_written=True, times_whole=True
    ),
    "bedrock converse nova": Row(
        model="bedrock/converse/us.amazon.nova-lite-v1:0", counts_written=True, times_whole=True
    ),
    "bedrock invoke anthropic": Row(
        model="bedrock/invoke/anthropic.claude-3-5-sonnet-20240620-v1:0",
        counts_reasoning=True,
        counts_written=True,
        times_whole=True,
    ),
    "bedrock invoke meta": Row(
        model="bedrock/invoke/meta.llama3-8b-instruct-v1:0",
        calls_tools=False,
        thinks=False,
        counts_cached=False,
        times_whole=True,
    ),
    "azure": Row(
        model="azure/gpt-4o-mini",
        thinks=False,
        counts_reasoning=True,
        times_stream=True,
        times_whole=True,
    ),
    "mistral": Row(model="mistral/mistral-medium-latest", times_stream=True, times_whole=True),
    "together": Row(model="together_ai/moonshotai/Kimi-K3"),
    "openrouter": Row(model="openrouter/openai/gpt-4o-mini", counts_reasoning=True, has_price=False),
    "groq": Row(model="groq/openai/gpt-oss-20b", counts_reasoning=True),
    "vllm": Row(model="hosted_vllm/qwen3", has_price=False),
    "litellm proxy": Row(
        model="litellm_proxy/ours", counts_reasoning=True, has_price=False, times_stream=True, times_whole=True
    ),
    "ollama": Row(model="ollama/llama3.1", calls_tools=False, counts_cached=False),
    "ollama chat": Row(model="ollama_chat/llama3.1", counts_cached=False),
}

Case = tuple[str, bool]
CASES: list[Case] = [(name, stream) for name in ROWS for stream in (True, False)]


def named(case: Case) -> str:
    """Return a test's name."""
    return f"{case[0]} {'streamed' if case[1] else 'whole'}"


def those(has: Callable[[Row], bool]) -> list[Case]:
    """Return the cases of the rows that have something."""
    return [case for case in CASES if has(ROWS[case[0]])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request: its recording, what it says, and the truth, which is absent where no answer came."""

    recording: Recording
    said: Decoded
    truth: Exchange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What all rows are asked: the simulator's settings beside the usual ones, and the request's parameters."""

    settings: Mapping[str, object]
    parameters: Mapping[str, object]
    deadline_s: float = LONG_S
    rows: Callable[[Row], bool] = lambda _: True

    def request(self, row: Row, *, stream: bool) -> Request:
        """Return the request for one row."""
        return request(
            PROMPT,
            model=row.model,
            deadline_s=self.deadline_s,
            parameters={"stream": stream, **row.parameters, **self.parameters},
        )


# The status, the error class and the HTTP status of each fault, for a streamed answer and for one that is not.
Told = tuple[str, str, int | None]
FAULTS: Mapping[str, tuple[Told, Told]] = {
    "rate_limit": (("refused", "HTTP429", 429),) * 2,
    "wrong_key": (("error", "HTTP401", 401),) * 2,
    "unknown_model": (("error", "HTTP404", 404),) * 2,
    "server_error": (("error", "HTTP500", 500),) * 2,
    "reset_before_headers": (("error", "ConnectionResetError", None),) * 2,
    "reset_mid_stream": (("error", "ConnectionResetError", 200),) * 2,
    "stall": (("timeout", "Timeout", 200),) * 2,
    "malformed": (("error", "MalformedStream", 200), ("error", "MalformedAnswer", 200)),
    "truncated": (("error", "TruncatedStream", 200), ("error", "ConnectionResetError", 200)),
    "slow_headers": (("timeout", "Timeout", None),) * 2,
    "error_event": (("error", "ProviderError", 200), ("error", "HTTP500", 500)),
}
LATE = {"stall", "slow_headers"}


def fault(kind: str) -> Variant:
    """Return the variant in which a fault strikes every request."""
    return Variant(
        settings={"faults": [{"kind": kind, "every": 1, "after_chunks": 2, "delay_s": 60}]},
        parameters={},
        deadline_s=SHORT_S if kind in LATE else LONG_S,
    )


VARIANTS: Mapping[str, Variant] = {
    "text": Variant(settings={}, parameters={}),
    "tool": Variant(settings={}, parameters={"tools": TOOLS}, rows=lambda row: row.calls_tools),
    "thought": Variant(settings={"profiles": {"*": THOUGHTFUL}}, parameters={}),
    "bound": Variant(settings={}, parameters={"max_tokens": 2}),
    "bytes": Variant(settings={"profiles": {"*": THOUGHTFUL}, "wire": {"*": {"fragment": 1}}}, parameters={}),
    **{kind: fault(kind) for kind in FAULTS},
}

Asking = Callable[[Mapping[Case, Request], Mapping[str, object]], dict[Case, Seen]]


@pytest.fixture(scope="module", autouse=True)
def _no_way_elsewhere() -> Iterator[None]:
    """Neither a proxy nor an identity of the surroundings has a part in this."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name.startswith("AWS_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def ask() -> Asking:
    """Return what sends requests side by side to a server of their own; litellm takes seconds to import."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    def asking(requests: Mapping[Case, Request], settings: Mapping[str, object]) -> dict[Case, Seen]:
        simulation = Simulation({"profiles": {"*": QUICK}, **settings})

        async def gather() -> dict[Case, Seen]:
            with serving(simulation, Options(announce=lambda _: None)) as address:
                names = {row.provider for row in ROWS.values()}
                bases = {name: f"{address.base_url}{PROTOCOLS[name].API_BASE}" for name in names}
                with closing(LiteLLMClient(api_bases=bases)) as client:
                    async with asyncio.timeout(LONG_S):  # a request that hangs fails here
                        recordings = await asyncio.gather(*map(client.send, requests.values()))
                    return {
                        case: Seen(recording=each, said=client.decode(each), truth=truth(simulation, each))
                        for case, each in zip(requests, recordings, strict=True)
                    }

        with asyncio.Runner(loop_factory=precise_loop.new_event_loop) as runner:
            seen = runner.run(gather())
        sent = len(list(simulation.log.since(0)))
        assert sum(each.recording.attempts for each in seen.values()) == sent, "a request was sent unrecorded"
        return seen

    return asking


def truth(simulation: Simulation, recording: Recording) -> Exchange | None:
    """Return what the simulator did for a recording."""
    number = dict(recording.headers).get("x-simulator-request")
    return None if number is None else simulation.log.find(int(number))


@pytest.fixture(scope="module")
def seen(ask: Asking) -> Callable[[str], dict[Case, Seen]]:
    """Return what came of each variant, which is asked once."""

    @functools.cache
    def of(name: str) -> dict[Case, Seen]:
        variant = VARIANTS[name]
        cases = those(variant.rows)
        requests = {case: variant.request(ROWS[case[0]], stream=case[1]) for case in cases}
        return ask(requests, variant.settings)

    return of


Variants = Callable[[str], dict[Case, Seen]]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_text_usage_and_cost_are_what_the_provider_sent(seen: Variants, case: Case) -> None:
    """In the same words for all."""
    row, (_, stream), one = ROWS[case[0]], case, seen("text")[case]
    said, sent = one.said, one.truth
    assert sent is not None
    assert (one.recording.status, said.status, said.failure) == ("ok", "ok", None)
    assert (said.text, said.reasoning, said.tool_calls, said.finish_reason) == (TEXT, "", (), "stop")
    assert one.recording.http_status == (200 if stream else row.whole_status)
    if stream and not row.streams_usage:
        assert said.usage is None or said.usage.source != "usage"
        return
    assert said.usage is not None
    assert said.usage.source == "usage"
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, sent.output_tokens)
    assert (said.cost_usd is not None) is row.has_price


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_call_is_as_many_exchanges_as_it_takes_and_one_recording(seen: Variants, case: Case) -> None:
    """And not one more."""
    recording = seen("text")[case].recording
    assert recording.attempts == (ROWS[case[0]].exchanges if case[1] else 1)
    assert (recording.provider, recording.endpoint) == (ROWS[case[0]].provider, "simulator")


@pytest.mark.parametrize("variant", ["text", "thought", "bytes"])
@pytest.mark.parametrize("case", CASES, ids=named)
def test_events_are_stamped_after_the_server_sent_them_and_in_order(seen: Variants, case: Case, variant: str) -> None:
    """One event a piece of the server's, of the same kind; no stamp is earlier than the truth allows."""
    one = seen(variant)[case]
    said, sent, stamps = one.said, one.truth, one.recording.stamps
    assert sent is not None
    assert (said.status, said.event_kinds) == ("ok", sent.kinds)
    assert list(said.event_ns) == sorted(said.event_ns)
    assert all(ours >= theirs for ours, theirs in zip(said.event_ns, sent.sent_ns, strict=True))
    assert stamps.send_start is not None
    assert stamps.started <= stamps.send_start <= sent.arrived_ns <= said.event_ns[0]
    assert said.event_ns[-1] <= one.recording.piece_ns[-1]


@pytest.mark.parametrize("case", those(lambda row: row.calls_tools), ids=named)
def test_a_tool_call_is_joined_from_its_parts(seen: Variants, case: Case) -> None:
    """Arguments are the JSON text that the model wrote."""
    one = seen("tool")[case]
    assert one.truth is not None
    assert (one.said.status, one.said.text, one.said.finish_reason) == ("ok", "", "tool_calls")
    (call,) = one.said.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "text"})
    assert call.id
    assert one.said.event_kinds == one.truth.kinds


def test_a_conversation_goes_on_with_the_replys_message(seen: Variants, ask: Asking) -> None:
    """A tool's result goes back with the call that asked for it."""
    requests = {}
    for case, one in seen("tool").items():
        message = Reply(one.recording, functools.partial(_said, one)).message
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": '{"celsius": 3}'}
        asked = one.recording.request
        requests[case] = replace(asked, messages=(*asked.messages, message, result))
    texts = {case: one.said.text for case, one in ask(requests, {}).items()}
    assert texts == dict.fromkeys(texts, TEXT)


def _said(one: Seen, _: Recording) -> Decoded:
    return one.said


@pytest.mark.parametrize("variant", ["thought", "bytes"])
@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_was_thought_and_what_was_cached_are_told(seen: Variants, case: Case, variant: str) -> None:
    """As far as the provider does, and without a guess; every byte on its own says the same."""
    row, one = ROWS[case[0]], seen(variant)[case]
    said, sent = one.said, one.truth
    assert sent is not None
    assert sent.cached_tokens > 0
    assert (said.status, said.text, said.reasoning) == ("ok", TEXT, THOUGHT if row.thinks else "")
    if case[1] and not row.streams_usage:
        return
    assert said.usage is not None
    assert (said.usage.tokens_in, said.usage.tokens_out) == (sent.prompt_tokens, sent.output_tokens)
    assert said.usage.tokens_reasoning == (sent.reasoning_tokens if row.counts_reasoning else None)
    assert said.usage.tokens_cached == (sent.cached_tokens if row.counts_cached else None)
    assert said.usage.tokens_cache_written == (sent.cache_written_tokens if row.counts_written else None)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_bound_on_the_output_is_told_as_the_reason_to_stop(seen: Variants, case: Case) -> None:
    """``max_tokens`` of litellm, in each provider's own words; Replicate has none for the reason."""
    said = seen("bound")[case].said
    assert said.text == BEGUN
    assert said.finish_reason == ("stop" if case[0] == "replicate" else "length")


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_providers_own_time_is_known_where_it_says_it(seen: Variants, case: Case) -> None:
    """In its headers, rounded as it likes."""
    row, one = ROWS[case[0]], seen("text")[case]
    told = server_timing.processing_s(one.recording)
    assert (told is not None) is (row.times_stream if case[1] else row.times_whole)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_fault_is_told_as_what_it_is(seen: Variants, case: Case, kind: str) -> None:
    """By the provider's own shape of an error, after one attempt, with what had come before."""
    row, one = ROWS[case[0]], seen(kind)[case]
    status, error_class, http_status = FAULTS[kind][0 if case[1] else 1]
    if http_status == 200 and not case[1]:
        http_status = row.whole_status
    failure = one.said.failure
    assert failure is not None
    assert (one.said.status, failure.error_class, one.recording.http_status) == (status, error_class, http_status)
    is_whole_chain = case[1] and http_status in {200, None}
    is_kept_connection = row.exchanges > 1 and kind == "reset_before_headers"  # which may just have been closed
    assert one.recording.attempts == (row.exchanges if is_whole_chain else 1) + is_kept_connection * case[1]
    came = case[1] and http_status == 200
    assert one.said.text == (BEGUN if came else "")
    if kind in {"rate_limit", "wrong_key", "unknown_model", "server_error", "error_event"}:
        assert "simulator" in failure.message or "server had an error" in failure.message


def test_every_provider_of_the_simulator_has_its_row() -> None:
    """A new one must be measured; those that litellm has no name for are measured beside the other APIs."""
    assert {row.provider for row in ROWS.values()} == PROTOCOLS.keys() - {"tgi", "llama.cpp"}
