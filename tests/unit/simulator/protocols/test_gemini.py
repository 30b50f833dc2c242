"""What the simulator says as Gemini follows the reference of generateContent."""

import json

import pytest

from pytest_llm_latency.simulator.answers import Answer, Facts, QuestionError, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import gemini
from pytest_llm_latency.simulator.routes import Call

USER = {"role": "user", "parts": [{"text": "Say something, please."}]}
SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
TOOL = {"functionDeclarations": [{"name": "weather", "parameters": SCHEMA}]}
STREAM = "gemini-2.0-flash:streamGenerateContent"


def ask(profile: Profile | None = None, call: str = STREAM, **body: object) -> Answer:
    """Return what is answered to a request's body."""
    asked = Call(fields={"contents": [USER], **body}, parameters={"call": call})
    return answer(gemini.question(asked), profile or Profile(output_tokens=3))


def events(said: Answer) -> list[dict[str, object]]:
    """Return the events' JSON, after checks of the framing, which has Google's line ends."""
    texts = [piece.data.decode() for piece in gemini.events(said)]
    assert all(text.startswith("data: ") and text.endswith("}\r\n\r\n") for text in texts)
    return [json.loads(text.removeprefix("data: ")) for text in texts]


def text_of(event: dict[str, object]) -> str:
    """Return the text of an event's only part."""
    return event["candidates"][0]["content"]["parts"][0]["text"]


def test_each_event_of_a_stream_is_a_response_of_its_own() -> None:
    """Each has candidates, usage so far, the model's version and the same id."""
    found = events(ask())
    assert "".join(text_of(event) for event in found) == "The simulated model"
    assert {event["modelVersion"] for event in found} == {"gemini-2.0-flash"}
    assert len({event["responseId"] for event in found}) == 1
    assert [event["usageMetadata"]["candidatesTokenCount"] for event in found] == [1, 2, 3]
    assert all(event["candidates"][0]["content"]["role"] == "model" for event in found)


def test_the_last_event_alone_has_the_finish_reason() -> None:
    """There is no end mark."""
    found = events(ask())
    assert [event["candidates"][0].get("finishReason") for event in found] == [None, None, "STOP"]
    usage = found[-1]["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + 3


def test_every_piece_is_generated_output() -> None:
    """Nothing comes before the first token."""
    pieces = gemini.events(ask())
    assert [(piece.kind, piece.step) for piece in pieces] == [("c", 0), ("c", 1), ("c", 2)]


def test_a_function_call_comes_whole_in_one_event() -> None:
    """Its arguments are an object."""
    said = ask(tools=[TOOL])
    (event,) = events(said)
    candidate = event["candidates"][0]
    assert candidate["content"]["parts"] == [{"functionCall": {"name": "weather", "args": {"city": "text"}}}]
    assert candidate["finishReason"] == "STOP"
    assert [piece.kind for piece in gemini.events(said)] == ["t"]


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [USER, {"parts": [{"functionResponse": {"name": "weather", "response": {}}}]}]},
        {"contents": [USER, {"parts": [{"function_response": {"name": "weather", "response": {}}}]}]},
        {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
    ],
)
def test_a_functions_response_or_a_refused_function_is_answered_with_text(body: dict[str, object]) -> None:
    """So that a round trip ends."""
    assert ask(tools=[TOOL], **body).finish == "stop"


@pytest.mark.parametrize(
    "options",
    [{"generationConfig": {"maxOutputTokens": 2}}, {"generation_config": {"max_output_tokens": 2}}],
)
def test_the_requests_own_bound_cuts_the_answer(options: dict[str, object]) -> None:
    """Google's JSON knows both spellings."""
    found = events(ask(**options))
    assert len(found) == 2
    assert found[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_an_answer_that_is_not_streamed_is_one_response() -> None:
    """The method in the path decides."""
    said = ask(call="gemini-2.0-flash:generateContent")
    assert not said.question.stream
    assert text_of(json.loads(gemini.document(said))) == "The simulated model"


@pytest.mark.parametrize(("call", "message"), [("gemini:countTokens", "countTokens"), ("gemini", "not simulated")])
def test_other_methods_are_refused(call: str, message: str) -> None:
    """The message says which there are."""
    with pytest.raises(QuestionError, match=message):
        ask(call=call)


def test_a_request_without_contents_is_refused() -> None:
    """The message names the field."""
    with pytest.raises(QuestionError, match="contents"):
        ask(contents=[])


def test_a_refused_request_has_googles_shape() -> None:
    """When to retry is a detail of the error."""
    body = json.loads(gemini.error(Refusal(status=429, message="no", retry_after_s=1.5)))
    assert body["error"]["code"] == 429
    assert body["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert body["error"]["details"][0]["retryDelay"] == "1.5s"


def test_an_error_in_mid_stream_is_an_event() -> None:
    """It is framed as the others."""
    content = json.loads(gemini.error_event("no").decode().removeprefix("data: "))
    assert content == {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}


def test_the_headers_are_googles() -> None:
    """The processing time is in whole milliseconds."""
    headers = gemini.headers(Facts(request_id="1", model="gemini", processing_s=0.04))
    assert headers["server-timing"] == "gfet4t7; dur=40"


def test_thoughts_are_parts_that_say_so_and_are_counted_apart() -> None:
    """The candidates' tokens are those of the text."""
    said = ask(Profile(output_tokens=2, reasoning_tokens=4, tokens_per_chunk=2))
    found = events(said)
    assert [event["candidates"][0]["content"]["parts"][0].get("thought") for event in found] == [True, True, None]
    assert "".join(piece.kind for piece in gemini.events(said)) == "rrc"
    counts = [(each["usageMetadata"]["thoughtsTokenCount"], each["usageMetadata"]["totalTokenCount"]) for each in found]
    assert counts == [(2, 9), (4, 11), (4, 13)]
    thought, text = json.loads(gemini.document(said))["candidates"][0]["content"]["parts"]
    assert (thought["text"], text["text"]) == ("First the simulated model", "The simulated")


def test_cached_tokens_are_told_where_there_are_any() -> None:
    """They are part of the prompt's."""
    assert "cachedContentTokenCount" not in events(ask())[0]["usageMetadata"]
    assert events(ask(Profile(cached_share=1)))[0]["usageMetadata"]["cachedContentTokenCount"] == 7


def test_a_named_function_is_called() -> None:
    """Whatever its place among the declared ones."""
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["time"]}}
    said = ask(tools=[TOOL, {"functionDeclarations": [{"name": "time"}]}], toolConfig=config)
    assert said.question.tool is not None
    assert said.question.tool.name == "time"
