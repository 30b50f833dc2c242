"""How a provider is reached: by what a call says, then by what the settings say, then by the environment."""

import os
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any

from pytest_llm_latency.errors import MissingKeyError, ProviderError, UnknownModelError
from pytest_llm_latency.execution import arguments, library, providers

_SERVERS = frozenset({"api_base", "base_url"})

Access = Mapping[str, Mapping[str, str]]
"""For providers by their names, litellm's arguments ``api_key`` and ``api_base``."""
NO_KEY = "none"  # of a server that asks for none
NO_ACCESS: Access = MappingProxyType({})


def check_names(access: Access) -> None:
    """Raise ``ProviderError`` for a provider that litellm does not know: what is said of it would count nowhere."""
    for name in access:
        try:
            library.resolve(f"{name}/any")
        except UnknownModelError:
            raise ProviderError(
                f"the settings file names the provider {name!r}, which litellm does not know: write what stands before "
                "the slash of its models."
            ) from None


def stated(access: Access, model: str, provider: str) -> Mapping[str, str]:
    """Return what is stated for a model: by the name that stands before its slash, or by litellm's for its provider."""
    return access.get(model.partition("/")[0]) or access.get(provider) or {}


def completed(given: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a call with what is said of its provider where it says nothing itself."""
    server = {name for name in said if name in _SERVERS and _SERVERS & given.keys()}
    return {name: value for name, value in said.items() if name not in server} | dict(given)


def require(model: str, row: providers.Provider, given: Container[str]) -> None:
    """Raise ``ProviderError`` where a model's server is not named, ``MissingKeyError`` where its key is missing."""
    if row.server is not None and row.server not in os.environ and not any(name in given for name in _SERVERS):
        wanted = f"set {row.server}, or write llm(..., api_base='http://...')"
        raise ProviderError(f"the server of {model!r} is not named: {wanted}.")
    if not any(name in given for name in arguments.OWN_ACCESS):
        _require_key(model, row)


def _require_key(model: str, row: providers.Provider) -> None:
    if row.keys is None:
        missing = library.missing_keys(model)
    else:
        missing = [] if any(os.environ.get(name) for name in row.keys) else list(row.keys)
    if missing:
        wanted = f"set {' or '.join(missing)}, or try --llm-latency-simulate"
        raise MissingKeyError(f"the key for {model!r} is missing: {wanted}.")
