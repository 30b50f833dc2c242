"""The lock file: what a reviewer reads, and how strictly it is read back."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency.errors import CorruptFileError, NewerVersionError, StorageError
from pytest_llm_latency.storage import lock
from pytest_llm_latency.storage.lock import Entry, LockedSeries

TEXT = """\
format = 1  # baselines that 'llm-latency baseline accept' stored: read in reviews, not edited

[test."t.py::a[\\"x\\"]"]
sha256 = "00000000000000000000000000000000000000000000000000000000000000aa"
runs = 2
accepted = "2026-03-02"
commit = "5c1e9a0d"
reason = "a new prompt\\nand model"

[test."t.py::a[\\"x\\"]".series."e2e"]
n = 20
p50 = 1.25
unit = "s"

[test."t.py::a[\\"x\\"]".series."ask|ttft"]
n = 200
p50 = 0.4
p95 = 1e-05
p95_interval = [1e-06, 0.5]
unit = "s"

[test."t.py::b"]
sha256 = "00000000000000000000000000000000000000000000000000000000000000bb"
runs = 1
accepted = "2026-03-02"
"""


def series(metric: str = "e2e", step: str | None = None, **changes: Any) -> LockedSeries:
    """Return a series of twenty requests, too few for a p95."""
    values = LockedSeries(step=step, metric=metric, unit="s", n=20, p50=1.25, p95=None, interval=None)
    return dataclasses.replace(values, **changes)


def entry(test_id: str, digit: str, **changes: Any) -> Entry:
    """Return an entry without figures, reason and commit."""
    values = Entry(
        test_id=test_id,
        sha256=(digit * 2).zfill(64),
        runs=1,
        accepted="2026-03-02",
        commit=None,
        reason=None,
        series=(),
    )
    return dataclasses.replace(values, **changes)


A = entry(
    't.py::a["x"]',
    "a",
    runs=2,
    commit="5c1e9a0d",
    reason="a new prompt\nand model",
    series=(series(), series("ttft", "ask", n=200, p50=0.4, p95=1e-05, interval=(1e-06, 0.5))),
)
B = entry("t.py::b", "b")


def read(tmp_path: Path, text: str) -> dict[str, Entry]:
    """Return what a lock file with this text says."""
    path = tmp_path / lock.NAME
    path.write_bytes(text.encode(errors="surrogateescape"))
    return dict(lock.read(path))


def test_the_text_is_what_a_reviewer_reads() -> None:
    """One block for a test and one for each series, sorted, whatever the order they came in."""
    assert lock.render([B, dataclasses.replace(A, series=A.series[::-1])]) == TEXT


def test_a_lock_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Absent figures stay absent."""
    assert read(tmp_path, TEXT) == {A.test_id: A, B.test_id: B}
    assert read(tmp_path, TEXT.replace("\n", "\r\n")) == {A.test_id: A, B.test_id: B}


def test_a_missing_lock_is_empty(tmp_path: Path) -> None:
    """Nothing was accepted yet."""
    assert lock.read(tmp_path / "default" / lock.NAME) == {}


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A file stands where the environment's folder belongs."""
    (tmp_path / "default").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"baselines\.lock cannot be read \(Not a directory\): check the path"):
        lock.read(tmp_path / "default" / lock.NAME)


def test_one_changed_test_changes_only_its_own_lines() -> None:
    """The diff of a review is as small as the change."""
    changed = dataclasses.replace(A, runs=3)
    before, after = lock.render([A, B]).splitlines(), lock.render([changed, B]).splitlines()
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [("runs = 2", "runs = 3")]


@pytest.mark.parametrize("text", ['"', "\\", "\x7f", "\0\n\t", "]", "ü💥", "a.b", "", "|", "a|b", "format"])
def test_any_text_survives_as_id_step_and_reason(tmp_path: Path, text: str) -> None:
    """What users write into parameters, steps and reasons is quoted."""
    whole = entry(text, "a", reason=text, commit=text, series=(series("ttft", text),))
    assert read(tmp_path, lock.render([whole])) == {text: whole}


def test_half_of_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    """A path of a test file may hold bytes that are no UTF-8."""
    assert list(read(tmp_path, lock.render([entry("t\udc80.py", "a")]))) == [lock.readable("t\udc80.py")]


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> branch", "||||||| base"])
def test_merge_conflict_markers_are_named_with_the_remedy(tmp_path: Path, marker: str) -> None:
    """Two branches accepted the same test."""
    lines = TEXT.splitlines()
    lines.insert(4, marker)
    with pytest.raises(CorruptFileError, match=r"merge-conflict markers \(line 5\): take .* of one side"):
        read(tmp_path, "\n".join(lines))


def test_a_newer_lock_asks_for_an_upgrade(tmp_path: Path) -> None:
    """The first line is looked at before the rest, which may be no TOML by then."""
    with pytest.raises(NewerVersionError, match=r"has format 12 .*: upgrade pytest-llm-latency"):
        read(tmp_path, "format = 12\n((")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", ""),
        ("runs = 2", "runs = 2.0"),
        ("runs = 2", 'runs = "2"'),
        ("runs = 2", "runs = true"),
        ("runs = 2\n", ""),
        ("runs = 2", "runs = 2\nruns = 2"),
        ("runs = 2", "rums = 2\nruns = 2"),
        ("n = 200", "m = 200"),
        ("p50 = 0.4", "p50 = inf"),
        ("p50 = 0.4", "p50 = true"),
        ("[1e-06, 0.5]", "[0.5]"),
        ("[1e-06, 0.5]", "0.5"),
        ("00aa", "00AA"),
        ("00aa", "00"),
        ('[test."t.py::b"]', '[test."t.py::a[\\"x\\"]"]'),
        ('[test."t.py::b"]', '[tests."t.py::b"]'),
        ('[test."t.py::b"]', '[[test."t.py::b"]]'),
        ("2026-03-02", "2026-03-02\udcff"),
    ],
)
def test_a_lock_that_was_edited_wrongly_is_corrupt(tmp_path: Path, old: str, new: str) -> None:
    """Nothing is guessed, and the message names the file and the remedy."""
    assert old in TEXT
    with pytest.raises(CorruptFileError, match=r"baselines\.lock is damaged .*restore it from version control"):
        read(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize("length", [0, 1, 99, 300, 500])
def test_a_truncated_lock_is_corrupt(tmp_path: Path, length: int) -> None:
    """Wherever it was cut within a block."""
    with pytest.raises(CorruptFileError, match="is damaged"):
        read(tmp_path, TEXT[:length])


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (float("inf"), None), (0.123456789, 0.123457), (1234567.0, 1234570.0)]
)
def test_figures_have_six_digits_and_no_infinity(value: float | None, expected: float | None) -> None:
    """What is written is what is read back."""
    assert lock.rounded(value) == expected
