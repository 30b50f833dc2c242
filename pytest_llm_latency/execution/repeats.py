"""Reads without a parser what a stream repeats: the events that are equal but for their text.

An answer of fifty tokens comes as fifty such events, and a library's parser builds its objects for
each of them. When two events were read as their text alone, and what stands before and after that
text was the same in both, an event with the same before and after is read by their example.
"""

from pytest_llm_latency.execution.delta import Delta

_FIRST_PRINTABLE = " "  # a JSON text holds control characters in escaped form only


class Repeats:
    """What one stream repeats; learns from the events that the parser has read."""

    def __init__(self) -> None:
        self._frame: tuple[str, str] | None = None
        self._seen_once: tuple[str, str] | None = None

    def text(self, data: str) -> str | None:
        """Return the text of an event that repeats an example, ``None`` for any other event."""
        if self._frame is None:
            return None
        before, after = self._frame
        text = data[len(before) : len(data) - len(after)]
        fits = data.startswith(before) and data.endswith(after) and _is_plain(text)
        return text if fits else None

    def learn(self, data: str, delta: Delta) -> None:
        """Take an event that the parser has read, where it said its text and nothing else."""
        if not _is_text_alone(delta) or not _is_plain(delta.content):
            return
        before, quoted, after = data.partition(f'"{delta.content}"')
        if not quoted or quoted in after:  # where the text stands cannot be told
            return
        frame = (f'{before}"', f'"{after}')
        self._frame = frame if frame == self._seen_once else self._frame
        self._seen_once = frame


def _is_plain(text: str) -> bool:
    """Whether a text stands in JSON as it is: nothing in it is escaped."""
    return bool(text) and '"' not in text and "\\" not in text and min(text) >= _FIRST_PRINTABLE


def _is_text_alone(delta: Delta) -> bool:
    return not (delta.reasoning or delta.tool_calls or delta.finish_reason) and delta.usage is None
