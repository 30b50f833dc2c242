"""A process that is killed while it accepts leaves a state that is refused with a remedy, or the old one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency.errors import CorruptFileError
from pytest_llm_latency.storage import acceptance, baselines
from pytest_llm_latency.storage.acceptance import Acceptance

TERMS = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})
REMEDY = "restore both from version control, or remove the Parquet file and accept the test again"
TESTS = ("t::a", "t::b")

# Accepts a second run of both tests and is killed at a replacement: the third argument numbers it.
KILLED = """
import os, signal, sys
from pathlib import Path
import nouns
from pytest_llm_latency.storage import acceptance
replace, left = Path.replace, [int(sys.argv[2])]
def killing(self, target):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return replace(self, target)
Path.replace = killing
terms = acceptance.Acceptance(accepted="2026-03-03", reason=None, commit=None, verdicts={})
runs = [nouns.run([0.4] * 80, id="second", test_id=each) for each in ("t::a", "t::b")]
acceptance.accept(Path(sys.argv[1]), runs, terms)
"""


def accept(folder: Path, run_id: str) -> None:
    """Accept one run of both tests."""
    acceptance.accept(folder, [nouns.run([0.3] * 80, id=run_id, test_id=each) for each in TESTS], TERMS)


def killed(folder: Path, replacements: int) -> int:
    """Accept in a process that is killed after so many replacements, and return its exit code."""
    environment = os.environ | {"PYTHONPATH": str(Path(nouns.__file__).parent)}
    command = [sys.executable, "-c", KILLED, folder, str(replacements)]
    return subprocess.run(command, env=environment, check=False).returncode


def found(folder: Path, test_id: str) -> list[str] | None:
    """Return the ids of a test's runs, ``None`` where its files are refused with the remedy."""
    try:
        return [run.id for run in baselines.find(folder, "default", test_id)]
    except CorruptFileError as error:
        return None if REMEDY in str(error) else [str(error)]


@pytest.mark.parametrize(
    ("replacements", "expected"),
    [
        (0, (["first"], ["first"])),
        (1, (None, ["first"])),
        (2, (None, None)),
        (3, (["first", "second"], ["first", "second"])),
    ],
)
def test_a_crash_is_never_a_silent_mix(
    tmp_path: Path, replacements: int, expected: tuple[list[str] | None, ...]
) -> None:
    """Each test is as before, as after, or refused; the remedy leads out of it."""
    accept(tmp_path, "first")
    assert killed(tmp_path, replacements) == (0 if replacements == 3 else -9)
    assert tuple(found(tmp_path, test_id) for test_id in TESTS) == expected
    for test_id, ids in zip(TESTS, expected, strict=True):
        if ids is None:
            baselines.place(tmp_path, "default", test_id).unlink()
    accept(tmp_path, "third")
    baselines.prune_strays(tmp_path, "default")
    assert len(list((tmp_path / "default").iterdir())) == 3
    assert all(found(tmp_path, test_id)[-1:] == ["third"] for test_id in TESTS)


def test_a_crash_at_the_first_acceptance_is_no_baseline_either(tmp_path: Path) -> None:
    """A Parquet file without a lock is refused, not taken on trust."""
    assert killed(tmp_path, 1) == -9
    assert tuple(found(tmp_path, test_id) for test_id in TESTS) == (None, [])
