"""The clients that the benchmarks compare: each sends one streamed request and says what it saw of it."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import aiohttp
import litellm
import openai

from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.model import Recording, Request

MODEL = "gpt-4o-mini"
PROMPT = "Say something of about fifty words."
NUMBER = "x-simulator-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one client saw of one request: nanoseconds of the monotonic clock."""

    number: int
    called_ns: int
    output_ns: Sequence[int]


# Sends the usual prompt with these words after it.
Send = Callable[[str], Awaitable[Seen]]


def _nothing_later() -> float:
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A client under test; ``later`` does what it leaves for after the load and returns the CPU seconds."""

    send: Send
    later: Callable[[], float] = _nothing_later


def plain_litellm(base: str, _: aiohttp.ClientSession) -> Contender:
    """Plain litellm, as people use it."""
    litellm.suppress_debug_info = True

    async def send(words: str) -> Seen:
        called = time.monotonic_ns()
        stream = await litellm.acompletion(
            model=f"openai/{MODEL}",
            messages=[{"role": "user", "content": PROMPT + words}],
            stream=True,
            api_base=base,
            api_key="x",
        )
        output = []
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                output.append(time.monotonic_ns())
        return Seen(number=int(stream._response_headers[NUMBER]), called_ns=called, output_ns=output)  # noqa: SLF001  (its only place)

    return Contender(send=send)


def openai_sdk(base: str, _: aiohttp.ClientSession) -> Contender:
    """OpenAI's own client."""
    client = openai.AsyncOpenAI(api_key="x", base_url=base, max_retries=0)

    async def send(words: str) -> Seen:
        called = time.monotonic_ns()
        response = await client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": PROMPT + words}], stream=True
        )
        output = []
        async for chunk in response.parse():
            if chunk.choices and chunk.choices[0].delta.content:
                output.append(time.monotonic_ns())
        return Seen(number=int(response.headers[NUMBER]), called_ns=called, output_ns=output)

    return Contender(send=send)


def raw_aiohttp(base: str, session: aiohttp.ClientSession) -> Contender:
    """A plain HTTP client that parses nothing."""

    async def send(words: str) -> Seen:
        body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT + words}], "stream": True}
        called = time.monotonic_ns()
        output = []
        async with session.post(f"{base}/chat/completions", json=body) as response:
            async for piece in response.content.iter_any():
                if carries_output(piece):
                    output.append(time.monotonic_ns())
            return Seen(number=int(response.headers[NUMBER]), called_ns=called, output_ns=output)

    return Contender(send=send)


def ours(base: str, _: aiohttp.ClientSession) -> Contender:
    """This package's client: it stamps now and decodes later."""
    client = LiteLLMClient(api_bases={"openai": base})
    recordings: list[Recording] = []

    async def send(words: str) -> Seen:
        recording = await client.send(_request(words))
        recordings.append(recording)
        return Seen(
            number=int(dict(recording.headers)[NUMBER]),
            called_ns=recording.stamps.started,
            output_ns=[
                at for at, piece in zip(recording.piece_ns, recording.pieces, strict=True) if carries_output(piece)
            ],
        )

    def later() -> float:
        began = time.process_time()
        for recording in recordings:
            client.decode(recording)
        recordings.clear()
        return time.process_time() - began

    return Contender(send=send, later=later)


def _request(words: str) -> Request:
    return Request(
        api="chat",
        model=f"openai/{MODEL}",
        messages=({"role": "user", "content": PROMPT + words},),
        parameters={"stream": True},
        step=None,
        deadline_s=60.0,
        http_version="1.1",
    )


def carries_output(piece: bytes) -> bool:
    """Whether a piece of OpenAI's stream holds text."""
    plain = piece.replace(b" ", b"")
    return b'"content":"' in plain and b'"content":""' not in plain


CONTENDERS: Mapping[str, Callable[[str, aiohttp.ClientSession], Contender]] = {
    "pytest-llm-latency": ours,
    "aiohttp": raw_aiohttp,
    "openai SDK": openai_sdk,
    "litellm.acompletion": plain_litellm,
}
