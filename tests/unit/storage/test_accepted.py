"""Baselines are kept as they were for as long as a stored session was judged against them."""

from pathlib import Path

import pytest

import nouns
from pytest_llm_latency.errors import StorageError
from pytest_llm_latency.storage import acceptance, accepted, baselines, results
from pytest_llm_latency.storage.acceptance import Acceptance

TERMS = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})


def accept(root: Path, number: int) -> None:
    """Accept one more run."""
    acceptance.accept(root / "baselines", [nouns.run([0.3] * 60, id=f"run-{number}")], TERMS)


def keep(root: Path) -> str:
    """Keep the baseline as it is now."""
    kept = accepted.keep(root / "results", (root / "baselines", "default"), [nouns.TEST_ID, "other"])
    assert list(kept) == [nouns.TEST_ID]
    return kept[nouns.TEST_ID]


def test_a_baseline_that_moved_on_is_read_as_it_was(tmp_path: Path) -> None:
    """Each state of it lies there once."""
    accept(tmp_path, 1)
    first = keep(tmp_path)
    accept(tmp_path, 2)
    second = keep(tmp_path)
    assert keep(tmp_path) == second
    assert [each.run.id for each in accepted.read(tmp_path / "results", first)] == ["run-1"]
    assert [each.run.id for each in accepted.read(tmp_path / "results", second)] == ["run-1", "run-2"]
    assert len(list((tmp_path / "results" / "accepted").iterdir())) == 2


def test_what_was_accepted_before_a_kept_baseline_is_kept_with_it(tmp_path: Path) -> None:
    """As it was then."""
    for number in range(7):
        accept(tmp_path, number)
    then = keep(tmp_path)
    accept(tmp_path, 7)
    assert [each.id for each in accepted.past(tmp_path / "results", then)] == ["run-0", "run-1"]


def test_a_baseline_that_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    """Its test has failed and says why; damage is kept from spreading."""
    accept(tmp_path, 1)
    path = baselines.place(tmp_path / "baselines", "default", nouns.TEST_ID)
    path.write_bytes(b"damaged")
    where = (tmp_path / "baselines", "default")
    assert accepted.keep(tmp_path / "results", where, [nouns.TEST_ID]) == {}
    path.unlink()
    assert accepted.keep(tmp_path / "results", where, [nouns.TEST_ID]) == {}
    baselines.lock_path(*where).write_text("format = 99\n", encoding="utf-8")
    assert accepted.keep(tmp_path / "results", where, [nouns.TEST_ID]) == {}


def test_what_no_stored_session_names_is_pruned_with_the_sessions(tmp_path: Path) -> None:
    """Unless a manifest cannot be read: nobody knows what that one names."""
    folder, kept = tmp_path / "results", []
    for number in range(3):
        accept(tmp_path, number)
        kept.append(keep(tmp_path))
        test = nouns.stored_test(baseline=kept[-1])
        started = f"2026-03-0{number + 1}T09:15:00+00:00"
        results.write_manifest(folder, nouns.manifest(session_id=f"s{number}", started_at=started, tests=(test,)))
    broken = folder / "runs" / "broken" / "session.json"
    broken.parent.mkdir()
    broken.write_text("{", encoding="utf-8")
    results.prune_runs(folder, keep=2)
    assert accepted.read(folder, kept[0])
    broken.unlink()
    results.prune_runs(folder, keep=2)
    with pytest.raises(StorageError, match="cannot be read"):
        accepted.read(folder, kept[0])
    assert accepted.read(folder, kept[1])
    assert accepted.read(folder, kept[2])
