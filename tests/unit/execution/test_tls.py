"""Which certificates are trusted."""

import ssl
from pathlib import Path

import certifi
import pytest

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution import tls
from pytest_llm_latency.execution.tls import Contexts

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any setting."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str | None]]:
    """Return the files and folders that contexts are made of."""
    seen: list[tuple[str | None, str | None]] = []

    def make(*, cafile: str | None = None, capath: str | None = None) -> ssl.SSLContext:
        seen.append((cafile, capath))
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(ssl, "create_default_context", make)
    return seen


def test_without_a_setting_the_certificates_of_certifi_count(loaded: list[tuple[str | None, str | None]]) -> None:
    """As for most clients in Python; they are loaded once."""
    contexts = Contexts(None)
    assert contexts.get(verify=True) is contexts.get(verify=True)
    assert loaded == [(certifi.where(), None)]


def test_the_variables_have_their_order_and_are_read_again_after_a_benchmark(
    loaded: list[tuple[str | None, str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file before a folder before what other clients read."""
    contexts = Contexts(None)
    for name, path in reversed([("SSL_CERT_FILE", "a.pem"), ("SSL_CERT_DIR", str(tmp_path)), (VARIABLES[2], "c.pem")]):
        monkeypatch.setenv(name, path)
        contexts.get(verify=True)
        contexts.forget()
    assert loaded == [("c.pem", None), (None, str(tmp_path)), ("a.pem", None)]


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_names_no_certificates_is_an_error_that_names_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, or something else."""
    for content in (None, "no certificate"):
        file = tmp_path / "file.pem"
        if content is not None:
            file.write_text(content)
        monkeypatch.setenv(name, str(file))
        with pytest.raises(ProviderError, match=rf"^{name} names .*file\.pem, which cannot be read .* leave it out\.$"):
            Contexts(None).get(verify=True)


def test_litellms_ssl_verify_switches_the_checks_off_or_names_a_file() -> None:
    """For the calls that say so."""
    unchecked = Contexts(None).get(verify=False)
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)
    named = Contexts(None).get(certifi.where())
    assert named.verify_mode == ssl.CERT_REQUIRED
    with pytest.raises(ProviderError, match=r"^ssl_verify names /no/such\.pem"):
        Contexts(None).get("/no/such.pem")


def test_a_refused_protocol_is_told_from_other_errors_of_tls() -> None:
    """By OpenSSL's own word for it."""
    refused = ssl.SSLError()
    refused.reason = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
    assert tls.is_no_protocol(refused)
    assert not tls.is_no_protocol(ssl.SSLError())
    assert not tls.is_no_protocol(ConnectionResetError())
