"""What the headers of an answer say of rate limits: how long to wait, and what is left.

Providers fill their limits evenly: a limit that lacks 30 of 60 requests and is full again in
30 s fills by one request a second, whether its name speaks of minutes or of days. So what is read
is what is left and how fast it fills, and never a rate for a period that the headers do not name.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Headers = Sequence[tuple[str, str]]
Counted = Literal["requests", "tokens"]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_MOMENTS_FROM = 1e9  # a plain number so large is a moment of this century and not a time to wait
_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One limit as an answer states it; ``per_s`` is ``None`` where it is full and its speed shows in nothing."""

    counted: Counted
    limit: float
    remaining: float
    per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """One row: the headers in which providers state one limit."""

    counted: Counted
    limit: str
    remaining: str
    reset: str


# OpenAI, Azure OpenAI and Groq share their names; to add a provider's, add its rows.
_NAMES = (
    _Names(
        counted="requests",
        limit="x-ratelimit-limit-requests",
        remaining="x-ratelimit-remaining-requests",
        reset="x-ratelimit-reset-requests",
    ),
    _Names(
        counted="tokens",
        limit="x-ratelimit-limit-tokens",
        remaining="x-ratelimit-remaining-tokens",
        reset="x-ratelimit-reset-tokens",
    ),
    _Names(
        counted="requests",
        limit="anthropic-ratelimit-requests-limit",
        remaining="anthropic-ratelimit-requests-remaining",
        reset="anthropic-ratelimit-requests-reset",
    ),
    _Names(
        counted="tokens",
        limit="anthropic-ratelimit-tokens-limit",
        remaining="anthropic-ratelimit-tokens-remaining",
        reset="anthropic-ratelimit-tokens-reset",
    ),
)


_READ = frozenset({"date", "retry-after", "retry-after-ms"}).union(
    *({each.limit, each.remaining, each.reset} for each in _NAMES)
)


def relevant(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return the headers that are read here."""
    return tuple(each for each in headers if each[0] in _READ)


def allowances(headers: Headers) -> tuple[Allowance, ...]:
    """Return the limits that an answer states in full; one whose headers cannot be read is left out."""
    known = dict(headers)
    return tuple(found for names in _NAMES if names.limit in known and (found := _allowance(names, known)) is not None)


def retry_after_s(headers: Headers) -> float | None:
    """Return how long the answer asks to wait, ``None`` where it does not say so in a way that can be read."""
    known = dict(headers)
    milliseconds = _number(known.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = known.get("retry-after")
    plain = _number(text)
    if plain is not None or text is None:
        return plain
    try:
        return _until(parsedate_to_datetime(text), known)
    except (ValueError, OverflowError):
        return None


def _allowance(names: _Names, known: Mapping[str, str]) -> Allowance | None:
    limit, remaining = _number(known.get(names.limit)), _number(known.get(names.remaining))
    reset_s = _reset_s(known.get(names.reset, ""), known)
    if not limit or remaining is None or reset_s is None:
        return None
    full = remaining >= limit or reset_s <= 0
    return Allowance(
        counted=names.counted,
        limit=limit,
        remaining=limit if full else remaining,
        per_s=None if full else (limit - remaining) / reset_s,
    )


def _number(text: str | None) -> float | None:
    """Read a number that is neither negative nor endless."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _reset_s(text: str, known: Mapping[str, str]) -> float | None:
    """Read ``6m0s``, ``7.66s``, ``12`` (seconds) or a moment: ``2026-03-02T09:15:00Z``, or seconds since 1970."""
    plain = _number(text)
    if plain is not None and plain < _MOMENTS_FROM:
        return plain
    match = _DURATION.fullmatch(text)
    try:
        if match is not None and text:
            return math.fsum(float(part) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True) if part)
        moment = datetime.fromisoformat(text) if plain is None else datetime.fromtimestamp(_epoch_s(plain), UTC)
        return _until(moment, known)
    except (ValueError, OverflowError, OSError):
        return None


def _epoch_s(stamp: float) -> float:
    """Return seconds since 1970, which some servers write in milliseconds."""
    return stamp / 1000 if stamp >= 1000 * _MOMENTS_FROM else stamp


def _until(moment: datetime, known: Mapping[str, str]) -> float:
    """Return the seconds up to a moment by the server's own clock, which may differ from this machine's."""
    try:
        now = parsedate_to_datetime(known["date"])
    except (KeyError, ValueError, OverflowError):
        now = datetime.now(UTC)
    left = moment.replace(tzinfo=moment.tzinfo or UTC) - now.replace(tzinfo=now.tzinfo or UTC)
    return max(0.0, left.total_seconds())
