"""Files of scenarios as pytest sees them: parameters of a marked test, or tests of their own."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench import reader, scenarios
from pytest_llm_latency.testbench.scenario import Case, Scenario

MARKER = "llm_latency"
SCENARIOS = "llm_latency_scenarios"
_ARGUMENT = "scenario"


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test that names a file of scenarios each of them; what is wrong is one error of the collection."""
    test = metafunc.definition
    mark = test.get_closest_marker(SCENARIOS)
    assert mark is not None  # noqa: S101  (the caller has asked for it)
    if _ARGUMENT not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(
            f"{test.nodeid} has scenarios and takes no argument {_ARGUMENT}: write def {test.name}(llm, {_ARGUMENT})."
        )
    folders = (test.path.parent, test.config.rootpath)
    datasets = [] if mark.kwargs["datasets"] is None else [each / mark.kwargs["datasets"] for each in folders]
    try:
        path = _find(mark.kwargs["path"], folders)
        cases = reader.read(path, profile=mark.kwargs["profile"], folders=datasets)
    except ScenarioError as error:
        raise pytest.Collector.CollectError(f"llm-latency: {error}") from None
    said = {name for own in test.iter_markers(MARKER) for name in own.kwargs} - {"model"}
    metafunc.parametrize(_ARGUMENT, [_parameter(each, said, test.config) for each in cases])


def _find(name: str, folders: Iterable[Path]) -> Path:
    tried = list(dict.fromkeys(folder / name for folder in folders))
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        places = " nor ".join(map(str, tried))
        raise ScenarioError(f"there is no file {places}: check the name, which counts from the test's folder.")
    return found


def _parameter(case: Case, said: set[str], config: pytest.Config) -> Any:  # noqa: ANN401  (pytest's type is private)
    """Return one parameter; what the test's own marker says beats the file, but for the model of a case."""
    arguments = {name: value for name, value in case.arguments.items() if name not in said}
    marks = [pytest.mark.llm_latency(**arguments)] if arguments else []
    if case.scenario.category is not None:
        name = re.sub(r"\W+", "_", f"testbench_{case.scenario.category}")
        config.addinivalue_line("markers", f"{name}: scenarios of the category {case.scenario.category!r}.")
        marks.append(getattr(pytest.mark, name))
    return pytest.param(case.scenario, id=case.id, marks=marks)


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
