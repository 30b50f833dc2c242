"""Datasets: test cases with templates, and the settings of their requests."""

from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.testbench import scenario
from pytest_llm_latency.testbench.checking import Fields
from pytest_llm_latency.testbench.scenario import Case, Scenario

_CASE = ("id", "prompt", "category", "variables", "expected", "references", "config", "metadata")
_WHOLE = ("name", "version", "test_cases", "description", "defaults", "metadata")
_SETTINGS = ("temperature", "max_tokens", "top_p", "stop")

NOTHING: Mapping[str, object] = MappingProxyType({})


def read(whole: Fields, settings: Mapping[str, object] = NOTHING) -> tuple[Case, ...]:
    """Return the cases of a dataset; ``settings`` beat its defaults, and a case's own configuration beats both."""
    whole.know(*_WHOLE)
    whole.text("name", required=True)
    whole.text("version", required=True)
    defaults = {**request_settings(whole.fields("defaults")), **settings}
    given = whole.list_of_fields("test_cases")
    cases = tuple(_case(each, defaults) for each in given)
    refuse_repeated(given, "id")
    return cases


def request_settings(fields: Fields) -> dict[str, object]:
    """Return litellm's parameters of a mapping of settings; what is not said is left out."""
    fields.know(*_SETTINGS)
    stop = fields.values.get("stop")
    said = {
        "temperature": fields.number("temperature"),
        "max_tokens": fields.count("max_tokens", least=1),
        "top_p": fields.number("top_p"),
        "stop": [stop] if isinstance(stop, str) else fields.texts("stop"),
    }
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in said.items() if value is not None
    }


def refuse_repeated(given: list[Fields], key: str) -> None:
    """Note every case whose id another one before it has."""
    seen: set[str] = set()
    for each in given:
        value = each.values.get(key)
        if isinstance(value, str) and value in seen:
            each.wrong(key, f"{key} {value!r} is there twice: keep one of them, or rename it.")
        if isinstance(value, str):
            seen.add(value)


def _case(fields: Fields, defaults: Mapping[str, object]) -> Case:
    fields.know(*_CASE)
    own = fields.fields("config")
    own_id, prompt = fields.text("id", required=True) or "", fields.text("prompt", required=True) or ""
    model = own.text("model")
    found = Scenario(
        id=own_id,
        prompt=_rendered(fields, prompt),
        parameters={**defaults, **request_settings(own)},
        category=fields.text("category"),
        expected=fields.text("expected"),
        references=fields.texts("references") or (),
    )
    return Case(id=own_id, scenario=found, arguments={} if model is None else {"model": model})


def _rendered(fields: Fields, prompt: str) -> str:
    variables = fields.named_texts("variables")
    lacking = scenario.missing(prompt, variables)
    if lacking:
        fields.wrong("prompt", f"Missing variables: {', '.join(lacking)}: add them under 'variables'.")
        return prompt
    return scenario.render(prompt, variables)
