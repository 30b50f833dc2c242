"""Where a request goes, and through what: nouns of the transport."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The server that answers."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port, as in ``example.com:443`` and ``[::1]:80``; in ASCII."""
        host = self.host if self.host.isascii() else self.host.encode("idna").decode()
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy and who asked for it; ``authorization`` is the header's value and is shown nowhere."""

    scheme: str
    host: str
    port: int
    variable: str
    authorization: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way of a connection: connections of the same route can stand in for each other.

    ``verify`` is litellm's ``ssl_verify``: whether the certificate is checked, or the file or folder
    that it is checked against.
    """

    origin: Origin
    proxy: Proxy | None = None
    verify: bool | str = True

    @property
    def tunnelled(self) -> bool:
        """Whether a proxy passes the bytes on unread."""
        return self.proxy is not None and self.origin.scheme == "https"


class RouteError(OSError):
    """The way to a server cannot be used; the message says why, and what to do."""


class ProxyRefusedError(RouteError):
    """A proxy did not open the way to a server."""


class HTTPVersionError(RouteError):
    """A server does not speak the version of HTTP that was asked for."""
