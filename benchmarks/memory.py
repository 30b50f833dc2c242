"""Memory over a thousand consecutive requests: what is resident after each hundred.

The load is that of a benchmark: the executor's recorder against the simulator over a real socket.
Recordings wait in an unnamed file, so what is resident stays flat; decoding comes afterwards.

Run: python benchmarks/memory.py [--quick] [--json FILE]
"""

import argparse
import asyncio
import gc
from pathlib import Path

import tables

from pytest_llm_latency import load
from pytest_llm_latency import plan as plans
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.executor import Progress, measure
from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.execution.recorder import Recorder
from pytest_llm_latency.execution.sampling import Place, collect
from pytest_llm_latency.model import Plan
from pytest_llm_latency.simulator.process import SimulatorProcess

EVERY = 100
PROFILE = {"profiles": {"*": {"ttft": 0.01, "inter_token": 0.0005, "output_tokens": 60}}}


def resident() -> float:
    """Return this process's resident memory in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("/proc/self/status has no VmRSS: this benchmark needs Linux.")


def a_plan(requests: int) -> Plan:
    """Return the plan of a thousand streamed requests, four at a time."""
    return Plan(
        model="openai/gpt-4o-mini",
        requests=requests,
        warmup=0,
        ramp_in=0,
        load=load.closed(4),
        prompts=None,
        nonce=False,
        timeout_s=30.0,
        limits=(),
        gate=("ttft", "e2e"),
        tolerance=0.1,
        error_limit=0.01,
        version=None,
        pacing=plans.DEFAULT_PACING,
        budget=plans.DEFAULT_BUDGET,
        http_version=plans.DEFAULT_HTTP_VERSION,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: 300 requests")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    plan = a_plan(300 if arguments.quick else 1_000)
    rows: list[dict[str, tables.Cell]] = []

    def note(stage: str) -> None:
        gc.collect()
        first = rows[1]["resident MiB"] if len(rows) > 1 else None
        now = resident()
        rows.append({
            "after": stage,
            "resident MiB": now,
            "since the first hundred": now - float(first) if first else None,
        })

    with SimulatorProcess(PROFILE) as simulator:
        client = LiteLLMClient(api_bases={"openai": simulator.api_base("openai")})
        recorder = Recorder(plan, client)
        done = 0

        async def body() -> None:
            nonlocal done
            await recorder.call("Say something.")
            done += 1
            if done % EVERY == 0:
                note(f"{done} requests")

        note("the imports")
        asyncio.run(measure(plan, body, MonotonicClock(), Progress()))
        client.close()
    samples = collect(recorder.spool.read(), client, plan, Place(worker=None, host=None, region=None)).samples
    note(f"decoding {len(samples)} samples")
    tables.show("Resident memory", rows)
    tables.write(arguments.json, "memory", {"memory": rows})


if __name__ == "__main__":
    main()
