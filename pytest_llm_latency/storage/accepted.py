"""The accepted runs that sessions were judged against, as they were: the baselines folder moves on.

Each file of a baseline is kept once, by its hash, for as long as a stored session names it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llm_latency.errors import StorageError
from pytest_llm_latency.storage import atomic, baselines, lock

if TYPE_CHECKING:
    from pytest_llm_latency.model import Columns, Past

FOLDER = "accepted"


def keep(results: Path, baseline: tuple[Path, str], test_ids: Iterable[str]) -> Mapping[str, str]:
    """Keep the baselines of these tests in a results folder and return their hashes by test id.

    ``baseline`` is the baselines folder and the environment. A test without a baseline has no hash,
    and neither has one whose baseline cannot be read: it has failed with that message.
    """
    folder, environment = baseline
    try:
        entries = baselines.locked(folder, environment)
    except StorageError:
        return {}
    kept = {}
    for test_id in test_ids:
        entry = entries.get(lock.readable(test_id))
        if entry is not None and _keep(results, baselines.place(folder, environment, test_id), entry.sha256):
            kept[test_id] = entry.sha256
    return kept


def _keep(results: Path, source: Path, digest: str) -> bool:
    target = place(results, digest)
    if target.is_file():
        return True
    try:
        data = source.read_bytes()
    except OSError:
        return False
    if baselines.digest(data) != digest:
        return False
    atomic.check_writable(target.parent)
    atomic.replace_bytes(target, data)
    return True


def read(results: Path, digest: str) -> "tuple[Columns, ...]":
    """Return the runs of a kept baseline by column; raise ``StorageError`` where they are not there or damaged."""
    from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

    path = place(results, digest)
    return by_column.decode(samples.read_bytes(path), path)


def past(results: Path, digest: str) -> "tuple[Past, ...]":
    """Return what a kept baseline has of runs that were accepted before its own, with the errors of ``read``."""
    from pytest_llm_latency.storage import samples  # noqa: PLC0415  (pyarrow is slow to import)

    path = place(results, digest)
    return samples.past(samples.read_bytes(path), path)


def prune(results: Path, named: Iterable[str]) -> None:
    """Remove what no stored session names, and what killed processes left."""
    folder = results / FOLDER
    keeping = {place(results, digest) for digest in named}
    for path in (*sorted(set(folder.glob("*.parquet")) - keeping), *atomic.leftovers(folder)):
        atomic.remove(path)


def place(results: Path, digest: str) -> Path:
    """Return where the accepted runs of a hash are kept."""
    return results / FOLDER / f"{digest}.parquet"
