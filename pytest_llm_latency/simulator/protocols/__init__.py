"""The protocols that the simulator speaks: a module each, a row each in ``PROTOCOLS``."""

import typing
from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.simulator.answers import Answer, Facts, Piece, Question, Refusal
from pytest_llm_latency.simulator.protocols import anthropic, gemini, openai


class Protocol(typing.Protocol):
    """How one provider is asked and answers: what each module of this folder has."""

    @property
    def PATHS(self) -> tuple[str, ...]:  # noqa: N802  (a module's constant)
        """The server's routes; ``{call}`` in one is handed to ``question``."""

    @property
    def API_BASE(self) -> str:  # noqa: N802  (a module's constant)
        """What follows the server's URL in litellm's ``api_base``."""

    @property
    def ENVIRONMENT(self) -> tuple[str, str]:  # noqa: N802  (a module's constant)
        """The variables for ``api_base`` and for the key."""

    @property
    def JSON(self) -> str:  # noqa: N802  (a module's constant)
        """The content type of an answer that is not streamed."""

    @property
    def EVENTS(self) -> str:  # noqa: N802  (a module's constant)
        """The content type of a stream."""

    def question(self, body: Mapping[str, object], call: str) -> Question:
        """Read a request's body; raise ``QuestionError`` for what the provider refuses."""

    def events(self, answer: Answer) -> list[Piece]:
        """Return the events of a stream."""

    def document(self, answer: Answer) -> bytes:
        """Return the body of an answer that is not streamed."""

    def headers(self, facts: Facts) -> dict[str, str]:
        """Return the headers that come with every response."""

    def error(self, refusal: Refusal) -> bytes:
        """Return the body of an error response."""

    def error_event(self, message: str) -> bytes:
        """Return the event with which a stream that began well reports an error."""


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({"openai": openai, "anthropic": anthropic, "gemini": gemini})
