"""Baselines are found with their lock or not at all, and pruned one by one."""

from pathlib import Path

import pytest

import nouns
from pytest_llm_latency.errors import CorruptFileError, UnwritableError, UsageError
from pytest_llm_latency.storage import acceptance, baselines, lock, samples
from pytest_llm_latency.storage.acceptance import Acceptance

TERMS = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})
REMEDY = "restore both from version control, or remove the Parquet file and accept the test again"


@pytest.fixture(name="folder")
def accepted(tmp_path: Path) -> Path:
    """Return a baselines folder with two tests."""
    runs = [nouns.run(nouns.lognormal(80, median=0.3), test_id=test_id, id=test_id) for test_id in ("t::a", "t::b")]
    acceptance.accept(tmp_path, runs, TERMS)
    return tmp_path


def parquet(folder: Path, test_id: str) -> Path:
    """Return the file of a test."""
    return baselines.place(folder, "default", test_id)


def test_the_accepted_runs_are_found(folder: Path) -> None:
    """They come back as they were measured."""
    expected = nouns.run(nouns.lognormal(80, median=0.3), test_id="t::a", id="t::a")
    assert baselines.find(folder, "default", "t::a") == (expected,)


@pytest.mark.parametrize(("environment", "test_id"), [("default", "t::c"), ("ci", "t::a")])
def test_a_test_without_a_baseline_has_no_runs(folder: Path, environment: str, test_id: str) -> None:
    """Another test or another environment is no baseline."""
    assert baselines.find(folder, environment, test_id) == ()


def test_a_folder_that_is_not_there_has_no_baselines(tmp_path: Path) -> None:
    """The first run of a suite finds nothing and fails nowhere."""
    assert baselines.find(tmp_path / "baselines", "default", "t::a") == ()
    assert baselines.entries(tmp_path / "baselines", "default") == ()
    assert baselines.environments(tmp_path / "baselines") == ()


def test_entries_are_read_from_the_lock_alone(folder: Path) -> None:
    """No Parquet file is opened: they are gone here."""
    for test_id in ("t::a", "t::b"):
        parquet(folder, test_id).unlink()
    assert [entry.test_id for entry in baselines.entries(folder, "default")] == ["t::a", "t::b"]


def test_a_file_that_is_not_the_accepted_one_is_refused(folder: Path) -> None:
    """A whole file of other runs is no less wrong than a damaged one."""
    samples.write_runs(parquet(folder, "t::a"), [nouns.run([0.1], test_id="t::a")])
    with pytest.raises(CorruptFileError, match=rf"the lock has another hash for it\): {REMEDY}"):
        baselines.find(folder, "default", "t::a")
    assert len(baselines.find(folder, "default", "t::b")) == 1


def test_a_file_that_the_lock_does_not_name_is_refused(folder: Path) -> None:
    """A file that was put there by hand or by a crash is no baseline."""
    samples.write_runs(parquet(folder, "t::c"), [nouns.run([0.1], test_id="t::c")])
    with pytest.raises(CorruptFileError, match=rf"the lock has no entry for it\): {REMEDY}"):
        baselines.find(folder, "default", "t::c")


def test_an_entry_without_its_file_is_refused(folder: Path) -> None:
    """A deleted baseline must not pass for a test that never had one."""
    parquet(folder, "t::a").unlink()
    with pytest.raises(CorruptFileError, match=r"is missing, and baselines\.lock .*: restore both"):
        baselines.find(folder, "default", "t::a")


def test_a_file_and_a_lock_that_are_damaged_alike_are_still_refused(folder: Path) -> None:
    """The hash of a truncated file may have found its way into the lock."""
    data = parquet(folder, "t::a").read_bytes()[:500]
    parquet(folder, "t::a").write_bytes(data)
    path = folder / "default" / lock.NAME
    text = path.read_text(encoding="utf-8")
    digest = baselines.entries(folder, "default")[0].sha256
    path.write_text(text.replace(digest, baselines.hashlib.sha256(data).hexdigest()), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="is damaged or not a file of runs"):
        baselines.find(folder, "default", "t::a")


@pytest.mark.parametrize("label", ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ü", "x" * 101, "a\n"])
def test_an_environment_is_a_safe_folder_name(tmp_path: Path, label: str) -> None:
    """A label reaches no other folder."""
    with pytest.raises(UsageError, match="is no folder name: use up to 100 letters"):
        baselines.find(tmp_path, label, "t::a")


@pytest.mark.parametrize("label", ["default", "ci-linux_x64", "3.12", "-", "x" * 100])
def test_common_labels_are_accepted(label: str) -> None:
    """Versions, signs and long names are fine."""
    assert baselines.check_label(label) == label


def test_pruning_removes_one_test_and_leaves_the_rest(folder: Path) -> None:
    """The other test's file and lines do not change."""
    kept = parquet(folder, "t::b").read_bytes()
    assert baselines.prune(folder, "default", ["t::a", "t::x"]) == ("t::a",)
    assert not parquet(folder, "t::a").exists()
    assert parquet(folder, "t::b").read_bytes() == kept
    assert [entry.test_id for entry in baselines.entries(folder, "default")] == ["t::b"]
    assert baselines.find(folder, "default", "t::a") == ()


def test_a_dry_run_prunes_nothing(folder: Path) -> None:
    """It says what would go."""
    assert baselines.prune(folder, "default", ["t::a"], dry_run=True) == ("t::a",)
    assert len(baselines.find(folder, "default", "t::a")) == 1


def test_pruning_that_was_cut_off_leaves_a_clear_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is written and the file is still there: it is refused until the stray goes."""

    def crash(path: Path) -> None:
        raise UnwritableError(f"{path} cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(baselines.atomic, "remove", crash)
        with pytest.raises(UnwritableError):
            baselines.prune(folder, "default", ["t::a"])
    with pytest.raises(CorruptFileError, match="has no entry for it"):
        baselines.find(folder, "default", "t::a")
    assert baselines.prune_strays(folder, "default", dry_run=True) == (parquet(folder, "t::a"),)
    assert baselines.prune_strays(folder, "default") == (parquet(folder, "t::a"),)
    assert baselines.find(folder, "default", "t::a") == ()
