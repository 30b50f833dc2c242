"""From recordings to samples and conditions, after the run."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pytest_llm_latency.execution import server_timing
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.fingerprints import Fingerprints
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.metrics import DEFINITIONS_VERSION
from pytest_llm_latency.model import (
    MEASURE,
    Conditions,
    Decoded,
    Failure,
    Plan,
    Sample,
    TokenSource,
)
from pytest_llm_latency.plan import describe_load
from pytest_llm_latency.prompts import Source

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where samples were taken: the worker, the host and the region, where they are known."""

    worker: str | None
    host: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A run's samples, in the order of their iterations, and what they were taken under."""

    samples: tuple[Sample, ...]
    conditions: tuple[Conditions, ...]


def collect(
    entries: Iterable[Entry], client: Client, plan: Plan, place: Place, source: Source | None = None
) -> Collected:
    """Decode every entry, one after another; ``source`` is what gave the iterations their prompts."""
    samples: list[Sample] = []
    steps: defaultdict[str | None, _StepFacts] = defaultdict(lambda: _StepFacts(Fingerprints(plan, source)))
    for entry in entries:
        decoded = client.settle(entry.recording, client.decode(entry.recording))
        samples.append(_sample(entry, decoded, place))
        if entry.phase == MEASURE:
            steps[entry.step].add(entry, decoded)
    samples.sort(key=lambda sample: sample.iteration)  # stable: the calls of an iteration stay in their order
    return Collected(
        samples=tuple(replace(sample, index=index) for index, sample in enumerate(samples)),
        conditions=tuple(facts.conditions(step, plan) for step, facts in steps.items()),
    )


def blame(samples: Iterable[Sample], failures: Mapping[int, Failure]) -> tuple[Sample, ...]:
    """Return the samples with each failed iteration's failure on its last request.

    A request that failed by itself keeps its own reason.
    """
    ordered = list(samples)
    last = {sample.iteration: position for position, sample in enumerate(ordered)}
    for iteration, failure in failures.items():
        position = last.get(iteration)
        if position is not None and failure.phase == "assertion" and ordered[position].status == "ok":
            ordered[position] = replace(ordered[position], status="error", failure=failure)
    return tuple(ordered)


class _StepFacts:
    def __init__(self, fingerprints: Fingerprints) -> None:
        self.fingerprints = fingerprints
        self.seen: defaultdict[str, set[str]] = defaultdict(set)
        self.served: Counter[str] = Counter()
        self.sources: Counter[TokenSource] = Counter()

    def add(self, entry: Entry, decoded: Decoded) -> None:
        recording = entry.recording
        request = recording.request
        self.fingerprints.add(request, entry.iteration)
        self.seen["model"].add(request.model)
        self.seen["provider"].add(recording.provider)
        if recording.endpoint is not None:  # one that was given up while it was built has none
            self.seen["endpoint"].add(recording.endpoint)
        self.seen["stream"].add(str(bool(request.parameters.get("stream"))))
        if decoded.served_model is not None:
            self.served[decoded.served_model] += 1
        if decoded.usage is not None:
            self.sources[decoded.usage.source] += 1

    def conditions(self, step: str | None, plan: Plan) -> Conditions:
        return Conditions(
            step=step,
            model=self._all("model"),
            provider=self._all("provider"),
            served_model=_commonest(self.served),
            endpoint=self._all("endpoint"),
            prompts=self.fingerprints.prompts,
            parameters=self.fingerprints.parameters,
            stream=self.seen["stream"] == {"True"},
            token_source=_commonest(self.sources),
            load=describe_load(plan),
            version=plan.version,
            definitions=DEFINITIONS_VERSION,
            side=None,
        )

    def _all(self, name: str) -> str:
        return ", ".join(sorted(self.seen[name]))


def _sample(entry: Entry, decoded: Decoded, place: Place) -> Sample:
    recording = entry.recording
    return Sample(
        index=0,
        iteration=entry.iteration,
        phase=entry.phase,
        step=entry.step,
        status=decoded.status,
        failure=decoded.failure,
        http_status=recording.http_status,
        attempts=recording.attempts,
        stamps=recording.stamps,
        build_ns=recording.build_ns,
        connection_reused=recording.connection_reused,
        http_version=recording.http_version,
        paced_ns=recording.paced_ns,
        clock=recording.clock,
        server_processing_s=server_timing.processing_s(recording),
        piece_ns=array("q", recording.piece_ns),
        piece_bytes=array("q", map(len, recording.pieces)),
        event_ns=array("q", decoded.event_ns),
        event_kinds=decoded.event_kinds,
        event_characters=array("q", decoded.event_characters),
        finish_reason=decoded.finish_reason,
        usage=decoded.usage,
        cost_usd=decoded.cost_usd,
        worker=place.worker,
        host=place.host,
        region=place.region,
        side=None,
    )


def _commonest(counter: Counter[Name]) -> Name | None:
    return counter.most_common(1)[0][0] if counter else None
