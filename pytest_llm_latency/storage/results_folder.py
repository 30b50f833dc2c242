"""The results folder before anything is stored in it."""

from pathlib import Path

from pytest_llm_latency.storage import accepted, atomic


def prepare(folder: Path) -> None:
    """Create the results folder with its parts and its ``.gitignore``, and prove that it can be written."""
    for part in ("", "runs", "report", accepted.FOLDER):
        atomic.check_writable(folder / part)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        atomic.replace_text(ignore, "*\n")
