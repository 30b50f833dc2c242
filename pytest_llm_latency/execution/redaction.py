"""Keeps secrets out of messages: every credential that a request carried is known here and replaced."""

import re
from collections.abc import Iterable

SIMULATOR_KEY = "llm-latency-simulator"
_MASK = "***"
_LOOKS_SECRET = re.compile(
    r"\b(?:(?:sk|pk|gsk|xai)[-_]|AIza)[-_A-Za-z0-9]{10,}|(?<=Bearer )\S+|(?<=[?&]key=)[^&\s'\"]+"
)
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "key"})


def credentials(*fields: Iterable[tuple[str, str]]) -> set[str]:
    """Return the credentials among the headers and query parameters of a request."""
    found = {value for pairs in fields for name, value in pairs if name.lower() in _CREDENTIALS}
    return {value.removeprefix("Bearer ") for value in found} - {SIMULATOR_KEY}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets and without what looks like one."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return _LOOKS_SECRET.sub(_MASK, text)
