"""Memory over ten thousand consecutive requests: what is resident after each thousand.

The load is that of a benchmark: the executor's recorder against the simulator over a real socket.
Recordings wait in an unnamed file, so what is resident stays flat; decoding comes afterwards, and
what it adds is set beside the size of the samples that are kept.

Run: python benchmarks/memory.py [--quick] [--json FILE]
"""

import argparse
import asyncio
import gc
import os
import sys
from array import array
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import tables

from pytest_llm_latency.commands import selftest
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.executor import Progress, measure
from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.execution.recorder import Recorder
from pytest_llm_latency.execution.sampling import Place, collect
from pytest_llm_latency.model import Sample
from pytest_llm_latency.simulator.process import SimulatorProcess

STREAMS = 10
PROFILE = {"profiles": {"*": {"ttft": 0.01, "inter_token": 0.0005, "output_tokens": 50}}}
_KIB = 1024


def resident() -> int:
    """Return this process's resident memory in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * _KIB
    raise SystemExit("/proc/self/status has no VmRSS: this benchmark needs Linux.")


def size(samples: Sequence[Sample]) -> int:
    """Return the bytes that samples take, each object once."""
    seen: set[int] = set()
    return sum(_size(sample, seen) for sample in samples)


def _size(value: object, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    own = sys.getsizeof(value)
    if isinstance(value, str | bytes | array | int | float) or value is None:
        return own
    return own + sum(_size(getattr(value, field.name), seen) for field in fields(value))  # type: ignore[arg-type]  (samples and their parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: a tenth of the requests")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    requests = 1_000 if arguments.quick else 10_000
    plan = selftest.plan(STREAMS, requests)
    rows: list[dict[str, tables.Cell]] = []

    def note(stage: str, count: int) -> None:
        gc.collect()
        now, first = resident(), rows[1]["resident MiB"] if len(rows) > 1 else None
        since = None if first is None else now - float(first) * _KIB**2
        rows.append({
            "after": stage,
            "resident MiB": now / _KIB**2,
            "since the first tenth KiB": None if since is None else since / _KIB,
            "a request bytes": None if since is None or not count else since / count,
        })

    with SimulatorProcess(PROFILE) as simulator:
        client = LiteLLMClient(api_bases={"openai": simulator.api_base("openai")})
        recorder = Recorder(plan, client)
        done, every = 0, requests // 10

        async def body() -> None:
            nonlocal done
            await recorder.call("Say something.")
            done += 1
            if done % every == 0:
                note(f"{done} requests", done - every)

        note("the imports", 0)
        asyncio.run(measure(plan, body, MonotonicClock(), Progress()))
        client.close()
    samples = collect(recorder.spool.read(), client, plan, Place(worker=None, host=None, region=None)).samples
    note(f"decoding {len(samples)} samples", len(samples))
    kept = size(samples)
    beyond = (float(str(rows[-1]["since the first tenth KiB"])) * _KIB - kept) / len(samples)
    rows.append({
        "after": "the same without the samples",
        "resident MiB": float(str(rows[-1]["resident MiB"])) - kept / _KIB**2,
        "since the first tenth KiB": float(str(rows[-1]["since the first tenth KiB"])) - kept / _KIB,
        "a request bytes": beyond,
    })
    tables.show(f"Resident memory over {requests} requests of 50 tokens", rows)
    tables.write(arguments.json, "memory", {"memory": rows})


if __name__ == "__main__":
    main()
