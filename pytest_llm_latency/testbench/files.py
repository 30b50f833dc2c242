"""Files of JSON and YAML of the systems around: their text and their content, or one message that says why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import ScenarioError

LANGUAGES = MappingProxyType({".json": "JSON", ".yaml": "YAML", ".yml": "YAML"})
MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's path, text and parsed content, which is a mapping."""

    path: Path
    text: str
    content: Mapping[Any, Any]


def parsed(path: Path, *, keys: str) -> Source:
    """Return what a file holds; raise ``ScenarioError`` where that is no mapping, which should have one of ``keys``."""
    known = ", ".join(LANGUAGES)
    if _is_folder(path):
        raise ScenarioError(f"{path} is a folder: name a file in it ({known}).")
    if path.suffix.lower() not in LANGUAGES:
        raise ScenarioError(f"{path} ends in none of {known}: rename or convert it.")
    found = text(path, most_bytes=MOST_BYTES)
    try:
        content = data_files.parse(found, suffix=path.suffix.lower())
    except RecursionError:
        raise ScenarioError(f"{path} is nested too deeply to be read: write it flat.") from None
    except ValueError as error:
        raise ScenarioError(f"{path}, {error}: write it as {LANGUAGES[path.suffix.lower()]}.") from None
    if not isinstance(content, Mapping):
        raise ScenarioError(f"{path}: a mapping with the key {keys} belongs there.")
    return Source(path=path, text=found, content=content)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # that it cannot be looked at is said when it is read
        return False


def text(path: Path, *, most_bytes: int) -> str:
    """Return the text of a file that is not empty and not above ``most_bytes``; raise ``ScenarioError`` otherwise."""
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise ScenarioError(
                f"{path} has {size / 1e6:.1f} MB, above the {most_bytes / 1e6:.0f} MB that are read: split it."
            )
        found = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8: save it as UTF-8.") from None
    if not found.strip():
        raise ScenarioError(f"{path} is empty: name another file, or write what belongs into it.")
    return found
