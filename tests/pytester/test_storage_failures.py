"""Damaged baselines and folders that cannot be written: said before measuring where that is possible, nothing lost."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pytest_llm_latency.storage import atomic, lock
from suites import MODEL, Suite, printed

TWO = f"""
import pytest

runs = []

pytestmark = pytest.mark.llm_latency(model="{MODEL}", requests=6, warmup=1, concurrency=2)

async def test_one(llm):
    runs.append("one")
    await llm("hi")

def test_two(llm):
    llm("hi")

@pytest.fixture(scope="module", autouse=True)
def report():
    yield
    print("RUNS", len(runs))
"""


def parquet(suite: Suite, name: str = "test_one") -> Path:
    """Return the baseline file of a test."""
    (path,) = (suite.path / "baselines" / "simulator").glob(f"*{name}*.parquet")
    return path


def truncate(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage(path: Path) -> None:
    """Put other bytes into a file."""
    path.write_bytes(b"no parquet at all")


def remove(path: Path) -> None:
    """Remove a file whose lock still names it."""
    path.unlink()


@pytest.mark.parametrize("harm", [truncate, damage, remove])
@pytest.mark.parametrize("workers", [(), ("-n0",)])
def test_a_test_whose_baseline_cannot_be_read_fails_before_it_is_measured(
    suite: Suite, harm: Callable[[Path], None], workers: tuple[str, ...]
) -> None:
    """With one message and its remedy; the others are measured, and nothing is overwritten."""
    suite.write(TWO)
    suite.measure("--llm-latency-accept").assert_outcomes(passed=2)
    harm(parquet(suite))
    before = {path: content for path, content in suite.texts().items() if "baselines" in path.parts}
    result = suite.measure("-s", *workers)
    result.assert_outcomes(failed=1, passed=1)
    text = printed(result)
    assert "restore" in text
    assert str(suite.path / "baselines" / "simulator") in text
    assert "Traceback" not in text
    assert "RUNS 0" in text
    assert list(suite.verdicts) == ["test_two"]
    assert {path: content for path, content in suite.texts().items() if "baselines" in path.parts} == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("format = 99\n", "upgrade pytest-llm-latency"),
        ("<<<<<<< ours\nformat = 1\n", "conflict"),
        ("format = [", "baselines.lock"),
    ],
)
def test_a_lock_that_cannot_be_read_fails_every_test_of_its_environment(
    suite: Suite, content: str, message: str
) -> None:
    """The header says so too, and another environment is measured."""
    suite.write(TWO)
    suite.measure("--llm-latency-accept").assert_outcomes(passed=2)
    path = suite.path / "baselines" / "simulator" / lock.NAME
    path.write_text(content, encoding="utf-8")
    result = suite.measure("-s")
    result.assert_outcomes(failed=2)
    text = printed(result)
    assert "environment simulator, unreadable baselines in baselines/" in text
    assert message in text
    assert "RUNS 0" in text
    assert "Traceback" not in text
    suite.measure("--llm-latency-environment=other").assert_outcomes(passed=2)
    assert path.read_text(encoding="utf-8") == content


def test_a_baseline_of_a_newer_version_asks_for_an_upgrade(suite: Suite) -> None:
    """Its lock vouches for it, and its format is unknown."""
    suite.write(TWO)
    suite.measure("--llm-latency-accept")
    path = parquet(suite)
    table = pq.read_table(path)
    metadata = {key: value.replace(b'"format": 1', b'"format": 99') for key, value in table.schema.metadata.items()}
    newer = {key: b"99" if key.endswith(b"format") else value for key, value in metadata.items()}
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    pq.write_table(table.replace_schema_metadata(newer), path)
    locked = suite.path / "baselines" / "simulator" / lock.NAME
    text = locked.read_text(encoding="utf-8").replace(old, hashlib.sha256(path.read_bytes()).hexdigest())
    locked.write_text(text, encoding="utf-8")
    result = suite.measure()
    result.assert_outcomes(failed=1, passed=1)
    assert "upgrade pytest-llm-latency" in printed(result)


def test_accepting_over_a_damaged_baseline_of_another_test_touches_it_not(suite: Suite) -> None:
    """A selected test is accepted beside it."""
    suite.write(TWO)
    suite.measure("--llm-latency-accept")
    damage(parquet(suite))
    suite.measure("-k", "two", "--llm-latency-accept").assert_outcomes(passed=1, deselected=1)
    assert suite.accepted == {"test_one": 1, "test_two": 2}
    assert parquet(suite).read_bytes() == b"no parquet at all"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((), ".llm-latency"), (("--llm-latency-results=out",), "out"), (("--llm-latency-accept",), "baselines")],
)
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_file_where_a_folder_belongs_is_a_usage_error_before_measuring(
    suite: Suite, arguments: tuple[str, ...], name: str, workers: tuple[str, ...]
) -> None:
    """The file stays."""
    suite.write(TWO)
    (suite.path / name).write_text("mine", encoding="utf-8")
    result = suite.measure("-s", *arguments, *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = printed(result)
    assert f"ERROR: llm-latency: {suite.path / name}" in text
    assert "move it away or choose another folder" in text
    assert "RUNS" not in text
    assert (suite.path / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "its file system is read-only, choose a folder elsewhere"),
        (errno.EACCES, "give yourself permission to write there, or choose another folder"),
        (errno.ENOSPC, "free space on its disk"),
    ],
)
@pytest.mark.parametrize("folder", ["results", "baselines"])
def test_a_folder_that_takes_no_file_is_a_usage_error_before_measuring(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str, folder: str
) -> None:
    """Read-only, forbidden or full: nothing is paid for that could not be kept."""
    stage = atomic._stage

    def refusing(path: Path, data: bytes) -> Path:
        if folder in path.parts:
            raise OSError(number, os.strerror(number))
        return stage(path, data)

    monkeypatch.setattr(atomic, "_stage", refusing)
    suite.write(TWO)
    result = suite.measure(
        "-s", "--llm-latency-accept", "--llm-latency-results=results", "--llm-latency-baselines=baselines"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = printed(result)
    assert f"cannot be written ({os.strerror(number)}): {remedy}." in text
    assert "RUNS" not in text


def test_a_results_folder_that_is_lost_on_the_way_fails_the_session(suite: Suite) -> None:
    """What cannot be stored is said once at the end, with the remedy, and the tests' own outcomes stand."""
    suite.write(
        TWO
        + """

@pytest.fixture(autouse=True)
def vandal(request):
    yield
    if request.node.name == "test_one":
        import pathlib, shutil
        runs = pathlib.Path(".llm-latency/runs")
        shutil.rmtree(runs)
        runs.write_text("a file")
"""
    )
    result = suite.measure()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = printed(result)
    assert "a file stands where a folder belongs, move it away or choose another folder" in " ".join(text.split())
    assert "FAILED llm-latency" in text
    assert "INTERNALERROR" not in text
    assert "2 passed" in text


def test_a_disk_that_is_full_fails_the_session_and_accepts_what_was_stored(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second benchmark no longer fits: it is judged, said and not accepted."""
    stage = atomic._stage

    def full(path: Path, data: bytes) -> Path:
        if "test_two" in path.name:
            raise OSError(28, "No space left on device")
        return stage(path, data)

    monkeypatch.setattr(atomic, "_stage", full)
    suite.write(TWO)
    result = suite.measure("--llm-latency-accept")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = " ".join(printed(result).split())
    assert "(No space left on device): free space on its disk" in text
    assert "INTERNALERROR" not in text
    assert suite.verdicts == {"test_one": "no_baseline", "test_two": "no_baseline"}
    assert [test.test_id for test in suite.session.tests] == ["test_suite.py::test_one"]
    assert suite.accepted == {"test_one": 1}


def test_a_temporary_folder_that_is_gone_fails_the_test_with_its_remedy(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recordings lie there while a benchmark runs."""

    def gone(**_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(tempfile, "TemporaryFile", gone)
    suite.write(TWO)
    result = suite.measure("-k", "one")
    result.assert_outcomes(failed=1, deselected=1)
    assert "set TMPDIR to another folder" in printed(result)


def test_a_manifest_that_was_damaged_before_does_not_stop_a_session(suite: Suite) -> None:
    """Old sessions are only cleaned up."""
    suite.write(TWO)
    suite.measure()
    manifest = next((suite.path / ".llm-latency" / "runs").glob("*/session.json"))
    manifest.write_text("{", encoding="utf-8")
    suite.measure().assert_outcomes(passed=2)
    assert json.loads((suite.path / ".llm-latency" / "results.json").read_text(encoding="utf-8"))["version"] == 1
