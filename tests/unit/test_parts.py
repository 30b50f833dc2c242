"""The parts of a benchmark: how they travel, and the run that they make."""

import dataclasses
import json
from typing import Any

import pytest

import nouns
from pytest_llm_latency import parts
from pytest_llm_latency.errors import LatencyError, WireError
from pytest_llm_latency.execution.facts import StepFacts
from pytest_llm_latency.execution.fingerprints import Asked
from pytest_llm_latency.model import Notice, Worker
from pytest_llm_latency.parts import Part

SECOND = 1_000_000_000


def worker(name: str, **changes: Any) -> Worker:
    """Return a worker of this machine."""
    values = Worker(id=name, host=None, region=None, clock_offset_s=None, clock_error_s=None, start_skew_s=0.001)
    return dataclasses.replace(values, **changes)


def part(*numbers: int, name: str | None = None, **changes: Any) -> Part:
    """Return what one process measured: the samples of these numbers."""
    asked = Asked(prompts={str(number): 1 for number in numbers}, parameters={"{}": len(numbers)}, source=None)
    facts = StepFacts(
        step=None,
        side=None,
        asked=asked,
        models=("m",),
        providers=("p",),
        endpoints=("e",),
        streams=(True,),
        served={"m-1": len(numbers)},
        token_sources={"usage": len(numbers)},
    )
    values = Part(
        test=parts.Test(id=nouns.TEST_ID, file="tests/test_chat.py", line=3),
        worker=None if name is None else worker(name),
        beside=0,
        plan=nouns.plan(requests=6),
        started_at=nouns.STARTED_AT,
        began_ns=min(numbers) * SECOND if numbers else None,
        ended_ns=(max(numbers) + 1) * SECOND if numbers else None,
        looks=(),
        looking_ns=0,
        complete=True,
        stopped=None,
        settled=None,
        samples=tuple(nouns.sample(number, 0.2, 0.3, worker=name) for number in numbers),
        failures=tuple((number, nouns.failure()) for number in numbers if number % 4 == 3),
        facts=(facts,) if numbers else (),
        environment=nouns.environment(),
        trust=nouns.trust(),
        warnings=(),
    )
    return dataclasses.replace(values, **changes)


def test_a_part_travels_whole() -> None:
    """Its body is JSON, its samples are bytes."""
    sent = part(0, 1, 5, name="gw1", stopped=Notice(code="budget", message="spent"))
    body, data = parts.pack(sent)
    assert parts.unpack(json.loads(json.dumps(body)), data) == sent


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_what_is_no_part_is_refused(damage: bytes | None) -> None:
    """Bytes that are no samples, or those of none where there must be some."""
    body, _ = parts.pack(part(0, 1))
    with pytest.raises(LatencyError):
        parts.unpack(body, parts.pack(part())[1] if damage is None else damage)
    with pytest.raises(WireError):
        parts.unpack({}, b"")


def test_the_parts_of_several_workers_make_one_run() -> None:
    """In the order of the starts, from the first beginning to the last end, with every failure."""
    run = parts.join("s", [part(1, 3, 5, name="gw0"), part(name="gw1"), part(0, 2, 4, name="gw2")])
    assert [sample.iteration for sample in run.samples] == list(range(6))
    assert [sample.index for sample in run.samples] == list(range(6))
    assert [sample.worker for sample in run.samples] == ["gw2", "gw0"] * 3
    assert [each.id for each in run.workers] == ["gw0", "gw1", "gw2"]
    assert run.iteration_failures == ((3, nouns.failure()),)
    assert (run.duration_s, run.complete) == (6.0, True)
    (alone,) = parts.join("s", [part(*range(6))]).conditions
    assert run.conditions == (alone,)


def test_one_part_is_the_run_of_one_process() -> None:
    """It has no workers, and its samples stay as they are."""
    only = part(0, 1, 2)
    run = parts.join("s", [only])
    assert (run.samples, run.workers, run.plan) == (only.samples, (), only.plan)


def test_the_trust_of_a_run_is_that_of_its_worst_worker() -> None:
    """Figure by figure."""
    late = nouns.trust(loop_lag_max_s=0.5, error_p99_s=None, open_files_limit=100, event_loop="uvloop")
    trust = parts.join("s", [part(0, name="gw0"), part(1, name="gw1", trust=late)]).trust
    usual = nouns.trust()
    assert (trust.loop_lag_max_s, trust.error_p99_s) == (0.5, usual.error_p99_s)
    assert (trust.open_files_limit, trust.event_loop) == (100, "asyncio, uvloop")


def test_clocks_that_differ_do_not_change_the_order() -> None:
    """Stamps are compared by the controller's clock."""
    ahead = worker("gw1", clock_offset_s=nouns.sample(100, 0.2).stamps.started / SECOND, clock_error_s=0.001)
    run = parts.join("s", [part(2, name="gw0"), part(101, 103, name="gw1", worker=ahead)])
    assert [sample.iteration for sample in run.samples] == [101, 2, 103]


def test_a_run_without_one_of_its_workers_is_not_complete() -> None:
    """It says who was lost, and not that it was stopped."""
    lost = Notice(code="worker_lost", message="worker gw1 was lost")
    halted = part(0, 1, name="gw0", complete=False, stopped=Notice(code="worker_lost", message="it cannot"))
    run = parts.join("s", [halted], [lost])
    assert not run.complete
    assert run.warnings == (lost,)


def test_tests_that_ran_beside_are_a_part_of_the_load() -> None:
    """Such a run is not compared with one of a gang."""
    (found,) = parts.join("s", [part(0, 1, beside=3)]).conditions
    assert found.load == "closed, concurrency 8, beside the tests of 3 other workers"


def test_a_warning_that_all_have_is_said_once() -> None:
    """As that of too few open files."""
    warned = Notice(code="open_files", message="too few")
    run = parts.join("s", [part(0, name="gw0", warnings=(warned,)), part(1, name="gw1", warnings=(warned,))])
    assert run.warnings == (warned,)


CLEAR = Notice(code="settled", message="stopped after 60 of 240 requests: the verdict was clear.")
ADAPTIVE = nouns.plan(requests=240, adaptive=True)


def test_at_a_look_a_run_counts_as_whole() -> None:
    """So that it is judged as it would be, if it ended there."""
    halves = [part(0, 2, name="gw0", complete=False, looks=(60,)), part(1, name="gw1", complete=False, looks=(60,))]
    run = parts.at_look("s", halves)
    assert (run.complete, run.looks, len(run.samples)) == (True, (60,), 3)


def test_a_run_that_needed_no_more_is_complete_and_says_so() -> None:
    """Its last look is its end."""
    run = parts.join("s", [part(0, plan=ADAPTIVE, looks=(60,), settled=CLEAR)])
    assert (run.complete, run.looks, run.warnings) == (True, (60,), (CLEAR,))


def test_the_end_of_a_run_is_its_last_look_and_its_looks_are_no_part_of_its_duration() -> None:
    """One that was not looked at before has none, and one that was cut off keeps those that it had."""
    whole = part(*range(9), plan=ADAPTIVE, looks=(60, 120), looking_ns=2 * SECOND)
    run = parts.join("s", [whole])
    assert (run.looks, run.duration_s) == ((60, 120, 240), 7.0)
    assert parts.join("s", [dataclasses.replace(whole, looks=())]).looks == ()
    assert parts.join("s", [dataclasses.replace(whole, complete=False)]).looks == (60, 120)


def test_the_samples_of_a_run_have_stamps_of_one_clock() -> None:
    """The controller's; no time within a sample changes, and the duration is that of all."""
    ahead = worker("gw1", clock_offset_s=500.0, clock_error_s=0.002)
    apart = part(7, name="gw1", worker=ahead)
    near = part(7, name="gw0", worker=worker("gw0", clock_offset_s=0.0001, clock_error_s=0.0002))
    run = parts.join("s", [near, apart])
    first, second = sorted(run.samples, key=lambda sample: sample.stamps.started)
    assert first.stamps.started == near.samples[0].stamps.started - 500 * SECOND
    assert first.event_ns[0] - first.stamps.started == second.event_ns[0] - second.stamps.started
    assert second.stamps == near.samples[0].stamps


def test_the_surroundings_of_several_hosts_name_all_regions_and_what_differs() -> None:
    """Another version on one host is another client."""
    eu, us = (nouns.environment(region=region) for region in ("eu", "us"))
    run = parts.join("s", [part(0, name="gw0", environment=us), part(1, name="gw1", environment=eu)])
    assert run.environment.region == "eu, us"
    assert run.warnings == ()
    other = dataclasses.replace(us, python="3.11.1")
    run = parts.join("s", [part(0, name="gw0", environment=eu), part(1, name="gw1", environment=other)])
    (notice,) = run.warnings
    assert notice.message.startswith("Python, packages or commit of gw1 are not those of the first worker")
