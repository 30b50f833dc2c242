"""What sets the servers apart that took over OpenAI's chat completions: places of usage, first events, errors."""

import json
from typing import Any

import pytest

from pytest_llm_latency.simulator.answers import Answer, Refusal, answer
from pytest_llm_latency.simulator.profiles import Profile
from pytest_llm_latency.simulator.protocols import PROTOCOLS, embeddings, responses
from pytest_llm_latency.simulator.routes import Asked, Call

PROFILE = Profile(output_tokens=2, reasoning_tokens=2, cached_share=0.5)
USER = {"role": "user", "content": "Say something, please."}


def chat(provider: str) -> Asked:
    """Return a provider's route of chats."""
    route = PROTOCOLS[provider].ROUTES[0]
    assert isinstance(route, Asked)
    return route


def streamed(provider: str, **body: object) -> str:
    """Return the whole stream of a provider's answer."""
    route = chat(provider)
    fields = {"model": "m", "messages": [USER], "stream": True, **body}
    said = answer(route.question(Call(fields=fields)), PROFILE)
    assert route.events is not None
    return b"".join(piece.data for piece in route.events(said)).decode()


def chunks(provider: str, **body: object) -> list[dict[str, Any]]:
    """Return the JSON of a stream's events before the end mark."""
    *events, done = [line[6:] for line in streamed(provider, **body).splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    return [json.loads(event) for event in events]


def deltas(provider: str) -> list[dict[str, Any]]:
    """Return the deltas of a stream."""
    return [choice["delta"] for chunk in chunks(provider) for choice in chunk["choices"]]


def test_azure_begins_with_the_prompts_filter_results() -> None:
    """In an event without choices; each choice has results of its own."""
    first, *others = chunks("azure")
    assert (first["choices"], first["model"]) == ([], "")
    assert first["prompt_filter_results"][0]["prompt_index"] == 0
    assert all("content_filter_results" in chunk["choices"][0] for chunk in others)


@pytest.mark.parametrize("provider", ["mistral", "together_ai"])
def test_the_last_choice_has_the_usage_unasked(provider: str) -> None:
    """Beside the finish reason."""
    last = chunks(provider)[-1]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == 4


def test_mistral_thinks_in_parts_of_the_content() -> None:
    """A list of parts in place of a text, streamed and whole."""
    thought = deltas("mistral")[1]["content"]
    assert thought == [{"type": "thinking", "thinking": [{"type": "text", "text": "First"}]}]
    route = chat("mistral")
    said = answer(route.question(Call(fields={"model": "m", "messages": [USER]})), PROFILE)
    content = json.loads(route.document(said))["choices"][0]["message"]["content"]
    assert [part["type"] for part in content] == ["thinking", "text"]


def test_groq_has_the_usage_in_a_place_of_its_own() -> None:
    """And again where it was asked for."""
    found = chunks("groq")
    assert found[0]["x_groq"]["id"].startswith("req_")
    assert found[-1]["x_groq"]["usage"]["total_time"] > 0
    assert "usage" not in found[-1]
    asked = chunks("groq", stream_options={"include_usage": True})[-1]
    assert (asked["choices"], asked["usage"]["completion_tokens"]) == ([], 4)


def test_openrouter_begins_with_comments_and_ends_with_the_usage() -> None:
    """Whose chunk has a choice."""
    assert streamed("openrouter").startswith(": OPENROUTER PROCESSING\n\n")
    last = chunks("openrouter")[-1]
    assert (last["choices"][0]["finish_reason"], last["usage"]["is_byok"]) == (None, False)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("together_ai", "reasoning"),
        ("openrouter", "reasoning"),
        ("groq", "reasoning"),
        ("hosted_vllm", "reasoning_content"),
        ("litellm_proxy", "reasoning_content"),
        ("llama.cpp", "reasoning_content"),
    ],
)
def test_reasoning_has_a_field_of_its_own(provider: str, name: str) -> None:
    """Of one name or the other."""
    assert "".join(delta.get(name) or "" for delta in deltas(provider)) == "First the"


def test_tgi_tells_the_role_with_each_delta() -> None:
    """And never alone."""
    found = deltas("tgi")
    assert [delta["role"] for delta in found] == ["assistant"] * len(found)
    assert found[0]["content"] == "The"


def test_llama_cpp_tells_its_own_timings_with_the_usage() -> None:
    """In numbers of milliseconds."""
    last = chunks("llama.cpp", stream_options={"include_usage": True})[-1]
    assert last["timings"]["predicted_n"] == last["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize(
    ("provider", "status", "expected"),
    [
        ("azure", 404, {"error": {"code": "DeploymentNotFound", "message": "no"}}),
        ("mistral", 401, {"detail": "no"}),
        (
            "mistral",
            429,
            {
                "object": "error",
                "message": "no",
                "type": "service_tier_capacity_exceeded",
                "param": None,
                "code": "3505",
            },
        ),
        ("openrouter", 429, {"error": {"message": "no", "code": 429}, "user_id": "user_simulator"}),
        ("hosted_vllm", 401, {"error": "no"}),
        ("tgi", 429, {"error": "no", "error_type": "overloaded"}),
        ("llama.cpp", 401, {"error": {"code": 401, "message": "no", "type": "authentication_error"}}),
        (
            "litellm_proxy",
            429,
            {
                "error": {
                    "message": "litellm.RateLimitError: no",
                    "type": "throttling_error",
                    "param": "None",
                    "code": "429",
                }
            },
        ),
    ],
)
def test_errors_have_the_providers_shape(provider: str, status: int, expected: dict[str, object]) -> None:
    """As its reference has it."""
    assert json.loads(PROTOCOLS[provider].error(Refusal(status=status, message="no"))) == expected


def test_a_responses_events_are_numbered_and_end_with_the_whole() -> None:
    """Each is named twice: for the stream and in itself."""
    fields = {"model": "m", "input": "Say something.", "stream": True}
    said: Answer = answer(responses.question(Call(fields=fields)), PROFILE)
    events = [piece.data.decode() for piece in responses.events(said)]
    read = [json.loads(event.split("data: ", 1)[1]) for event in events]
    assert [each["sequence_number"] for each in read] == list(range(len(read)))
    assert all(event.startswith(f"event: {each['type']}\n") for event, each in zip(events, read, strict=True))
    assert [item["type"] for item in read[-1]["response"]["output"]] == ["reasoning", "message"]
    assert read[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}


def test_a_vector_is_the_same_each_time_and_in_both_forms() -> None:
    """So that what is read can be compared."""
    fields = {"model": "m", "input": ["one", "two"], "dimensions": 3}
    asked = embeddings.question(Call(fields=fields))
    assert embeddings.vectors(asked) == embeddings.vectors(asked)
    packed = embeddings.question(Call(fields={**fields, "encoding_format": "base64"}))
    (one, _) = json.loads(embeddings.document(answer(packed, PROFILE)))["data"]
    assert isinstance(one["embedding"], str)
    assert len(one["embedding"]) == 16  # three numbers of four bytes
