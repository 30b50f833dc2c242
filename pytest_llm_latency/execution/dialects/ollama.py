"""Ollama's chat and generate.

litellm's parser of ``generate`` keeps back what begins like JSON until the end, which would make
it all one late event, and takes any end for a stop; that of ``chat`` takes several calls for one.
"""

import json
import re
import uuid

from pytest_llm_latency.execution.delta import Delta, ReportedError, ToolCallDelta
from pytest_llm_latency.execution.dialects.reading import Json, mapping, mappings, text, usage

_TAG = re.compile(r"(</?think>)")


class Lines:
    """Reads the lines of one answer, or the one document that it is."""

    def __init__(self) -> None:
        self._calls = 0
        self._is_thinking = False  # between the tags that some models write into their text

    def event(self, line: Json) -> Delta:
        """Return what one line says; ``ValueError`` for one that is not Ollama's."""
        if not isinstance(line.get("done"), bool):
            raise ValueError("it does not say whether it is the last")  # noqa: TRY004  (the data is wrong, not a type)
        message = mapping(line.get("message"))
        content, thought = self._parted(text(message.get("content")) or text(line.get("response")))
        calls = tuple(self._call(each) for each in mappings(message.get("tool_calls")))
        return Delta(
            content=content,
            reasoning=text(message.get("thinking")) + text(line.get("thinking")) + thought,
            tool_calls=calls,
            finish_reason=self._finish(line) if line["done"] else None,
            served_model=text(line.get("model")) or None,
            usage=usage(line.get("prompt_eval_count"), line.get("eval_count")),
        )

    def answer(self, document: Json) -> Delta:
        """Return what a whole answer says."""
        if document.get("error"):
            raise ReportedError(text(document["error"]))
        return self.event(document)

    def _parted(self, said: str) -> tuple[str, str]:
        content: list[str] = []
        thought: list[str] = []
        for part in _TAG.split(said):
            if _TAG.fullmatch(part):
                self._is_thinking = part == "<think>"
            else:
                (thought if self._is_thinking else content).append(part)
        return "".join(content), "".join(thought)

    def _call(self, call: Json) -> ToolCallDelta:
        function = mapping(call.get("function"))
        arguments = function.get("arguments")
        index, self._calls = self._calls, self._calls + 1
        return ToolCallDelta(
            index=index,
            id=text(call.get("id")) or f"call_{uuid.uuid4().hex}",  # a result must name its call
            name=text(function.get("name")) or None,
            arguments=arguments if isinstance(arguments, str) else json.dumps(mapping(arguments)),
        )

    def _finish(self, line: Json) -> str:
        return "tool_calls" if self._calls else text(line.get("done_reason")) or "stop"


def ends(chunk: Json | None) -> bool:
    """Whether this is the line that says so."""
    return chunk is not None and chunk.get("done") is True
