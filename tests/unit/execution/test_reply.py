"""A reply decodes when it is looked at, once."""

import json

from pytest_llm_latency.execution.reply import Reply
from pytest_llm_latency.model import Decoded, Recording, ToolCall
from recordings import decoded, recording, request


def test_nothing_is_decoded_before_a_body_looks_and_then_once() -> None:
    """A body that ignores its reply costs nothing."""
    looks: list[Recording] = []

    def decode(record: Recording) -> Decoded:
        looks.append(record)
        return decoded()

    reply = Reply(recording(), decode)
    assert repr(reply) == "<Reply ok, HTTP 200, openai/gpt-4o-mini>"
    assert looks == []
    assert (reply.text, reply.text, reply.finish_reason) == ("Hello", "Hello", "stop")
    assert len(looks) == 1


def test_every_attribute_says_what_was_decoded() -> None:
    """In the words of the docs."""
    said = decoded(reasoning="hm")
    reply = Reply(recording(), lambda _: said)
    assert (reply.reasoning, reply.model, reply.usage, reply.cost) == (
        "hm",
        said.served_model,
        said.usage,
        said.cost_usd,
    )
    assert reply.tool_calls == ()
    assert reply.message == {"role": "assistant", "content": "Hello"}


def test_a_reply_that_calls_tools_continues_a_conversation() -> None:
    """Its message is what providers expect back, and travels as JSON."""
    call = ToolCall(id="call-1", name="weather", arguments='{"city": "Oslo"}')
    reply = Reply(recording(), lambda _: decoded(text="", tool_calls=(call,)))
    assert json.loads(json.dumps(reply.message)) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        ],
    }


def test_a_reply_shows_no_parameters() -> None:
    """A key given to a call is one."""
    reply = Reply(recording(request=request(parameters={"api_key": "s3cr3t"})), lambda _: decoded())
    assert "s3cr3t" not in repr(reply)
