"""Suites: providers times test cases, with the load under which they are measured."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pytest_llm_latency import suggestions
from pytest_llm_latency.testbench.checking import Fields
from pytest_llm_latency.testbench.datasets import refuse_repeated
from pytest_llm_latency.testbench.scenario import Case, Scenario

# Their names of providers, and litellm's.
PROVIDERS: Mapping[str, str] = MappingProxyType({
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "mistral": "mistral",
    "azure-openai": "azure",
    "bedrock": "bedrock",
    "cohere": "cohere",
    "groq": "groq",
    "huggingface": "huggingface",
    "ollama": "ollama",
    "perplexity": "perplexity",
    "replicate": "replicate",
    "together": "together_ai",
})

_PROVIDER = ("provider_name", "model_id", "base_url", "timeout_ms", "max_retries", "api_key_ref")
_CASE = ("test_id", "prompt", "expected_output", "max_tokens", "temperature", "top_p", "stop_sequences", "metadata")
_EXECUTION = (
    "concurrency",
    "warm_up_runs",
    "iterations_per_test",
    "max_duration_ms",
    "save_responses",
    "fail_fast",
)
_NO_PLACE = re.compile(r"^\w+://(?:[^/@]*@)?|[?#].*$")  # what of a base URL may be secret, or says little
_TIMEOUT_MS = 30_000
_MAX_TOKENS = 1024
_TEMPERATURE = 0.7


def read(whole: Fields) -> tuple[Case, ...]:
    """Return one case for each provider and test case."""
    whole.know("providers", "suite", "execution_config")
    suite = whole.fields("suite", required=True)
    suite.know("suite_id", "suite_name", "test_cases", "tags", "description")
    suite.text("suite_id", required=True)
    suite.text("suite_name", required=True)
    given = suite.list_of_fields("test_cases")
    scenarios = [_scenario(each) for each in given]
    refuse_repeated(given, "test_id")
    load = _load(whole.fields("execution_config"))
    asked = whole.list_of_fields("providers")
    providers = [_provider(each) for each in asked]
    names = _names(providers)
    for place, each in enumerate(asked):
        if names[place] in names[:place]:
            each.wrong(None, f"the provider {names[place]!r} is there twice: name another model or base URL.")
    return tuple(
        Case(id=f"{name}-{each.id}", scenario=_at(each, base_url), arguments={**load, **arguments})
        for name, (arguments, base_url) in zip(names, providers, strict=True)
        for each in scenarios
    )


def _names(providers: Sequence[tuple[Mapping[str, object], str | None]]) -> list[str]:
    """Return the names of providers in the ids of tests: the model, with the server where the model has several."""
    models = Counter(arguments["model"] for arguments, _ in providers)
    servers = [_NO_PLACE.sub("", base_url or "") for _, base_url in providers]
    return [
        f"{arguments['model']}@{server}" if server and models[arguments["model"]] > 1 else str(arguments["model"])
        for (arguments, _), server in zip(providers, servers, strict=True)
    ]


def model(fields: Fields, key: str, provider: str, name: str) -> str:
    """Return litellm's name of a provider's model; note a provider that is unknown."""
    if provider not in PROVIDERS:
        fields.wrong(key, f"the provider {provider!r} is unknown: {suggestions.nearest(provider, list(PROVIDERS))}")
    return f"{PROVIDERS.get(provider, provider)}/{name}"


def _provider(fields: Fields) -> tuple[dict[str, object], str | None]:
    """Return the arguments of the marker and the base URL. Retries are left out: each request is one attempt."""
    fields.know(*_PROVIDER)
    provider = fields.text("provider_name", required=True) or ""
    name = fields.text("model_id", required=True) or ""
    timeout_ms = fields.count("timeout_ms", least=1)
    fields.count("max_retries", least=0)
    arguments: dict[str, object] = {
        "model": model(fields, "provider_name", provider, name) if provider else name,
        "timeout": (_TIMEOUT_MS if timeout_ms is None else timeout_ms) / 1000,
    }
    return arguments, fields.text("base_url")


def _load(fields: Fields) -> dict[str, object]:
    """Return the load of each test; no more users are busy than it has requests."""
    fields.know(*_EXECUTION)
    said = {
        "requests": fields.count("iterations_per_test", least=1),
        "concurrency": fields.count("concurrency", least=1),
        "warmup": fields.count("warm_up_runs", least=0),
    }
    requests, concurrency, warmup = said["requests"] or 1, said["concurrency"] or 1, said["warmup"] or 0
    longest_ms = fields.count("max_duration_ms", least=1)
    budget = {} if longest_ms is None else {"budget": {"seconds": longest_ms / 1000}}
    return {"requests": requests, "concurrency": min(concurrency, requests), "warmup": warmup, **budget}


def _scenario(fields: Fields) -> Scenario:
    fields.know(*_CASE)
    own_id, prompt = fields.text("test_id", required=True) or "", fields.text("prompt", required=True) or ""
    most, temperature = fields.count("max_tokens", least=1), fields.number("temperature")
    said = {"top_p": fields.number("top_p"), "stop": fields.texts("stop_sequences")}
    return Scenario(
        id=own_id,
        prompt=prompt,
        parameters={
            "max_tokens": _MAX_TOKENS if most is None else most,
            "temperature": _TEMPERATURE if temperature is None else temperature,
            **{name: list(value) if isinstance(value, tuple) else value for name, value in said.items() if value},
        },
        category=None,
        expected=fields.text("expected_output"),
        references=(),
    )


def _at(scenario: Scenario, base_url: str | None) -> Scenario:
    if base_url is None:
        return scenario
    return replace(scenario, parameters={**scenario.parameters, "api_base": base_url})
