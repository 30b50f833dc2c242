"""What ``LatencyProfiler`` adds to a call beyond the client that sends it.

Two contenders take turns in one process and one run, each with the same requests, the same number of them
under way and the same client: a loop over the client alone, and the profiler with a body that makes one call.

* instant: a client that answers at once, so that what is left is the profiler's own time
* simulator: litellm's client over real sockets, to a simulator in a process of its own

The time of a call is the wall time that its caller waits for it, and the CPU that of the process while calls are made.
What comes after the calls, the decoding and the judging, is not part of a call: it has a column of its own.

Run: python benchmarks/library.py [--quick] [--json FILE]
"""

import argparse
import asyncio
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import tables

from pytest_llm_latency import AsyncCaller, LatencyProfiler, SimulatorProcess, UntrustedRunWarning
from pytest_llm_latency.execution import event_loop
from pytest_llm_latency.execution.client import Client, rehearsal
from pytest_llm_latency.execution.collector import quiet_collector
from pytest_llm_latency.execution.litellm_client import LiteLLMClient
from pytest_llm_latency.model import Decoded, Recording, Request, Stamps, Usage

MODEL = "openai/gpt-4o-mini"
PROFILE = {"profiles": {"*": {"ttft": 0.02, "inter_token": 0.001, "output_tokens": 10}}}
PROMPT = "Say hello."
REQUEST = replace(rehearsal(MODEL), messages=({"role": "user", "content": PROMPT},), deadline_s=60.0)
ALONE, PROFILED = "the client alone", "LatencyProfiler"


@dataclass(slots=True, kw_only=True)
class Calls:
    """What a contender's calls took: seconds each, the CPU seconds of all, and of what came after."""

    took_s: list[float] = field(default_factory=list)
    began_s: float = 0.0
    cpu_s: float = 0.0
    after_s: float = 0.0

    def begin(self) -> None:
        """Note the CPU before the first call; a later call's note is that of the first."""
        self.began_s = self.began_s or time.process_time()

    def note(self, began_s: float) -> None:
        """Note a call that began then and has ended now."""
        self.took_s.append(time.perf_counter() - began_s)
        self.cpu_s = time.process_time() - self.began_s


class Instant:
    """A client that answers at once with one token."""

    async def send(self, request: Request) -> Recording:
        """Return a recording of the present moment."""
        now_ns = time.monotonic_ns()
        return Recording(
            request=request, provider="none", endpoint="none",
            stamps=Stamps(started=now_ns, send_start=now_ns, send_end=now_ns, closed=now_ns),
            build_ns=None, http_status=200, headers=(), pieces=(b"x",), piece_ns=(now_ns,), connection_reused=None,
            http_version=None, paced_ns=None, clock="fake", status="ok", failure=None, attempts=1,
        )  # fmt: skip

    def decode(self, recording: Recording) -> Decoded:
        """Return its token."""
        usage = Usage(tokens_in=1, tokens_out=1, tokens_reasoning=None, tokens_cached=None, tokens_cache_written=None,
                      source="usage")  # fmt: skip
        return Decoded(
            status="ok", failure=None, event_ns=recording.piece_ns, event_kinds="c", event_characters=(1,), text="x",
            reasoning="", tool_calls=(), finish_reason="stop", served_model=MODEL, usage=usage, cost_usd=None,
        )  # fmt: skip

    def settle(self, recording: Recording, decoded: Decoded) -> Decoded:  # noqa: ARG002  (the seam's signature)
        """Return what was decoded."""
        return decoded

    def close(self) -> None:
        """There is nothing to close."""


def alone(client: Client, request: Request, users: int, count: int) -> Calls:
    """Send a request so often through the client and nothing else, in the event loop that a profile has."""
    calls, left = Calls(), iter(range(count))

    async def user() -> None:
        for _ in left:
            calls.begin()
            began_s = time.perf_counter()
            await client.send(request)
            calls.note(began_s)

    async def all_users() -> None:
        await asyncio.gather(*(user() for _ in range(users)))

    with quiet_collector(), asyncio.Runner(loop_factory=event_loop.factory()) as runner:
        runner.run(all_users())
    client.close()
    return calls


def profiled(profiler: LatencyProfiler, users: int, count: int) -> Calls:
    """Send as many through the profiler."""
    calls = Calls()

    async def body(llm: AsyncCaller) -> None:
        calls.begin()
        began_s = time.perf_counter()
        await llm(PROMPT)
        calls.note(began_s)

    began_s = time.process_time()
    result = profiler.profile(body=body, requests=count, warmup=0, concurrency=users)
    assert result.successes == count, result
    calls.after_s = time.process_time() - began_s - calls.cpu_s
    return calls


def over_litellm(access: Mapping[str, str], users: int, count: int) -> Calls:
    """Send so many requests through litellm's client alone, which is as new as that of a profile."""
    client = LiteLLMClient()
    request = replace(REQUEST, parameters={**REQUEST.parameters, **access})
    try:
        client.prepare(MODEL)
        return alone(client, request, users, count)
    finally:
        client.restore()


def rounds(contenders: dict[str, Callable[[], Calls]], count: int) -> Iterator[tuple[str, Calls]]:
    """Let the contenders take turns, in the other order every other time; the first round does not count."""
    for number in range(count + 1):
        for name in sorted(contenders, reverse=bool(number % 2)):
            calls = contenders[name]()
            if number:
                yield name, calls


def measured(title: str, contenders: dict[str, Callable[[], Calls]], count: int) -> list[dict[str, tables.Cell]]:
    """Print and return what a call takes each contender, and the difference: medians over the rounds."""
    found: dict[str, list[Calls]] = {name: [] for name in contenders}
    for name, calls in rounds(contenders, count):
        found[name].append(calls)
    rows = [_row(title, name, found[name]) for name in contenders]
    more = {key: None if isinstance(value, str) else _less(rows[1][key], value) for key, value in rows[0].items()}
    rows.append({**more, "client": title, "what": "the profiler adds"})
    tables.show(f"{title}: a call, medians of {count} rounds", rows)
    return rows


def _row(title: str, name: str, rounds_: list[Calls]) -> dict[str, tables.Cell]:
    def median(take: Callable[[Calls], float]) -> float:
        return statistics.median(map(take, rounds_))

    return {
        "client": title,
        "what": name,
        "wall p50 µs": 1e6 * median(lambda each: statistics.median(each.took_s)),
        "wall p95 µs": 1e6 * median(lambda each: statistics.quantiles(each.took_s, n=20)[-1]),
        "CPU µs": 1e6 * median(lambda each: each.cpu_s / len(each.took_s)),
        "CPU after the run µs": 1e6 * median(lambda each: each.after_s / len(each.took_s)),
    }


def _less(more: tables.Cell, value: tables.Cell) -> float | None:
    return more - value if isinstance(more, int | float) and isinstance(value, int | float) else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer rounds and requests")
    parser.add_argument("--json", type=Path, help="write the tables to this file")
    arguments = parser.parse_args()
    count, requests = (3, 500) if arguments.quick else (9, 2_000)
    # What is compared here is the callers' own time, whatever the machine is busy with.
    warnings.simplefilter("ignore", UntrustedRunWarning)
    instant = LatencyProfiler(MODEL, client=Instant())
    found = {
        f"instant, {users} at once": {
            ALONE: lambda users=users: alone(Instant(), REQUEST, users, requests),
            PROFILED: lambda users=users: profiled(instant, users, requests),
        }
        for users in (1, 50)
    }
    with SimulatorProcess(PROFILE) as simulator:
        access = {"api_base": simulator.api_base("openai"), "api_key": "none"}
        reached = LatencyProfiler(MODEL, base_url=access["api_base"], api_key=access["api_key"])
        found |= {
            f"simulator, {users} at once": {
                ALONE: lambda users=users: over_litellm(access, users, requests // 8),
                PROFILED: lambda users=users: profiled(reached, users, requests // 8),
            }
            for users in (1, 20)
        }
        rows = [row for title, contenders in found.items() for row in measured(title, contenders, count)]
    tables.write(arguments.json, "library", {"calls": rows})


if __name__ == "__main__":
    main()
