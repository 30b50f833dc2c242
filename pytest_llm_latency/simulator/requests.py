"""Requests out of the bytes of a connection: HTTP/1.1 by httptools, with bounds and plain refusals."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httptools

LARGEST_BODY = 64 * 1024 * 1024
_LARGEST_HEAD = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. ``arrived_ns`` is when its last byte did; ``path`` is still percent-encoded."""

    method: str
    path: str
    query_text: str
    headers: Mapping[str, str]
    body: bytes
    arrived_ns: int
    is_http_1_0: bool
    keep_alive: bool

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query's parameters."""
        return dict(parse_qsl(self.query_text, keep_blank_values=True)) if self.query_text else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why the bytes of a connection cannot be read any further."""

    status: int
    message: str


class RequestReader:
    """Collects ``requests``; after a ``problem`` nothing more is read."""

    def __init__(self) -> None:
        self._reading = _Reading()

    @property
    def requests(self) -> deque[HttpRequest]:
        """Return the requests that are complete and not taken yet."""
        return self._reading.requests

    @property
    def problem(self) -> Problem | None:
        """Return why nothing more is read."""
        return self._reading.problem

    def is_awaited(self) -> bool:
        """Whether the client of an incomplete request waits for leave to send the body; told once."""
        expects, self._reading.expects = self._reading.expects, False
        return expects

    def feed(self, data: bytes, at_ns: int) -> None:
        """Take what arrived at a stamp."""
        self._reading.feed(data, at_ns)


class _Reading:
    """What httptools calls, and what has come of it."""

    def __init__(self) -> None:
        self.requests: deque[HttpRequest] = deque()
        self.problem: Problem | None = None
        self.expects = False
        self._at_ns = 0
        self._parser = httptools.HttpRequestParser(self)
        self.on_message_begin()

    def feed(self, data: bytes, at_ns: int) -> None:
        self._at_ns = at_ns
        while data and self.problem is None:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._parser.get_method() == b"CONNECT":
                    self.requests.pop()
                    self.problem = Problem(status=405, message="CONNECT is for a proxy: ask for a path.")
                    return
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError as error:
                if self.problem is None:
                    self.problem = Problem(status=400, message=f"the request is not HTTP/1.1: {error}")
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """Take back a request that offers another protocol: its body was left out, and we answer in this one."""
        request = self.requests.pop()
        kept = {name: value for name, value in self._headers.items() if name not in {"connection", "upgrade"}}
        lines = [
            f"{request.method} {self._target.decode('latin-1')} HTTP/1.1",
            *(f"{name}: {kept[name]}" for name in kept),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "")
        if length.isdecimal() and int(length) > LARGEST_BODY:
            self._refuse(413, f"the body has {length} bytes: send at most {LARGEST_BODY}.")
        self.expects = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)
        self._body_bytes += len(piece)
        if self._body_bytes > LARGEST_BODY:
            self._refuse(413, f"the body has more than {LARGEST_BODY} bytes: send fewer.")

    def on_message_complete(self) -> None:
        path, _, query = self._target.decode("latin-1").partition("?")
        if not path.startswith("/"):  # a proxy's form: the whole URL
            path = urlsplit(path).path or "/"
        self.expects = False
        self.requests.append(
            HttpRequest(
                method=self._parser.get_method().decode("latin-1"),
                path=path,
                query_text=query,
                headers=self._headers,
                body=b"".join(self._body),
                arrived_ns=self._at_ns,
                is_http_1_0=self._parser.get_http_version() == "1.0",
                keep_alive=bool(self._parser.should_keep_alive()),
            )
        )

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _LARGEST_HEAD:
            self._refuse(431, f"the request's headers have more than {_LARGEST_HEAD} bytes: send fewer.")

    def _refuse(self, status: int, message: str) -> None:
        self.problem = Problem(status=status, message=message)
        raise ValueError(message)  # stops the parser
