"""Files of scenarios as pytest sees them: parameters of a marked test, or tests of their own."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import pytest

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import decisions, reader, scenarios
from pytest_llm_latency.testbench.scenario import Case, Scenario

MARKER = "llm_latency"
SCENARIOS = "llm_latency_scenarios"
CHANGES = "llm_latency_changes"
_ARGUMENT = "scenario"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test what the files have that its marks name; what is wrong is one error of the collection."""
    test = metafunc.definition
    for name, (argument, read) in _READ.items():
        mark = test.get_closest_marker(name)
        if mark is None:
            continue
        if argument not in metafunc.fixturenames:
            raise pytest.Collector.CollectError(
                f"{test.nodeid} names a file and takes no argument {argument}: write def {test.name}(llm, {argument})."
            )
        try:
            given = read(mark, test)
        except ScenarioError as error:
            raise pytest.Collector.CollectError(f"llm-latency: {error}") from None
        metafunc.parametrize(argument, given)


def _scenarios(mark: pytest.Mark, test: pytest.Item) -> list[Any]:
    """Return a parameter for each scenario of a file; each category is a mark."""
    folders = (test.path.parent, test.config.rootpath)
    datasets = [] if mark.kwargs["datasets"] is None else [each / mark.kwargs["datasets"] for each in folders]
    cases = reader.read(_find(mark.kwargs["path"], folders), profile=mark.kwargs["profile"], folders=datasets)
    said = {name for own in test.iter_markers(MARKER) for name in own.kwargs} - {"model"}
    marks = {category: _mark(category, test.config) for category in {case.scenario.category for case in cases}}
    return [_parameter(each, said, marks[each.scenario.category]) for each in cases]


def _mark(category: str | None, config: pytest.Config) -> list[pytest.MarkDecorator]:
    if category is None:
        return []
    name = re.sub(r"\W+", "_", f"testbench_{category}")
    config.addinivalue_line("markers", f"{name}: scenarios of the category {category!r}.")
    return [getattr(pytest.mark, name)]


def _parameter(case: Case, said: set[str], marks: list[pytest.MarkDecorator]) -> Any:  # noqa: ANN401  (pytest's is private)
    """Return one parameter; what the test's own marker says beats the file, but for the model of a case."""
    arguments = {name: value for name, value in case.arguments.items() if name not in said}
    own = [pytest.mark.llm_latency(**arguments)] if arguments else []
    return pytest.param(case.scenario, id=case.id, marks=[*own, *marks])


def _sides(mark: pytest.Mark, test: pytest.Item) -> list[Any]:
    """Return the parameters of requests before a decision and after it."""
    found = decisions.read(_find(mark.kwargs["path"], (test.path.parent, test.config.rootpath)))
    return [pytest.param(parameters, id=side) for side, parameters in found.items()]


_READ = MappingProxyType({SCENARIOS: (_ARGUMENT, _scenarios), CHANGES: ("parameters", _sides)})


def _find(name: str, folders: Iterable[Path]) -> Path:
    tried = list(dict.fromkeys(folder / name for folder in folders))
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        places = " nor ".join(map(str, tried))
        raise ScenarioError(f"there is no file {places}: check the name, which counts from the test's folder.")
    return found


class ScenarioFile(pytest.Module):
    """A file of scenarios that pytest was given: a module with one test, written here, over all of them."""

    checks = False

    def _getobj(self) -> ModuleType:
        body = _ask_and_check if self.checks else _ask
        # Reports, and the file of the run, name the place of a test's code.
        code = body.__code__.replace(co_filename=str(self.path), co_firstlineno=1)
        test = FunctionType(code, body.__globals__, _ARGUMENT)
        module = ModuleType(self.path.stem)
        setattr(module, _ARGUMENT, pytest.mark.llm_latency(scenarios(self.path)(test)))
        return module

    def istestfunction(self, obj: object, name: str) -> bool:
        """Say which the test is: the names that the ini file asks for are those of people's own."""
        return name == _ARGUMENT and isinstance(obj, FunctionType)


async def _ask(llm: Any, scenario: Scenario) -> None:  # noqa: ANN401  (the fixture has no other type)
    await llm(scenario.prompt, **scenario.parameters)


async def _ask_and_check(llm: Any, scenario: Scenario) -> None:  # noqa: ANN401  (the same)
    scenario.check(await llm(scenario.prompt, **scenario.parameters))
