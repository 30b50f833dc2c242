"""Providers whose ways in are their own: keys, addresses, signatures, answers that name further addresses."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_llm_latency.errors import BypassError, MissingKeyError, ProviderError
from pytest_llm_latency.model import Decoded, Recording, Request
from pytest_llm_latency.simulator.event_stream import event
from pytest_llm_latency.simulator.process import SimulatorProcess
from recordings import recording, request

CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
MODELS = {
    "cohere_chat": "cohere_chat/command-a-03-2025",
    "replicate": "replicate/meta/llama-3-8b-instruct",
    "bedrock": f"bedrock/{CLAUDE}",
    "ollama": "ollama/llama3.1",
    "ollama_chat": "ollama_chat/llama3.1",
}
SECRET = "unrecognisable:key/of=a+gateway"
SECRETS = (
    *("COHERE_API_KEY", "CO_API_KEY", "REPLICATE_API_KEY", "REPLICATE_API_TOKEN", "OLLAMA_API_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"),
)
ELSEWHERE = "http://127.0.0.1:9"
SERVERS = ("COHERE_API_BASE", "REPLICATE_API_BASE", "OLLAMA_API_BASE", "AWS_BEDROCK_RUNTIME_ENDPOINT")
QUICK = {"*": {"ttft": 0.004, "inter_token": 0.001, "headers_s": 0.002, "output_tokens": 5}}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of the surroundings name a server, a key or an identity."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy") or name in {*SECRETS, *SERVERS}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """Run one simulator for all."""
    with SimulatorProcess({"profiles": QUICK}) as process:
        yield process


@pytest.fixture(scope="module")
def make() -> Callable[..., Any]:
    """Return the client's class; litellm takes seconds to import."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (only here)

    return LiteLLMClient


@pytest.fixture
def client(simulator: SimulatorProcess, make: Callable[..., Any]) -> Iterator[Any]:
    """Return a client of a dry run."""
    made = make(api_bases={provider: simulator.api_base(provider) for provider in MODELS})
    yield made
    made.close()


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


def asking(provider: str, *, stream: bool = True, **parameters: Any) -> Request:
    """Return a request."""
    return request(model=MODELS[provider], deadline_s=10.0, parameters={"stream": stream, **parameters})


def ask(client: Any, *requests: Request) -> list[Recording]:
    """Send requests one after another."""

    async def send() -> list[Recording]:
        return [await client.send(each) for each in requests]

    return asyncio.run(send())


# Dry runs.


def test_a_dry_run_stays_at_home_whatever_server_the_environment_names(
    client: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Litellm looks there too."""
    for name in SERVERS:
        monkeypatch.setenv(name, ELSEWHERE)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (sent,) = ask(client, asking(provider))
    assert (client.decode(sent).status, sent.endpoint) == ("ok", "simulator")


@pytest.mark.parametrize("name", ["AWS_PROFILE_NAME", "AWS_ROLE_NAME", "AWS_WEB_IDENTITY_TOKEN"])
def test_a_dry_run_asks_aws_for_no_identity(client: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Litellm would, whatever the call states: the variable is named instead."""
    monkeypatch.setenv(name, "nobody")
    with pytest.raises(ProviderError, match=rf"{name} names an identity .*: unset it"):
        ask(client, asking("bedrock"))


def test_a_dry_run_stays_at_home_whatever_the_call_names(client: Any, provider: str) -> None:
    """The same."""
    servers = {"api_base": ELSEWHERE, "aws_bedrock_runtime_endpoint": ELSEWHERE, "aws_sts_endpoint": ELSEWHERE}
    identities = {"aws_role_name": "arn:aws:iam::1:role/x", "aws_profile_name": "nobody", "aws_session_name": "x"}
    (sent,) = ask(client, asking(provider, **servers, **identities))
    assert (client.decode(sent).status, sent.endpoint) == ("ok", "simulator")


def test_the_simulator_gets_no_real_key(client: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is set."""
    for name in SECRETS:
        monkeypatch.setenv(name, SECRET)
    given = {"api_key": SECRET, "aws_secret_access_key": SECRET, "aws_session_token": SECRET}
    (sent,) = ask(client, asking(provider, **given))
    assert client.decode(sent).status == "ok"
    (built,) = client._built
    assert SECRET.encode() not in built.head + built.body


class Receipts:
    """A server that says of every request that its result is elsewhere, and repeats what it got."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        said = {"status": "starting", "urls": {"stream": f"{ELSEWHERE}/1"}, "message": " ".join(head.split())}
        body = json.dumps(said).encode()
        status = b"201 Created" if b"/predictions" in head.encode() else b"403 Forbidden"
        writer.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def told(
    make: Callable[..., Any], server: Receipts, *, dry: bool, key: str | None = None, **asked: Any
) -> tuple[Recording, Decoded]:
    """Ask the server, in a dry run or in earnest; with a ``key`` it is the settings that say how it is reached."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as started:
        base = f"http://127.0.0.1:{started.sockets[0].getsockname()[1]}"
        access = {} if key is None else {asked["provider"]: {"api_key": key, "api_base": base}}
        with contextlib.closing(make(api_bases={"replicate": base} if dry else None, access=access)) as client:
            where = {} if dry or access else {"api_base": base, "aws_bedrock_runtime_endpoint": base}
            sent = await client.send(asking(**asked, **where))
            return sent, client.decode(sent)


def test_a_dry_run_follows_no_address_that_is_elsewhere(make: Callable[..., Any]) -> None:
    """Only the first request is sent."""
    server = Receipts()
    with pytest.raises(BypassError, match=r"would go to 127\.0\.0\.1:9 and not to the simulator"):
        asyncio.run(told(make, server, dry=True, provider="replicate"))
    assert len(server.heads) == 1


def test_what_an_answer_names_is_followed_in_earnest(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """To a server that does not run: an error of the second exchange, without the key."""
    monkeypatch.setenv("REPLICATE_API_TOKEN", SECRET)
    server = Receipts()
    sent, _ = asyncio.run(told(make, server, dry=False, provider="replicate"))
    assert SECRET in server.heads[0]
    assert sent.attempts == 2
    assert sent.failure is not None
    assert (sent.failure.error_class, sent.failure.phase) == ("ConnectionRefusedError", "connect")


# Keys.


@pytest.mark.parametrize(
    ("provider", "wanted"), [("cohere_chat", "COHERE_API_KEY"), ("replicate", "REPLICATE_API_KEY")]
)
def test_a_missing_key_is_named_before_anything_is_sent(real: Any, provider: str, wanted: str) -> None:
    """With the way to run without one."""
    with pytest.raises(MissingKeyError, match=rf"set {wanted} or .*--llm-latency-simulate"):
        ask(real, asking(provider))


def test_without_credentials_of_aws_nothing_is_sent(real: Any) -> None:
    """They may come from many places, so that no variable is named."""
    with pytest.raises(MissingKeyError, match=r"Give it the provider's credentials, or try --llm"):
        ask(real, asking("bedrock", aws_region_name="us-east-1"))


@pytest.mark.parametrize("provider", ["ollama", "ollama_chat"])
def test_a_server_of_ones_own_needs_no_key(real: Any, provider: str) -> None:
    """Nor a variable that names it."""
    (sent,) = ask(real, asking(provider, api_base=ELSEWHERE))
    assert sent.failure is not None
    assert sent.failure.phase == "connect"


def test_without_its_package_bedrock_names_the_extra(real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Litellm does not install it."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ProviderError, match=r"needs the package bot.*pip install 'pytest-llm-latency\[bedrock\]'"):
        ask(real, asking("bedrock", aws_region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"))


def test_the_secrets_of_aws_are_in_no_message(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may repeat what it got: the token, the identity and the signature."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, f"{SECRET}-{name[-5:]}")
    server = Receipts()
    sent, said = asyncio.run(told(make, server, dry=False, provider="bedrock", aws_region_name="us-east-1"))
    assert SECRET in server.heads[0]
    assert "AWS4-HMAC-SHA256 Credential" in server.heads[0]
    assert said.failure is not None
    assert "***" in said.failure.message
    kept = {name: getattr(sent, name) for name in sent.__slots__ if name not in {"request", "pieces"}}
    for text in (repr(said), repr(kept)):
        assert SECRET not in text
        assert "Signature=" not in text


def test_a_signature_is_made_anew_before_it_is_too_old(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS refuses one of more than five minutes; other requests are built once."""
    clock = [0.0]
    monkeypatch.setattr(client._built, "_now_s", lambda: clock[0])
    built: list[str] = []
    handed_over = client._handed_over

    async def noted(asked: Request) -> object:
        built.append(asked.model)
        return await handed_over(asked)

    monkeypatch.setattr(client, "_handed_over", noted)
    for clock[0] in (0.0, 100.0, 200.0):
        ask(client, asking("bedrock"), asking("ollama"))
    assert built == [MODELS["bedrock"], MODELS["ollama"], MODELS["bedrock"]]


@pytest.mark.parametrize("provider", ["cohere_chat", "replicate", "ollama_chat"])
def test_a_provider_is_reached_as_the_settings_say(make: Callable[..., Any], provider: str) -> None:
    """With no variable set; the key shows nowhere, though the server repeats it."""
    server = Receipts()
    sent, said = asyncio.run(told(make, server, dry=False, key=SECRET, provider=provider))
    assert SECRET in server.heads[0]
    assert SECRET not in repr((sent.request, said))


def test_what_a_call_says_of_its_provider_counts_before_the_settings(make: Callable[..., Any]) -> None:
    """Each word of it by itself: another server gets the key of the settings, as it gets that of a variable."""
    server = Receipts()
    asyncio.run(told(make, server, dry=False, key=SECRET, provider="cohere_chat", api_key="of-the-call"))
    assert "of-the-call" in server.heads[0]
    assert SECRET not in server.heads[0]
    with contextlib.closing(
        make(access={"cohere_chat": {"api_key": SECRET, "api_base": "http://127.0.0.1:1"}})
    ) as made:
        (sent,) = ask(made, asking("cohere_chat", base_url=ELSEWHERE))
    assert sent.endpoint == "127.0.0.1:9"


def test_the_simulator_gets_no_key_of_the_settings(make: Callable[..., Any]) -> None:
    """Nor is their server asked."""
    server = Receipts()
    with pytest.raises(BypassError):
        asyncio.run(told(make, server, dry=True, key=SECRET, provider="replicate"))
    assert SECRET not in "".join(server.heads)


def test_a_provider_of_the_settings_that_litellm_does_not_know_is_refused(make: Callable[..., Any]) -> None:
    """What is said of it would count nowhere; ``make`` has imported litellm."""
    from pytest_llm_latency.execution.access import check_names  # noqa: PLC0415  (the same)

    check_names({"openai": {}, "cohere": {}, "cohere_chat": {}, "deepseek": {}, "hosted_vllm": {}, "bedrock": {}})
    with pytest.raises(ProviderError, match=r"names the provider 'mygateway', which litellm does not know: write"):
        check_names({"mygateway": {}})


# What the simulator does not say by itself.


def said(client: Any, model: str, *events: bytes, stream: bool = True, **changes: Any) -> Decoded:
    """Return what an answer says that the simulator would not give."""
    asked = request(model=model, parameters={"stream": stream})
    decoded: Decoded = client.decode(replace(recording(*events, **changes), request=asked))
    return decoded


def sse(*events: object) -> bytes:
    """Return server-sent events."""
    return b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in events)


FEEDBACK = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}
FILTERED = {"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": {"promptTokenCount": 5}}


@pytest.mark.parametrize("answer", [FEEDBACK, FILTERED], ids=["prompt", "answer"])
@pytest.mark.parametrize("stream", [True, False])
def test_what_gemini_blocks_is_blocked_and_not_empty(client: Any, answer: dict[str, object], *, stream: bool) -> None:
    """The prompt, or the whole answer."""
    body = sse(answer) if stream else json.dumps(answer).encode()
    found = said(client, "gemini/gemini-2.5-flash", body, stream=stream)
    assert found.failure is not None
    assert (found.status, found.failure.error_class, found.finish_reason) == ("error", "Blocked", "content_filter")


def test_ratings_of_a_prompt_that_is_not_blocked_do_not_end_geminis_stream(client: Any) -> None:
    """They may come first; without a reason to stop the stream is cut."""
    rated = {
        "promptFeedback": {"safetyRatings": []},
        "candidates": [{"content": {"parts": [{"text": "a"}]}, "index": 0}],
    }
    found = said(client, "gemini/gemini-2.5-flash", sse(rated))
    assert found.failure is not None
    assert (found.failure.error_class, found.text) == ("TruncatedStream", "a")


def anthropics(*events: dict[str, object]) -> bytes:
    """Return events of Anthropic's between the first and the last."""
    usage = {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1}
    start = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "claude", "usage": usage}
    end = {"stop_reason": "end_turn"}
    return sse(
        {"type": "message_start", "message": start},
        *events,
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )


def block(kind: str, **delta: object) -> dict[str, object]:
    """Return an event of a block."""
    return {"type": f"content_block_{kind}", "index": 0, **delta}


def test_anthropics_thoughts_signatures_and_pings_are_told_apart(client: Any) -> None:
    """A thought that is withheld has no text, and no event that is unknown breaks a stream."""
    found = said(
        client,
        "anthropic/claude-haiku-4-5",
        anthropics(
            {"type": "ping"},
            block("start", content_block={"type": "redacted_thinking", "data": "x" * 40}),
            block("stop"),
            block("start", content_block={"type": "thinking", "thinking": "", "signature": ""}),
            block("delta", delta={"type": "thinking_delta", "thinking": "hm"}),
            block("delta", delta={"type": "signature_delta", "signature": "abc"}),
            block("stop"),
            {"type": "of_the_future"},
            block("start", content_block={"type": "text", "text": ""}),
            block("delta", delta={"type": "text_delta", "text": "Hi"}),
            block("stop"),
        ),
    )
    assert (found.status, found.text, found.reasoning) == ("ok", "Hi", "hm")
    assert found.event_kinds == "xxxxxrxxxxcxxx"
    assert found.usage is not None
    assert (found.usage.tokens_in, found.usage.tokens_out) == (10, 9)
    assert (found.usage.tokens_cached, found.usage.tokens_cache_written) == (3, 2)
    assert found.usage.tokens_reasoning is None


def test_an_error_event_of_anthropic_ends_its_stream(client: Any) -> None:
    """With Anthropic's own words."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    found = said(client, "anthropic/claude-haiku-4-5", anthropics(error))
    assert found.failure is not None
    assert (found.failure.error_class, found.failure.message) == ("ProviderError", "Overloaded")


def test_a_refusal_of_anthropic_is_blocked(client: Any) -> None:
    """Without output."""
    end = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 0}}
    found = said(client, "anthropic/claude-haiku-4-5", sse(end, {"type": "message_stop"}))
    assert found.failure is not None
    assert found.failure.error_class == "Blocked"


def test_a_stream_that_is_cut_within_a_frame_is_cut_even_after_its_last_words(client: Any) -> None:
    """Bedrock's usage comes after the reason to stop."""
    frames = event("messageStop", b'{"stopReason":"end_turn"}') + event("metadata", b'{"usage":{}}')[:-3]
    text = event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"Hi"}}')
    found = said(client, MODELS["bedrock"], text + frames)
    assert found.failure is not None
    assert (found.failure.error_class, found.text) == ("TruncatedStream", "Hi")


def test_the_kind_of_an_error_of_bedrock_stands_in_a_header(client: Any) -> None:
    """Its body has the words alone."""
    kind = (("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/"),)
    found = said(client, MODELS["bedrock"], b'{"message":"Too many requests"}', http_status=429, headers=kind)
    assert found.failure is not None
    assert found.failure.message == "HTTP 429: ThrottlingException: Too many requests"
    assert found.status == "refused"


@pytest.mark.parametrize("stream", [True, False])
def test_a_prediction_that_fails_at_once_is_told_in_its_words(client: Any, *, stream: bool) -> None:
    """The answer to the first request is the last."""
    body = json.dumps({"status": "failed", "error": "CUDA out of memory", "urls": {}}).encode()
    found = said(client, MODELS["replicate"], body, stream=stream)
    assert found.failure is not None
    assert "CUDA out of memory" in found.failure.message
