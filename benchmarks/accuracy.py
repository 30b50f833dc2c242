"""How far each client's figures are from what the server did, and what a request costs it in CPU.

The simulator runs in a process of its own and logs, with the kernel's stamps, when each request
arrived and when each piece of its answer left. Every client talks to it over a real socket in a
process of its own, one after another, with the same number of open streams, and with what it has
loaded kept out of garbage collection.

* TTFT error: (first token seen − call) − (first token sent − request received)
* stamp error: first token seen − first token sent
* gap error: |gap seen − gap sent| between pieces that carry output
* CPU: the client process's time for each request; for this package with decoding, which comes after

Run: python benchmarks/accuracy.py [--quick] [--json FILE] [--only accuracy,protocols,cpu,verdicts]
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import aiohttp
import contenders
import numpy as np
import tables
from contenders import Seen

from pytest_llm_latency.commands import selftest
from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.model import CONTROL
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.truth import Exchange

PROFILE = {
    "profiles": {
        "*": {
            "ttft": {"kind": "lognormal", "median_s": 0.2, "sigma": 0.1},
            "inter_token": {"kind": "lognormal", "median_s": 0.02, "sigma": 0.3},
            "output_tokens": 50,
        }
    }
}
LEVELS = ((1, 20), (10, 150), (50, 600), (200, 1_600))
QUICK_LEVELS = ((1, 3), (10, 20), (50, 100))
FEW_STREAMS = 10
MODELS = (
    "openai/gpt-4o-mini",
    "azure/gpt-4o-mini",
    "anthropic/claude-haiku-4-5",
    "gemini/gemini-2.5-flash",
    "cohere_chat/command-a-03-2025",
    "mistral/mistral-medium-latest",
    "together_ai/moonshotai/Kimi-K3",
    "replicate/meta/llama-3-8b-instruct",
    "openrouter/openai/gpt-4o-mini",
    "groq/openai/gpt-oss-20b",
    "bedrock/anthropic.claude-sonnet-4-20250514-v1:0",
    "bedrock/invoke/anthropic.claude-3-5-sonnet-20240620-v1:0",
    "ollama_chat/llama3.1",
    "hosted_vllm/qwen3",
    "litellm_proxy/ours",
)
SUITE = """
import pytest

@pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests={requests}, concurrency={streams})
async def test_many(llm):
    await llm("Say something of about fifty words.")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one contender is asked to do."""

    name: str
    base: str
    streams: int
    requests: int
    different: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one contender saw under a load, and the CPU that it took."""

    load: Load
    seen: Sequence[Seen]
    cpu_s: float
    later_s: float


def contend(load: Load) -> Measured:
    """Run one contender under a load; called in a process of its own, so that none shares another's CPU."""
    return asyncio.run(_contend(load))


async def _contend(load: Load) -> Measured:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        contender = contenders.CONTENDERS[load.name](load.base, session)
        await _drive(contender.send, replace(load, requests=load.streams))  # warm up
        contender.later()
        gc.collect()
        gc.freeze()  # as this package does for a benchmark: a full collection beside litellm takes half a second
        began = time.process_time()
        seen = await _drive(contender.send, load)
        spent = time.process_time() - began
        later = contender.later()
    return Measured(load=load, seen=seen, cpu_s=spent, later_s=later)


async def _drive(send: contenders.Send, load: Load) -> list[Seen]:
    """Keep ``streams`` requests under way until ``requests`` are done."""
    left = iter(range(load.requests))
    seen: list[Seen] = []

    async def user() -> None:
        for number in left:
            seen.append(await send(f" ({number})" if load.different else ""))

    await asyncio.gather(*(user() for _ in range(load.streams)))
    return seen


def apart(load: Load) -> Measured:
    """Run one contender in a new process."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        measured = pool.submit(contend, load).result()
    print(f"{load.name}, {load.streams} streams: done", file=sys.stderr)
    return measured


def accuracy(simulator: SimulatorProcess, levels: Iterable[tuple[int, int]]) -> list[dict[str, tables.Cell]]:
    """Run every contender at every level, one after another."""
    rows = []
    for streams, requests in levels:
        for name in contenders.CONTENDERS:
            simulator.reset()
            measured = apart(Load(name=name, base=simulator.api_base("openai"), streams=streams, requests=requests))
            rows.append(row(measured, simulator.truths()))
    return rows


def row(measured: Measured, truths: Iterable[Exchange]) -> dict[str, tables.Cell]:
    """Compare what was seen with what was sent."""
    sent = {truth.request: truth for truth in truths}
    added, stamps, gaps = [], [], []
    for each in measured.seen:
        truth = sent[each.number]
        generated = [at for at, kind in zip(truth.sent_ns, truth.kinds, strict=True) if kind != CONTROL]
        added.append((each.output_ns[0] - each.called_ns) - (generated[0] - truth.arrived_ns))
        stamps.append(each.output_ns[0] - generated[0])
        if len(generated) == len(each.output_ns):
            gaps.extend(np.abs(np.diff(each.output_ns) - np.diff(generated)))
    return {
        "client": measured.load.name,
        "streams": measured.load.streams,
        "requests": len(measured.seen),
        **_spread("TTFT error", added),
        **_spread("stamp error", stamps),
        **_spread("gap error", gaps or [np.nan]),
        "CPU ms/request": (measured.cpu_s + measured.later_s) / len(measured.seen) * 1e3,
    }


def _spread(name: str, nanoseconds: Sequence[float]) -> dict[str, tables.Cell]:
    milliseconds = np.asarray(nanoseconds) / 1e6
    return {f"{name} ms p50": float(np.median(milliseconds)), f"{name} p99": float(np.quantile(milliseconds, 0.99))}


def protocols(simulator: SimulatorProcess, requests: int) -> list[dict[str, tables.Cell]]:
    """Measure each provider's protocol through a benchmark's own way, at few streams."""
    rows: list[dict[str, tables.Cell]] = []
    client = LiteLLMClient(api_bases={name: simulator.api_base(name) for name in PROTOCOLS})
    for model in MODELS:
        client.prepare(model)
        found = selftest.measure(simulator, client, selftest.plan(FEW_STREAMS, requests, model=model))
        rows.append({
            "model": model,
            "streams": found.streams,
            "requests": found.requests,
            "TTFT error ms p50": found.ttft_s[0] * 1e3,
            "TTFT error p99": found.ttft_s[1] * 1e3,
            "gap error ms p50": found.gap_s[0] * 1e3,
            "gap error p99": found.gap_s[1] * 1e3,
        })
        print(f"{model}: done", file=sys.stderr)
    return rows


def cpu(simulator: SimulatorProcess, requests: int) -> list[dict[str, tables.Cell]]:
    """Compare the CPU of equal requests and of requests that all differ."""
    rows: list[dict[str, tables.Cell]] = []
    for different in (False, True):
        spent: dict[str, Measured] = {}
        for name in contenders.CONTENDERS:
            simulator.reset()
            base = simulator.api_base("openai")
            spent[name] = apart(Load(name=name, base=base, streams=50, requests=requests, different=different))
        raw = _cpu_ms(spent["aiohttp"])
        rows += [
            {
                "client": name,
                "requests are": "different" if different else "equal",
                "in the window ms": each.cpu_s / len(each.seen) * 1e3,
                "afterwards ms": each.later_s / len(each.seen) * 1e3,
                "CPU ms/request": _cpu_ms(each),
                "× aiohttp": _cpu_ms(each) / raw,
            }
            for name, each in spent.items()
        ]
    return rows


def _cpu_ms(measured: Measured) -> float:
    return (measured.cpu_s + measured.later_s) / len(measured.seen) * 1e3


def verdicts(simulator: SimulatorProcess, levels: Iterable[tuple[int, int]]) -> list[dict[str, tables.Cell]]:
    """Run a suite with many streams through pytest: what does it say of itself, beside the true error?"""
    client = LiteLLMClient(api_bases={"openai": simulator.api_base("openai")})
    client.prepare(selftest.MODEL)
    rows = []
    for streams, requests in levels:
        true = selftest.measure(simulator, client, selftest.plan(streams, requests))
        found = {
            "another run: TTFT error ms p50": true.ttft_s[0] * 1e3,
            "p99": true.ttft_s[1] * 1e3,
            "its estimate": None if true.estimate_s is None else true.estimate_s * 1e3,
        }
        rows.append({**_verdict(streams, requests), **found})
    return rows


def _verdict(streams: int, requests: int) -> dict[str, tables.Cell]:
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile.json")
        profile.write_text(json.dumps(PROFILE), encoding="utf-8")
        Path(folder, "test_many.py").write_text(SUITE.format(streams=streams, requests=requests), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "--llm-latency", "--llm-latency-simulate"]
        command.append(f"--llm-latency-simulate-profile={profile}")
        subprocess.run(command, cwd=folder, check=False, capture_output=True)
        found = json.loads(Path(folder, ".llm-latency", "results.json").read_text(encoding="utf-8"))
    (benchmark,) = found["benchmarks"]
    trust = benchmark["trust"]
    estimate = trust["error_p99_s"]
    print(f"verdict at {streams} streams: done", file=sys.stderr)
    return {
        "streams": streams,
        "requests": requests,
        "verdict": benchmark["verdict"]["status"],
        "own estimate of the error p99 ms": None if estimate is None else estimate * 1e3,
        "loop lag p99 ms": None if trust["loop_lag_p99_s"] is None else trust["loop_lag_p99_s"] * 1e3,
        "CPU share": trust["cpu_share"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer requests, fewer levels")
    parser.add_argument("--only", default="accuracy,protocols,cpu,verdicts", help="which of the four tables")
    parser.add_argument("--json", type=Path, help="write the tables to this file")
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    with SimulatorProcess(PROFILE) as simulator:
        parts: Mapping[str, tuple[str, Callable[[], list[dict[str, tables.Cell]]]]] = {
            "accuracy": (
                "Figures against the server's ground truth",
                lambda: accuracy(simulator, QUICK_LEVELS if quick else LEVELS),
            ),
            "protocols": ("Every protocol, ten streams", lambda: protocols(simulator, 20 if quick else 100)),
            "cpu": ("CPU of a request of 50 tokens, 50 streams", lambda: cpu(simulator, 100 if quick else 600)),
            "verdicts": (
                "What a benchmark with many streams says of itself",
                lambda: verdicts(simulator, [(50, 100)] if quick else [(200, 1_000), (1_000, 5_000)]),
            ),
        }
        found = {}
        for name in arguments.only.split(","):
            title, part = parts[name]
            found[name] = part()
            tables.show(title, found[name])
    tables.write(arguments.json, "accuracy", found)


if __name__ == "__main__":
    main()
