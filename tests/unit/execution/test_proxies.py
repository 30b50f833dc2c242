"""Which proxy the environment asks for."""

import base64
import os

import pytest

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import proxies
from pytest_llm_latency.execution.routes import Origin, Proxy

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


def chosen(where: Origin) -> Proxy:
    """Return the proxy on the way there."""
    proxy = proxies.choose(where)
    assert proxy is not None
    return proxy


def test_without_a_proxy_the_way_is_straight() -> None:
    """The usual case."""
    assert proxies.choose(origin()) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_proxy_of_a_variable_is_chosen_with_its_credentials(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which do not show."""
    monkeypatch.setenv(name, PROXY)
    proxy = chosen(origin())
    assert (proxy.scheme, proxy.host, proxy.port, proxy.variable) == ("http", "proxy.example.com", 3128, name)
    assert proxy.authorization == b"Basic " + base64.b64encode(b"user:hunter2")
    assert "hunter2" not in repr(proxy)
    assert proxy.authorization.decode() not in repr(proxy)


@pytest.mark.parametrize(
    ("url", "scheme", "port", "user_info"),
    [
        ("proxy:3128", "http", 3128, None),
        ("http://proxy", "http", 80, None),
        ("https://proxy", "https", 443, None),
        ("http://us%40er:p%3Aw@proxy:1", "http", 1, b"us@er:p:w"),
        ("http://user@proxy:1", "http", 1, b"user:"),
    ],
)
def test_a_proxys_address_is_read_in_each_form(
    url: str, scheme: str, port: int, user_info: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a scheme it is spoken to in plain HTTP."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    proxy = chosen(origin())
    assert (proxy.scheme, proxy.host, proxy.port) == (scheme, "proxy", port)
    expected = None if user_info is None else b"Basic " + base64.b64encode(user_info)
    assert proxy.authorization == expected


def test_a_proxy_of_another_scheme_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    """``HTTP_PROXY`` is for plain HTTP alone."""
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    assert proxies.choose(origin()) is None
    assert chosen(origin(scheme="http", port=80)).variable == "HTTP_PROXY"


@pytest.mark.parametrize("excluded", ["api.openai.com", "openai.com", ".openai.com", "*", "x, api.openai.com:443"])
def test_a_host_in_no_proxy_has_none(excluded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the standard library reads it."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", excluded)
    assert proxies.choose(origin()) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_this_machine_never_has_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator is here."""
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert proxies.choose(origin(host, "http", 8080)) is None


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("socks5://user:hunter2@proxy:1080", "a socks5 proxy, which is not supported"),
        ("http://user:hunter2@proxy:port", "a proxy whose address cannot be read"),
        ("http://", "a proxy whose address cannot be read"),
        ("http://user:hunter2@[::1", "a proxy whose address cannot be read"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable_and_the_remedy(
    url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address may hold a password and is not shown."""
    monkeypatch.setenv("ALL_PROXY", url)
    with pytest.raises(ProviderError, match=rf"^ALL_PROXY asks for {what}, .*api\.openai\.com.*NO_PROXY\.$") as caught:
        proxies.choose(origin())
    assert "hunter2" not in str(caught.value)
