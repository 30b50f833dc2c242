"""The environment's variables that reach a provider: what a CI has to set, and what is not set here."""

import os
from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.execution.providers import PROVIDERS
from pytest_llm_latency.simulator.protocols import PROTOCOLS

# What a provider needs beside its key; without any of ours, what signs is found by its own library.
_FURTHER: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "azure": ("AZURE_API_BASE", "AZURE_API_VERSION"),
    "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
})


def variables(provider: str) -> tuple[str, ...]:
    """Return the variables that a run at this provider needs; none where they are not known."""
    row = PROVIDERS.get(provider)
    server = () if row is None or row.server is None else (row.server,)
    return (*_keys(provider)[:1], *server, *_FURTHER.get(provider, ()))


def missing(provider: str) -> tuple[str, ...]:
    """Return those of the variables that are not set; of several names of a key one is enough."""
    keys = _keys(provider)
    known = any(os.environ.get(name) for name in keys)
    others = [name for name in variables(provider) if name not in keys and provider != "bedrock"]
    return (*(() if known else keys[:1]), *(name for name in others if not os.environ.get(name)))


def _keys(provider: str) -> tuple[str, ...]:
    row, protocol = PROVIDERS.get(provider), PROTOCOLS.get(provider)
    if row is not None and row.keys is not None:
        return row.keys
    return () if protocol is None else (protocol.ENVIRONMENT[1],)
