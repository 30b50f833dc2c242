"""One settings file: its text, the language that its name says, and every mistake in it."""

import os
from pathlib import Path

from pytest_llm_latency.config_file import json_text, toml_text, yaml_text
from pytest_llm_latency.config_file.nodes import Mistake, Node, UnreadableError, placed, refuse
from pytest_llm_latency.config_file.reading import Reading
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options.settings_file import SettingsFile

MOST_BYTES = 200_000
_PROJECT, _TABLE = "pyproject.toml", ("tool", "pytest-llm-latency")
_PARSERS = {
    ".yaml": (yaml_text.parse, "YAML"),
    ".yml": (yaml_text.parse, "YAML"),
    ".json": (json_text.parse, "JSON"),
    ".toml": (toml_text.parse, "TOML"),
}


def read(path: Path, root: Path, *, ignore_unset: bool) -> SettingsFile:
    """Return what one file says; ``root`` is what its name in messages counts from."""
    name = _shown(path, root)
    node, mistakes = _parsed(path, name)
    reading = Reading(name=name, environment=os.environ, ignore_unset=ignore_unset, mistakes=mistakes)
    found = reading.read(node, path)
    refuse(mistakes, name)
    return found


def _parsed(path: Path, name: str) -> tuple[Node, list[Mistake]]:
    text = _text(path, name)
    parse, language = _PARSERS[path.suffix.lower()]
    try:
        node, mistakes = parse(text)
    except UnreadableError as error:
        raise SettingsError(f"{placed(error.at, name)}: {error}: write it as {language}.") from None
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply to be read: write it flat.") from None
    if path.name == _PROJECT:
        node = _table(node, name)
    if node.value in (None, {}, []) and not mistakes:
        raise SettingsError(f"{name} is empty: write settings into it, or remove it.")
    return node, mistakes


def _text(path: Path, name: str) -> str:
    try:
        if path.is_dir():
            raise SettingsError(f"{name} is a folder: name a settings file ({', '.join(_PARSERS)}).")
        if path.suffix.lower() not in _PARSERS:
            raise SettingsError(f"{name}: a settings file ends with {', '.join(_PARSERS)}: rename or convert it.")
        if path.exists() and not path.is_file():
            raise SettingsError(f"{name} is no plain file: name a settings file.")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SettingsError(
                f"{name} has {size / 1e3:,.0f} kB, above the {MOST_BYTES / 1e3:.0f} kB of a settings "
                "file: name the right one."
            )
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {path}: check its name.") from None
    except OSError as error:
        raise SettingsError(f"{name} cannot be read ({error.strerror or error}): check its permissions.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name} is not UTF-8: save it as UTF-8.") from None


def _table(node: Node, name: str) -> Node:
    for key in _TABLE:
        inner = node.value.get(key) if isinstance(node.value, dict) else None
        if inner is None:
            raise SettingsError(f"{name} has no table [{'.'.join(_TABLE)}]: write the settings there.")
        node = inner
    return node


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
