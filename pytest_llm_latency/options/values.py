"""Reading the values of options: text of the user in, the value or ``SettingsError`` out."""

import math
import re
from collections.abc import Callable
from typing import Literal

from pytest_llm_latency import interleaving, plan, units
from pytest_llm_latency.errors import SettingsError

Policy = Literal["warn", "fail", "pass"]
POLICIES: tuple[Policy, ...] = ("warn", "fail", "pass")
CIS = ("auto", "github", "gitlab", "jenkins", "none")
Workers = Literal["gang", "parallel"]
WORKERS: tuple[Workers, ...] = ("gang", "parallel")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


def count(least: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least ``least``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\s*\d+\s*", text) or int(text) < least:
            raise SettingsError(f"{text!r} is not a whole number of at least {least}.")
        return int(text)

    return read


def share(text: str) -> float:
    """Read a share between 0 % and 100 %."""
    value = units.parse_percent(text)
    if not 0 <= value <= 1:
        raise SettingsError(f"{text!r} is not a share between 0 % and 100 %.")
    return value


def factor(text: str) -> float:
    """Read a factor above 0."""
    try:
        return positive(text)
    except SettingsError:
        raise SettingsError(f"{text!r} is not a factor above 0: write it as '1.5' or '150%'.") from None


def positive(text: str) -> float:
    """Read a share above 0."""
    value = units.parse_percent(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def above_zero(parse: Callable[[str], float]) -> Callable[[str], float]:
    """Return what parses a finite number above 0."""

    def read(text: str) -> float:
        value = parse(text)
        if not 0 < value < math.inf:
            raise SettingsError(f"{text!r} must be above 0.")
        return value

    return read


def http_version(text: str) -> str:
    """Read a version of HTTP that can be asked for."""
    if text.strip() not in plan.HTTP_VERSIONS:
        raise SettingsError(f"{text!r} is not a version of HTTP to ask for: write {' or '.join(plan.HTTP_VERSIONS)}.")
    return text.strip()


def positive_duration(text: str) -> float:
    """Read a time above 0, as seconds."""
    value = units.parse_seconds(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def policy(text: str) -> Policy:
    """Read what a verdict does."""
    for each in POLICIES:
        if text == each:
            return each
    raise SettingsError(f"{text!r} is not a policy: write one of {', '.join(POLICIES)}.")


def ci(text: str) -> str:
    """Read the name of a CI."""
    if text not in CIS:
        raise SettingsError(f"{text!r} is no CI: write one of {', '.join(CIS)}.")
    return text


def mode(text: str) -> Workers:
    """Read what the workers of a session do."""
    for each in WORKERS:
        if text == each:
            return each
    raise SettingsError(f"{text!r} is nothing that workers do: write one of {', '.join(WORKERS)}.")


def switch(text: str) -> bool:
    """Read true or false, in the words that ini files have for them."""
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise SettingsError(f"{text!r} is neither true nor false.")


def beside(text: str) -> str:
    """Read the other side of an interleaved measurement: a model or a base URL."""
    return interleaving.check(some_text(text).strip())


def some_text(text: str) -> str:
    """Read a text that is not empty."""
    if not text.strip():
        raise SettingsError("the value is empty.")
    return text
