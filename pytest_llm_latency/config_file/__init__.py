"""The settings file: found, read and checked. What reads one is imported where there is one."""

import re
from pathlib import Path

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options.settings_file import NO_FILE, SettingsFile

__all__ = ["NAMES", "load", "read"]

NAMES = ("llm-latency.yaml", "llm-latency.yml", "llm-latency.json", "llm-latency.toml")
_PROJECT = "pyproject.toml"
_HEADING = r"""^\s*\[\s*tool\s*\.\s*["']?pytest-llm-latency\b"""


def load(root: Path, named: Path | None, *, ignore_unset: bool = False) -> SettingsFile:
    """Return what the settings file says: the one that is named, or the one that lies in ``root``, or none.

    With ``ignore_unset`` what has a variable that is not set is passed over.
    Raises ``SettingsError`` where there are two, and for all that is wrong in one, with file, line and column.
    """
    if named is not None:
        return read(named, root, ignore_unset=ignore_unset)
    found = [root / name for name in NAMES if (root / name).exists()]
    if _has_table(root / _PROJECT):
        found.append(root / _PROJECT)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise SettingsError(
            f"there are several settings files, {names}: keep one of them, or name one with --llm-latency-config."
        )
    return read(found[0], root, ignore_unset=ignore_unset) if found else NO_FILE


def read(path: Path, root: Path, *, ignore_unset: bool = False) -> SettingsFile:
    """Return what one file says; ``root`` is what its name in messages counts from."""
    from pytest_llm_latency.config_file import document  # noqa: PLC0415  (with the nouns of all that may stand there)

    return document.read(path, root, ignore_unset=ignore_unset)


def _has_table(path: Path) -> bool:
    try:
        return re.search(_HEADING, path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False
