"""TLS for the simulator: a certificate made at its start, and encryption over memory buffers."""

import ipaddress
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

from pytest_llm_latency.errors import SimulatorError

_READ_BYTES = 65_536
_NAMES = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
_COMMAND = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=simulator"


def certificate(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """Make a key and a certificate in a folder; return the certificate's file and the server's context.

    The certificate is for ``host`` and for this machine's names, signed by itself: a client that
    takes it as its authority trusts the server.
    """
    key, file = folder / "key.pem", folder / "certificate.pem"
    names = ",".join(dict.fromkeys([*_NAMES, _name(host)]))
    command = [*_COMMAND.split(), "-keyout", str(key), "-out", str(file), "-addext", f"subjectAltName={names}"]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (our own arguments)
    except FileNotFoundError:
        raise SimulatorError(
            "the simulator needs the command openssl to make a certificate: install it, or do without TLS."
        ) from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise SimulatorError(
            f"openssl cannot make a certificate for {host} ({reason[0]}): choose another host."
        ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


def _name(host: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


class Encryption:
    """The server's side of one TLS connection over memory buffers, so that the socket's stamps stay within reach."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_ready = False

    def decrypt(self, data: bytes) -> bytes | None:
        """Return what came in plain, ``None`` at the peer's end; raise ``ssl.SSLError`` for what is not TLS."""
        self._incoming.write(data)
        plain = bytearray()
        try:
            if not self._is_ready:
                self._object.do_handshake()
                self._is_ready = True
            while piece := self._object.read(_READ_BYTES):
                plain += piece
        except ssl.SSLWantReadError:
            return bytes(plain)
        except ssl.SSLZeroReturnError:
            pass
        return bytes(plain) or None

    def encrypt(self, data: bytes) -> bytes:
        """Return the bytes for the socket."""
        view = memoryview(data)
        while view:  # a large text may take several writes
            view = view[self._object.write(view) :]
        return self._outgoing.read()

    def flush(self, sock: socket.socket) -> None:
        """Send what the handshake has to say."""
        if self._outgoing.pending:
            sock.send(self._outgoing.read())

    def farewell(self) -> bytes:
        """Return the bytes that end the connection in good order."""
        with suppress(ssl.SSLError):  # the peer's own farewell is not waited for
            self._object.unwrap()
        return self._outgoing.read()
