"""What a project has set for pytest's runs: commands read, judge and accept what those have measured as they do."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_llm_latency import config_file
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.options import Settings, resolve

FILLED_IN = ("results", "baselines", "keep")
_INI_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "pyproject.toml", "tox.ini", "setup.cfg")
_WORDS = ("llm_latency_", "llm-latency")


def settings(options: Sequence[str]) -> tuple[Settings, Path]:
    """Return the settings of a run of pytest with these options, and its root directory; nothing is run.

    Raises ``UsageError`` where pytest cannot be configured, ``SettingsError`` for what is wrong in the settings.
    """
    import pytest  # noqa: PLC0415  (only for what is set, and slow to import)
    from _pytest.config import (  # noqa: PLC0415  (not public; what pytest itself begins with)
        ConftestImportFailure,
        _prepareconfig,
    )

    from pytest_llm_latency import preparing  # noqa: PLC0415  (the same)

    try:
        config = _prepareconfig(list(options))
    except (pytest.UsageError, ConftestImportFailure) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"pytest cannot be configured: {reason}: check its options and its ini file.") from None
    try:
        return preparing.settings(config), config.rootpath
    finally:
        config._ensure_unconfigure()  # noqa: SLF001  (the other end of what began it)


def fill_in(arguments: argparse.Namespace) -> None:
    """Set what a command takes and was not given, its folders above all, to that of pytest's runs here."""
    missing = [name for name in FILLED_IN if getattr(arguments, name, "") is None]
    if missing:
        found, here = values(), Path.cwd()
        for name in missing:
            value = found[name]
            below = isinstance(value, Path) and value.is_relative_to(here)
            setattr(arguments, name, value.relative_to(here) if below else value)


def values() -> Mapping[str, Any]:
    """Return the value of every option in a run of pytest here; raises what ``settings`` does."""
    here = Path.cwd()
    if _has_settings(here):
        return settings(())[0].values
    return resolve(lambda _: None, lambda _: None, here).values


def _has_settings(here: Path) -> bool:
    """Whether something that pytest reads speaks of this plugin; to ask pytest itself takes a third of a second."""
    if any(word in os.environ.get("PYTEST_ADDOPTS", "") for word in _WORDS):
        return True
    return any(word in text for text in _texts(here) for word in _WORDS)


def _texts(here: Path) -> Iterator[str]:
    for folder in (here, *here.parents):
        for name in config_file.NAMES:
            if (folder / name).exists():
                yield name
        for name in _INI_FILES:
            try:
                yield (folder / name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
