"""A proxy that the environment asks for is told, because none is used."""

import os

import pytest

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import proxies
from pytest_llm_latency.execution.connection import Origin

PROXY = "http://user:hunter2@proxy.example.com:3128"


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any proxy."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def origin(host: str = "api.openai.com", scheme: str = "https", port: int = 443) -> Origin:
    """Return where a request goes."""
    return Origin(scheme=scheme, host=host, port=port)


def test_without_a_proxy_everything_may_go() -> None:
    """The usual case."""
    proxies.check(origin())


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_applies_is_an_error_that_names_the_variable_and_the_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address may hold a password and is not shown."""
    monkeypatch.setenv(name, PROXY)
    with pytest.raises(ProviderError, match=rf"^{name} asks for a proxy to api\.openai\.com.*NO_PROXY\.$") as caught:
        proxies.check(origin())
    assert "hunter2" not in str(caught.value)


def test_a_proxy_of_another_scheme_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    """``HTTP_PROXY`` is for plain HTTP alone."""
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    proxies.check(origin())
    with pytest.raises(ProviderError, match="HTTP_PROXY"):
        proxies.check(origin(scheme="http", port=80))


@pytest.mark.parametrize("excluded", ["api.openai.com", "openai.com", ".openai.com", "*", "x, api.openai.com:443"])
def test_a_host_in_no_proxy_may_go(excluded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the standard library reads it."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", excluded)
    proxies.check(origin())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_this_machine_never_has_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator is here."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    proxies.check(origin(host, "http", 8080))
