"""A file of scenarios as a suite of tests: the file, and tests beside it that a person edits."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import reader
from pytest_llm_latency.testbench.files import Source
from pytest_llm_latency.testbench.fleet import Profile

_HEAD = '''"""The latency of the scenarios of {file}.

The file says what is asked; what a marker says counts more, but for the model: requests=100, concurrency=8,
limits=["ttft.p95 < 800ms"] and others. Scenarios that expect a text check it with scenario.check(await llm(...)).
"""

import pytest

from pytest_llm_latency.testbench import scenarios
'''
_TEST = """

@scenarios({named})
@pytest.mark.llm_latency({arguments})
async def test_{name}(llm, scenario):
    await llm(scenario.prompt, **scenario.parameters)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a suite is to have: the model of what names none, and of a fleet manifest these profiles, or all.

    ``folders`` are where a manifest's datasets are looked for before its own.
    """

    model: str | None = None
    profiles: Sequence[str] = ()
    folders: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files of a suite by their names, and whether each test has a model.

    ``settings`` is a settings file with the load profiles of a manifest, ``None`` for a file that has none.
    """

    files: dict[str, bytes]
    has_models: bool
    settings: bytes | None


def suite(source: Source, wanted: Wanted) -> Written:
    """Return a suite; raise ``ScenarioError`` for a file that makes none."""
    path, names, settings = source.path, wanted.profiles, None
    copied = {path.name: path}
    if reader.FLEET in source.content:
        found = reader.measured(source, names, wanted.folders)
        copied |= {_beside(each.dataset, dataset): dataset for each, dataset in found}
        names = tuple(each.name for each, _ in found)
        settings = "".join(["load_profiles:\n", *(_load_profile(each) for each, _ in found)]).encode()
    elif names:
        raise ScenarioError(f"{path} is no fleet manifest and has no profile {names[0]!r}: leave --profile out.")
    words = [_word(name) for name in names]
    if len(set(words)) < len(words):
        raise ScenarioError(f"two profiles of {path} make a test of the same name: rename one, or import one alone.")
    cases = [case for name in names or (None,) for case in reader.read(path, profile=name, folders=wanted.folders)]
    if wanted.model is not None and any("model" in case.arguments for case in cases):
        raise ScenarioError(f"{path} names models of its own: leave --model out, or change them there.")
    arguments = "" if wanted.model is None else f"model={_quoted(wanted.model)}"
    tests = [_test(path.name, name, arguments) for name in names or (None,)]
    text = _HEAD.format(file=path.name) + "".join(tests)
    files = {name: original.read_bytes() for name, original in copied.items()}
    has_models = wanted.model is not None or all("model" in case.arguments for case in cases)
    files[f"test_{_word(path.stem)}.py"] = text.encode()
    return Written(files=files, has_models=has_models, settings=settings)


def _load_profile(profile: Profile) -> str:
    """Return one load profile of a settings file: users without a pause, or, with one, so many starts a second."""
    name, users, rate = json.dumps(profile.name), profile.concurrency, profile.requests_per_minute
    if rate is None:
        return f"  {name}:\n    concurrency: {users}\n"
    return f"  {name}:\n    load: {rate:.6g}/min\n    max_concurrency: {users}\n"


def _beside(name: str, path: Path) -> str:
    """Return where a dataset of a manifest stands so that the manifest's copy finds it."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ScenarioError(f"the dataset {name!r} is outside of the manifest's folder: name it without its path.")
    return name if name.endswith(path.suffix) else f"{name}{path.suffix}"


def _test(file: str, profile: str | None, arguments: str) -> str:
    if profile is None:
        return _TEST.format(named=_quoted(file), arguments=arguments, name=_word(Path(file).stem))
    named = f"{_quoted(file)}, profile={_quoted(profile)}"
    return _TEST.format(named=named, arguments=arguments, name=_word(profile))


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower() or "scenarios"


def _quoted(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no escape."""
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'
