"""Baselines: the raw samples of the last accepted runs of each test, and the lock beside them.

::

    baselines/<environment>/
        <test>-<hash>.parquet    the last accepted runs of one test, oldest first
        baselines.lock           their figures and hashes, see ``lock``

What becomes a baseline is in ``acceptance``. Only the controller of a session writes here.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency.errors import CorruptFileError, UsageError
from pytest_llm_latency.storage import atomic, lock
from pytest_llm_latency.storage.lock import Entry
from pytest_llm_latency.storage.names import slug

if TYPE_CHECKING:
    from pytest_llm_latency.model import Past, Run

DEFAULT_FOLDER = Path("baselines")

_LABEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def check_label(environment: str) -> str:
    """Return an environment's label, or raise ``UsageError`` for one that is no safe folder name."""
    if not _LABEL.fullmatch(environment):
        raise UsageError(
            f"the environment {environment!r} is no folder name: use up to 100 letters, digits, '.', '_' and '-', "
            "with no dot at the start."
        )
    return environment


def environments(folder: Path) -> tuple[str, ...]:
    """Return the labels that have baselines."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{lock.NAME}")))


def entries(folder: Path, environment: str) -> tuple[Entry, ...]:
    """Return what the lock says of each test, sorted; no Parquet file is opened."""
    return tuple(locked(folder, environment).values())


def find(folder: Path, environment: str, test_id: str) -> "tuple[Run, ...]":
    """Return the accepted runs of one test, oldest first; empty when it has no baseline.

    Raises ``CorruptFileError`` when the Parquet file and the lock do not belong together.
    """
    entry, path = locked(folder, environment).get(lock.readable(test_id)), place(folder, environment, test_id)
    if entry is not None and not path.exists():
        raise CorruptFileError(
            f"{path} is missing, and {lock.NAME} beside it has an entry for {test_id}: restore both from version "
            "control, or accept the test again."
        )
    return stored(path, entry)


def past(folder: Path, environment: str, test_id: str) -> "tuple[Past, ...]":
    """Return what is left of the runs of a test that were accepted before those that ``find`` returns, oldest first."""
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    path = place(folder, environment, test_id)
    return samples.past(samples.read_bytes(path), path) if path.exists() else ()


def prune(folder: Path, environment: str, test_ids: Collection[str], *, dry_run: bool = False) -> tuple[str, ...]:
    """Remove the baselines of these tests and return the ids of those that had one."""
    known, names = locked(folder, environment), {lock.readable(test_id) for test_id in test_ids}
    removed = tuple(name for name in known if name in names)
    if not removed or dry_run:
        return removed
    # The lock goes first: a crash in between leaves a Parquet file without an entry, which ``find``
    # refuses and ``prune_strays`` removes.
    rest = [entry for name, entry in known.items() if name not in names]
    atomic.replace_text(lock_path(folder, environment), lock.render(rest))
    for name in removed:
        atomic.remove(place(folder, environment, name))
    return removed


def prune_strays(folder: Path, environment: str, *, dry_run: bool = False) -> tuple[Path, ...]:
    """Remove what killed processes left in an environment, and return the paths.

    That is Parquet files that the lock does not name, and temporary files.
    """
    named = {place(folder, environment, name) for name in locked(folder, environment)}
    strange = sorted(set((folder / environment).glob("*.parquet")) - named)
    strays = (*strange, *atomic.leftovers(folder / environment))
    if not dry_run:
        for path in strays:
            atomic.remove(path)
    return strays


def locked(folder: Path, environment: str) -> Mapping[str, Entry]:
    """Return the lock's entries by test id."""
    return lock.read(lock_path(folder, environment))


def lock_path(folder: Path, environment: str) -> Path:
    """Return where the lock of an environment lies."""
    return folder / check_label(environment) / lock.NAME


def place(folder: Path, environment: str, test_id: str) -> Path:
    """Return where the runs of a test lie."""
    return folder / check_label(environment) / f"{slug(lock.readable(test_id))}.parquet"


def digest(data: bytes) -> str:
    """Return the hash by which a lock vouches for a Parquet file."""
    return hashlib.sha256(data).hexdigest()


def stored(path: Path, entry: Entry | None) -> "tuple[Run, ...]":
    """Return the runs of a Parquet file that its entry in the lock vouches for; empty without a file."""
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    if not path.exists():
        return ()
    data = samples.read_bytes(path)
    if entry is None or digest(data) != entry.sha256:
        fault = "has no entry for it" if entry is None else "has another hash for it"
        raise CorruptFileError(
            f"{path} and {lock.NAME} beside it do not belong together (the lock {fault}): restore both from version "
            "control, or remove the Parquet file and accept the test again."
        )
    return samples.decode(data, path)
