"""Keys stay out of messages."""

import base64

import pytest

from pytest_llm_latency.execution.redaction import SIMULATOR_KEY, credentials, given, redact


def test_the_credentials_of_a_request_are_found_in_headers_and_query() -> None:
    """By the names under which the providers take them, in any case."""
    headers = [
        ("Authorization", "Bearer abc"),
        ("x-api-key", "def"),
        ("API-Key", "ghi"),
        ("X-Goog-Api-Key", "jkl"),
        ("user-agent", "x"),
    ]
    assert credentials(headers, [("key", "mno"), ("alt", "sse")]) == {"abc", "def", "ghi", "jkl", "mno"}
    gateway = [
        ("X-Gateway-Token", "one"),
        ("my-secret", "two"),
        ("Proxy-Authorization", "Basic three"),
        ("cookie", "c=4"),
    ]
    assert credentials(gateway) == {"one", "two", "three", "c=4"}


def test_the_simulators_key_is_no_secret() -> None:
    """Its name may stand in messages."""
    assert credentials([("authorization", f"Bearer {SIMULATOR_KEY}")]) == set()


def test_known_secrets_are_replaced_wherever_they_stand() -> None:
    """Also in the middle of a word, and more than once; an empty secret is none."""
    assert redact("a hunter2! chunter2c", {"hunter2", ""}) == "a ***! c***c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-proj-abcDEF1234567890", "key ***"),
        ("sk-ant-api03-abcdefghijk is wrong", "*** is wrong"),
        ("gsk_abcdefghijklmnop.", "***."),
        ("xai-abcdefghijklmnop", "***"),
        ("AIzaSyA1234567890abcdef", "***"),
        ("Authorization: Bearer whatever.it-is", "Authorization: Bearer ***"),
        ("https://x/v1?alt=sse&key=topsecret'", "https://x/v1?alt=sse&key=***'"),
        ("POST /v1?key=topsecret&x=1", "POST /v1?key=***&x=1"),
    ],
)
def test_what_looks_like_a_key_is_replaced_although_nobody_knows_it(text: str, expected: str) -> None:
    """Each provider's form."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text", ["skateboarding-lessons", "the pkgconfig-files-are", "task-sk", "monkey=banana", "ask me"]
)
def test_plain_words_are_left_alone(text: str) -> None:
    """A message must stay readable."""
    assert redact(text) == text


def test_the_headers_and_credentials_of_a_call_are_secrets() -> None:
    """Whatever a header is called; a value of a few characters would garble every message."""
    parameters = {
        "extra_headers": {"X-Tenant": "acme-4711", "X-Tier": "1"},
        "headers": {"Ocp-Apim": "Bearer abcdef"},
        "api_key": "ghi",
        "max_tokens": 12,
        "temperature": 0,
        "stop": "END",
    }
    assert given(parameters) == {"acme-4711", "abcdef", "ghi"}


@pytest.mark.parametrize(
    "name", ["GATEWAY_KEY", "my_token", "A_SECRET_OF_MINE", "DB_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"]
)
def test_the_credentials_of_the_environment_are_secrets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their names; a short value, as of a switch, is none."""
    monkeypatch.setenv(name, "correct horse")
    monkeypatch.setenv("SHORT_KEY", "horse")
    monkeypatch.setenv("PLAIN", "battery staple")
    assert redact("a correct horse, a horse, a battery staple") == "a ***, a horse, a battery staple"


def test_a_secret_that_contains_another_is_replaced_whole() -> None:
    """Else its end would stay."""
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == "***"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_the_passwords_of_proxies_are_secrets_as_they_are_written_and_as_they_are_sent(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may repeat what it got."""
    monkeypatch.setenv(name, "http://user:hunter%32@proxy:3128")
    sent = base64.b64encode(b"user:hunter2").decode()
    assert redact(f"hunter%32 hunter2 {sent} user proxy:3128") == "*** *** *** user proxy:3128"


def test_the_password_of_a_proxy_that_cannot_be_read_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message about anything else must not fail for it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@[::1")
    assert redact("hunter2 of user") == "*** of user"
