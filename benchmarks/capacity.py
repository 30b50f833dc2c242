"""How many requests a second one client process can make on one core: short answers without delays.

The client runs on one core and the simulator on another. Where the simulator is the slower of the
two, the rate is its own: so its share of its core stands beside each rate, and the columns after it
have what the client's CPU alone would allow. What this package decodes after the load is the last.

Run: python benchmarks/capacity.py [--quick] [--json FILE]
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import aiohttp
import contenders
import tables

from pytest_llm_latency.simulator.process import SimulatorProcess

PROFILE = {"profiles": {"*": {"ttft": 0.0, "inter_token": 0.0, "headers_s": 0.0, "output_tokens": 4}}}
STREAMS = 50
CLIENT_CORE, SERVER_CORE = 0, 1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one contender did: wall time of the load, CPU in it and after it, in seconds."""

    requests: int
    wall_s: float
    cpu_s: float
    later_s: float


def contend(name: str, base: str, requests: int) -> Measured:
    """Run one contender on the client's core; called in a process of its own."""
    _pin(0, CLIENT_CORE)
    return asyncio.run(_contend(name, base, requests))


async def _contend(name: str, base: str, requests: int) -> Measured:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        contender = contenders.CONTENDERS[name](base, session)
        await _drive(contender.send, STREAMS)  # warm up
        contender.later()
        wall, cpu = time.perf_counter(), time.process_time()
        await _drive(contender.send, requests)
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        later_s = contender.later()
    return Measured(requests=requests, wall_s=wall_s, cpu_s=cpu_s, later_s=later_s)


async def _drive(send: contenders.Send, requests: int) -> None:
    left = iter(range(requests))

    async def user() -> None:
        for _ in left:
            await send("")

    await asyncio.gather(*(user() for _ in range(STREAMS)))


def _pin(process: int, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:  # with one core they share it
        os.sched_setaffinity(process, {cores[min(core, len(cores) - 1)]})


def cpu_of(process: int) -> float:
    """Return the CPU seconds that another process has used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(simulator: SimulatorProcess, requests: int) -> list[dict[str, tables.Cell]]:
    """Run every contender, one after another; litellm makes a quarter of the requests."""
    found: dict[str, tuple[Measured, float]] = {}
    for name in contenders.CONTENDERS:
        count = requests if name in {"pytest-llm-latency", "aiohttp"} else requests // 4
        simulator.reset()
        with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
            before = cpu_of(simulator.pid)
            measured = pool.submit(contend, name, simulator.api_base("openai"), count).result()
            found[name] = measured, (cpu_of(simulator.pid) - before) / measured.wall_s
    return rows(found)


def rows(found: dict[str, tuple[Measured, float]]) -> list[dict[str, tables.Cell]]:
    """Return the table: the rate of each, and what its CPU would allow, over aiohttp's and litellm's."""
    rates = {name: each.requests / each.wall_s for name, (each, _) in found.items()}
    by_cpu = {name: each.requests / each.cpu_s for name, (each, _) in found.items()}
    return [
        {
            "client": name,
            "requests": measured.requests,
            "requests/s": rates[name],
            "× aiohttp": rates[name] / rates["aiohttp"],
            "× litellm": rates[name] / rates["litellm.acompletion"],
            "simulator's core": f"{share:.0%}",
            "by its CPU requests/s": by_cpu[name],
            "× aiohttp ": by_cpu[name] / by_cpu["aiohttp"],
            "× litellm ": by_cpu[name] / by_cpu["litellm.acompletion"],
            "decoding later ms/request": measured.later_s / measured.requests * 1e3,
        }
        for name, (measured, share) in found.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer requests")
    parser.add_argument("--json", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    with SimulatorProcess(PROFILE) as simulator:
        _pin(simulator.pid, SERVER_CORE)
        found = measure(simulator, 800 if arguments.quick else 8_000)
    tables.show(f"Requests a second of one process on one core, {STREAMS} streams", found)
    tables.write(arguments.json, "capacity", {"capacity": found})


if __name__ == "__main__":
    main()
