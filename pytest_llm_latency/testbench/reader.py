"""Files of LLM-Test-Bench: datasets, suites and fleet manifests, told apart by their keys."""

import functools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import datasets, files, suites
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.files import LANGUAGES, Source
from pytest_llm_latency.testbench.fleet import Profile, profiles
from pytest_llm_latency.testbench.scenario import Case

FLEET = "scenario_profiles"  # the key that a fleet manifest has

_HEAD_BYTES = 1_000_000
_MARKS = re.compile(rb"\b(test_cases|scenario_profiles|execution_config)\b")


def looks_like_one(path: Path) -> bool:
    """Say whether a file, broken or not, names a key that only a file of scenarios has."""
    if path.suffix.lower() not in LANGUAGES or not path.is_file():
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
    if not source.content.keys() & {"name", "test_cases", "suite", FLEET}:
        raise ScenarioError(
            f"{path} is no dataset, suite or fleet manifest: it has none of 'test_cases', 'suite' and {FLEET!r}. "
            "Name another file."
        )
    if FLEET in source.content:
        cases = _of_fleet(source, profile, folders)
    elif profile is not None:
        raise ScenarioError(f"{path} is no fleet manifest and has no profile {profile!r}: leave profile out.")
    else:
        cases = _checked(source, suites.read if "suite" in source.content else datasets.read)
    again = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if again:  # pytest would number them, in an order that may change
        raise ScenarioError(
            f"{path} has several tests with the id {again[0]!r}: rename one of their profiles or cases."
        )
    return cases


def parsed(path: Path) -> Source:
    """Return what a file of scenarios holds; raise ``ScenarioError`` where that is no mapping."""
    return files.parsed(path, keys="'test_cases', 'suite' or 'scenario_profiles'")


def _checked(source: Source, reading: Callable[[Fields], tuple[Case, ...]]) -> tuple[Case, ...]:
    whole = Fields(values=source.content)
    cases = reading(whole)
    refuse(whole.mistakes, source.path, source.text)
    return cases


def _of_fleet(source: Source, profile: str | None, folders: Sequence[Path]) -> tuple[Case, ...]:
    cases: list[Case] = []
    for each, path in measured(source, () if profile is None else (profile,), folders):
        cases += each.applied(_checked(parsed(path), functools.partial(datasets.read, settings=each.settings)))
    return tuple(cases)


def measured(source: Source, wanted: Sequence[str], folders: Sequence[Path]) -> list[tuple[Profile, Path]]:
    """Return the profiles of a fleet manifest, all or those that are wanted, each with the path of its dataset."""
    whole = Fields(values=source.content)
    found = profiles(whole, wanted)
    places = tuple(dict.fromkeys((*folders, source.path.parent, source.path.parent / "datasets")))
    paths = [_dataset(each.dataset, places) for each in found]
    for each, path in zip(found, paths, strict=True):
        if path is None and each.dataset:
            said = f"the dataset {each.dataset!r} is in none of {', '.join(map(str, places))}"
            each.fields.wrong("dataset", f"{said}: put it there, or say in which folder the datasets are.")
    refuse(whole.mistakes, source.path, source.text)
    return [(each, path) for each, path in zip(found, paths, strict=True) if path is not None]


def _dataset(name: str, folders: Sequence[Path]) -> Path | None:
    tried = [folder / f"{name}{suffix}" for folder in folders for suffix in ("", *LANGUAGES)]
    return next((each for each in tried if each.suffix in LANGUAGES and each.is_file()), None)
