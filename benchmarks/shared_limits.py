"""How well limits hold that several workers share, and what asking for leave costs.

Workers are processes with the limiter of the plugin and no provider: each asks for leave as fast as
it gets any, for as long as is stated. ``rate`` is what all of them were let go in sum, over what was
allowed; ``asked`` is how long one waited for leave that nothing held back, with a round trip to the
controller each; ``ahead`` is the same where leave may be asked for ahead.

    python benchmarks/shared_limits.py [--seconds 10] [--workers 2 10] [--json FILE]
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tables import show, write

import nouns
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.pacing import Answered, Claim
from pytest_llm_latency.execution.sharing import kinds
from pytest_llm_latency.execution.sharing.desk import Desk
from pytest_llm_latency.execution.sharing.ledger import Ledger
from pytest_llm_latency.execution.sharing.limiter import SharedLimiter, SharedLimits
from pytest_llm_latency.load import closed
from pytest_llm_latency.model import Pacing
from pytest_llm_latency.plan import DEFAULT_BUDGET, DEFAULT_PACING
from pytest_llm_latency.units import nanoseconds, seconds
from pytest_llm_latency.workers.link import Link
from pytest_llm_latency.workers.listener import Listener

USERS = 8  # of each worker
PER_S = 1_000  # what all of them ask for where nothing holds them
Results = Any  # a queue of multiprocessing
Given = tuple[tuple[str, int], str]


class Controller:
    """What a limiter asks, over a link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send a message."""
        self._link.send(kind, body)

    def ask(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a question and wait for its answer."""
        return self._link.ask(kind, body).result().body


async def ask_for_leave(
    limiter: SharedLimiter, pacing: Pacing, until_s: float, pause_s: float
) -> list[tuple[int, int]]:
    """Return when each request was let go and how long it had waited, in nanoseconds."""
    found: list[tuple[int, int]] = []
    claim = Claim(key="model", tokens=0.0, pacing=pacing, until_ns=None)

    async def user() -> None:
        while time.monotonic() < until_s:
            asked_ns = time.monotonic_ns()
            admission = await limiter.acquire(claim)
            assert admission is not None
            found.append((time.monotonic_ns(), time.monotonic_ns() - asked_ns))
            await asyncio.sleep(pause_s)
            answered = Answered(http_status=200, headers=(), at_ns=time.monotonic_ns(), tokens=None, dollars=None)
            limiter.learn(admission, answered)

    await asyncio.gather(*[user() for _ in range(USERS)])
    return found


def work(name: str, given: Given, pacing: Pacing, times: tuple[float, float], results: Results) -> None:
    """Be one worker."""
    (address, token), (lasting_s, pause_s) = given, times
    link = Link(name, address, token)
    limits = SharedLimits(DEFAULT_BUDGET, Controller(link), MonotonicClock(), share=1.0)
    for kind in limits.kinds:
        link.hear(kind, lambda message: limits.take(message.kind, message.body))
    limiter = SharedLimiter(limits, nouns.plan(pacing=pacing, load=closed(USERS)), "benchmark")
    results.put(asyncio.run(ask_for_leave(limiter, pacing, time.monotonic() + lasting_s, pause_s)))
    limiter.close()
    link.close()


def measured(workers: int, pacing: Pacing, seconds_: float) -> tuple[list[tuple[int, int]], float]:
    """Return what all workers were let go, in order, and the controller's processor time a request in seconds."""
    desk = Desk(Ledger(DEFAULT_BUDGET, workers), MonotonicClock())
    handlers = dict.fromkeys(kinds.TAKEN, lambda peer, message: desk.take(peer.name, message.kind, message.body))
    listener = Listener(handlers, came=desk.came, gone=lambda peer, _: desk.gone(peer.name))
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    given = listener.address, listener.token
    pause_s = USERS * workers / PER_S
    processes = [
        context.Process(target=work, args=(f"gw{number}", given, pacing, (seconds_, pause_s), results))
        for number in range(workers)
    ]
    began_s = time.process_time()
    for process in processes:
        process.start()
    found = sorted(each for _ in processes for each in results.get())
    used_s = time.process_time() - began_s
    for process in processes:
        process.join()
    listener.close()
    desk.close()
    return found, used_s / len(found)


def quantile_ms(waits_ns: list[int], share: float) -> float:
    """Return a quantile in milliseconds."""
    return 1000 * seconds(sorted(waits_ns)[min(len(waits_ns) - 1, int(share * len(waits_ns)))])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rates: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    for workers in arguments.workers:
        for per_s in (5, 50, 500):
            pacing = replace(DEFAULT_PACING, requests_per_minute=60.0 * per_s)
            found, cpu_s = measured(workers, pacing, arguments.seconds)
            began_ns = found[0][0] + nanoseconds(1)  # the first second has the burst, and workers that still start
            ended_ns = found[0][0] + nanoseconds(arguments.seconds - 1)
            moments = [at_ns for at_ns, _ in found if began_ns <= at_ns <= ended_ns]
            rate = (len(moments) - 1) / seconds(moments[-1] - moments[0])
            rates.append({
                "workers": workers,
                "allowed /s": per_s,
                "let go /s": rate,
                "error %": 100 * (rate / per_s - 1),
            })
        for title, pacing in (
            ("asked", replace(DEFAULT_PACING, max_concurrency=1_000_000)),
            ("ahead", replace(DEFAULT_PACING, requests_per_minute=6_000_000.0)),
        ):
            found, cpu_s = measured(workers, pacing, arguments.seconds)
            waits = [wait_ns for at_ns, wait_ns in found if at_ns > found[0][0] + nanoseconds(1)]
            costs.append({
                "workers": workers,
                "leave": title,
                "requests /s": len(found) / arguments.seconds,
                "median ms": 1000 * seconds(round(statistics.median(waits))),
                "p99 ms": quantile_ms(waits, 0.99),
                "controller CPU µs": 1e6 * cpu_s,
            })
    show("Limits that workers share", rates)
    show("Asking for leave", costs)
    write(arguments.json, "shared_limits", {"rates": rates, "leave": costs})


if __name__ == "__main__":
    main()
