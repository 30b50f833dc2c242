"""Keeps secrets out of messages: what a request carried, what the environment holds, and what looks like a key."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_llm_latency.execution import proxies

SIMULATOR_KEY = "llm-latency-simulator"
_MASK = "***"
_LOOKS_SECRET = re.compile(
    r"\b(?:(?:sk|pk|gsk|xai)[-_]|AIza)[-_A-Za-z0-9]{10,}|(?<=Bearer )\S+|(?<=[?&]key=)[^&\s'\"]+"
)
_CARRIES_SECRET = re.compile("key|token|secret|auth|cookie", re.IGNORECASE)
_HOLDS_SECRET = re.compile("key|token|secret|password|credential", re.IGNORECASE)
_SCHEME = re.compile(r"(?:Basic|Bearer|Token) +", re.IGNORECASE)
_LEAST_OF_VARIABLE = 8  # shorter values, as of a switch, are words of messages
_LEAST_OF_HEADER = 4


def credentials(*fields: Iterable[tuple[str, str]]) -> set[str]:
    """Return the credentials among the headers and query parameters of a request, told by their names."""
    found = {value for pairs in fields for name, value in pairs if _CARRIES_SECRET.search(name)}
    return {_SCHEME.sub("", value, count=1) for value in found} - {SIMULATOR_KEY}


def given(parameters: Mapping[str, object]) -> set[str]:
    """Return what is a secret among the parameters of a call: its own headers, and credentials by their names."""
    return credentials((name, value) for name, value in parameters.items() if isinstance(value, str)) | {
        _SCHEME.sub("", value, count=1)
        for name in ("headers", "extra_headers")
        for value in _values(parameters.get(name))
        if len(value) >= _LEAST_OF_HEADER
    }


def _values(headers: object) -> Iterator[str]:
    if isinstance(headers, Mapping):
        yield from map(str, headers.values())


def environment() -> set[str]:
    """Return the values of variables whose names speak of a credential, and the passwords of proxies."""
    found = {value for name, value in os.environ.items() if _HOLDS_SECRET.search(name)}
    long = {value for value in found if len(value) >= _LEAST_OF_VARIABLE}
    return (long | {value for value in proxies.secrets() if len(value) >= _LEAST_OF_HEADER}) - {SIMULATOR_KEY}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets, those of the environment, and what looks like one."""
    for secret in sorted({*secrets, *environment()} - {""}, key=len, reverse=True):  # one may contain another
        text = text.replace(secret, _MASK)
    return _LOOKS_SECRET.sub(_MASK, text)
