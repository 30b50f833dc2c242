"""What a reader of answers is, and reading JSON that may be anything."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_llm_latency.execution.delta import Delta
from pytest_llm_latency.model import Usage

Json = Mapping[str, object]


class Dialect(typing.Protocol):
    """Reads one answer: its events one after another, or the one document that it is.

    Both raise ``ValueError`` for what cannot be read and ``ReportedError`` for an error that the
    provider tells of.
    """

    def event(self, chunk: Json) -> Delta | None:
        """Return what one event says; ``None`` where it says nothing."""

    def answer(self, document: Json) -> Delta:
        """Return what a whole answer says."""


Reader = Callable[[], Dialect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """A dialect in which no event depends on those before it."""

    event: Callable[[Json], Delta | None]
    answer: Callable[[Json], Delta]


def mapping(value: object) -> Json:
    """Return a mapping, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Json]:
    """Return the mappings in a list, an empty list for anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int | None:
    """Return a number as a count, ``None`` for anything else: Cohere's counts are floats."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(value) if is_number and isinstance(value, int | float) and abs(value) < 2**53 else None


def usage(tokens_in: object, tokens_out: object) -> Usage | None:
    """Return the usage that states these two counts alone; ``None`` where neither is one."""
    inputs, outputs = count(tokens_in), count(tokens_out)
    if inputs is None and outputs is None:
        return None
    return Usage(
        tokens_in=inputs,
        tokens_out=outputs,
        tokens_reasoning=None,
        tokens_cached=None,
        tokens_cache_written=None,
        source="usage",
    )
