"""Writing files whole: a reader sees the old bytes or the new ones, never a part.

Every file that the package writes goes through here, so that each way in which a disk refuses has
one message with its remedy.
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_llm_latency.errors import UnwritableError

_PROBE = bytes(4096)  # one block: an empty file can be made on a full disk
_ENDING = ".llm-latency.tmp"

_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space within your quota",
    errno.EROFS: "its file system is read-only, choose a folder elsewhere",
    errno.EACCES: "give yourself permission to write there, or choose another folder",
    errno.EPERM: "give yourself permission to write there, or choose another folder",
    errno.ENOENT: "its folder is gone, create it",
    errno.ENOTDIR: "a file stands where a folder belongs, move it away or choose another folder",
    errno.EEXIST: "a file stands where a folder belongs, move it away or choose another folder",
    errno.EISDIR: "a folder stands where the file belongs, move it away",
    errno.ENAMETOOLONG: "choose a folder with a shorter path",
}


def replace_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` as the whole content of ``path``; raise ``UnwritableError`` and leave it as it was."""
    replace_all({path: data})


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, with its line ends as they are."""
    replace_bytes(path, text.encode())


def replace_all(files: Mapping[Path, bytes]) -> None:
    """Write several files in their order, or none of them.

    All contents reach the disk beside their targets before the first target is replaced: a full
    disk shows itself while nothing has changed. Where a replacement fails, those before it are
    taken back. Only a crash between two replacements leaves some of them done, in their order.
    """
    before = {path: _content(path) for path in files}
    staged: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, data in files.items():
            with _refusals(path):
                staged[path] = _stage(path, data)
        for path, temporary in staged.items():
            with _refusals(path):
                temporary.replace(path)
            done.append(path)
    except BaseException:
        for path in done:
            _put_back(path, before[path])
        raise
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def append_text(path: Path, text: str) -> None:
    """Add ``text`` to the end of a file that others write to as well, in one piece."""
    with _refusals(path), path.open("ab") as stream:
        stream.write(text.encode())


def size(path: Path) -> int:
    """Return how many bytes a file has that can be added to, and prove that it can."""
    with _refusals(path), path.open("ab") as stream:
        return stream.tell()


def remove(path: Path) -> None:
    """Remove a file, absent or not; raise ``UnwritableError`` where that is refused."""
    with _refusals(path):
        path.unlink(missing_ok=True)


def leftovers(folder: Path) -> tuple[Path, ...]:
    """Return the temporary files that a killed process has left in a folder."""
    return tuple(sorted(folder.glob(f".*{_ENDING}")))


def check_writable(folder: Path) -> None:
    """Create the folder and prove, before anything is measured, that a file can be written in it."""
    probe = folder / "probe"
    with _refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _stage(probe, _PROBE).unlink()


def _content(path: Path) -> bytes | None:
    with _refusals(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _stage(path: Path, data: bytes) -> Path:
    # Not tempfile: its files are readable by their owner alone, whatever the umask says.
    temporary = path.with_name(f".{uuid.uuid4().hex}{_ENDING}")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _put_back(path: Path, data: bytes | None) -> None:
    with contextlib.suppress(OSError):
        if data is None:
            path.unlink(missing_ok=True)
        else:
            _stage(path, data).replace(path)


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another folder, or look at its disk")
        raise UnwritableError(f"{path} cannot be written ({error.strerror or error}): {remedy}.") from error
