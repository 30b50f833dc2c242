"""How far each client's stamps are from what the server did, and what a request costs it in CPU.

The simulator runs in a process of its own and logs when it sent each piece. Every client talks to
it over a real socket in this process, one after another, with the same number of open streams.

* stamp error: first token seen − first token sent
* added to TTFT: (first token seen − call) − (first token sent − request received)
* gap error: |gap seen − gap sent| between pieces that carry output
* CPU: this process's time for each request; for this package also what decoding costs afterwards

Run: python benchmarks/accuracy.py [--quick] [--json FILE]
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import aiohttp
import litellm
import numpy as np
import openai
import tables

from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.model import CONTROL, Request
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.truth import Exchange

MODEL = "gpt-4o-mini"
PROMPT = "Say something of about fifty words."
NUMBER = "x-simulator-request"
PROFILE = {
    "profiles": {
        "*": {
            "ttft": {"kind": "lognormal", "median_s": 0.2, "sigma": 0.1},
            "inter_token": {"kind": "lognormal", "median_s": 0.02, "sigma": 0.3},
            "output_tokens": 50,
        }
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one client saw of one request: nanoseconds of the monotonic clock."""

    number: int
    called_ns: int
    output_ns: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One contender at one level, with the CPU that its load took."""

    name: str
    streams: int
    seen: Sequence[Seen]
    cpu_s: float
    later_s: float | None


Send = Callable[[], Awaitable[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A client under test. ``later_s`` is CPU that a request costs after the load, where there is any."""

    send: Send
    later: Callable[[], float] | None = None


def plain_litellm(base: str, _: aiohttp.ClientSession) -> Contender:
    """Plain litellm, as people use it."""

    async def send() -> Seen:
        called = time.monotonic_ns()
        stream = await litellm.acompletion(
            model=f"openai/{MODEL}",
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            api_base=base,
            api_key="x",
        )
        output = []
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                output.append(time.monotonic_ns())
        return Seen(number=int(stream._response_headers[NUMBER]), called_ns=called, output_ns=output)  # noqa: SLF001

    return Contender(send=send)


def openai_sdk(base: str, _: aiohttp.ClientSession) -> Contender:
    """OpenAI's own client."""
    client = openai.AsyncOpenAI(api_key="x", base_url=base, max_retries=0)

    async def send() -> Seen:
        called = time.monotonic_ns()
        response = await client.chat.completions.with_raw_response.create(
            model=MODEL, messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        output = []
        async for chunk in response.parse():
            if chunk.choices and chunk.choices[0].delta.content:
                output.append(time.monotonic_ns())
        return Seen(number=int(response.headers[NUMBER]), called_ns=called, output_ns=output)

    return Contender(send=send)


def raw_aiohttp(base: str, session: aiohttp.ClientSession) -> Contender:
    """A plain HTTP client that parses nothing."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "stream": True}

    async def send() -> Seen:
        called = time.monotonic_ns()
        output = []
        async with session.post(f"{base}/chat/completions", json=body) as response:
            async for piece in response.content.iter_any():
                if _carries_output(piece):
                    output.append(time.monotonic_ns())
            return Seen(number=int(response.headers[NUMBER]), called_ns=called, output_ns=output)

    return Contender(send=send)


def ours(base: str, _: aiohttp.ClientSession) -> Contender:
    """This package's client: stamps now, decodes later."""
    client = LiteLLMClient(api_bases={"openai": base})
    recordings = []
    request = Request(
        api="chat",
        model=f"openai/{MODEL}",
        messages=({"role": "user", "content": PROMPT},),
        parameters={"stream": True},
        step=None,
        deadline_s=60.0,
        http_version="1.1",
    )

    async def send() -> Seen:
        recording = await client.send(request)
        recordings.append(recording)
        return Seen(
            number=int(dict(recording.headers)[NUMBER]),
            called_ns=recording.stamps.started,
            output_ns=[
                at for at, piece in zip(recording.piece_ns, recording.pieces, strict=True) if _carries_output(piece)
            ],
        )

    def later() -> float:
        began = time.process_time()
        for recording in recordings:
            client.decode(recording)
        spent, count = time.process_time() - began, len(recordings)
        recordings.clear()
        return spent / count

    return Contender(send=send, later=later)


def _carries_output(piece: bytes) -> bool:
    plain = piece.replace(b" ", b"")
    return b'"content":"' in plain and b'"content":""' not in plain


CONTENDERS: Mapping[str, Callable[[str, aiohttp.ClientSession], Contender]] = {
    "pytest-llm-latency": ours,
    "aiohttp": raw_aiohttp,
    "openai SDK": openai_sdk,
    "litellm.acompletion": plain_litellm,
}


async def load(send: Send, *, streams: int, requests: int) -> list[Seen]:
    """Keep ``streams`` requests under way until ``requests`` are done."""
    left = iter(range(requests))
    seen: list[Seen] = []

    async def user() -> None:
        for _ in left:
            seen.append(await send())

    await asyncio.gather(*(user() for _ in range(streams)))
    return seen


def row(measured: Measured, truths: Iterable[Exchange]) -> dict[str, tables.Cell]:
    """Compare what was seen with what was sent."""
    seen = measured.seen
    sent = {truth.request: truth for truth in truths}
    added, stamps, gaps = [], [], []
    for each in seen:
        truth = sent[each.number]
        generated = [at for at, kind in zip(truth.sent_ns, truth.kinds, strict=True) if kind != CONTROL]
        added.append((each.output_ns[0] - each.called_ns) - (generated[0] - truth.arrived_ns))
        stamps.append(each.output_ns[0] - generated[0])
        if len(generated) == len(each.output_ns):
            gaps.extend(np.abs(np.diff(each.output_ns) - np.diff(generated)))
    milliseconds, late = np.asarray(added) / 1e6, np.asarray(stamps) / 1e6
    errors = np.asarray(gaps or [np.nan]) / 1e6
    return {
        "client": measured.name,
        "streams": measured.streams,
        "requests": len(seen),
        "stamp error median ms": float(np.median(late)),
        "p99": float(np.quantile(late, 0.99)),
        "added to TTFT median ms": float(np.median(milliseconds)),
        "p99 ": float(np.quantile(milliseconds, 0.99)),
        "gap error median ms": float(np.median(errors)),
        "p99  ": float(np.quantile(errors, 0.99)),
        "CPU ms/request": measured.cpu_s / len(seen) * 1e3,
        "decoding later": None if measured.later_s is None else measured.later_s * 1e3,
    }


def contend(name: str, base: str, streams: int, requests: int) -> Measured:
    """Run one contender at one level; called in a process of its own, so that none shares another's CPU."""
    return asyncio.run(_contend(name, base, streams, requests))


async def _contend(name: str, base: str, streams: int, requests: int) -> Measured:
    litellm.suppress_debug_info = True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        contender = CONTENDERS[name](base, session)
        await load(contender.send, streams=streams, requests=streams)  # warm up
        if contender.later:
            contender.later()
        began = time.process_time()
        seen = await load(contender.send, streams=streams, requests=requests)
        spent = time.process_time() - began
        later = contender.later() if contender.later else None
    return Measured(name=name, streams=streams, seen=seen, cpu_s=spent, later_s=later)


def measure(simulator: SimulatorProcess, levels: Sequence[tuple[int, int]]) -> list[dict[str, tables.Cell]]:
    """Run every contender at every level, one after another."""
    base = simulator.api_base("openai")
    rows = []
    for streams, requests in levels:
        for name in CONTENDERS:
            simulator.reset()
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
                measured = pool.submit(contend, name, base, streams, requests).result()
            rows.append(row(measured, simulator.truths()))
            print(f"{name}, {streams} streams: done")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer requests")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    levels = [(1, 3), (10, 20), (50, 100)] if arguments.quick else [(1, 20), (10, 150), (50, 600)]
    with SimulatorProcess(PROFILE) as simulator:
        rows = measure(simulator, levels)
    tables.show("Stamps against the server's ground truth", rows)
    tables.write(arguments.json, "accuracy", {"accuracy": rows})


if __name__ == "__main__":
    main()
