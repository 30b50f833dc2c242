"""What the requests of a step asked, of whom, and who answered: counts that add up to the conditions of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_llm_latency.execution.fingerprints import Asked, Fingerprints
from pytest_llm_latency.execution.spool import Entry
from pytest_llm_latency.metrics import DEFINITIONS_VERSION
from pytest_llm_latency.model import Conditions, Decoded, Plan, Side, TokenSource
from pytest_llm_latency.plan import describe_load

Name = TypeVar("Name", bound=str)
StepOfSide = tuple[str | None, Side | None]  # of a run with one side, the second is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """Those of one step, of one side where there are two.

    The facts of several processes that divided a load are those of one that ran it all.
    """

    step: str | None
    side: Side | None
    asked: Asked
    models: tuple[str, ...]
    providers: tuple[str, ...]
    endpoints: tuple[str, ...]
    streams: tuple[bool, ...]
    served: Mapping[str, int]
    token_sources: Mapping[TokenSource, int]


class Gathering:
    """Gathers the facts of one step of one side, request by request."""

    def __init__(self, of: StepOfSide, fingerprints: Fingerprints) -> None:
        self._step, self._side = of
        self._fingerprints = fingerprints
        self._models: set[str] = set()
        self._providers: set[str] = set()
        self._endpoints: set[str] = set()
        self._streams: set[bool] = set()
        self._served: Counter[str] = Counter()
        self._token_sources: Counter[TokenSource] = Counter()

    def add(self, entry: Entry, decoded: Decoded) -> None:
        """Take in one request."""
        recording = entry.recording
        request = recording.request
        self._fingerprints.add(request, entry.iteration)
        self._models.add(request.model)
        self._providers.add(recording.provider)
        if recording.endpoint is not None:  # one that was given up while it was built has none
            self._endpoints.add(recording.endpoint)
        self._streams.add(bool(request.parameters.get("stream")))
        if decoded.served_model is not None:
            self._served[decoded.served_model] += 1
        if decoded.usage is not None:
            self._token_sources[decoded.usage.source] += 1

    @property
    def facts(self) -> StepFacts:
        """What was gathered so far."""
        return StepFacts(
            step=self._step,
            side=self._side,
            asked=self._fingerprints.asked,
            models=tuple(sorted(self._models)),
            providers=tuple(sorted(self._providers)),
            endpoints=tuple(sorted(self._endpoints)),
            streams=tuple(sorted(self._streams)),
            served=dict(self._served),
            token_sources=dict(self._token_sources),
        )


def together(parts: Iterable[StepFacts]) -> tuple[StepFacts, ...]:
    """Return the facts of several processes as those of one, step by step."""
    steps: defaultdict[StepOfSide, list[StepFacts]] = defaultdict(list)
    for part in parts:
        steps[part.step, part.side].append(part)
    return tuple(_sum(of, found) for of, found in steps.items())


def conditions(facts: StepFacts, plan: Plan) -> Conditions:
    """Return what two runs must share for this step to be compared."""
    return Conditions(
        step=facts.step,
        model=", ".join(facts.models),
        provider=", ".join(facts.providers),
        served_model=_commonest(facts.served),
        endpoint=", ".join(facts.endpoints),
        prompts=facts.asked.fingerprint(nonce=plan.nonce),
        parameters=facts.asked.shown_parameters,
        stream=facts.streams == (True,),
        token_source=_commonest(facts.token_sources),
        load=describe_load(plan),
        version=plan.version,
        definitions=DEFINITIONS_VERSION,
        side=facts.side,
    )


def _sum(of: StepOfSide, parts: Sequence[StepFacts]) -> StepFacts:
    step, side = of
    return StepFacts(
        step=step,
        side=side,
        asked=Asked(
            prompts=_counts(part.asked.prompts for part in parts),
            parameters=_counts(part.asked.parameters for part in parts),
            source=next((part.asked.source for part in parts if part.asked.source is not None), None),
        ),
        models=tuple(sorted({name for part in parts for name in part.models})),
        providers=tuple(sorted({name for part in parts for name in part.providers})),
        endpoints=tuple(sorted({name for part in parts for name in part.endpoints})),
        streams=tuple(sorted({stream for part in parts for stream in part.streams})),
        served=_counts(part.served for part in parts),
        token_sources=_counts(part.token_sources for part in parts),
    )


def _counts(counts: Iterable[Mapping[Name, int]]) -> dict[Name, int]:
    total: Counter[Name] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _commonest(counts: Mapping[Name, int]) -> Name | None:
    """Return the commonest, of several the first by name, so that the order of their arrival does not matter."""
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None
