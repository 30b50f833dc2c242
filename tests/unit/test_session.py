"""The collecting side: what arrives is stored at once, what does not is noticed, and the last word is said once."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nouns
from pytest_llm_latency import judge
from pytest_llm_latency.attendance import Attendance
from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.measuring import Outcome
from pytest_llm_latency.model import Result, Run
from pytest_llm_latency.options import Option, resolve
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.session import Closing, Collecting, Ending
from pytest_llm_latency.storage import acceptance, atomic, baselines, results, results_folder
from pytest_llm_latency.storage.acceptance import Acceptance

DONE = Ending(interrupted=False, stopped_early=False)
STOPPED = Ending(interrupted=False, stopped_early=True)
INTERRUPTED = Ending(interrupted=True, stopped_early=True)
TESTS = tuple(f"tests/test_many.py::test_{name}" for name in ("one", "two", "three"))


def collecting(root: Path, *expected: str, session_id: str = "session-9", **flags: Any) -> Collecting:
    """Return the collecting side of a session that expects these tests."""

    def given(option: Option) -> Any:
        return flags.get(option.name.replace("-", "_"))

    settings = resolve(command_line=given, ini=lambda _: None, root=root)
    results_folder.prepare(settings["results"])
    origin = Origin(session_id=session_id, root=root, settings=settings, worker=None, controller_region=None)
    attendance = Attendance()
    attendance.expected = expected
    return Collecting(origin, attendance, narrowed=False)


def measured(test_id: str, factor: float = 1.0, **changes: Any) -> Run:
    """Return a run of a test in this session, so many times as slow as usual."""
    times = [factor * each for each in nouns.lognormal(80, median=0.3, seed=len(test_id))]
    plan = nouns.plan(requests=80, warmup=0, gate=("ttft",))
    return nouns.run(times, id=f"run-of-{test_id}", session_id="session-9", test_id=test_id, plan=plan, **changes)


def outcome(test_id: str, factor: float = 1.0, **changes: Any) -> Outcome:
    """Return the outcome of a test, whose result may be changed."""
    run = measured(test_id, factor)
    return Outcome(run=run, result=nouns.result(of=run, **changes), undecided=False)


def messages(closing: Closing) -> dict[str, str]:
    """Return what has to fail late, and why."""
    return {late.test_id: late.message for late in closing.late}


def document(root: Path) -> dict[str, Any]:
    """Return the JSON report that was written."""
    found: dict[str, Any] = json.loads((root / ".llm-latency" / "results.json").read_text(encoding="utf-8"))
    return found


def test_each_outcome_is_stored_as_it_arrives(tmp_path: Path) -> None:
    """A later one may fail, or the process may be killed: the manifest knows what there is."""
    session = collecting(tmp_path, *TESTS)
    session.receive(outcome(TESTS[1]))
    stored = results.read_session(tmp_path / ".llm-latency" / "runs" / "session-9")
    assert [test.test_id for test in stored.tests] == [TESTS[1]]
    assert stored.runs(stored.tests[0]) == (measured(TESTS[1]),)
    assert stored.manifest is not None
    assert stored.manifest.expected == TESTS


def test_a_session_that_came_to_its_end_is_stored_with_all_that_its_reports_say(tmp_path: Path) -> None:
    """Its results stand beside their runs, the baselines as they were; before its end it is known to be unfinished."""
    run = dataclasses.replace(measured(TESTS[0]), id="accepted")
    terms = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})
    acceptance.accept(tmp_path / "baselines", [run], terms)
    session = collecting(tmp_path, *TESTS[:2], accept=True)
    session.receive(outcome(TESTS[0]))
    folder = tmp_path / ".llm-latency" / "runs" / "session-9"
    unfinished = results.read_session(folder).manifest
    assert unfinished is not None
    assert unfinished.closed is None
    closing = session.close(DONE)
    stored = results.read_session(folder)
    assert stored.manifest is not None
    assert stored.manifest.closed == dataclasses.replace(closing.session, results=())
    assert [stored.result(test) for test in stored.tests] == list(closing.session.results)
    assert [each.run.id for each in stored.baseline_columns(stored.tests[0])] == ["accepted"]
    assert len(baselines.find(tmp_path / "baselines", "default", TESTS[0])) == 2


def test_sessions_of_one_second_are_in_the_order_of_their_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their ids, which end in something random."""
    starts = iter([datetime(2026, 3, 2, 9, 15, 0, tenth * 100_000, tzinfo=UTC) for tenth in (3, 4)])
    monkeypatch.setattr("pytest_llm_latency.session.datetime", SimpleNamespace(now=lambda _: next(starts)))
    for session_id in ("session-b", "session-a"):
        session = collecting(tmp_path, TESTS[0], session_id=session_id)
        of = dataclasses.replace(measured(TESTS[0]), session_id=session_id)
        session.receive(Outcome(run=of, result=nouns.result(of=of), undecided=False))
    assert results.latest(tmp_path / ".llm-latency").name == "session-a"


def test_results_stand_in_the_order_of_their_tests(tmp_path: Path) -> None:
    """Whatever the order in which workers hand them over."""
    session = collecting(tmp_path, *TESTS)
    for test_id in (TESTS[2], TESTS[0], TESTS[1]):
        session.receive(outcome(test_id))
    closing = session.close(DONE)
    assert [result.test_id for result in closing.session.results] == list(TESTS)
    assert closing.late == ()
    assert [title for title, _ in closing.artefacts] == ["report", "samples", "json"]


def test_a_test_without_a_result_was_lost_unless_it_is_known_to_have_failed_or_been_skipped(tmp_path: Path) -> None:
    """Silence is never green."""
    session = collecting(tmp_path, *TESTS, "t.py::failed", "t.py::skipped")
    session.receive(outcome(TESTS[0]))
    session._attendance.failed.add("t.py::failed")
    session._attendance.skipped.add("t.py::skipped")
    closing = session.close(DONE)
    assert list(messages(closing)) == [TESTS[1], TESTS[2]]
    assert "was lost: it was collected and never arrived" in messages(closing)[TESTS[1]]
    assert document(tmp_path)["summary"]["missing"] == [TESTS[1], TESTS[2], "t.py::failed"]
    assert document(tmp_path)["summary"]["fails"]


@pytest.mark.parametrize("ending", [STOPPED, INTERRUPTED])
def test_nothing_is_lost_in_a_session_that_ended_before_its_end(tmp_path: Path, ending: Ending) -> None:
    """Those tests had no turn; what was measured is reported."""
    session = collecting(tmp_path, *TESTS)
    session.receive(outcome(TESTS[0]))
    closing = session.close(ending)
    assert closing.late == ()
    assert closing.session.interrupted is ending.interrupted
    assert document(tmp_path)["metadata"]["interrupted"] is ending.interrupted
    stored = results.read_session(tmp_path / ".llm-latency" / "runs" / "session-9")
    assert stored.manifest is not None
    assert stored.manifest.interrupted is ending.interrupted


def test_a_session_without_latency_tests_leaves_the_last_report(tmp_path: Path) -> None:
    """It has nothing to say about latency."""
    first = collecting(tmp_path, TESTS[0])
    first.receive(outcome(TESTS[0]))
    first.close(DONE)
    before = document(tmp_path)
    assert collecting(tmp_path).close(DONE).artefacts == ()
    assert document(tmp_path) == before


def test_a_session_whose_latency_tests_all_failed_at_once_leaves_no_green_report(tmp_path: Path) -> None:
    """A CI that reads only results.json must not see the last run's verdict."""
    first = collecting(tmp_path, TESTS[0])
    first.receive(outcome(TESTS[0]))
    first.close(DONE)
    assert document(tmp_path)["summary"]["fails"] is False
    second = collecting(tmp_path, TESTS[1])
    second._attendance.failed.add(TESTS[1])
    closing = second.close(DONE)
    assert document(tmp_path)["summary"]["fails"] is True
    assert document(tmp_path)["summary"]["missing"] == [TESTS[1]]
    assert closing.late == ()


def test_accepting_makes_baselines_of_what_was_measured(tmp_path: Path) -> None:
    """With the reason, and nothing else."""
    session = collecting(tmp_path, *TESTS[:2], accept=True, reason="new model")
    session.receive(outcome(TESTS[0]))
    session._attendance.failed.add(TESTS[1])
    closing = session.close(DONE)
    (entry,) = baselines.entries(tmp_path / "baselines", "default")
    assert (entry.test_id, entry.runs, entry.reason) == (TESTS[0], 1, "new model")
    assert ("baselines", "baselines (1 accepted)") in closing.artefacts


@pytest.mark.parametrize(("ending", "code"), [(STOPPED, "not_accepted"), (INTERRUPTED, "interrupted")])
def test_a_session_that_did_not_reach_its_end_accepts_nothing_and_says_so(
    tmp_path: Path, ending: Ending, code: str
) -> None:
    """Half a suite is no baseline."""
    session = collecting(tmp_path, *TESTS, accept=True)
    session.receive(outcome(TESTS[0]))
    closing = session.close(ending)
    assert not (tmp_path / "baselines").exists()
    assert [(each.code, "nothing was accepted" in each.message) for each in closing.session.warnings] == [(code, True)]


def test_a_run_that_must_not_become_a_baseline_fails_the_session(tmp_path: Path) -> None:
    """The others of the same session are not accepted either, and the report tells why."""
    session = collecting(tmp_path, *TESTS[:2], accept=True)
    session.receive(outcome(TESTS[0]))
    session.receive(outcome(TESTS[1], status="invalid", fails=True))
    closing = session.close(DONE)
    assert "nothing was accepted" in messages(closing)["llm-latency"]
    assert not (tmp_path / "baselines").exists()
    assert document(tmp_path)["summary"]["fails"]


def test_what_cannot_be_stored_fails_the_session_once_and_loses_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk for one of three benchmarks."""
    stage = atomic._stage

    def full(path: Path, data: bytes) -> Path:
        if "test_two" in path.name:
            raise OSError(28, "No space left on device")
        return stage(path, data)

    monkeypatch.setattr(atomic, "_stage", full)
    session = collecting(tmp_path, *TESTS, accept=True)
    for test_id in TESTS:
        session.receive(outcome(test_id))
    closing = session.close(DONE)
    assert list(messages(closing)) == ["llm-latency"]
    assert "free space on its disk" in messages(closing)["llm-latency"]
    assert [result.test_id for result in closing.session.results] == list(TESTS)
    assert {entry.test_id for entry in baselines.entries(tmp_path / "baselines", "default")} == {TESTS[0], TESTS[2]}


@pytest.mark.parametrize("name", ["samples.parquet", "index.html"])
def test_a_report_that_cannot_be_written_fails_the_session_and_is_told_in_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """They are written all the same, and the session can be reported again when there is room."""
    replace = atomic.replace_bytes

    def full(path: Path, data: bytes) -> None:
        if path.name == name:
            raise UnwritableError(f"{path} cannot be written (No space left on device): free space on its disk.")
        replace(path, data)

    monkeypatch.setattr(atomic, "replace_bytes", full)
    session = collecting(tmp_path, TESTS[0])
    session.receive(outcome(TESTS[0]))
    closing = session.close(DONE)
    assert f"{name} cannot be written" in messages(closing)["llm-latency"]
    assert len(closing.artefacts) == 2
    assert [name in each for each in document(tmp_path)["summary"]["problems"]] == [True]
    stored = results.read_session(tmp_path / ".llm-latency" / "runs" / "session-9")
    assert stored.manifest is not None
    assert stored.manifest.closed == dataclasses.replace(closing.session, results=())


def test_a_run_that_was_damaged_on_the_way_fails_the_session(tmp_path: Path) -> None:
    """Its verdict stands; the files that are made of its samples are not written."""
    session = collecting(tmp_path, *TESTS[:2])
    for test_id in TESTS[:2]:
        session.receive(outcome(test_id))
    path = next((tmp_path / ".llm-latency" / "runs" / "session-9").glob("*test_one*.parquet"))
    path.write_bytes(path.read_bytes()[:-9])
    closing = session.close(DONE)
    assert f"{path} is damaged or not a file of runs" in messages(closing)["llm-latency"]
    assert [each.test_id for each in closing.session.results] == list(TESTS[:2])
    assert document(tmp_path)["summary"]["fails"]
    assert not (tmp_path / ".llm-latency" / "samples.parquet").exists()


def test_secrets_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session says of its settings are the options that are set."""
    monkeypatch.setenv("OPENAI_API_KEY", "never-to-be-seen")
    session = collecting(tmp_path, TESTS[0], keep="3")
    session.receive(outcome(TESTS[0]))
    settings = session.close(DONE).session.settings
    assert (settings["keep"], settings["margin"], settings["simulate"]) == (3, 0.3, False)
    assert settings["baselines"] == str(tmp_path / "baselines")
    assert "region" not in settings
    assert "never-to-be-seen" not in (tmp_path / ".llm-latency" / "results.json").read_text(encoding="utf-8")


# Tests that turn red when the p values of the others are known. All of them are a little slower: one
# alone is not sure enough for a suite of three, all together they are.

MANY = tuple(f"tests/test_many.py::test_{number}" for number in range(3))


def prepared(root: Path) -> None:
    """Accept three runs of each test."""
    runs = [
        dataclasses.replace(measured(test_id, noise), id=f"{test_id}-{number}", session_id=f"session-{number}")
        for test_id in MANY
        for number, noise in enumerate((0.97, 1.0, 1.03))
    ]
    terms = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={}, moved=frozenset())
    acceptance.accept(root / "baselines", runs, terms)


def judged_at_once(session: Collecting, runs: Sequence[Run]) -> list[Result]:
    """Judge runs one after another, each without knowing the others."""
    from pytest_llm_latency.measuring import read_accepted  # noqa: PLC0415  (beside its only use)

    accepted = read_accepted(session._origin, {run.test_id: run.plan.compared for run in runs})
    return [judge.judge(run, accepted.baselines[run.test_id], accepted.policy, accepted.noise) for run in runs]


def p_value(result: Result) -> float:
    """Return the p value of the only gated series, alone."""
    (found,) = [each.verdict.raw_p_value for each in result.comparisons if each.metric == "ttft"]
    assert found is not None
    return found


def borderline(root: Path) -> float:
    """Return how much slower a test must be for a p value below 0.05 and above a third of it."""
    session = collecting(root, *MANY)
    for percent in range(110, 140):
        found = judged_at_once(session, [measured(test_id, percent / 100) for test_id in MANY])
        if all(0.02 < p_value(result) < 0.045 for result in found):
            return percent / 100
    raise AssertionError("no change is on the border")


def test_what_only_the_whole_session_can_tell_is_judged_at_its_end(tmp_path: Path) -> None:
    """Every test was green when it was judged alone; the page, the JSON and the manifest have the last verdicts."""
    prepared(tmp_path)
    runs = [measured(test_id, borderline(tmp_path)) for test_id in MANY]
    session = collecting(tmp_path, *MANY)
    for run, result in zip(runs, judged_at_once(session, runs), strict=True):
        assert not result.fails
        session.receive(Outcome(run=run, result=result, undecided=True))
    closing = session.close(DONE)
    late = messages(closing)
    assert set(late) == {result.test_id for result in closing.session.results if result.fails} == set(MANY)
    assert all(message.startswith("regressed: ttft p95 ") for message in late.values())
    stored = results.read_session(tmp_path / ".llm-latency" / "runs" / "session-9")
    assert {test.test_id for test in stored.tests if test.fails} == set(late)
    assert {
        each["metadata"]["test_id"] for each in document(tmp_path)["benchmarks"] if each["verdict"]["fails"]
    } == set(late)


def test_what_is_judged_again_and_stays_green_is_not_told(tmp_path: Path) -> None:
    """One slow test among two that did not change."""
    prepared(tmp_path)
    runs = [measured(MANY[0], borderline(tmp_path)), *(measured(test_id) for test_id in MANY[1:])]
    session = collecting(tmp_path, *MANY)
    for run, result in zip(runs, judged_at_once(session, runs), strict=True):
        session.receive(Outcome(run=run, result=result, undecided=True))
    assert session.close(DONE).late == ()
