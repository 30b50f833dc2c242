"""The names that models have, to catch a wrong one before anything is measured.

litellm's price map and its folders of providers are looked at as files: importing litellm takes seconds.
"""

import difflib
import functools
import importlib.util
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pytest_llm_latency.errors import UnknownModelError
from pytest_llm_latency.execution.providers import PROVIDERS

_PRICES = "model_prices_and_context_window_backup.json"
# Of providers that have no folder, each with them below its key, if it has one.
_FURTHER = (("llms/openai_like/providers.json", ""), ("provider_endpoints_support_backup.json", "providers"))
_MODES = frozenset({"chat", "responses", "embedding"})
# Whose models have the same names for everyone; elsewhere users name deployments, or there are too many to list.
_NAMED = frozenset({"openai", "anthropic", "gemini", "mistral", "groq", "cohere_chat", "deepseek", "xai"})
_OWN_SERVER = ("OPENAI_BASE_URL", "OPENAI_API_BASE")  # behind which ``openai/`` may be any model
_REMEDY = "write it as 'provider/model' with litellm's names, as in 'openai/gpt-4o-mini'"


def check(model: str) -> str:
    """Return the provider of a model; raise ``UnknownModelError`` with the nearest name for one that is none.

    A name that nothing is known against is taken.
    """
    listed, providers = _listed(), _providers()
    provider, slash, name = model.partition("/")
    if not listed or not providers:
        return provider
    named = [whole for whole in listed if whole.partition("/")[0] in _NAMED]
    if not slash or not name:
        bare = [whole for whole in named if whole.partition("/")[2] == model]
        hint = f"write it as {bare[0]!r}." if bare else _near(model, named) or f"{_REMEDY}."
        raise UnknownModelError(f"the model {model!r} has no provider: {hint}")
    if provider not in providers:
        meant = difflib.get_close_matches(provider, sorted(providers), n=1)
        hint = f"did you mean {f'{meant[0]}/{name}'!r}?" if meant else f"{_REMEDY}."
        raise UnknownModelError(f"litellm does not know the provider of the model {model!r}: {hint}")
    own_server = provider == "openai" and any(map(os.environ.get, _OWN_SERVER))
    if provider in _NAMED and model not in listed and ":" not in name and not own_server:
        hint = _near(name, [whole for whole in named if whole.startswith(f"{provider}/")])
        if hint:
            raise UnknownModelError(f"litellm does not list the model {model!r}: {hint}")
    return provider


def _near(name: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest known name was meant; nothing where none is near."""
    by_name: dict[str, str] = {}
    for whole in sorted(known):
        by_name.setdefault(whole.partition("/")[2], whole)
    found = difflib.get_close_matches(name, by_name, n=1, cutoff=0.7)
    return f"did you mean {by_name[found[0]]!r}?" if found else ""


@functools.cache
def _folder() -> Path | None:
    found = importlib.util.find_spec("litellm")
    places = None if found is None else found.submodule_search_locations
    return Path(places[0]) if places else None


@functools.cache
def _listed() -> frozenset[str]:
    """Return the models of the price map as ``provider/model``; nothing where the map is not what it was."""
    folder = _folder()
    try:
        rows = {} if folder is None else json.loads((folder / _PRICES).read_bytes())
        found = [(row.get("litellm_provider"), name) for name, row in rows.items() if row.get("mode") in _MODES]
    except (OSError, ValueError, AttributeError):
        return frozenset()
    return frozenset(f"{provider}/{name.removeprefix(f'{provider}/')}" for provider, name in found)


@functools.cache
def _providers() -> frozenset[str]:
    folder = _folder()
    try:
        folders = [] if folder is None else [each.name for each in (folder / "llms").iterdir() if each.is_dir()]
    except OSError:
        folders = []
    if folder is None or not folders:
        return frozenset()
    further = {name for file, key in _FURTHER for name in _names(folder / file, key)}
    return frozenset({*folders, *further, *(each.partition("/")[0] for each in _listed()), *PROVIDERS})


def _names(path: Path, key: str) -> Iterable[str]:
    """Return the names in a file of providers; none where there is no such file."""
    try:
        rows = json.loads(path.read_bytes())
        return frozenset(rows[key] if key else rows)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
