"""Parts of a benchmark: what each of several processes measured, how it travels, and the one run that they make."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pytest_llm_latency.errors import WireError
from pytest_llm_latency.execution.facts import StepFacts, conditions, together
from pytest_llm_latency.execution.notices import notices
from pytest_llm_latency.execution.sampling import Place
from pytest_llm_latency.model import LOST, Conditions, Environment, Failure, Notice, Plan, Run, Sample, Trust, Worker
from pytest_llm_latency.units import seconds
from pytest_llm_latency.wire import from_builtins, to_builtins
from pytest_llm_latency.workers import clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """Where a test stands: its id, and its file below the root with the line, from 1."""

    id: str
    file: str
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one process measured of a benchmark, by its own monotonic clock.

    ``began_ns`` is ``None`` where it measured nothing. ``stopped`` is why it ended before its plan,
    ``settled`` why an adaptive run needed no more. ``looks`` are the iterations that all of them had
    measured at each look before the end. ``beside`` is how many other workers measured other tests
    at the same time.
    """

    test: Test
    worker: Worker | None
    beside: int
    plan: Plan
    started_at: str
    began_ns: int | None
    ended_ns: int | None
    looks: tuple[int, ...]
    looking_ns: int
    complete: bool
    stopped: Notice | None
    settled: Notice | None
    samples: tuple[Sample, ...]
    failures: tuple[tuple[int, Failure], ...]
    facts: tuple[StepFacts, ...]
    environment: Environment
    trust: Trust
    warnings: tuple[Notice, ...]


def worker(place: Place, skew_ns: int | None) -> Worker | None:
    """Describe a process that measured together with others; ``None`` for one that measured alone."""
    if place.worker is None or skew_ns is None:
        return None
    return Worker(
        id=place.worker,
        host=place.host,
        region=place.region,
        clock_offset_s=None,
        clock_error_s=None,
        start_skew_s=seconds(skew_ns),
    )


def pack(part: Part) -> tuple[dict[str, Any], bytes]:
    """Return a part as exact builtins, and its samples as bytes."""
    from pytest_llm_latency.storage import transit  # noqa: PLC0415  (pyarrow is slow to import)

    return to_builtins(replace(part, samples=())), transit.pack(part.samples)


def unpack(body: Mapping[str, Any], data: bytes) -> Part:
    """Return what ``pack`` made; raise ``LatencyError`` for anything else."""
    from pytest_llm_latency.storage import transit  # noqa: PLC0415  (the same)

    part, samples = from_builtins(Part, dict(body)), transit.unpack(data)
    if part.complete and part.began_ns is not None and not samples:
        raise WireError(f"the part of {part.test.id} came without its samples: measure again.")
    return replace(part, samples=samples)


def join(session_id: str, parts: Sequence[Part], lost: Iterable[Notice] = ()) -> Run:
    """Return the run that the parts make: that of one process, or that of several which divided its load.

    ``lost`` says what is missing; a run that misses something is not complete. The samples of
    several stand in the order of their starts on the controller's clock.
    """
    first = parts[0]
    samples = _in_order(parts) if len(parts) > 1 else first.samples
    stopped = next((part.stopped for part in parts if part.stopped is not None and part.stopped.code != LOST), None)
    missing = tuple(lost)
    complete = not missing and all(part.complete for part in parts)
    to_its_end = complete and first.looks and first.settled is None
    return Run(
        id=f"{session_id}-{secrets.token_hex(4)}",
        session_id=session_id,
        test_id=first.test.id,
        file=first.test.file,
        line=first.test.line,
        plan=first.plan,
        started_at=min(part.started_at for part in parts),
        duration_s=_duration_s(parts),
        complete=complete,
        looks=(*first.looks, first.plan.requests) if to_its_end else first.looks,
        samples=samples,
        iteration_failures=tuple(sorted(failure for part in parts for failure in part.failures)),
        conditions=tuple(
            _conditions(first, facts) for facts in together(each for part in parts for each in part.facts)
        ),
        environment=_environment(parts),
        trust=_worst([part.trust for part in parts]),
        workers=tuple(part.worker for part in parts if part.worker is not None),
        warnings=(
            *missing,
            *(() if first.settled is None else (first.settled,)),
            *_differing(parts),
            *notices(first.plan, samples, stopped),
            *dict.fromkeys(warning for part in parts for warning in part.warnings),
        ),
    )


def at_look(session_id: str, parts: Sequence[Part]) -> Run:
    """Return what the parts make at a look, as if the run ended there."""
    return replace(join(session_id, parts), complete=True)


def _conditions(part: Part, facts: StepFacts) -> Conditions:
    """Return what another run must share; other tests that ran at the same time are a part of the load."""
    found = conditions(facts, part.plan)
    if not part.beside:
        return found
    others = f"{part.beside} other worker{'' if part.beside == 1 else 's'}"
    return replace(found, load=f"{found.load}, beside the tests of {others}")


def _in_order(parts: Sequence[Part]) -> tuple[Sample, ...]:
    """Return all samples by the controller's clock, in the order of their starts."""
    found = [clocks.shifted(sample, clocks.offset_of(part.worker)) for part in parts for sample in part.samples]
    found.sort(key=lambda sample: (sample.stamps.started, sample.iteration))
    return tuple(replace(sample, index=index) for index, sample in enumerate(found))


def _shift_ns(part: Part) -> int:
    return clocks.offset_of(part.worker).shift_ns


def _environment(parts: Sequence[Part]) -> Environment:
    """Return the first worker's surroundings, with the regions of all."""
    regions = sorted({part.environment.region for part in parts if part.environment.region is not None})
    return replace(parts[0].environment, region=", ".join(regions) or None)


def _differing(parts: Sequence[Part]) -> tuple[Notice, ...]:
    """Say which workers measured with other software than the first: the load was not one client's."""
    first = parts[0].environment
    others = [
        part.worker.id
        for part in parts
        if part.worker is not None
        and any(getattr(part.environment, name) != getattr(first, name) for name in ("python", "versions", "commit"))
    ]
    if not others:
        return ()
    message = (
        f"Python, packages or commit of {', '.join(others)} are not those of the first worker: give every host the "
        "same checkout and the same environment."
    )
    return (Notice(code="hosts_differ", message=message),)


def _duration_s(parts: Sequence[Part]) -> float:
    began = [part.began_ns - _shift_ns(part) for part in parts if part.began_ns is not None]
    ended = [
        part.ended_ns - _shift_ns(part) for part in parts if part.began_ns is not None and part.ended_ns is not None
    ]
    if not began or not ended:
        return 0.0
    return seconds(max(ended) - min(began) - max(part.looking_ns for part in parts))


def _worst(found: Sequence[Trust]) -> Trust:
    """Return, figure by figure, the worst of what the processes say of themselves."""
    return Trust(**{field.name: _WORST.get(field.name, max)(_known(found, field.name)) for field in fields(Trust)})


def _known(found: Sequence[Trust], name: str) -> list[Any]:
    return [value for each in found if (value := getattr(each, name)) is not None] or [None]


def _all(names: Sequence[str | None]) -> str | None:
    known = sorted({name for name in names if name is not None})
    return ", ".join(known) or None


_WORST: Mapping[str, Callable[[list[Any]], Any]] = {"event_loop": _all, "open_files_limit": min}
