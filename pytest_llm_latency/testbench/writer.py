"""A file of scenarios as a suite of tests: the file, and a test beside it that a person edits."""

import re

from pytest_llm_latency.errors import ScenarioError
from pytest_llm_latency.testbench.reader import Source, read

_TEST = '''"""The latency of the scenarios of {file}."""

import pytest

from pytest_llm_latency.testbench import scenarios


@scenarios({quoted})
@pytest.mark.llm_latency({arguments})
async def test_{name}(llm, scenario):
    await llm(scenario.prompt, **scenario.parameters)
'''


def suite(source: Source, model: str | None) -> dict[str, str]:
    """Return the texts of the suite's files by their names; raise ``ScenarioError`` for a file that makes none."""
    path = source.path
    if "scenario_profiles" in source.content:
        raise ScenarioError(
            f"{path} is a fleet manifest, which names other files: import its datasets, and write "
            f'@scenarios("{path.name}", profile=...) into a test.'
        )
    cases = read(path)
    if model is not None and any("model" in case.arguments for case in cases):
        raise ScenarioError(f"{path} names models of its own: leave --model out, or change them there.")
    name = re.sub(r"\W+", "_", path.stem).strip("_").lower() or "scenarios"
    arguments = "" if model is None else f"model={_quoted(model)}"
    test = _TEST.format(file=path.name, quoted=_quoted(path.name), arguments=arguments, name=name)
    return {path.name: source.text, f"test_{name}.py": test}


def _quoted(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no escape."""
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'
