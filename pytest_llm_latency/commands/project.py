"""What a project has set for pytest's runs: commands look for results and baselines where those write them."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_llm_latency import config_file
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.options import BY_NAME, Settings

FOLDERS = ("results", "baselines")
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
    """Set the folders that a command takes and was not given to those of pytest's runs here."""
    missing = [name for name in FOLDERS if getattr(arguments, name, "") is None]
    if not missing:
        return
    here = Path.cwd()
    found = settings(())[0].values if _has_settings(here) else {name: BY_NAME[name].default for name in missing}
    for name in missing:
        folder = found[name]
        setattr(arguments, name, folder.relative_to(here) if folder.is_relative_to(here) else folder)


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
