"""Servers over real sockets for the transport's tests: a handler gets each connection."""

import asyncio
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_llm_latency.execution.exchange import WireRequest
from pytest_llm_latency.execution.routes import Origin, Proxy, Route


class Peer:
    """One connection as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """Return the body of the next request."""
        length = 0
        for line in (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n"):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return await self.reader.readexactly(length)

    async def say(self, *parts: bytes) -> None:
        """Send each part as a segment of its own."""
        for index, part in enumerate(parts):
            if index:
                await asyncio.sleep(0.002)
            self.writer.write(part)
            await self.writer.drain()

    def reset(self) -> None:
        """Break the connection off without an orderly end."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Peer], Awaitable[object]]


class Server:
    """A server of one handler, which gets each connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connections = 0
        self.gone = asyncio.Event()
        self.origin = Origin(scheme="http", host="127.0.0.1", port=0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the handler; ``gone`` is set when a client's end was read or the connection broke."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._handler(Peer(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def end(self) -> None:
        """Stop what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Serve on a free port."""
    server = Server(handler)
    listener = await asyncio.start_server(server.serve, host, 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    name = host if tls is None else "localhost"
    server.origin = Origin(scheme="http" if tls is None else "https", host=name, port=port)
    try:
        yield server
    finally:
        listener.close()
        await server.end()


def answering(*parts: bytes) -> Handler:
    """Answer each request with these parts and keep the connection open."""

    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(*parts)

    return handler


def once(*parts: bytes) -> Handler:
    """Answer one request with these parts and close."""

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.say(*parts)

    return handler


def wire(origin: Origin, body: bytes = b"{}", *, proxy: Proxy | None = None) -> WireRequest:
    """Return a request."""
    head = f"POST /v1 HTTP/1.1\r\nHost: {origin.host}\r\nContent-Length: {len(body)}\r\n\r\n"
    return WireRequest(route=Route(origin=origin, proxy=proxy), endpoint="x", head=head.encode(), body=body)


def make_certificate(folder: Path) -> Path:
    """Return a file with a key and a certificate for localhost, made with openssl."""
    file = folder / "localhost.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(command.split(" "), cwd=folder, check=True, capture_output=True)
    file.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return file


def server_side(certificate: Path) -> ssl.SSLContext:
    """Return the server's context."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
