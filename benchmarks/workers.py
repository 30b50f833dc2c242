"""Workers as one client: 1,000 open requests of ten, what the controller costs, and how throughput grows.

Client and simulator share the machine's processors here, so that throughput is given as wall time and
as processor time of a request, the workers' and the simulator's apart: where the server has processors
of its own, two workers do as many requests a second as two processors have time for.

Run: python benchmarks/workers.py [--quick] [--json FILE]
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import compiled
import tables

import nouns
from pytest_llm_latency import parts
from pytest_llm_latency.model import MEASURE, Run, Sample
from pytest_llm_latency.parts import Part
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.storage import results
from pytest_llm_latency.workers.channel import Message
from pytest_llm_latency.workers.link import Link
from pytest_llm_latency.workers.listener import Listener, Peer

WORKERS = 10
PIECES = 60
SUITE = """
import pytest

@pytest.mark.llm_latency(
    model="openai/gpt-4o-mini", requests={requests}, warmup={users}, concurrency={users}, gate=("e2e",), timeout="120s"
)
async def test_load(llm):
    await llm("Say hello.")
"""
STARTING = """
import os, time
import pytest

BEGAN = float(os.environ["BEGAN"])
NODES = []

def cpu_s(pid):
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) returns; Python has no name for it

@pytest.fixture
def llm():
    pass

class Clock:
    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_xdist_node_collection_finished(self, node):
        NODES.append(node)
        if len(NODES) == 4:
            took_s = time.time() - BEGAN
            used_s = time.process_time() + sum(cpu_s(each.gateway._io.popen.pid) for each in NODES)
            print("COLLECTED", took_s, used_s, flush=True)
            pytest.exit("enough")

def pytest_configure(config):
    config.addinivalue_line("markers", "llm_latency: a latency test")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Clock())
"""


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(workers: int, requests: int, users: int, profile: dict[str, object]) -> tuple[Run, float]:
    """Measure with so many workers against a simulator, and return the run with the simulator's processor time."""
    with tempfile.TemporaryDirectory() as name, SimulatorProcess({"profiles": {"*": profile}}) as simulator:
        folder = Path(name)
        (folder / "test_load.py").write_text(SUITE.format(requests=requests, users=users), encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope=function\n", encoding="utf-8")
        pid = simulator._process.pid  # noqa: SLF001  (what it costs is the question)
        began_s = cpu_s(pid)
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{simulator.base_url}/v1"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"-n{workers}", "--llm-latency", "--llm-latency-max-error=60s"],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        spent_s = cpu_s(pid) - began_s
        try:
            session = results.read_session(results.latest(folder / ".llm-latency"))
        except Exception:
            print(done.stdout[-3000:], done.stderr[-1000:], file=sys.stderr)
            raise
        (run,) = (run for test in session.tests for run in session.runs(test))
        return run, spent_s


def together(requests: int) -> list[dict[str, tables.Cell]]:
    """Keep 1,000 requests open by ten workers, and count what arrived."""
    run, _ = measured(WORKERS, requests, 1_000, {"ttft": 4.0, "inter_token": 0.005, "output_tokens": 10})
    samples = [sample for sample in run.samples if sample.phase == MEASURE]
    moments = [(sample.stamps.started, 1) for sample in samples]
    moments += [(sample.stamps.closed or sample.piece_ns[-1], -1) for sample in samples if sample.piece_ns]
    under_way = most = 0
    for _, step in sorted(moments):
        under_way += step
        most = max(most, under_way)
    skews = [abs(worker.start_skew_s or 0.0) * 1e3 for worker in run.workers]
    return [
        {
            "workers": len(run.workers),
            "requests": len(samples),
            "lost": requests - len({sample.iteration for sample in samples}),
            "failed": sum(sample.status != "ok" for sample in samples),
            "most open": most,
            "requests/s": len(samples) / run.duration_s,
            "start skew, median ms": statistics.median(skews),
            "largest ms": max(skews),
            "loop lag p99 ms": (run.trust.loop_lag_p99_s or 0.0) * 1e3,
        }
    ]


def growing(requests: int) -> list[dict[str, tables.Cell]]:
    """Measure as fast as one and as two workers can."""
    rows: list[dict[str, tables.Cell]] = []
    for workers in (1, 2):
        run, simulator_s = measured(workers, requests, 32, {"ttft": 0.0, "inter_token": 0.0, "output_tokens": 20})
        share = (run.trust.cpu_share or 0.0) * workers
        rows.append({
            "workers": workers,
            "requests/s": requests / run.duration_s,
            "client ms of CPU a request": share * run.duration_s / requests * 1e3,
            "simulator ms of CPU a request": simulator_s / len(run.samples) * 1e3,
        })
    alone, both = (float(str(row["client ms of CPU a request"])) for row in rows)
    for row, factor in zip(rows, (1.0, 2 * alone / both), strict=True):
        row["times the requests/s, with processors of its own"] = factor
    return rows


def shard(count: int) -> Part:
    """Return what a worker sends of so many requests with answers of 60 pieces."""

    def sample(number: int) -> Sample:
        made = nouns.sample(number, 0.2, 1.0, worker="gw0")
        at_ns = array("q", range(made.stamps.started, made.stamps.started + PIECES * 5_000_000, 5_000_000))
        sizes = array("q", [200] * PIECES)
        kinds = "c" * PIECES
        characters = array("q", [4] * PIECES)
        return dataclasses.replace(
            made, piece_ns=at_ns, piece_bytes=sizes, event_ns=at_ns, event_kinds=kinds, event_characters=characters
        )

    run = nouns.run([0.2] * 10)
    values = {field.name: getattr(run, field.name, None) for field in dataclasses.fields(Part)}
    return Part(**values | {
        "test": parts.Test(id=run.test_id, file=run.file, line=None),
        "beside": 0,
        "began_ns": 0,
        "ended_ns": 10**9,
        "looks": (),
        "looking_ns": 0,
        "facts": (),
        "failures": (),
        "warnings": (),
        "samples": tuple(sample(number) for number in range(count)),
    })  # fmt: skip


def links(listener: Listener) -> list[Link]:
    """Return the ends of ten workers."""
    return [Link(f"gw{number}", listener.address, listener.token) for number in range(WORKERS)]


def quantiles(name: str, seconds: Sequence[float]) -> dict[str, tables.Cell]:
    """Return a row of the round trips' times."""
    ordered = sorted(seconds)
    return {
        "round trip": name,
        "times": len(ordered),
        "p50 ms": ordered[len(ordered) // 2] * 1e3,
        "p99 ms": ordered[int(0.99 * (len(ordered) - 1))] * 1e3,
    }


def talking(rounds: int) -> list[dict[str, tables.Cell]]:
    """Let ten workers ask for tokens, one after another, and meet, all at once."""
    waiting: list[tuple[Peer, Message]] = []

    def meet(peer: Peer, message: Message) -> None:
        waiting.append((peer, message))
        if len(waiting) == WORKERS:
            for each, asked in waiting:
                each.reply(asked, {"begin_ns": time.monotonic_ns()})
            waiting.clear()

    handlers = {"token": lambda peer, message: peer.reply(message, {"granted": 16}), "meet": meet}
    listener = Listener(handlers, came=lambda _: None, gone=lambda *_: None)
    ends = links(listener)
    tokens, meetings = [], []
    for number in range(rounds):
        began = time.perf_counter()
        ends[number % WORKERS].ask("token", {"wanted": 16}).result()
        tokens.append(time.perf_counter() - began)
    for _ in range(rounds):
        answered: list[float] = []
        began = time.perf_counter()
        asked: list[Future[Message]] = [end.ask("meet", {"test": "t"}) for end in ends]
        for each in asked:
            each.result()
            answered.append(time.perf_counter() - began)
        meetings.append(max(answered))
    for end in ends:
        end.close()
    listener.close()
    return [quantiles("token", tokens), quantiles(f"barrier of {WORKERS}", meetings)]


def costing(requests: int) -> list[dict[str, tables.Cell]]:
    """Say what the controller's own work for a request costs: its samples, and what is said of it on the way."""
    body, data = parts.pack(shard(requests))
    began_s = time.process_time()
    run = parts.join("s", [parts.unpack(json.loads(json.dumps(body)), data)])
    samples_s = (time.process_time() - began_s) / len(run.samples)
    heard = threading.Event()
    listener = Listener(
        {"progress": lambda *_: None, "last": lambda *_: heard.set()}, came=lambda _: None, gone=lambda *_: None
    )
    code = "import sys; sys.path.insert(0, sys.argv[1]); import workers; workers.speak(*sys.argv[2:])"
    before_s = time.process_time()
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, here, listener.address[0], str(listener.address[1]), listener.token]
    with subprocess.Popen([*command, str(requests)]) as speaker:
        heard.wait()
        pulses_s = (time.process_time() - before_s) / requests
        speaker.wait()
    listener.close()
    rows = [("samples: taken in, put together", samples_s), ("progress: ten workers, once a second", pulses_s)]
    whole = [*rows, ("both", samples_s + pulses_s)]
    return [
        {
            "work of the controller": name,
            "µs of CPU a request": seconds * 1e6,
            "% of a core at 1,000 requests/s": seconds * 1e5,
            "at 100 hosts of 1,000 requests/s": f"{seconds * 1e5:.3g} cores",
        }
        for name, seconds in whole
    ]


def speak(host: str, port: str, token: str, requests: str) -> None:
    """Say, in a process of its own, what ten workers say of so many requests at 1,000 a second."""
    ends = [Link(f"gw{number}", (host, int(port)), token) for number in range(WORKERS)]
    for _ in range(max(1, int(requests) // 1_000)):
        for end in ends:
            took = [0.123456] * (1_000 // WORKERS)
            end.send("progress", {"test": "t", "done": 1, "planned": 2, "errors": 0, "took_s": took})
    for end in ends[:-1]:
        end.close()
    ends[-1].send("last", {})
    ends[-1].close()


def starting(rounds: int) -> list[dict[str, tables.Cell]]:
    """Take the time until four workers have collected 200 benchmarks, with the plugin and without.

    Wall time and the processor time of all five processes count up to the moment at which the last worker has
    said what it collected; how the artificial end closes them is no part of it. Both alternate, and run modules
    that are compiled already, as those of an installed package are: the first round compiles and does not count.
    """
    contenders = {
        "without the plugin": (STARTING, ["-p", "no:llm_latency"]),
        "with the plugin": (STARTING.replace("def llm():", "def other():"), ["--llm-latency"]),
    }
    found: dict[str, list[tuple[float, float]]] = {which: [] for which in contenders}
    with tempfile.TemporaryDirectory() as name:
        tests = (f"@pytest.mark.llm_latency(model='openai/m')\ndef test_{n}(llm):\n    llm('hi')\n" for n in range(200))
        suite = "import pytest\n\n" + "\n".join(tests)
        for which, (conftest, _) in contenders.items():
            folder = Path(name) / which
            folder.mkdir()
            (folder / "conftest.py").write_text(conftest, encoding="utf-8")
            (folder / "test_many.py").write_text(suite, encoding="utf-8")
        for number in range(rounds + 1):
            for which, (_, options) in contenders.items():
                measured = seconds_to_collect(Path(name) / which, options)
                if number:
                    found[which].append(measured)
    (plain_s, plain_cpu_s), *_ = medians = [
        tuple(statistics.median(values) for values in zip(*each, strict=True)) for each in found.values()
    ]
    return [
        {
            "200 benchmarks, 4 workers": which,
            "median s": wall_s,
            "more %": (wall_s / plain_s - 1) * 100,
            "s of CPU": cpu_s,
            "more CPU %": (cpu_s / plain_cpu_s - 1) * 100,
        }
        for which, (wall_s, cpu_s) in zip(found, medians, strict=True)
    ]


def seconds_to_collect(folder: Path, options: Sequence[str]) -> tuple[float, float]:
    """Return the wall time and the processor time until all have collected."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n4", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=compiled.environment(folder.parent) | {"BEGAN": repr(time.time())},
        capture_output=True,
        text=True,
        check=False,
    )
    if "COLLECTED" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    wall_s, cpu_s = done.stdout.split("COLLECTED", 1)[1].split()[:2]
    return float(wall_s), float(cpu_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first look: fewer requests and rounds")
    parser.add_argument("--json", type=Path, help="write the tables to this file")
    quick = parser.parse_args().quick
    found = {
        "talking": talking(200 if quick else 2_000),
        "costing": costing(2_000 if quick else 10_000),
        "starting": starting(3 if quick else 7),
        "growing": growing(500 if quick else 4_000),
        "together": together(2_000 if quick else 10_000),
    }
    titles = {
        "talking": "Round trips over the channel",
        "costing": "What the controller does for a request",
        "starting": "Collection and start",
        "growing": "Throughput",
        "together": "1,000 open requests by ten workers",
    }
    for name, rows in found.items():
        tables.show(titles[name], rows)
    tables.write(parser.parse_args().json, "workers", found)


if __name__ == "__main__":
    main()
