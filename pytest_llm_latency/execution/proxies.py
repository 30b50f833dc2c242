"""Which proxy the environment asks for, as the standard library reads it; a loopback host never has one."""

import base64
import ipaddress
import os
import re
import urllib.request
from urllib.parse import unquote, urlsplit

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution.routes import Origin, Proxy

_PORTS = {"http": 80, "https": 443}


def choose(origin: Origin) -> Proxy | None:
    """Return the proxy on the way to a server; raises ``ProviderError`` for one that cannot be used."""
    if _is_loopback(origin.host):
        return None
    found = urllib.request.getproxies()
    kind = next((kind for kind in (origin.scheme, "all") if found.get(kind)), None)
    if kind is None or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    names = (name for name in os.environ if name.lower() == f"{kind}_proxy")
    return _proxy(found[kind], next(names, "the proxy settings of this system"), origin)


def _proxy(url: str, variable: str, origin: Origin) -> Proxy:
    scheme, netloc = _parts(url)
    try:
        parts = urlsplit(f"{scheme}://{netloc}")
        host, port = parts.hostname, parts.port or _PORTS.get(scheme)
    except ValueError:  # a port that is no number, or half an address of IPv6
        host = port = None
    if scheme not in _PORTS or not host or port is None:
        what = "a proxy whose address cannot be read"
        if host and scheme not in _PORTS:
            what = f"a {scheme} proxy, which is not supported"
        raise ProviderError(
            f"{variable} asks for {what}, on the way to {origin.host}: "
            f"name one as in http://proxy:3128, or add {origin.host} to NO_PROXY."
        )
    return Proxy(scheme=scheme, host=host, port=port, variable=variable, authorization=_basic(netloc))


def _parts(url: str) -> tuple[str, str]:
    """Return the scheme of a proxy's URL, and its user, host and port; whatever the URL is."""
    scheme, _, rest = url.partition("://") if "://" in url else ("http", "", url)
    return scheme.lower(), re.split("[/?#]", rest, maxsplit=1)[0]


def _basic(netloc: str) -> bytes | None:
    user_info, at, _ = netloc.rpartition("@")
    if not at:
        return None
    user, _, password = user_info.partition(":")
    return b"Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode())


def secrets() -> set[str]:
    """Return the passwords of the environment's proxies, as they are written and as they are sent."""
    found = set()
    for name, url in os.environ.items():
        _, netloc = _parts(url)
        sent = _basic(netloc) if name.lower().endswith("_proxy") else None
        password = netloc.rpartition("@")[0].partition(":")[2]
        if sent is not None and password:
            found |= {password, unquote(password), sent.decode().removeprefix("Basic ")}
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
