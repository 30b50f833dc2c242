"""Baselines and results on disks that are really full, limited or read-only."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.storage import acceptance, atomic, baselines, results, results_folder
from pytest_llm_latency.storage.acceptance import Acceptance

TERMS = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})

# Writes a run into the folder of the first argument with files limited to the size of the second.
LIMITED = """
import resource, signal, sys
from pathlib import Path
import nouns
from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.storage import results
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = nouns.run(nouns.lognormal(200, median=0.3))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    results.write_run(Path(sys.argv[1]), run)
except UnwritableError as error:
    print(error)
"""


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mounted(*command: str | Path) -> bool:
    """Say whether a mount could be made or changed."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(name="disk")
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 192 KiB; skip where this user cannot mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mounted("mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", disk):
        pytest.skip("this user cannot mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.needs("mount")
@pytest.mark.parametrize("free_blocks", [0, 1, 3, 6, 8])
def test_accepting_on_a_full_disk_leaves_every_byte_as_it_was(disk: Path, free_blocks: int) -> None:
    """Whether the first file no longer fits, the second, or the lock."""
    runs = [nouns.run(nouns.lognormal(80, median=0.3), test_id=test_id) for test_id in ("t::a", "t::b")]
    acceptance.accept(disk / "baselines", runs, TERMS)
    with (disk / "filler").open("wb", buffering=0) as filler:
        usage = os.statvfs(disk)
        filler.write(bytes((usage.f_bavail - free_blocks) * usage.f_frsize))
    before = tree(disk)
    again = [dataclasses.replace(run, id="again") for run in runs]
    with pytest.raises(UnwritableError, match=r"\(No space left on device\): free space on its disk"):
        acceptance.accept(disk / "baselines", again, TERMS)
    assert tree(disk) == before
    assert len(baselines.find(disk / "baselines", "default", "t::a")) == 1
    (disk / "filler").unlink()
    acceptance.accept(disk / "baselines", again, TERMS)
    assert len(baselines.find(disk / "baselines", "default", "t::b")) == 2


@pytest.mark.needs("mount")
def test_a_read_only_disk_is_reported_before_anything_is_measured(disk: Path) -> None:
    """Root cannot write there either."""
    results_folder.prepare(disk / "there")
    assert mounted("mount", "-o", "remount,ro", disk)
    for folder in (disk / "there", disk / "new"):
        with pytest.raises(UnwritableError, match="its file system is read-only, choose a folder elsewhere"):
            results_folder.prepare(folder)
    with pytest.raises(UnwritableError, match="read-only"):
        atomic.replace_text(disk / "there" / ".gitignore", "other")


@pytest.mark.parametrize("limit", [0, 100, 4096, 10_000])
def test_a_file_that_is_cut_off_while_it_is_written_never_takes_its_place(tmp_path: Path, limit: int) -> None:
    """The kernel refuses the rest of the file: the old one stays, the part is gone."""
    path = results.write_run(tmp_path, nouns.run([0.3]))
    before = tree(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, str(limit)],
        env=os.environ | {"PYTHONPATH": str(Path(nouns.__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{path} cannot be written (File too large): ")
    assert tree(tmp_path) == before
