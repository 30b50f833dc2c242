"""LLM-Auto-Optimizer's decisions: the parameters of requests before and after what it has changed."""

from collections.abc import Mapping
from pathlib import Path

from pytest_llm_latency.testbench import files
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.datasets import refuse_repeated

_KEYS = ("parameter", "old_value", "new_value", "change_type")


def read(path: Path) -> Mapping[str, Mapping[str, object]]:
    """Return the parameters of ``old`` and of ``new``; what is null on one side is left out there.

    Raises ``ScenarioError`` that names every mistake with its line and column.
    """
    source = files.parsed(path, keys="'changes'")
    whole = Fields(values=source.content)
    given = whole.list_of_fields("changes")
    found: dict[str, dict[str, object]] = {"old": {}, "new": {}}
    for each in given:
        each.know(*_KEYS)
        name = each.text("parameter", required=True)
        values = {side: each.values.get(f"{side}_value") for side in found}
        if all(value is None for value in values.values()):
            each.wrong(None, "it has neither 'old_value' nor 'new_value': write one of them.")
        for side, value in values.items():
            if name is not None and value is not None:
                found[side][name] = value
    refuse_repeated(given, "parameter")
    refuse(whole.mistakes, path, source.text)
    return found
