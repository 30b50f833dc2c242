"""The measuring side: what travels, and whose baselines are read."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import parts
from pytest_llm_latency.benchmark import Benchmark, SyncCaller
from pytest_llm_latency.errors import CorruptFileError
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.load import closed
from pytest_llm_latency.measuring import Measuring, Outcome, read_accepted
from pytest_llm_latency.model import Notice, Plan
from pytest_llm_latency.options import Option, Settings, resolve
from pytest_llm_latency.origin import Origin, new_session_id
from pytest_llm_latency.storage import acceptance, baselines
from pytest_llm_latency.storage.acceptance import Acceptance

PLACE = parts.Test(id="tests/test_chat.py::test_a", file="tests/test_chat.py", line=3)
TERMS = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={}, moved=frozenset())


def settings(root: Path, **flags: Any) -> Settings:
    """Return settings with these flags."""

    def given(option: Option) -> Any:
        return flags.get(option.name.replace("-", "_"))

    return resolve(command_line=given, ini=lambda _: None, root=root)


def origin(root: Path, *, worker: str | None = None, **flags: Any) -> Origin:
    """Return the origin of a session."""
    found = settings(root, **flags)
    return Origin(session_id="session-9", root=root, settings=found, worker=worker, controller_region=None)


def accepted(root: Path, *test_ids: str) -> None:
    """Accept a run of each test."""
    runs = [nouns.run(nouns.lognormal(80, median=0.3), test_id=test_id) for test_id in test_ids]
    acceptance.accept(root / "baselines", runs, TERMS)


def test_an_outcome_travels_as_exact_builtins() -> None:
    """And comes back as it was."""
    run = nouns.run(nouns.lognormal(20, median=0.3))
    outcome = Outcome(run=run, result=nouns.result(of=run), undecided=True)
    packed = outcome.pack()
    assert Outcome.unpack(packed) == outcome

    def kinds(value: object) -> set[type]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return {type(value)}.union(*map(kinds, inner))

    assert kinds(packed) <= {dict, list, str, int, float, bool, type(None)}


def test_baselines_are_read_once_for_all_tests_and_pooled(tmp_path: Path) -> None:
    """The family counts every series that has something to be compared with, its other side included."""
    accepted(tmp_path, "t::a", "t::b")
    plans = {"t::a": nouns.plan().compared, "t::b": nouns.plan(gate=("e2e",)).compared, "t::new": nouns.plan().compared}
    plans["t::sides"] = nouns.plan(ab="http://localhost:1", gate=("ttft",)).compared
    found = read_accepted(origin(tmp_path, alpha="1%"), plans)
    assert sorted(found.baselines) == ["t::a", "t::b"]
    assert found.policy.gate.family == 4
    assert found.policy.gate.alpha == 0.01
    assert found.unreadable == {}


def test_a_baseline_that_cannot_be_read_is_noted_for_its_own_test(tmp_path: Path) -> None:
    """The others are read, and only its own test is refused."""
    accepted(tmp_path, "t::a", "t::b")
    baselines.place(tmp_path / "baselines", "default", "t::a").write_bytes(b"damaged")
    plans = {"t::a": nouns.plan().compared, "t::b": nouns.plan().compared}
    found = read_accepted(origin(tmp_path), plans)
    assert list(found.baselines) == ["t::b"]
    assert list(found.unreadable) == ["t::a"]
    side = Measuring(origin(tmp_path), plans, None, None)
    side.prepare(parts.Test(id="t::b", file="t", line=None))
    with pytest.raises(CorruptFileError, match="restore both"):
        side.prepare(parts.Test(id="t::a", file="t", line=None))


def benchmark(plan: Plan) -> Benchmark:
    """Return a benchmark that has run."""
    llm = SyncCaller()
    found = Benchmark(plan, FakeClient(lambda *_: Answer(ttft_s=0.0), MonotonicClock()), llm)
    found.run_in_threads(lambda: llm("hi"))
    return found


def test_a_benchmark_becomes_a_run_with_its_surroundings_and_a_result(tmp_path: Path) -> None:
    """Ids are of the session and unique; the sample knows its worker."""
    plan = dataclasses.replace(nouns.plan(), requests=10, warmup=2, load=closed(2))
    side = Measuring(
        origin(tmp_path, worker="gw3", environment="ci", region="eu"), {PLACE.id: plan.compared}, None, None
    )
    first, second = side.conclude(benchmark(plan), PLACE), side.conclude(benchmark(plan), PLACE)
    run = first.run
    assert (run.test_id, run.file, run.line, run.plan) == (PLACE.id, PLACE.file, PLACE.line, plan)
    assert run.session_id == "session-9"
    assert run.id.startswith("session-9-")
    assert run.id != second.run.id
    assert (run.environment.label, run.environment.region) == ("ci", "eu")
    assert {(sample.worker, sample.region) for sample in run.samples} == {("gw3", "eu")}
    assert run.complete
    assert run.duration_s > 0
    assert (first.result.status, first.result.run_id, first.undecided) == ("no_baseline", run.id, False)


def test_a_run_is_looked_at_where_a_verdict_can_become_clear(tmp_path: Path) -> None:
    """Not without a baseline, nor while it is accepted."""
    accepted(tmp_path, PLACE.id)
    plan = nouns.plan(requests=120, warmup=0, adaptive=True, load=closed(8))
    for test_id, flags, looked in ((PLACE.id, {}, True), (PLACE.id, {"accept": True}, False), ("t::new", {}, False)):
        side = Measuring(origin(tmp_path, **flags), {test_id: plan.compared}, None, None)
        one = Benchmark(plan, FakeClient(lambda *_: Answer(ttft_s=0.0), MonotonicClock()), SyncCaller())
        side.attend(one, dataclasses.replace(PLACE, id=test_id), None)
        assert (one.company.look is not None) == looked


def test_a_run_that_was_stopped_and_held_back_says_so(tmp_path: Path) -> None:
    """In its warnings, which travel with it."""
    plan = dataclasses.replace(nouns.plan(), requests=10, warmup=0, load=closed(1))
    side = Measuring(origin(tmp_path), {PLACE.id: plan.compared}, None, None)
    one = benchmark(plan)
    one.progress.stopped, one.progress.complete = Notice(code="budget", message="the budget is used up."), False
    outcome = side.conclude(one, PLACE)
    (warning,) = outcome.run.warnings
    assert warning.message == "the run was stopped after 10 of 10 iterations: the budget is used up."
    assert warning in outcome.result.warnings
    assert not outcome.run.complete


def test_a_worker_has_its_part_of_what_a_session_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it has all of it."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "4")
    assert origin(tmp_path).share == 1
    assert origin(tmp_path, worker="gw1").share == 0.25


def test_session_ids_sort_by_time_and_differ() -> None:
    """Two sessions may start in the same second."""
    ids = {new_session_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(each) == len("20260302T091500-abcdef") for each in ids)


def test_only_folders_that_are_not_the_usual_ones_are_told(tmp_path: Path) -> None:
    """Commands in messages name them, relative to where people work."""
    assert origin(tmp_path).folders == {}
    assert origin(tmp_path, results="out").folders == {"results": "out"}
    assert origin(tmp_path, baselines="/kept").folders == {"baselines": "/kept"}


def test_a_worker_stands_where_its_own_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that differs from the controller's; else the command line decides, as in one process."""
    here, there = (origin(tmp_path, worker=worker, region="eu") for worker in (None, "gw0"))
    monkeypatch.setenv("LLM_LATENCY_REGION", "us")
    assert (here.region, there.region) == ("eu", "us")
    assert dataclasses.replace(there, controller_region="us").region == "eu"
    monkeypatch.delenv("LLM_LATENCY_REGION")
    assert there.region == "eu"
