"""A method and a path lead to a route; a path's parameters arrive decoded."""

import pytest

from pytest_llm_latency.simulator.routes import Found, Router, example, malformed_data

PATHS = (
    ("POST", "/v1/messages"),
    ("POST", "/openai/deployments/{model}/chat/completions"),
    ("POST", "/model/{model}/converse-stream"),
    ("POST", "/{version:v1beta|v1}/models/{call}"),
    ("POST", "/v1/models/{model*}/predictions"),
    ("GET", "/v1/predictions/{id}"),
    ("DELETE", "/v1/predictions/{id}"),
)


def find(method: str, path: str) -> Found[str]:
    """Look a path up in a router whose targets are the patterns."""
    router: Router[str] = Router()
    for each_method, pattern in PATHS:
        router.add(each_method, pattern, pattern)
    return router.find(method, path)


@pytest.mark.parametrize(
    ("path", "pattern", "parameters"),
    [
        ("/v1/messages", PATHS[0][1], {}),
        ("/openai/deployments/my%20gpt/chat/completions", PATHS[1][1], {"model": "my gpt"}),
        ("/model/anthropic.claude-v1%3A0/converse-stream", PATHS[2][1], {"model": "anthropic.claude-v1:0"}),
        ("/model/arn%3Aaws%2Fx/converse-stream", PATHS[2][1], {"model": "arn:aws/x"}),
        (
            "/v1beta/models/m:streamGenerateContent",
            PATHS[3][1],
            {"version": "v1beta", "call": "m:streamGenerateContent"},
        ),
        ("/v1/models/meta/llama-3/predictions", PATHS[4][1], {"model": "meta/llama-3"}),
    ],
)
def test_a_path_leads_to_its_pattern(path: str, pattern: str, parameters: dict[str, str]) -> None:
    """A parameter is one segment, or several, or one of the stated values."""
    found = find("POST", path)
    assert (found.target, found.parameters) == (pattern, parameters)


@pytest.mark.parametrize(
    "path", ["/", "/v1/messages/", "/v2/models/m", "/v1/models/a/b", "/model//converse-stream", "/v1xmessages"]
)
def test_another_path_leads_nowhere(path: str) -> None:
    """A dot or a slash more makes it another."""
    assert find("POST", path) == Found(target=None)


def test_another_method_is_told_which_are_allowed() -> None:
    """A path may have several."""
    assert find("PUT", "/v1/predictions/1").allowed == ("GET", "DELETE")
    assert find("HEAD", "/v1/messages").allowed == ("POST",)


def test_people_are_shown_the_first_of_stated_values() -> None:
    """Other parameters stay as they are."""
    assert example("/{version:v1beta|v1}/models/{call}") == "/v1beta/models/{call}"


def test_a_malformed_event_keeps_its_name_and_its_end() -> None:
    """Only its JSON is cut off."""
    assert malformed_data(b'event: a\ndata: {"text":"12345678"}\r\n\r\n') == b'event: a\ndata: {"text":\r\n\r\n'
