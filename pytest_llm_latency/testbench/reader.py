"""Files of LLM-Test-Bench: datasets, suites and fleet manifests, told apart by their keys."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import datasets, suites
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.fleet import profiles
from pytest_llm_latency.testbench.scenario import Case

SUFFIXES = (".json", ".yaml", ".yml")
MOST_BYTES = 10_000_000

_HEAD_BYTES = 1_000_000
_MARKS = re.compile(rb"\b(test_cases|scenario_profiles|execution_config)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's path, text and parsed content, which is a mapping."""

    path: Path
    text: str
    content: Mapping[Any, Any]


def looks_like_one(path: Path) -> bool:
    """Say whether a file, broken or not, names a key that only a file of scenarios has."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return _MARKS.search(stream.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


def read(path: Path, *, profile: str | None = None, folders: Sequence[Path] = ()) -> tuple[Case, ...]:
    """Return the cases of a file.

    ``profile`` is which one of a fleet manifest's, ``None`` for all; ``folders`` are where its datasets are looked
    for before the manifest's own. Raises ``ScenarioError`` that names every mistake with its line and column.
    """
    source = parsed(path)
    if "scenario_profiles" in source.content:
        return _of_fleet(source, profile, folders)
    if profile is not None:
        raise ScenarioError(f"{path} is no fleet manifest and has no profile {profile!r}: leave profile out.")
    reading: Callable[[Fields], tuple[Case, ...]] = suites.read if "suite" in source.content else datasets.read
    return _checked(source, reading)


def parsed(path: Path) -> Source:
    """Return what a file holds; raise ``ScenarioError`` where that is no mapping."""
    if path.is_dir():
        raise ScenarioError(f"{path} is a folder: name a file of scenarios in it ({', '.join(SUFFIXES)}).")
    if path.suffix.lower() not in SUFFIXES:
        raise ScenarioError(f"{path}: a file of scenarios ends with {', '.join(SUFFIXES)}: rename or convert it.")
    text = _text(path)
    if not text.strip():
        raise ScenarioError(f"{path} is empty: write a dataset or a suite into it.")
    try:
        content = data_files.parse(text, suffix=path.suffix.lower())
    except RecursionError:
        raise ScenarioError(f"{path} is nested too deeply to be read: write it flat.") from None
    except ValueError as error:
        raise ScenarioError(f"{path}, {error}: write it as {_NAMES[path.suffix.lower()]}.") from None
    if not isinstance(content, Mapping):
        raise ScenarioError(f"{path}: a mapping with the key 'test_cases' or 'suite' belongs there.")
    return Source(path=path, text=text, content=content)


_NAMES = MappingProxyType({".json": "JSON", ".yaml": "YAML", ".yml": "YAML"})


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            size = path.stat().st_size / 1e6
            raise ScenarioError(
                f"{path} has {size:.0f} MB, above the {MOST_BYTES / 1e6:.0f} MB that are read: split it."
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8: save it as UTF-8.") from None


def _checked(source: Source, reading: Callable[[Fields], tuple[Case, ...]]) -> tuple[Case, ...]:
    whole = Fields(values=source.content)
    cases = reading(whole)
    refuse(whole.mistakes, source.path, source.text)
    return cases


def _of_fleet(source: Source, profile: str | None, folders: Sequence[Path]) -> tuple[Case, ...]:
    whole = Fields(values=source.content)
    found = profiles(whole, profile)
    refuse(whole.mistakes, source.path, source.text)
    places = [*folders, source.path.parent, source.path.parent / "datasets"]
    cases: list[Case] = []
    for each in found:
        dataset = parsed(_dataset(each.dataset, places, source.path))
        cases += each.applied(_checked(dataset, functools.partial(datasets.read, settings=each.settings)))
    return tuple(cases)


def _dataset(name: str, folders: Sequence[Path], manifest: Path) -> Path:
    tried = [folder / f"{name}{suffix}" for folder in folders for suffix in ("", *SUFFIXES)]
    found = next((each for each in tried if each.suffix in SUFFIXES and each.is_file()), None)
    if found is None:
        places = ", ".join(str(folder) for folder in dict.fromkeys(folders))
        raise ScenarioError(f"{manifest} names the dataset {name!r}, which is not in {places}: name its folder.")
    return found
