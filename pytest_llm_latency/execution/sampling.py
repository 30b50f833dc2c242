"""From recordings to samples and conditions, after the run."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pytest_llm_latency import interleaving
from pytest_llm_latency.execution import redaction, server_timing
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.execution.facts import Gathering, StepFacts, StepOfSide, conditions
from pytest_llm_latency.execution.fingerprints import Fingerprints
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.model import (
    MEASURE,
    Conditions,
    Decoded,
    Failure,
    Plan,
    Sample,
)
from pytest_llm_latency.prompts import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where samples were taken: the worker, the host and the region, where they are known."""

    worker: str | None
    host: str | None
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A run's samples, in the order of their iterations, and what they were taken under, step by step."""

    plan: Plan
    samples: tuple[Sample, ...]
    facts: tuple[StepFacts, ...]

    @property
    def conditions(self) -> tuple[Conditions, ...]:
        """What another run must share."""
        return tuple(conditions(each, self.plan) for each in self.facts)


def collect(
    entries: Iterable[Entry], client: Client, plan: Plan, place: Place, source: Source | None = None
) -> Collected:
    """Decode every entry, one after another; ``source`` is what gave the iterations their prompts."""
    samples: list[Sample] = []
    steps: dict[StepOfSide, Gathering] = {}
    for entry in entries:
        decoded = client.settle(entry.recording, client.decode(entry.recording))
        side = interleaving.side(plan, entry.iteration)
        text = _kept(entry, decoded) if plan.keep_answers else None
        samples.append(replace(_sample(entry, decoded, place), side=side, text=text))
        if entry.phase == MEASURE:
            asked = (entry.step, side)
            steps.setdefault(asked, Gathering(asked, Fingerprints(plan, source))).add(entry, decoded)
    samples.sort(key=lambda sample: sample.iteration)  # stable: the calls of an iteration stay in their order
    return Collected(
        plan=plan,
        samples=tuple(replace(sample, index=index) for index, sample in enumerate(samples)),
        facts=tuple(gathering.facts for gathering in steps.values()),
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


def _kept(entry: Entry, decoded: Decoded) -> str:
    """Return the text of an answer to be stored: one may repeat what its request carried."""
    return redaction.redact(decoded.text, redaction.given(entry.recording.request.parameters))


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
        cost_in_usd=decoded.cost_in_usd,
        worker=place.worker,
        host=place.host,
        region=place.region,
        side=None,
    )
