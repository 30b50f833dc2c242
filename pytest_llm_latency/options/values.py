"""The kinds of values that options have: text of the user in, the value or ``SettingsError`` out."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_llm_latency import http_versions, units
from pytest_llm_latency.errors import MarkerError, SettingsError
from pytest_llm_latency.suggestions import nearest

Policy = Literal["warn", "fail", "pass"]
POLICIES: tuple[Policy, ...] = ("warn", "fail", "pass")
CIS = ("auto", "github", "gitlab", "jenkins", "none")
Workers = Literal["gang", "parallel"]
PERCENTILES = ("p50", "p75", "p90", "p95", "p99")
WORKERS: tuple[Workers, ...] = ("gang", "parallel")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})
_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of values. Called with a text, it returns the value or raises ``SettingsError``.

    In a settings file a value may be a text too, or be of one of the ``plain`` types; ``words`` and
    ``schema``, in the terms of JSON Schema, say which values are right there.
    """

    read: Callable[[str], Any]
    words: str
    schema: Mapping[str, object]
    plain: tuple[type, ...] = ()

    def __call__(self, text: str) -> Any:  # noqa: ANN401  (each kind has its own type)
        """Return the value of a text."""
        return self.read(text)


def count(least: int) -> Kind:
    """Return the kind of whole numbers of at least ``least``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\s*\d+\s*", text) or int(text) < least:
            raise SettingsError(f"{text!r} is not a whole number of at least {least}.")
        return int(text)

    schema = {"type": "integer", "minimum": least}
    return Kind(read=read, words=f"a whole number of at least {least}", schema=schema, plain=(int,))


def _share(text: str) -> float:
    value = units.parse_percent(text)
    if not 0 <= value <= 1:
        raise SettingsError(f"{text!r} is not a share between 0 % and 100 %.")
    return value


def _factor(text: str) -> float:
    try:
        return _positive(text)
    except SettingsError:
        raise SettingsError(f"{text!r} is not a factor above 0: write it as '1.5' or '150%'.") from None


def _positive(text: str) -> float:
    value = units.parse_percent(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def _above_zero(parse: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = parse(text)
        if not 0 < value < math.inf:
            raise SettingsError(f"{text!r} must be above 0.")
        return value

    return read


def _positive_duration(text: str) -> float:
    value = units.parse_seconds(text)
    if value <= 0:
        raise SettingsError(f"{text!r} must be above 0.")
    return value


def _switch(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise SettingsError(f"{text!r} is neither true nor false.")


def _text(text: str) -> str:
    if not text.strip():
        raise SettingsError("the value is empty.")
    return text


def _one_of(known: tuple[str, ...], refusal: str) -> Kind:
    def read(text: str) -> str:
        if text not in known:
            raise SettingsError(f"{text!r} {refusal}: write one of {', '.join(known)}.")
        return text

    return Kind(read=read, words=f"one of {', '.join(known)}", schema={"enum": list(known)})


def _several(read: Callable[[str], str], words: str) -> Kind:
    """Return the kind of lists of texts, which ``read`` checks one by one; ``none`` is the empty list."""

    def read_all(text: str) -> tuple[str, ...]:
        if text.strip() == "none":
            return ()
        return tuple(dict.fromkeys(read(each.strip()) for each in text.split(",")))

    schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "integer"]}}]}
    return Kind(read=read_all, words=words, schema=schema, plain=(list,))


def _gated(name: str) -> str:
    from pytest_llm_latency.metrics import GATED  # noqa: PLC0415  (a process that collects does without it)

    return _known(name, GATED, "is no metric that is compared")


def _known(name: str, known: Sequence[str], refusal: str) -> str:
    if name not in known:
        raise SettingsError(f"{name!r} {refusal}: {nearest(name, known)}")
    return name


def _measured(name: str) -> str:
    from pytest_llm_latency.metrics import METRICS  # noqa: PLC0415  (the same)

    return _known(name, tuple(METRICS), "is no metric")


def _percentile(name: str) -> str:
    return _known(name if name.startswith("p") else f"p{name}", PERCENTILES, "is no percentile that is computed")


def _limit(text: str) -> str:
    from pytest_llm_latency.plan import parse_limit  # noqa: PLC0415  (the same)

    try:
        return parse_limit(text).text
    except MarkerError as error:
        raise SettingsError(str(error)) from None


def _http_version(text: str) -> str:
    if text.strip() not in http_versions.KNOWN:
        raise SettingsError(f"{text!r} is not a version of HTTP to ask for: write {' or '.join(http_versions.KNOWN)}.")
    return text.strip()


def _beside(text: str) -> str:
    from pytest_llm_latency import interleaving  # noqa: PLC0415  (with the nouns, and few set it)

    return interleaving.check(_text(text).strip())


_SOME_NUMBER = {"type": ["number", "string"], "exclusiveMinimum": 0}

some_text = Kind(read=_text, words="a text", schema={"type": "string", "minLength": 1})
path = Kind(read=Path, words="a path", schema={"type": "string", "minLength": 1})
switch = Kind(read=_switch, words="true or false", schema={"type": "boolean"}, plain=(bool,))
share = Kind(
    read=_share,
    words="a share from 0 to 1, as in 0.05 or '5%'",
    schema={"type": ["number", "string"], "minimum": 0, "maximum": 1},
    plain=_NUMBERS,
)
positive_share = Kind(read=_positive, words="a share above 0, as in 0.1 or '10%'", schema=_SOME_NUMBER, plain=_NUMBERS)
factor = Kind(read=_factor, words="a factor above 0, as in 1.5 or '150%'", schema=_SOME_NUMBER, plain=_NUMBERS)
number = Kind(
    read=_above_zero(units.parse_number),
    words="a number above 0",
    schema={"type": "number", "exclusiveMinimum": 0},
    plain=_NUMBERS,
)
seconds = Kind(
    read=units.parse_seconds,
    words="a time, as in '30s', or a number of seconds",
    schema={"type": ["number", "string"], "minimum": 0},
    plain=_NUMBERS,
)
positive_seconds = Kind(
    read=_positive_duration, words="a time above 0, as in '20ms'", schema=_SOME_NUMBER, plain=_NUMBERS
)
limited_seconds = Kind(
    read=_above_zero(units.parse_seconds), words="a time above 0, as in '10min'", schema=_SOME_NUMBER, plain=_NUMBERS
)
dollars = Kind(
    read=_above_zero(units.parse_dollars), words="an amount, as in '$0.50'", schema=_SOME_NUMBER, plain=_NUMBERS
)
policy = _one_of(POLICIES, "is not a policy")
ci = _one_of(CIS, "is no CI")
mode = _one_of(WORKERS, "is nothing that workers do")
http_version = Kind(
    read=_http_version, words=" or ".join(map(repr, http_versions.KNOWN)), schema={"enum": list(http_versions.KNOWN)}
)
measured = _several(_measured, "a list of metrics, as in [ttfo, tpot]")
percentiles = _several(_percentile, f"a list of {', '.join(PERCENTILES)}")
gated = _several(_gated, "a list of metrics, as in [ttft, e2e], or none")
limits = _several(_limit, "a list of limits, as in ['ttft.p95 < 800ms']")
beside = Kind(
    read=_beside,
    words="a model or a base URL",
    schema={"type": "string", "minLength": 1},
)
