"""Why a request has no whole answer, in words that end with the remedy where there is one."""

import os
from collections.abc import Mapping
from types import MappingProxyType

from pytest_llm_latency.execution.routes import ProxyRefusedError, Route, RouteError
from pytest_llm_latency.model import Failure
from pytest_llm_latency.units import seconds

_REMEDIES: Mapping[str, str] = MappingProxyType({
    "dns": "Check the host name in api_base and the network.",
    "connect": "Check that the server runs and that api_base names its port.",
    "tls": "Check that api_base should be https; name a certificate of your own in SSL_CERT_FILE.",
})


def network(error: Exception, route: Route, phase: str) -> Failure:
    """Return what an error of a connection means."""
    if isinstance(error, ProxyRefusedError):
        phase = "connect"
    if isinstance(error, RouteError):
        return Failure(error_class=type(error).__name__, message=str(error), phase=phase)
    if phase == "connect" and isinstance(error, OSError) and error.errno is not None:
        detail = os.strerror(error.errno)  # asyncio's own words repeat the address
    else:
        detail = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    place, remedy = f"{route.origin.host}:{route.origin.port}", _REMEDIES.get(phase, "")
    if route.proxy is not None and phase in {"dns", "connect"}:
        place = f"the proxy {route.proxy.host}:{route.proxy.port}"
        remedy = f"Check the proxy that {route.proxy.variable} names, or add {route.origin.host} to NO_PROXY."
    return Failure(error_class=type(error).__name__, message=f"{place}: {detail}. {remedy}".strip(), phase=phase)


def deadline(deadline_s: float, phase: str) -> Failure:
    """Return that the deadline passed in this phase."""
    message = f"no complete answer within {deadline_s:g} s; it was waiting for: {phase}"
    return Failure(error_class="Timeout", message=message, phase=phase)


def given_up(after_ns: int) -> Failure:
    """Return that the request was cancelled this long after its call."""
    message = f"the test body gave the request up after {seconds(after_ns):.3g} s"
    return Failure(error_class="Cancelled", message=message, phase="body")
