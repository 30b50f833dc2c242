"""TLS over memory buffers, so that a socket's own stamps stay within reach; and which certificates are trusted."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution.routes import HTTPVersionError, Origin

_READ_BYTES = 65_536
_PROTOCOLS: Mapping[str, str] = MappingProxyType({"1.1": "http/1.1", "2": "h2"})
_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class Tls:
    """One layer of TLS, as the client: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext, host: str, http_version: str) -> None:
        context.set_alpn_protocols([_PROTOCOLS[http_version]])
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.ended = False

    def shake_hands(self, received: bytes) -> tuple[bool, bytes]:
        """Take what the peer said; return whether the handshake is over, and what is to be sent."""
        self._incoming.write(received)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._outgoing.read()
        return True, self._outgoing.read()

    @property
    def agreed(self) -> str | None:
        """The protocol that both sides have agreed on, by ALPN."""
        return self._object.selected_alpn_protocol()

    def encrypt(self, data: bytes) -> bytes:
        """Return what goes over the wire for ``data``."""
        view = memoryview(data)
        while view:  # a large text may take several writes
            view = view[self._object.write(view) :]
        return self._outgoing.read()

    def decrypt(self, data: bytes) -> bytes:
        """Return what is complete with ``data``; ``ended`` tells of the peer's end. Raises ``ssl.SSLError``."""
        self._incoming.write(data)
        plain = []
        while self._incoming.pending or self._object.pending():
            try:
                piece = self._object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.ended = True
                break
            plain.append(piece)
        return plain[0] if len(plain) == 1 else b"".join(plain)


class Contexts:
    """The contexts of TLS by what they verify: loading certificates takes tens of milliseconds, once."""

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._given = given
        self._made: dict[bool | str, ssl.SSLContext] = {}

    def get(self, verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001  (as litellm's ssl_verify)
        """Return the context; raises ``ProviderError`` for certificates that cannot be read."""
        if self._given is not None:
            return self._given
        if verify not in self._made:
            self._made[verify] = _context(verify)
        return self._made[verify]

    def forget(self) -> None:
        """Read certificates again when they are needed next: the environment may have changed."""
        self._made.clear()


def _context(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001  (the same)
    if isinstance(verify, str):
        return _trusting("ssl_verify", verify)
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    for variable in _VARIABLES:
        if path := os.environ.get(variable):
            return _trusting(variable, path)
    import certifi  # noqa: PLC0415  (only https needs its certificate bundle)

    return ssl.create_default_context(cafile=certifi.where())


def _trusting(source: str, path: str) -> ssl.SSLContext:
    folder = Path(path).is_dir()
    try:
        return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    except OSError as error:  # ssl.SSLError is one
        raise ProviderError(
            f"{source} names {path}, which cannot be read as certificates ({error.strerror or error}): "
            "name a file or a folder of certificates in PEM, or leave it out."
        ) from None


def check_agreed(tls: Tls, origin: Origin, http_version: str) -> None:
    """Raise ``HTTPVersionError`` for a server that has not agreed to HTTP/2."""
    if http_version == "2" and tls.agreed != _PROTOCOLS["2"]:
        raise speaks_no_http2(origin)


def is_no_protocol(error: OSError) -> bool:
    """Whether a handshake failed because the server speaks none of the protocols that were offered."""
    return isinstance(error, ssl.SSLError) and getattr(error, "reason", None) in {
        "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        "NO_APPLICATION_PROTOCOL",
    }


def speaks_no_http2(origin: Origin) -> HTTPVersionError:
    """Return the error of a server that was asked for HTTP/2 in vain."""
    return HTTPVersionError(
        f"{origin.authority} does not offer HTTP/2 (ALPN): measure it with http_version='1.1'. "
        "It is not measured over HTTP/1.1 in silence, which would be something else."
    )
