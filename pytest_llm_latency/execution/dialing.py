"""Sets a connection up: name, TCP, a proxy where there is one, TLS; and stamps each phase."""

import http
import time
from dataclasses import dataclass
from typing import cast

from pytest_llm_latency.execution import addresses, tls
from pytest_llm_latency.execution.channel import Channel
from pytest_llm_latency.execution.connection import Connection
from pytest_llm_latency.execution.routes import HTTPVersionError, Proxy, ProxyRefusedError, Route
from pytest_llm_latency.model import ClockSource

_MOST_OF_A_REFUSAL = 65_536
_OK = range(200, 300)
_REMEDIES = {407: "Write the user and the password into its URL, as in http://user:password@proxy:3128"}
_REMEDY = "Ask who runs the proxy to let it pass"


@dataclass(slots=True, kw_only=True)
class Opening:
    """The stamps of setting up a connection; filled as it proceeds, so that a failure shows its phase.

    ``tcp_end`` is when bytes can go to the server: with a tunnel through a proxy, when that stands.
    """

    connect_start: int | None = None
    dns_end: int | None = None
    tcp_end: int | None = None
    tls_end: int | None = None
    clock: ClockSource = "kernel"  # whose stamps its arrivals have

    @property
    def phase(self) -> str:
        """What the set-up is busy with."""
        if self.dns_end is None:
            return "dns"
        return "connect" if self.tcp_end is None else "tls"


async def connect(route: Route, opening: Opening, contexts: tls.Contexts, http_version: str) -> Connection:
    """Open a connection that is ready for a request; stamp each phase in ``opening``.

    Raises ``OSError`` (``ssl.SSLError``, ``socket.gaierror`` and ``RouteError`` among them) when it fails.
    """
    origin, proxy = route.origin, route.proxy
    if http_version == "2" and proxy is not None and not route.tunnelled:
        raise HTTPVersionError(
            f"HTTP/2 without TLS does not pass the proxy that {proxy.variable} asks for: "
            f"add {origin.host} to NO_PROXY, or measure with http_version='1.1'."
        )
    first = proxy or origin
    opening.connect_start = time.monotonic_ns()
    found = await addresses.resolve(first.host, first.port)
    opening.dns_end = time.monotonic_ns()
    sock, connected_ns = await addresses.open_first(found)
    try:
        channel = Channel(sock)
        if proxy is not None:
            connected_ns = await _through(proxy, route, channel, contexts, connected_ns)
        opening.tcp_end = connected_ns
        if origin.scheme == "https":
            await _secure(route, opening, channel, contexts, http_version)
        return Connection(channel)
    except BaseException:
        sock.close()
        raise


async def _secure(route: Route, opening: Opening, channel: Channel, contexts: tls.Contexts, http_version: str) -> None:
    try:
        context = contexts.get(route.verify)
        layer, opening.tls_end, opening.clock = await channel.start_tls(context, route.origin.host, http_version)
    except OSError as error:
        if tls.is_no_protocol(error):
            raise tls.speaks_no_http2(route.origin) from error
        raise
    tls.check_agreed(layer, route.origin, http_version)


async def _through(proxy: Proxy, route: Route, channel: Channel, contexts: tls.Contexts, connected_ns: int) -> int:
    """Shake hands with a proxy that asks for it, open the tunnel that https needs; return when the way was open."""
    if proxy.scheme == "https":
        _, connected_ns, _ = await channel.start_tls(contexts.get(verify=True), proxy.host, "1.1")
    if not route.tunnelled:
        return connected_ns
    lines = [f"CONNECT {route.origin.authority} HTTP/1.1".encode(), f"Host: {route.origin.authority}".encode()]
    lines += authorization(proxy)
    await channel.send(b"\r\n".join(lines) + b"\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _MOST_OF_A_REFUSAL:
        data, connected_ns, _ = await channel.receive()
        answer += data
    status = _status(answer)
    if status not in _OK:
        raise refused(proxy, route, status)
    return connected_ns


def authorization(proxy: Proxy) -> list[bytes]:
    """Return the header that a proxy knows its user by, if it wants one."""
    return [] if proxy.authorization is None else [b"Proxy-Authorization: " + proxy.authorization]


def refused(proxy: Proxy, route: Route, status: int | None) -> ProxyRefusedError:
    """Return that a proxy did not let a request pass; ``None`` is an answer that is not HTTP."""
    said = "something that is not HTTP" if status is None else f"HTTP {status} {_phrase(status)}".strip()
    remedy = _REMEDIES.get(cast("int", status), _REMEDY)
    return ProxyRefusedError(
        f"the proxy {proxy.host}:{proxy.port} ({proxy.variable}) answered {said} when it was asked for "
        f"{route.origin.authority}. {remedy}, or add {route.origin.host} to NO_PROXY."
    )


def _status(answer: bytes) -> int | None:
    version, _, rest = answer.partition(b" ")
    digits = rest[:3]
    return int(digits) if version.startswith(b"HTTP/1.") and digits.isdigit() else None


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
