"""The nouns of LLM-Test-Bench's files, and how a template becomes a prompt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


class Answer(Protocol):
    """What a scenario checks: a reply has it."""

    @property
    def text(self) -> str:
        """The content of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One test case, rendered. ``parameters`` are litellm's, as ``llm(...)`` takes them.

    ``expected`` is a text that the answer should contain, ``references`` are others.
    """

    id: str
    prompt: str
    parameters: Mapping[str, object]
    category: str | None
    expected: str | None
    references: tuple[str, ...]

    def check(self, reply: Answer) -> None:
        """Raise ``AssertionError`` where the answer lacks what is expected; one that expects nothing passes."""
        if self.expected is not None and self.expected not in reply.text:
            raise AssertionError(f"the answer to {self.id} does not contain {self.expected!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario with what its file says of the measuring: ``arguments`` are the marker's.

    ``id`` is that of the test, which names the provider too where a file has several.
    """

    id: str
    scenario: Scenario
    arguments: Mapping[str, object]


def missing(template: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that a template names and nobody gives, each once, in the order of their names."""
    return tuple(sorted({name for name in _VARIABLE.findall(template) if name not in variables}))


def render(template: str, variables: Mapping[str, str]) -> str:
    """Return a template with each ``{{word}}`` replaced once: what a value contains is not looked at again."""
    return _VARIABLE.sub(lambda match: variables[match[1]], template)
