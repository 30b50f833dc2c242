"""Files are written whole or not at all, and each way in which a disk refuses has a message."""

import errno
import os
import stat
from pathlib import Path

import pytest

from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.storage import atomic


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def full_disk(monkeypatch: pytest.MonkeyPatch, *, after: int = 0) -> None:
    """Let the disk be full once ``after`` files have reached it."""
    written = []

    def fsync(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", fsync)


def test_a_file_is_written_and_replaced_whole(tmp_path: Path) -> None:
    """The second content replaces the first, and nothing else is left in the folder."""
    path = tmp_path / "results.json"
    atomic.replace_text(path, "ünì\r\n")
    atomic.replace_bytes(path, b"second")
    assert tree(tmp_path) == {"results.json": b"second"}


def test_text_keeps_its_line_ends(tmp_path: Path) -> None:
    """A baseline's lock has the same bytes on every platform."""
    atomic.replace_text(tmp_path / "a.txt", "ü\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "ü\r\nb\n".encode()


def test_a_written_file_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    """The file has the permissions of any other new file, not a temporary file's."""
    before = os.umask(0o022)
    try:
        atomic.replace_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old bytes stay, no temporary file stays, and the message says what to do."""
    path = tmp_path / "a.parquet"
    path.write_bytes(b"old")
    full_disk(monkeypatch)
    with pytest.raises(UnwritableError, match=r"a\.parquet cannot be written \(No space left.*\): free space"):
        atomic.replace_bytes(path, b"new")
    assert tree(tmp_path) == {"a.parquet": b"old"}


def test_of_several_files_none_is_written_when_one_finds_the_disk_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All contents are on the disk before the first file is replaced."""
    (tmp_path / "a").write_bytes(b"old a")
    full_disk(monkeypatch, after=2)
    with pytest.raises(UnwritableError, match="free space"):
        atomic.replace_all({tmp_path / name: b"new" for name in "abc"})
    assert tree(tmp_path) == {"a": b"old a"}


def test_a_replacement_that_fails_takes_back_those_before_it(tmp_path: Path) -> None:
    """A folder stands where the third file belongs: the first is restored, the second is gone again."""
    (tmp_path / "a").write_bytes(b"old a")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "inside").write_bytes(b"")
    with pytest.raises(UnwritableError, match="a folder stands where the file belongs, move it away"):
        atomic.replace_all({tmp_path / name: b"new" for name in "abc"})
    assert tree(tmp_path) == {"a": b"old a", "c/inside": b""}


def test_a_rename_that_fails_takes_back_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last replacement is refused when the first two are done."""
    (tmp_path / "a").write_bytes(b"old a")
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target.name == "c":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UnwritableError, match="read-only, choose a folder elsewhere"):
        atomic.replace_all({tmp_path / name: b"new" for name in "abc"})
    assert tree(tmp_path) == {"a": b"old a"}


def test_an_interrupted_write_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the disk is busy changes nothing."""

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.replace_bytes(tmp_path / "a", b"new")
    assert tree(tmp_path) == {}


def test_a_folder_that_can_be_written_is_created_and_left_empty(tmp_path: Path) -> None:
    """The proof of writing is removed again."""
    atomic.check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("below", ["", "runs", "runs/session"])
def test_a_file_where_the_folder_belongs_is_reported_before_measuring(tmp_path: Path, below: str) -> None:
    """The message names the folder and the remedy."""
    (tmp_path / "results").write_text("mine", encoding="utf-8")
    with pytest.raises(UnwritableError, match="a file stands where a folder belongs, move it away"):
        atomic.check_writable(tmp_path / "results" / below)
    assert tree(tmp_path) == {"results": b"mine"}


def test_a_full_disk_is_reported_before_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is there, but it takes no file."""
    full_disk(monkeypatch)
    with pytest.raises(UnwritableError, match="free space"):
        atomic.check_writable(tmp_path)
    assert tree(tmp_path) == {}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Only ``check_writable`` creates folders."""
    with pytest.raises(UnwritableError, match="its folder is gone, create it"):
        atomic.replace_bytes(tmp_path / "gone" / "a", b"")


def test_removing_an_absent_file_is_no_error(tmp_path: Path) -> None:
    """A removal that was cut off can be repeated."""
    atomic.remove(tmp_path / "a")
    (tmp_path / "a").mkdir()
    with pytest.raises(UnwritableError, match="a cannot be written"):
        atomic.remove(tmp_path / "a")
