"""Tells of a proxy that the environment asks for: requests are measured without one."""

import ipaddress
import os
import urllib.request

from pytest_llm_latency.errors import ProviderError
from pytest_llm_latency.execution.connection import Origin


def check(origin: Origin) -> None:
    """Raise ``ProviderError`` where the standard library would use a proxy; a loopback host never has one."""
    if _is_loopback(origin.host):
        return
    proxies = urllib.request.getproxies()
    kind = next((kind for kind in (origin.scheme, "all") if proxies.get(kind)), None)
    if kind is None or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return
    names = (name for name in os.environ if name.lower() == f"{kind}_proxy")
    raise ProviderError(
        f"{next(names, 'the proxy settings of this system')} asks for a proxy to {origin.host}, and requests are "
        f"measured without proxies today: add {origin.host} to NO_PROXY."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
