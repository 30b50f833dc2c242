"""What the simulator says as Bedrock: AWS's own decoder reads its frames, and its models' formats are theirs."""

import base64
import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from pytest_llm_latency.simulator.answers import Answer, Facts, Piece, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import bedrock, bedrock_models
from pytest_llm_latency.simulator.routes import Asked, Call

USER = {"role": "user", "content": [{"text": "Say something, please."}]}
SPEC = {"name": "weather", "inputSchema": {"json": {"type": "object", "required": ["city"]}}}
THOUGHTFUL = Profile(output_tokens=2, reasoning_tokens=1, cached_share=0.5)


def converse(profile: Profile | None = None, **body: object) -> Answer:
    """Return what is answered to a conversation."""
    call = Call(fields={"messages": [USER], **body}, parameters={"model": "m"})
    return answer(bedrock.converse_question(call, stream=True), profile or Profile(output_tokens=2))


def invoke(model: str, profile: Profile | None = None, *, stream: bool = True, **body: object) -> Answer:
    """Return what a model answers in its own format."""
    call = Call(fields=body, parameters={"model": model})
    return answer(bedrock_models.question(call, stream=stream), profile or Profile(output_tokens=2))


def messages(pieces: list[Piece]) -> list[tuple[str, dict[str, Any]]]:
    """Return name and payload of each frame, as AWS's own library reads them."""
    buffer = EventStreamBuffer()
    found = []
    for piece in pieces:
        buffer.add_data(piece.data)
        (message,) = list(buffer)
        found.append((message.headers[":event-type"], json.loads(message.payload)))
    return found


def test_a_conversation_has_the_documented_order_of_events() -> None:
    """Blocks of text open without an event; the metadata come last."""
    said = messages(bedrock.converse_events(converse(THOUGHTFUL)))
    assert [name for name, _ in said] == [
        "messageStart",
        *["contentBlockDelta"] * 2,
        "contentBlockStop",
        *["contentBlockDelta"] * 2,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert said[1][1]["delta"] == {"reasoningContent": {"text": "First"}}
    assert "signature" in said[2][1]["delta"]["reasoningContent"]
    assert said[4][1] == {"contentBlockIndex": 1, "delta": {"text": "The"}, "p": "abcdefgh"}
    assert said[-2][1]["stopReason"] == "end_turn"
    usage = said[-1][1]["usage"]
    assert usage["inputTokens"] + usage["cacheReadInputTokens"] == 7
    assert (usage["outputTokens"], usage["totalTokens"]) == (3, 10)


def test_a_call_comes_in_parts() -> None:
    """It opens with its name."""
    said = messages(bedrock.converse_events(converse(toolConfig={"tools": [{"toolSpec": SPEC}]})))
    assert said[1][0] == "contentBlockStart"
    assert said[1][1]["start"]["toolUse"]["name"] == "weather"
    parts = [payload["delta"]["toolUse"]["input"] for name, payload in said if name == "contentBlockDelta"]
    assert json.loads("".join(parts)) == {"city": None}
    assert said[-2][1]["stopReason"] == "tool_use"


def test_the_tool_that_is_named_is_called() -> None:
    """And none after a result."""
    tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in ("a", "b")]
    config = {"tools": tools, "toolChoice": {"tool": {"name": "b"}}}
    tool = converse(toolConfig=config).question.tool
    assert tool is not None
    assert tool.name == "b"
    result = {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": []}}]}
    assert converse(messages=[USER, result], toolConfig=config).question.tool is None


def test_a_whole_conversation_is_one_message() -> None:
    """With its usage."""
    said = json.loads(bedrock.converse_document(converse(THOUGHTFUL)))
    thought, text = said["output"]["message"]["content"]
    assert (thought["reasoningContent"]["reasoningText"]["text"], text) == ("First", {"text": "The simulated"})
    assert said["usage"]["outputTokens"] == 3
    said = json.loads(bedrock.converse_document(converse(toolConfig={"tools": [{"toolSpec": SPEC}]})))
    assert said["output"]["message"]["content"][0]["toolUse"]["input"] == {"city": None}


def test_anthropics_own_events_are_wrapped() -> None:
    """Without the ping; the last has what Bedrock counted."""
    user = {"role": "user", "content": "Say something, please."}
    said = messages(bedrock_models.events(invoke("us.anthropic.claude", messages=[user], max_tokens=9)))
    assert {name for name, _ in said} == {"chunk"}
    inner = [json.loads(base64.b64decode(payload["bytes"])) for _, payload in said]
    assert [each["type"] for each in inner][:2] == ["message_start", "content_block_start"]
    assert "ping" not in {each["type"] for each in inner}
    assert inner[-1]["type"] == "message_stop"
    assert inner[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 2


def test_metas_own_chunks_are_wrapped() -> None:
    """The first counts the prompt."""
    said = messages(bedrock_models.events(invoke("meta.llama", prompt="Say something, please.", max_gen_len=1)))
    first, last = (json.loads(base64.b64decode(payload["bytes"])) for _, payload in said)
    assert (first["generation"], first["prompt_token_count"], first["stop_reason"]) == ("The", 6, None)
    assert (last["generation"], last["generation_token_count"], last["stop_reason"]) == ("", 1, "length")
    assert last["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == 6
    whole = json.loads(bedrock_models.document(invoke("meta.llama", prompt="Say something, please.", stream=False)))
    assert (whole["generation"], whole["generation_token_count"]) == ("The simulated", 2)


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [("cohere.command", {}, "cohere.command is not simulated"), ("meta.llama", {}, r"required key \[prompt\]")],
)
def test_what_cannot_be_answered_is_refused(model: str, body: dict[str, object], words: str) -> None:
    """In words."""
    with pytest.raises(QuestionError, match=words):
        invoke(model, **body)
    with pytest.raises(QuestionError, match="must start with a user message"):
        converse(messages=[])


def test_errors_have_awss_shape() -> None:
    """The kind stands in a header, and in the frame of a stream."""
    assert json.loads(bedrock.error(Refusal(status=429, message="no"))) == {"message": "no"}
    refused = bedrock.headers(Facts(request_id="1", model="m", processing_s=0.1, status=429))
    assert refused["x-amzn-errortype"].startswith("ThrottlingException:")
    buffer = EventStreamBuffer()
    buffer.add_data(bedrock.error_event("no"))
    (message,) = list(buffer)
    assert (message.headers[":message-type"], message.headers[":exception-type"]) == (
        "exception",
        "modelStreamErrorException",
    )


def test_headers_tell_of_whole_answers_alone() -> None:
    """The time and the tokens."""
    facts = Facts(request_id="1", model="m", processing_s=0.5, prompt_tokens=7, output_tokens=2)
    told = bedrock.headers(facts)
    assert told["x-amzn-bedrock-invocation-latency"] == "500"
    assert told["x-amzn-bedrock-output-token-count"] == "2"
    assert bedrock.headers(Facts(request_id="1", model="m", processing_s=0.5, stream=True)) == {"x-amzn-requestid": "1"}


def test_whether_it_is_a_stream_is_told_by_the_path() -> None:
    """Nothing in the body says so."""
    call = Call(fields={"messages": [USER]}, parameters={"model": "m"})
    routes = [route for route in bedrock.ROUTES if isinstance(route, Asked) and "converse" in route.path]
    assert {route.path.rpartition("/")[2]: route.question(call).stream for route in routes} == {
        "converse-stream": True,
        "converse": False,
    }
