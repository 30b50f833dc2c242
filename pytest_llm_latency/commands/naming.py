"""What ``RUN`` stands for: the stored session that a folder, an id, a report or the word ``last`` names."""

from pathlib import Path

from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.storage import results

LAST = "last"
KINDS = "'last', the id or the folder of a session, a results folder (its last session), or its results.json"


def lone_file(text: str) -> Path | None:
    """Return the file of runs that ``text`` names, where it belongs to no session."""
    path = Path(text)
    return path if path.is_file() and path.suffix == ".parquet" and not results.is_session(path.parent) else None


def session(text: str, folder: Path) -> Path:
    """Return the folder of the session that ``text`` names; ids are looked up in the results ``folder``.

    Raises ``UsageError`` for what is no session, ``StorageError`` for one that cannot be read.
    """
    if text == LAST:
        return results.latest(folder)
    path = Path(text)
    if path.is_file() and path.suffix == ".json" and not results.is_session(path.parent):
        from pytest_llm_latency.report import json_reading  # noqa: PLC0415  (only for such a file)

        return session(json_reading.read(path)["metadata"]["session_id"], path.parent)
    if path.is_dir() and not results.is_session(path) and (path / "runs").is_dir():
        return results.latest(path)
    tried = [path.parent if path.is_file() else path, folder / "runs" / text]
    found = next((each for each in tried if results.is_session(each)), None)
    if found is None:
        raise UsageError(f"{text} is no stored session of {folder}: name {KINDS}.")
    return found
