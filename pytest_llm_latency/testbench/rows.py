"""Measured requests as the systems around know them: one row a request, with its test, its model and its moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID, uuid5

from pytest_llm_latency import per_request
from pytest_llm_latency.model import CONTENT, MEASURE, Conditions, Run, Sample
from pytest_llm_latency.testbench.scenario import Case
from pytest_llm_latency.testbench.suites import PROVIDERS
from pytest_llm_latency.units import seconds

_NAMESPACE = UUID("7a0b8f0e-5a40-4d0c-9c55-3c1d6f2f9b11")

NOTHING: Mapping[str, Sequence[Case]] = MappingProxyType({})
_THEIR_NAMES: Mapping[str, str] = MappingProxyType({ours: theirs for theirs, ours in PROVIDERS.items()})
STATUSES: Mapping[str, str] = MappingProxyType({
    "ok": "success",
    "timeout": "timeout",
    "error": "failure",
    "refused": "failure",
    "cancelled": "failure",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured request. ``duration_s`` is the end-to-end time, of a failed one the time until it ended.

    ``provider`` is LLM-Test-Bench's name of it where it has one. ``gaps_s`` are those between chunks that carry
    output. The lengths are in characters. ``content`` is the answer's text, where the run has kept it.
    """

    id: str
    test_id: str
    category: str | None
    run: Run
    iteration: int
    provider: str
    model: str
    served_model: str
    status: str
    error: str | None
    started_at: datetime
    duration_s: float
    ttft_s: float | None
    gaps_s: tuple[float, ...]
    tokens_in: int | None
    tokens_out: int | None
    tokens_reasoning: int | None
    cost_usd: float | None
    cost_in_usd: float | None
    content: str | None
    finish_reason: str | None
    prompt_length: int | None
    response_length: int

    @property
    def succeeded(self) -> bool:
        """Whether the request was answered."""
        return self.status == STATUSES["ok"]

    @property
    def ended_at(self) -> datetime:
        """The moment of its last piece."""
        return self.started_at + timedelta(seconds=self.duration_s)

    @property
    def tokens(self) -> int | None:
        """Tokens of prompt and answer; ``None`` where one of them is unknown."""
        return None if self.tokens_in is None or self.tokens_out is None else self.tokens_in + self.tokens_out

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens a second of the whole request."""
        return self.tokens_out / self.duration_s if self.tokens_out is not None and self.duration_s > 0 else None


def of_runs(runs: Sequence[Run], cases: Mapping[str, Sequence[Case]] = NOTHING) -> tuple[Row, ...]:
    """Return the measured requests of runs, in their order.

    ``cases`` has, by the file of a run, those that say which test is which scenario.
    """
    known = {file: {case.id: case for case in own} for file, own in cases.items()}
    return tuple(row for run in runs for row in _of_run(run, known.get(run.file, {})))


def _of_run(run: Run, known: Mapping[str, Case]) -> Iterator[Row]:
    name, case = _named(run, known)
    conditions = {each.step: each for each in run.conditions}
    first = min((sample.stamps.started for sample in run.samples), default=0)
    began = datetime.fromisoformat(run.started_at).astimezone(UTC)
    for sample in run.samples:
        if sample.phase == MEASURE and sample.step in conditions:
            moment = began + timedelta(seconds=seconds(sample.stamps.started - first))
            test_id = name if sample.step is None else f"{name}:{sample.step}"
            yield _row(run, sample, conditions[sample.step], test_id, case, moment)


def _named(run: Run, known: Mapping[str, Case]) -> tuple[str, Case | None]:
    """Return the id of a run's test, which is that of its scenario where that is known, and the scenario's case."""
    inner = _unescaped(run.test_id.partition("[")[2].removesuffix("]"))
    case = known.get(inner)
    if case is not None:
        return case.scenario.id, case
    of_file = inner and not run.file.endswith(".py")
    return (inner if of_file else run.test_id), None


def _unescaped(text: str) -> str:
    """Return an id of a parameter as its author wrote it: pytest escapes what is not ASCII."""
    try:
        return text.encode("ascii").decode("unicode_escape")
    except UnicodeError:
        return text


def _row(  # noqa: PLR0913, PLR0917  (the parts of one row)
    run: Run, sample: Sample, conditions: Conditions, test_id: str, case: Case | None, moment: datetime
) -> Row:
    usage, model = sample.usage, conditions.model
    return Row(
        id=str(uuid5(_NAMESPACE, f"{run.id}/{sample.index}")),
        test_id=test_id,
        category=None if case is None else case.scenario.category,
        run=run,
        iteration=sample.iteration,
        provider=_THEIR_NAMES.get(conditions.provider, conditions.provider),
        model=model.partition("/")[2] or model,
        served_model=conditions.served_model or model.partition("/")[2] or model,
        status=STATUSES[sample.status],
        error=None if sample.status == "ok" else _reason(sample),
        started_at=moment,
        duration_s=_duration(sample),
        ttft_s=per_request.ttft(sample) if sample.status == "ok" else None,
        gaps_s=tuple(per_request.icl(sample)) if sample.status == "ok" else (),
        tokens_in=None if usage is None else usage.tokens_in,
        tokens_out=None if usage is None else usage.tokens_out,
        tokens_reasoning=None if usage is None else usage.tokens_reasoning,
        cost_usd=sample.cost_usd,
        cost_in_usd=sample.cost_in_usd,
        content=sample.text,
        finish_reason=sample.finish_reason,
        prompt_length=None if case is None else len(case.scenario.prompt),
        response_length=_characters(sample),
    )


def _reason(sample: Sample) -> str:
    return f"the request ended as {sample.status}" if sample.failure is None else sample.failure.message


def _duration(sample: Sample) -> float:
    if sample.status == "ok":
        found = per_request.e2e(sample)
        if found is not None:
            return found
    stamps = sample.stamps
    ends = (stamps.closed, stamps.headers, stamps.send_end)
    # Their formats ask for a time of every request: one that was never sent took none.
    return seconds(next((end for end in ends if end is not None), stamps.started) - stamps.started)


def _characters(sample: Sample) -> int:
    pairs = zip(sample.event_kinds, sample.event_characters, strict=True)
    return sum(count for kind, count in pairs if kind == CONTENT)


def moment(value: datetime) -> str:
    """Return a moment as their readers take it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ms(value: float) -> float:
    """Return seconds as milliseconds, to the nanosecond."""
    return round(value * 1e3, 6)


def ns(value: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(value * 1e9)
