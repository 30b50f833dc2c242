"""How each protocol says that a streamed answer is whole.

Each function gets one event of the stream, ``None`` for OpenAI's ``[DONE]``, and says whether it
is the protocol's own end.
"""

from pytest_llm_latency.execution.decode import Json


def openai_ends(chunk: Json | None) -> bool:
    """Whether this is ``[DONE]`` or a choice with its finish reason."""
    return chunk is None or any(choice.get("finish_reason") for choice in _objects(chunk, "choices"))


def responses_end(event: Json | None) -> bool:
    """Whether a response is completed, was cut off, or has failed."""
    return event is not None and event.get("type") in {"response.completed", "response.incomplete", "response.failed"}


def anthropic_ends(chunk: Json | None) -> bool:
    """Whether this is the ``message_stop`` event."""
    return chunk is not None and chunk.get("type") == "message_stop"


def gemini_ends(chunk: Json | None) -> bool:
    """Whether a candidate has its finish reason, or the prompt was blocked."""
    return chunk is not None and (
        _is_blocked(chunk) or any(candidate.get("finishReason") for candidate in _objects(chunk, "candidates"))
    )


def _is_blocked(chunk: Json) -> bool:
    feedback = chunk.get("promptFeedback")
    return isinstance(feedback, dict) and "blockReason" in feedback


def _objects(chunk: Json, name: str) -> list[Json]:
    found = chunk.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
