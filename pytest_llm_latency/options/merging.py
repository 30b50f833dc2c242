"""Merging what command line, settings file, variables and ini file say into one value for each option."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_llm_latency.errors import LatencyError, SettingsError
from pytest_llm_latency.options.settings_file import NO_FILE, SettingsFile
from pytest_llm_latency.options.table import OPTIONS, Option
from pytest_llm_latency.suggestions import nearest

SIMULATOR_ENVIRONMENT = "simulator"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option's value, and for the plan's options which of them the command line set.

    ``values`` has a value for each row of ``OPTIONS``, and ``origins`` says where it stands; ``explicit`` names those
    from the command line. ``file`` has what else a settings file says.
    """

    values: Mapping[str, Any]
    explicit: frozenset[str]
    origins: Mapping[str, str]
    file: SettingsFile

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  (each row has its own type)
        return self.values[name]

    def from_command_line(self, name: str) -> Any:  # noqa: ANN401  (the same)
        """Return the value if the command line set it, else ``None``."""
        return self.values[name] if name in self.explicit else None

    @property
    def environment(self) -> str:
        """The label of the environment.

        A simulated one is its own, unless the command line names it: a variable that is set for the
        real runs of a machine must not mix their baselines with a dry run's.
        """
        if self.values["simulate"] and "environment" not in self.explicit:
            return SIMULATOR_ENVIRONMENT
        return str(self.values["environment"] or "default")


def stated(values: Mapping[str, Any]) -> dict[str, object]:
    """Return the values that are set as reports show and store them: a path is its text, of several values a list."""
    return {name: _stated(value) for name, value in values.items() if value is not None}


def _stated(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def check_ini_keys(keys: Iterable[str]) -> None:
    """Raise ``SettingsError`` for a key that looks like one of ours and is none: what it says would not count."""
    known = tuple(option.ini for option in OPTIONS)
    for key in keys:
        if key.startswith("llm_latency") and key not in known:
            raise SettingsError(f"the ini key {key} is no option: {nearest(key, known)}")


def resolve(
    command_line: Callable[[Option], str | bool | None],
    ini: Callable[[Option], str | None],
    root: Path,
    file: SettingsFile = NO_FILE,
) -> Settings:
    """Merge command line, settings file, environment variables, ini file and defaults, in this order of weight.

    Paths become absolute below ``root``. Raises ``SettingsError`` naming where the bad value stands.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    explicit = set()
    for option in OPTIONS:
        given = command_line(option)
        variable = os.environ.get(option.variable) if option.variable else None
        configured = ini(option)
        if given not in {None, False}:
            found = option.flag, _read(option, str(given), option.flag)
            explicit.add(option.name)
        elif option.name in file.values:
            found = file.places[option.key], file.values[option.name]
        elif variable:
            where = f"the variable {option.variable}"
            found = where, _read(option, variable, where)
        elif configured:
            where = f"the ini key {option.ini}"
            found = where, _read(option, configured, where)
        else:
            found = DEFAULT, option.default
        origins[option.name], values[option.name] = found
    absolute = {name: root / value for name, value in values.items() if isinstance(value, Path)}
    return Settings(values=values | absolute, explicit=frozenset(explicit), origins=origins, file=file)


def _read(option: Option, text: str, where: str) -> Any:  # noqa: ANN401  (each row has its own type)
    try:
        return option.read(text)
    except LatencyError as error:
        raise SettingsError(f"{where}: {error}") from None
