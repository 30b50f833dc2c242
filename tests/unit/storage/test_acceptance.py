"""What becomes of a baseline when runs are accepted, refused, or the disk gives up."""

import dataclasses
import errno
import os
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency.errors import CorruptFileError, RefusedBaselineError, StorageError, UnwritableError, UsageError
from pytest_llm_latency.model import Notice, Run
from pytest_llm_latency.storage import acceptance, atomic, baselines, lock
from pytest_llm_latency.storage.acceptance import Acceptance, Change

TERMS = Acceptance(accepted="2026-03-02", reason="because", commit=None, verdicts={})
STOPPED = (Notice(code="budget", message="the budget is used up"),)


def run(number: int, test_id: str = "t::a", **changes: Any) -> Run:
    """Return a run of eighty requests with a median that its number sets."""
    latencies = nouns.lognormal(80, median=0.3 + number / 100, seed=number)
    return nouns.run(latencies, **{"id": f"run-{number}", "test_id": test_id, **changes})


def remembered(folder: Path) -> list[str]:
    """Return the ids of the runs of which the history has the levels alone."""
    return [each.id for each in baselines.past(folder, "default", "t::a")]


def test_of_runs_that_are_kept_no_longer_the_level_is_remembered(tmp_path: Path) -> None:
    """Also where they stood on another level, or were dropped by a shorter baseline; so many of them, and each once."""
    accept(tmp_path, *(run(number) for number in range(4)), keep=2)
    assert (ids(tmp_path), remembered(tmp_path)) == (["run-2", "run-3"], ["run-0", "run-1"])
    accept(tmp_path, run(4), keep=2, moved=frozenset({"run-4"}))
    assert (ids(tmp_path), remembered(tmp_path)) == (["run-4"], [f"run-{number}" for number in range(4)])
    accept(tmp_path, run(0), run(5), keep=3)
    assert (ids(tmp_path), remembered(tmp_path)) == (["run-4", "run-0", "run-5"], ["run-1", "run-2", "run-3"])
    acceptance.trim(tmp_path, "default", ["t::a"], keep=1)
    assert (ids(tmp_path), remembered(tmp_path)) == (["run-5"], ["run-1", "run-2", "run-3", "run-4", "run-0"])
    (past,) = [each for each in baselines.past(tmp_path, "default", "t::a") if each.id == "run-3"]
    assert [(each.step, each.metric, len(each.quantiles)) for each in past.levels] == [
        (None, "ttft", 4),
        (None, "e2e", 4),
    ]
    accept(tmp_path, *(run(number) for number in range(6, 50)), keep=1)
    assert remembered(tmp_path) == [f"run-{number}" for number in range(49 - acceptance.MOST_PAST, 49)]


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accept(folder: Path, *runs: Run, **terms: Any) -> tuple[Change, ...]:
    """Accept runs on the usual terms."""
    return acceptance.accept(folder, runs, dataclasses.replace(TERMS, **terms))


def ids(folder: Path, test_id: str = "t::a") -> list[str]:
    """Return the ids of the accepted runs of a test."""
    return [each.id for each in baselines.find(folder, "default", test_id)]


def test_a_first_run_becomes_the_baseline(tmp_path: Path) -> None:
    """The lock has its figures, its commit and the reason."""
    (change,) = accept(tmp_path, run(1))
    (entry,) = baselines.entries(tmp_path, "default")
    assert (change.action, change.runs_before, change.runs_after, change.before) == ("added", 0, 1, ())
    assert change.after == entry.series
    assert (entry.reason, entry.accepted, entry.commit, entry.runs) == ("because", "2026-03-02", "5c1e9a0d7b3f", 1)
    assert [(series.key, series.n) for series in entry.series] == [("e2e", 80), ("ttft", 80)]
    assert ids(tmp_path) == ["run-1"]


def test_a_baseline_has_no_texts_of_answers(tmp_path: Path) -> None:
    """It lies in version control."""
    given = run(1, samples=(nouns.sample(0, 0.3, text="Hello"),) * 80, plan=nouns.plan(keep_answers=True))
    accept(tmp_path, given)
    (found,) = baselines.find(tmp_path, "default", "t::a")
    assert {each.text for each in found.samples} == {None}
    assert not found.plan.keep_answers


def test_figures_are_those_of_all_kept_runs(tmp_path: Path) -> None:
    """The p95 of eighty requests lies within its interval, and that of 240 within a smaller one."""
    (first,) = accept(tmp_path, run(1))
    (last,) = accept(tmp_path, run(2), run(3))
    one, three = first.after[1], last.after[1]
    assert last.before == first.after
    assert (one.n, three.n) == (80, 240)
    assert one.interval is not None
    assert three.interval is not None
    assert one.interval[0] < (one.p95 or 0) < one.interval[1]
    values = sorted(sample.event_ns[0] - sample.stamps.started for n in (1, 2, 3) for sample in run(n).samples)
    assert three.p95 == pytest.approx(values[227] / 1e9, rel=1e-5)
    # scipy.stats.binom(240, 0.95).ppf([0.025, 0.975]) is 221 and 234: order statistics 221 and 235.
    assert three.interval == pytest.approx((values[220] / 1e9, values[234] / 1e9), rel=1e-5)


def test_a_sample_that_supports_no_p95_has_none(tmp_path: Path) -> None:
    """Twenty requests have a median, and an interval needs 72."""
    (change,) = accept(tmp_path, nouns.run([], samples=tuple(nouns.sample(index, 0.3, 1.2) for index in range(20))))
    assert [(series.p50, series.p95, series.interval) for series in change.after] == [
        (1.2, None, None),
        (0.3, None, None),
    ]


def test_figures_that_fall_on_failed_requests_are_none(tmp_path: Path) -> None:
    """A tenth of the requests failed: the p95 is no number."""
    failing = tuple(nouns.sample(index, None if index % 10 == 0 else 0.3) for index in range(100))
    (change,) = accept(tmp_path, nouns.run([], samples=failing, plan=nouns.plan(error_limit=0.2)))
    assert [(series.n, series.p95, series.interval) for series in change.after] == [(100, None, None)] * 2
    assert all(series.p50 is not None for series in change.after)


def test_further_runs_are_kept_beside_the_first_and_the_oldest_goes(tmp_path: Path) -> None:
    """The last five, in the order of their acceptance."""
    for number in (3, 1, 2, 4, 5, 6):
        (change,) = accept(tmp_path, run(number))
    assert change.action == "extended"
    assert ids(tmp_path) == ["run-1", "run-2", "run-4", "run-5", "run-6"]
    accept(tmp_path, run(7), keep=2)
    assert ids(tmp_path) == ["run-6", "run-7"]


def test_a_run_that_is_accepted_twice_counts_once_and_changes_no_byte(tmp_path: Path) -> None:
    """Neither the date nor the reason of the second time is written."""
    accept(tmp_path, run(1), run(1))
    before = tree(tmp_path)
    (change,) = accept(tmp_path, run(1), reason="again", accepted="2027-01-01")
    assert change.action == "unchanged"
    assert change.before == change.after
    assert ids(tmp_path) == ["run-1"]
    assert tree(tmp_path) == before


def test_the_same_acceptance_elsewhere_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two people who accept the same run commit the same files."""
    accept(tmp_path / "a", run(1), run(2, "t::b"))
    accept(tmp_path / "b", run(2, "t::b"), run(1))
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_tests_that_were_not_accepted_stay_as_they_are(tmp_path: Path) -> None:
    """Neither their file nor their lines in the lock change."""
    accept(tmp_path, run(1), run(2, "t::b"))
    file, entry = baselines.place(tmp_path, "default", "t::b"), baselines.entries(tmp_path, "default")[1]
    data = file.read_bytes()
    accept(tmp_path, run(3))
    assert file.read_bytes() == data
    assert baselines.entries(tmp_path, "default")[1] == entry


def test_runs_of_other_conditions_replace_the_stored_ones_and_say_so(tmp_path: Path) -> None:
    """Figures of two models are never pooled."""
    accept(tmp_path, run(1), run(2))
    (change,) = accept(tmp_path, run(3, conditions=(nouns.conditions(model="openai/gpt-5"),)))
    assert change.action == "replaced"
    assert (change.runs_before, change.runs_after) == (2, 1)
    (note,) = change.notes
    assert note.startswith("the runs before were measured with something else: ")
    assert note.endswith("the model was openai/gpt-4o-mini in the baseline and is openai/gpt-5")
    assert ids(tmp_path) == ["run-3"]


def test_a_run_on_another_level_replaces_the_ones_before(tmp_path: Path) -> None:
    """Both levels in one baseline would look like noise, in which the next change is lost."""
    accept(tmp_path, run(1), run(2))
    (change,) = accept(tmp_path, run(3), verdicts={"run-3": "regressed"}, moved=frozenset({"run-3"}))
    assert (change.action, change.runs_after) == ("replaced", 1)
    assert "slower or faster" in change.notes[0]
    (further,) = accept(tmp_path, run(4), verdicts={"run-4": "pass"})
    assert (further.action, further.runs_after) == ("extended", 2)


def test_a_limit_that_was_exceeded_leaves_the_history(tmp_path: Path) -> None:
    """The test failed, and its latency is what it was."""
    accept(tmp_path, run(1), run(2))
    (change,) = accept(tmp_path, run(3), verdicts={"run-3": "regressed"})
    assert (change.action, change.runs_after) == ("extended", 3)


def test_keeping_only_the_new_run_replaces_the_ones_before(tmp_path: Path) -> None:
    """Nothing of them is left, so nothing was extended."""
    accept(tmp_path, run(1), run(2))
    (change,) = accept(tmp_path, run(3), keep=1)
    assert (change.action, change.runs_before, change.runs_after) == ("replaced", 2, 1)


def test_what_is_unknown_of_one_run_hides_no_difference_from_another(tmp_path: Path) -> None:
    """The run in between does not know its served model; the first one does."""
    first, unknown, other = (
        run(number, conditions=(nouns.conditions(served_model=served),))
        for number, served in enumerate(("a", None, "b"), start=1)
    )
    accept(tmp_path, first, unknown)
    assert ids(tmp_path) == ["run-1", "run-2"]
    accept(tmp_path, other)
    assert ids(tmp_path) == ["run-3"]


def test_figures_of_throughput_run_towards_the_slow_side(tmp_path: Path) -> None:
    """The p95 is what 95 % of the requests reach, and lies below the median within its interval."""
    latencies = nouns.lognormal(200, median=0.3)
    (change,) = accept(tmp_path, nouns.run(latencies, plan=nouns.plan(gate=("throughput",))))
    (series,) = change.after
    assert (series.key, series.unit) == ("throughput", "tokens/s")
    assert series.interval is not None
    assert series.interval[0] <= (series.p95 or 0) <= series.interval[1] < (series.p50 or 0)


def test_runs_of_another_environment_have_a_folder_of_their_own(tmp_path: Path) -> None:
    """The label is the key, the machine is not."""
    elsewhere = run(2, environment=nouns.environment(label="ci", machine="other"))
    assert [change.environment for change in accept(tmp_path, run(1), elsewhere)] == ["default", "ci"]
    assert baselines.environments(tmp_path) == ("ci", "default")
    assert [each.id for each in baselines.find(tmp_path, "ci", "t::a")] == ["run-2"]
    assert ids(tmp_path) == ["run-1"]


def test_an_environment_that_is_no_folder_name_is_refused(tmp_path: Path) -> None:
    """The label comes from a variable that anybody sets."""
    with pytest.raises(UsageError, match="is no folder name"):
        accept(tmp_path / "in", run(1, environment=nouns.environment(label="../out")))
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("bad", "verdicts", "why"),
    [
        (run(2, "t::bad", complete=False), {}, "its measuring was cut off"),
        (
            run(2, "t::bad", complete=False, warnings=STOPPED, samples=nouns.samples([0.3] * 58)),
            {},
            "it was stopped after 58 of 100 iterations, too few for a p95",
        ),
        (run(2, "t::bad"), {"run-2": "invalid"}, "its verdict is invalid"),
        (run(2, "t::bad", samples=(nouns.sample(0, None),)), {}, "no request of it succeeded"),
        (
            run(2, "t::bad", samples=tuple(nouns.sample(each, None if each < 10 else 0.3) for each in range(100))),
            {},
            "10 of 100 requests failed",
        ),
        (run(2, "t::bad", plan=nouns.plan(ab="x/y")), {}, "it was measured against x/y, interleaved"),
        (run(2, "t::bad", samples=()), {}, "no request of it succeeded"),
        (run(2, "t::bad", samples=(nouns.sample(0, 0.3, phase="warmup"),)), {}, "no request of it succeeded"),
    ],
)
def test_one_run_that_must_not_become_a_baseline_refuses_all(
    tmp_path: Path, bad: Run, verdicts: dict[str, Any], why: str
) -> None:
    """The message names the test, the reason and the way on, and nothing is written."""
    accept(tmp_path, run(1))
    before = tree(tmp_path)
    with pytest.raises(RefusedBaselineError, match=rf"nothing was accepted.*t::bad \({why}.*leave them out with -k"):
        accept(tmp_path, run(3), bad, run(4, "t::c"), verdicts=verdicts)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("verdict", ["pass", "improved", "regressed", "inconclusive", "no_baseline", "incomparable"])
def test_every_run_that_was_measured_soundly_may_become_a_baseline(tmp_path: Path, verdict: str) -> None:
    """A regression that is wanted is accepted with a reason."""
    assert accept(tmp_path, run(1), verdicts={"run-1": verdict})[0].action == "added"


def test_a_run_that_a_budget_ended_may_become_a_baseline_with_enough_for_a_p95(tmp_path: Path) -> None:
    """Its requests are as good as any."""
    ended = run(1, complete=False, warnings=STOPPED, samples=nouns.samples([0.3] * 59))
    assert accept(tmp_path, ended)[0].action == "added"


def test_a_dry_run_says_what_would_change_and_writes_nothing(tmp_path: Path) -> None:
    """Not even the folder is made."""
    accept(tmp_path / "a", run(1))
    wet = accept(tmp_path / "a", run(2))
    accept(tmp_path / "b", run(1))
    before = tree(tmp_path)
    assert accept(tmp_path / "b", run(2), dry_run=True) == wet
    assert accept(tmp_path / "c", run(1), dry_run=True)[0].action == "added"
    assert tree(tmp_path) == before
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("after", range(5))
def test_a_disk_that_gets_full_leaves_every_byte_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Wherever among two Parquet files and the lock it happens."""
    accept(tmp_path, run(1), run(1, "t::b"))
    before, synced = tree(tmp_path), []

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    if after < 4:
        with pytest.raises(UnwritableError, match="free space"):
            accept(tmp_path, run(2), run(2, "t::b"))
        assert tree(tmp_path) == before
    else:
        accept(tmp_path, run(2), run(2, "t::b"))
        assert ids(tmp_path) == ids(tmp_path, "t::b") == ["run-1", "run-2"]


def test_a_file_where_the_baselines_belong_is_named(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "default").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match=r"default.*(cannot be read|cannot be written)"):
        accept(tmp_path, run(1))
    assert tree(tmp_path) == {"default": b"mine"}


def test_a_baseline_that_is_damaged_is_not_added_to(tmp_path: Path) -> None:
    """The remedy in the message works: the file goes, and the run is accepted anew."""
    accept(tmp_path, run(1), run(1, "t::b"))
    path = baselines.place(tmp_path, "default", "t::a")
    path.write_bytes(path.read_bytes()[:-9])
    before = tree(tmp_path)
    with pytest.raises(CorruptFileError, match="remove the Parquet file and accept the test again"):
        accept(tmp_path, run(2), run(2, "t::b"))
    assert tree(tmp_path) == before
    path.unlink()
    assert accept(tmp_path, run(2))[0].action == "added"
    assert ids(tmp_path) == ["run-2"]
    assert ids(tmp_path, "t::b") == ["run-1"]


def test_a_lock_that_is_damaged_is_not_written_over(tmp_path: Path) -> None:
    """What a merge left behind is for a person to settle."""
    accept(tmp_path, run(1))
    path = tmp_path / "default" / lock.NAME
    path.write_text(path.read_text(encoding="utf-8") + "<<<<<<< HEAD\n", encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(CorruptFileError, match="merge-conflict markers"):
        accept(tmp_path, run(2))
    assert tree(tmp_path) == before


def test_baselines_are_shortened_to_their_last_runs(tmp_path: Path) -> None:
    """Date, commit and reason of the acceptance stay; tests with fewer runs are not touched."""
    accept(tmp_path, run(1), run(2), run(3), run(4, "t::b"))
    entry = baselines.entries(tmp_path, "default")[0]
    dry = acceptance.trim(tmp_path, "default", ["t::a", "t::b", "t::x"], keep=1, dry_run=True)
    assert ids(tmp_path) == ["run-1", "run-2", "run-3"]
    assert acceptance.trim(tmp_path, "default", ["t::a", "t::b", "t::x"], keep=1) == dry
    assert [(change.test_id, change.action, change.runs_after) for change in dry] == [("t::a", "trimmed", 1)]
    assert ids(tmp_path) == ["run-3"]
    shortened = baselines.entries(tmp_path, "default")[0]
    assert (shortened.accepted, shortened.reason, shortened.runs) == (entry.accepted, entry.reason, 1)


@pytest.mark.parametrize("keep", [0, -1])
def test_keeping_no_run_is_refused(tmp_path: Path, keep: int) -> None:
    """A baseline of nothing is none."""
    with pytest.raises(UsageError, match="it must be at least 1"):
        accept(tmp_path, run(1), keep=keep)
    with pytest.raises(UsageError, match="it must be at least 1"):
        acceptance.trim(tmp_path, "default", ["t::a"], keep=keep)


def test_each_step_has_its_series(tmp_path: Path) -> None:
    """The steps of a multi-turn body stand apart in the lock."""
    turns = tuple(nouns.sample(index, 0.3, step=("ask", "answer")[index % 2]) for index in range(10))
    (change,) = accept(tmp_path, nouns.run([], samples=turns))
    assert [series.key for series in change.after] == ["answer|e2e", "answer|ttft", "ask|e2e", "ask|ttft"]
    assert baselines.entries(tmp_path, "default")[0].series == change.after
