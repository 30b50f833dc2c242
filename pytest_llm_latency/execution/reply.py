"""What ``llm(...)`` returns. Nothing is decoded before a test body looks at it."""

import functools
from collections.abc import Callable
from typing import Any

from pytest_llm_latency.model import Decoded, Recording, ToolCall, Usage


class Reply:
    """The answer to one call. Each attribute is decoded on first use and kept."""

    def __init__(self, recording: Recording, decode: Callable[[Recording], Decoded]) -> None:
        self._recording = recording
        self._decode = decode

    @functools.cached_property
    def _decoded(self) -> Decoded:
        return self._decode(self._recording)

    @property
    def text(self) -> str:
        """The content; empty when the model only called tools."""
        return self._decoded.text

    @property
    def reasoning(self) -> str:
        """The reasoning that the provider showed; empty when it showed none."""
        return self._decoded.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, each with ``id``, ``name`` and ``arguments`` (JSON text)."""
        return self._decoded.tool_calls

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped, in OpenAI's words."""
        return self._decoded.finish_reason

    @property
    def model(self) -> str | None:
        """The model that the provider says it served."""
        return self._decoded.served_model

    @property
    def usage(self) -> Usage | None:
        """Token counts as the provider stated them."""
        return self._decoded.usage

    @property
    def cost(self) -> float | None:
        """US dollars by the local price map; ``None`` for a model without a price."""
        return self._decoded.cost_usd

    @property
    def embeddings(self) -> tuple[tuple[float, ...], ...]:
        """The vectors of ``llm.embed``, one for each text."""
        return self._decoded.embeddings

    @property
    def items(self) -> list[dict[str, Any]]:
        """The answer as items, to append to the input of the next ``llm.respond``."""
        said = [{"role": "assistant", "content": self.text}] if self.text else []
        calls = (
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
            for call in self.tool_calls
        )
        return [*said, *calls]

    @property
    def message(self) -> dict[str, Any]:
        """The answer as a message, to append to a conversation."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message

    def __repr__(self) -> str:
        return f"<Reply {self._recording.status}, HTTP {self._recording.http_status}, {self._recording.request.model}>"
