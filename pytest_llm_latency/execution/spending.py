"""What a request is expected to use up, and what it did use up: tokens and dollars.

An answer is decoded when the run is over. Where a budget or a limit of tokens must know earlier,
the few events of a stream that state its usage are decoded at once, which takes about as long as
four deltas do; an answer that states none is decoded in whole.
"""

import functools
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_llm_latency.execution import sse
from pytest_llm_latency.execution.client import Client
from pytest_llm_latency.model import Decoded, Recording, Request

_CHARACTERS_PER_TOKEN = 4
_ACCOUNT = ("api_key", "api_base", "base_url", "organization", "api_version")
_MOST_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_LAST_EVENTS = 3
_NOT_BEGUN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one or several requests use up; ``dollars`` is ``None`` where a price is not known."""

    tokens: float
    dollars: float | None


NOTHING = Use(tokens=0.0, dollars=0.0)


@dataclass(slots=True, kw_only=True)
class Spent:
    """What answers are known to have cost while a benchmark is measured; ``dollars`` is ``None`` without a price."""

    answers: int = 0
    dollars: float | None = 0.0

    def add(self, used: Use, *, answered: bool) -> None:
        """Take note of a request; one without an answer may cost something too."""
        self.answers += answered
        self.dollars = None if self.dollars is None or used.dollars is None else self.dollars + used.dollars


@dataclass(slots=True, kw_only=True)
class _Seen:
    """The answers of one key so far."""

    answers: int = 0
    tokens: float = 0.0
    dollars: float = 0.0


class Expectations:
    """What the requests of each key have used up on average: the best guess of the next one's use."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, _Seen] = defaultdict(_Seen)

    def known(self, key: str) -> bool:
        """Whether an answer of this key has been seen."""
        return self._seen[key].answers > 0

    def of(self, request: Request, key: str) -> Use:
        """Return the mean of the answers before, or a guess from the request where there are none."""
        guessed = Use(tokens=tokens_in(request) + (most_tokens_out(request) or 0.0), dollars=0.0)
        return self.mean(key) or guessed

    def mean(self, key: str) -> Use | None:
        """Return the mean of the answers, ``None`` where there are none."""
        seen = self._seen[key]
        return Use(tokens=seen.tokens / seen.answers, dollars=seen.dollars / seen.answers) if seen.answers else None

    def claimed(self, request: Request, key: str) -> float:
        """Return the tokens that a provider counts when a request comes in: all that it may answer with."""
        most = most_tokens_out(request)
        return self.of(request, key).tokens if most is None else tokens_in(request) + most

    def note(self, key: str, used: Use) -> None:
        """Take note of what an answer used up."""
        seen = self._seen[key]
        seen.answers += 1
        seen.tokens += used.tokens
        seen.dollars += used.dollars or 0.0


def account(request: Request) -> str:
    """Return what stands for the model, the endpoint and the account of a request, and shows no key."""
    return _digest(request.model, *(str(request.parameters.get(name)) for name in _ACCOUNT))


@functools.lru_cache(maxsize=64)
def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def tokens_in(request: Request) -> float:
    """Guess the tokens of a prompt from its characters."""
    return _characters(request.messages) / _CHARACTERS_PER_TOKEN


def most_tokens_out(request: Request) -> float | None:
    """Return the bound of the output that a request states."""
    stated = (request.parameters.get(name) for name in _MOST_TOKENS)
    return next((float(each) for each in stated if isinstance(each, int | float)), None)


def used(recording: Recording, client: Client, expected: Use) -> Use:
    """Return what a request used up.

    One that was refused or never left used nothing. Where an answer that broke off does not say what
    it used, it is taken to have used what was expected, and so is one that had not begun when it was
    given up: its provider may bill it.
    """
    if recording.http_status is None:
        return NOTHING if recording.stamps.send_end is None else expected
    if recording.http_status >= _NOT_BEGUN:
        return NOTHING
    decoded = client.decode(_excerpt(recording))
    if not _states_usage(decoded):
        decoded = client.decode(recording)
    usage, known = decoded.usage, decoded.cost_usd
    if usage is None or usage.tokens_in is None or usage.tokens_out is None:
        whole = recording.status == "ok" and decoded.status == "ok"
        tokens = max(expected.tokens, tokens_in(recording.request) + len(recording.pieces))
        return Use(tokens=tokens, dollars=None if whole else expected.dollars)
    return Use(tokens=float(usage.tokens_in + usage.tokens_out), dollars=known)


def _states_usage(decoded: Decoded) -> bool:
    usage = decoded.usage
    return usage is not None and usage.source == "usage" and None not in {usage.tokens_in, usage.tokens_out}


def _excerpt(recording: Recording) -> Recording:
    """Return the first event and the last ones of a stream, in which every provider states its usage."""
    if not recording.request.parameters.get("stream") or len(recording.pieces) <= _LAST_EVENTS + 1:
        return recording
    try:
        body = sse.body(recording)
    except ValueError:
        return recording
    end = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    first, _, rest = body.partition(end)
    last = rest.rsplit(end, _LAST_EVENTS + 1)[1:]
    return replace(
        recording,
        headers=tuple(each for each in recording.headers if each[0] != "content-encoding"),
        pieces=(end.join([first, *last]),),
        piece_ns=recording.piece_ns[-1:],
    )


def _characters(value: object) -> int:
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value)  # an image is no text
    if isinstance(value, Mapping):
        return sum(_characters(each) for name, each in value.items() if name not in {"role", "type"})
    return sum(map(_characters, value)) if isinstance(value, Sequence) else 0
