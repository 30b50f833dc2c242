"""``llm-latency selftest``: what this machine's own figures are wrong by, against a server that knows the truth.

The load is a benchmark's: the same executor, client, sockets and decoding. The simulator runs in a
process of its own and logs, with the kernel's stamps, when a request arrived and when each delta
of the answer left. What the client's figures differ by from that is their error.
"""

import argparse
import asyncio
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import load as loads
from pytest_llm_latency import marker, options, per_request, units
from pytest_llm_latency.commands import painting, tables
from pytest_llm_latency.errors import ProviderError, UsageError
from pytest_llm_latency.model import CONTROL, MEASURE, Plan, Sample
from pytest_llm_latency.units import seconds

if TYPE_CHECKING:
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient
    from pytest_llm_latency.execution.spool import Entry
    from pytest_llm_latency.simulator.process import SimulatorProcess
    from pytest_llm_latency.simulator.truth import Exchange

# What argparse makes is typed by hand: ``add_subparsers`` has no public class for it.
Subparsers = Any

MODEL = "openai/gpt-4o-mini"
SETTINGS = {"profiles": {"*": {"ttft": {"kind": "lognormal", "median_s": 0.2, "sigma": 0.1},
                               "inter_token": 0.02, "output_tokens": 50}}}  # fmt: skip
_NUMBER_HEADER = "x-simulator-request"
_USUAL_STREAMS = (1, 10, 50, 200)
_REQUESTS_A_STREAM = 3
_FEWEST_REQUESTS = 10
_SHARE = 0.05  # an error of this share of a latency is one that can be borne
_SUMMARY = "measure how exact the stamps are on this machine, against the simulator's ground truth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """What the figures of one level are wrong by: seconds, the median and the 99th percentile.

    ``ttft_s`` is the measured time to the first token less the true one, ``gap_s`` the difference
    of the gaps between deltas without its sign. ``clocks`` are the sources of the arrivals' stamps.
    ``estimate_s`` is what a benchmark would say of itself: its own upper estimate of the error.
    """

    streams: int
    requests: int
    clocks: tuple[str, ...]
    ttft_s: tuple[float, float]
    gap_s: tuple[float, float]
    estimate_s: float | None

    @property
    def fit_from_s(self) -> float:
        """The time to the first token from which the error is below 5 % for 99 % of the requests."""
        return self.ttft_s[1] / _SHARE


def add_parser(subparsers: Subparsers) -> None:
    """Add ``selftest`` to the command line."""
    parser = subparsers.add_parser("selftest", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    parser.add_argument("--streams", default=",".join(map(str, _USUAL_STREAMS)), metavar="N,N",
                        help="how many streams are open at once, level by level (1,10,50,200)")  # fmt: skip
    parser.add_argument("--requests", type=int, metavar="N", help="requests a level (three a stream, ten at least)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=selftest)


def selftest(arguments: argparse.Namespace) -> int:
    """Measure each level and print its errors; raise ``LatencyError`` for what cannot be measured."""
    from pytest_llm_latency.execution.litellm_client import LiteLLMClient  # noqa: PLC0415  (litellm takes seconds)
    from pytest_llm_latency.simulator.process import SimulatorProcess  # noqa: PLC0415  (only here)

    plans = [plan(streams, arguments.requests) for streams in _levels(arguments.streams)]
    with SimulatorProcess(SETTINGS) as simulator:
        client = LiteLLMClient(api_bases={"openai": simulator.api_base("openai")})
        client.prepare(MODEL)
        found = []
        for planned in plans:
            sys.stderr.write(f"{loads.describe(planned.load)}: {planned.requests} requests ...\n")
            found.append(measure(simulator, client, planned))
    if arguments.json:
        tables.write_json([{**asdict(each), "fit_from_s": each.fit_from_s} for each in found])
    else:
        tables.write(_report(found))
    return 0


def _levels(text: str) -> list[int]:
    try:
        levels = [int(part) for part in text.split(",")]
    except ValueError:
        levels = []
    if not levels or min(levels) < 1:
        raise UsageError(f"--streams {text!r} is no list of whole numbers: write it as in --streams 1,10,50.")
    return levels


def plan(streams: int, requests: int | None, *, model: str = MODEL) -> Plan:
    """Return the plan of a closed loop, as a marker without further arguments would have it."""
    if requests is None:
        requests = max(_FEWEST_REQUESTS, _REQUESTS_A_STREAM * streams)
    if requests < streams:
        raise UsageError(f"--requests {requests} is below --streams {streams}: ask for as many at least.")
    said = marker.llm_latency(model=model, requests=requests, warmup=streams, concurrency=streams)
    return marker.make_plan(said, options.resolve(lambda _: None, lambda _: None, Path()))


def measure(simulator: "SimulatorProcess", client: "LiteLLMClient", planned: Plan) -> Errors:
    """Run the load of a plan and compare every measured request with the truth."""
    from pytest_llm_latency.execution import machine  # noqa: PLC0415  (beside litellm's client)
    from pytest_llm_latency.execution.clock import MonotonicClock  # noqa: PLC0415  (the same)
    from pytest_llm_latency.execution.collector import quiet_collector  # noqa: PLC0415  (the same)
    from pytest_llm_latency.execution.executor import Progress, measure  # noqa: PLC0415  (the same)
    from pytest_llm_latency.execution.recorder import Recorder  # noqa: PLC0415  (the same)
    from pytest_llm_latency.execution.sampling import Place, collect  # noqa: PLC0415  (the same)

    simulator.reset()
    recorder, numbers = Recorder(planned, client), dict[int, int]()

    async def body() -> None:
        await recorder.call("Say something of fifty words.")

    progress = Progress()
    with quiet_collector(), machine.most_open_files():  # as a benchmark does
        asyncio.run(measure(planned, body, MonotonicClock(), progress))
    client.close()
    place = Place(worker=None, host=None, region=None)
    samples = collect(_numbered(recorder.spool.read(), numbers), client, planned, place).samples
    recorder.spool.close()
    truths = {truth.request: truth for truth in _since_asked(simulator.truths())}
    return compare(
        [(sample, truths[numbers[sample.iteration]]) for sample in samples if sample.phase == MEASURE],
        streams=loads.concurrency(planned.load) or 0,
        estimate_s=progress.watch.trust(samples).error_p99_s,
    )


def _since_asked(truths: "Sequence[Exchange]") -> "Iterator[Exchange]":
    """Return the exchanges with the arrival of the request that asked: some answers are fetched by a second one."""
    asked: dict[tuple[str, int], int] = {}
    for truth in truths:
        arrived_ns = asked.setdefault((truth.model, truth.ordinal), truth.arrived_ns)
        yield replace(truth, arrived_ns=arrived_ns)


def _numbered(entries: "Iterable[Entry]", numbers: dict[int, int]) -> "Iterator[Entry]":
    for entry in entries:
        numbers[entry.iteration] = int(dict(entry.recording.headers).get(_NUMBER_HEADER, 0))
        yield entry


def compare(pairs: "Sequence[tuple[Sample, Exchange]]", *, streams: int, estimate_s: float | None) -> Errors:
    """Return what the samples are wrong by; raise ``ProviderError`` where a request failed."""
    failed = [sample.failure for sample, _ in pairs if sample.status != "ok"]
    if failed:
        reason = "it ended early" if failed[0] is None else failed[0].message
        raise ProviderError(
            f"{len(failed)} of {len(pairs)} requests to the simulator failed ({reason}): "
            "try fewer streams, or a machine that has less to do."
        )
    added = [_measured_ttft(sample) - _true_ttft(truth) for sample, truth in pairs]
    gaps = [abs(error) for sample, truth in pairs for error in _gap_errors(sample, truth)]
    return Errors(
        streams=streams,
        requests=len(pairs),
        clocks=tuple(sorted({sample.clock for sample, _ in pairs})),
        ttft_s=_spread(added),
        gap_s=_spread(gaps),
        estimate_s=estimate_s,
    )


def _measured_ttft(sample: Sample) -> float:
    found = per_request.ttft(sample)
    if found is None:
        raise ProviderError("an answer of the simulator has no output: this is a fault of this package, report it.")
    return found


def _true_ttft(truth: "Exchange") -> float:
    return seconds(_generated(truth)[0] - truth.arrived_ns)


def _generated(truth: "Exchange") -> list[int]:
    return [at for at, kind in zip(truth.sent_ns, truth.kinds, strict=True) if kind != CONTROL]


def _gap_errors(sample: Sample, truth: "Exchange") -> Iterator[float]:
    true = (seconds(later - earlier) for earlier, later in pairwise(_generated(truth)))
    return (ours - theirs for ours, theirs in zip(per_request.icl(sample), true, strict=True))


def _spread(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def _report(found: Sequence[Errors]) -> Iterator[str]:
    heads = (
        "STREAMS",
        "REQUESTS",
        "STAMPS",
        "TTFT P50",
        "P99",
        "GAP P50",
        "P99",
        "ESTIMATE",
        "FIT FROM",
    )
    rows = tables.fitted([heads, *(_row(each) for each in found)], ("REQUESTS", "STAMPS"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    yield ""
    notes = [
        "TTFT: the error of the time to first token, from the call to the server's first delta.",
        "GAP: the error of the gaps between chunks.",
        "P99 of fewer than 100 requests is the largest error.",
        "ESTIMATE: what a benchmark under this load would say that 1 % of its requests may be wrong by.",
        "FIT FROM: a time to first token from which on 99 % of the requests have an error below 5 %.",
    ]
    if any("loop" in each.clocks for each in found):
        notes.append(
            "Some stamps came from the event loop and not from the kernel, so they are late when this machine is busy: "
            "kernel stamps need Linux."
        )
    for note in notes:
        yield from textwrap.wrap(note, painting.width())


def _row(errors: Errors) -> tuple[str, ...]:
    times: Mapping[str, float] = {
        "ttft median": errors.ttft_s[0],
        "ttft p99": errors.ttft_s[1],
        "gap median": errors.gap_s[0],
        "gap p99": errors.gap_s[1],
    }
    return (
        str(errors.streams),
        str(errors.requests),
        " + ".join(errors.clocks),
        *(f"{time * 1000:.3f} ms" for time in times.values()),
        "–" if errors.estimate_s is None else f"{errors.estimate_s * 1000:.3f} ms",
        f"≥ {units.format_seconds(errors.fit_from_s)}",
    )
