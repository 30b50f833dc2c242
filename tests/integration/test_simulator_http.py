"""The simulator's server speaks HTTP/1.1 as clients may expect it, over plain connections and TLS."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_llm_latency.errors import SimulatorError
from pytest_llm_latency.simulator import tls
from pytest_llm_latency.simulator.process import SimulatorProcess
from pytest_llm_latency.simulator.requests import LARGEST_BODY
from pytest_llm_latency.simulator.server import Address, Options, serving
from pytest_llm_latency.simulator.simulation import Simulation

QUICK = {"ttft": 0.002, "inter_token": 0.0005, "headers_s": 0.001, "output_tokens": 3}
PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
STREAMED = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}).encode()
WAIT_S = 20.0


def post(body: bytes = BODY, *headers: str, path: str = PATH, version: str = "1.1") -> bytes:
    """Return the bytes of a request."""
    lines = [f"POST {path} HTTP/{version}", "Host: simulator", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, method: str = "GET") -> bytes:
    """Return the bytes of a request without a body."""
    return f"{method} {path} HTTP/1.1\r\nHost: simulator\r\n\r\n".encode()


@pytest.fixture
def simulation() -> Simulation:
    """Return a quick simulation."""
    return Simulation({"profiles": {"*": QUICK}})


@pytest.fixture
async def address(simulation: Simulation) -> AsyncIterator[Address]:
    """Serve in the test's own loop."""
    with serving(simulation, Options(announce=lambda _: None)) as found:
        yield found


class Peer:
    """A client that sends what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        """Send."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """Read one response."""
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:-2])}
            body = b""
            if "content-length" in headers and has_body:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            return int(head[0].split()[1]), headers, body

    async def is_closed(self) -> bool:
        """Whether nothing more comes."""
        async with asyncio.timeout(WAIT_S):
            return not await self.reader.read(1)


@asynccontextmanager
async def connected(address: Address, context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Connect to a server."""
    host, _, port = address.base_url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):  # the server may have broken it off
            await writer.wait_closed()


async def test_requests_that_come_together_are_answered_one_after_the_other(address: Address) -> None:
    """In their order, streamed or not."""
    async with connected(address) as peer:
        await peer.say(post(STREAMED) + post() + get("/_simulator/health"))
        kinds = [(await peer.answer())[1]["content-type"] for _ in range(3)]
    assert kinds == ["text/event-stream; charset=utf-8", "application/json", "application/json"]


async def test_a_request_may_come_byte_by_byte(address: Address, simulation: Simulation) -> None:
    """It has arrived with its last byte."""
    data = post()
    async with connected(address) as peer:
        await peer.say(data[:40])
        await peer.say(data[40:-1])
        await asyncio.sleep(0.002)
        before_ns = time.monotonic_ns()
        await peer.say(data[-1:])
        assert (await peer.answer())[0] == 200
    (truth,) = simulation.log.since(0)
    assert before_ns <= truth.arrived_ns <= time.monotonic_ns()


async def test_a_busy_loop_makes_no_request_look_late(address: Address, simulation: Simulation) -> None:
    """The kernel has stamped it before."""
    async with connected(address) as peer:
        await peer.say(get("/_simulator/health"))
        await peer.answer()
        await peer.say(post())
        sent_ns = time.monotonic_ns()
        time.sleep(0.05)  # noqa: ASYNC251  (the loop must be busy)
        busy_until_ns = time.monotonic_ns()
        await peer.answer()
    (truth,) = simulation.log.since(0)
    assert truth.arrived_ns < (sent_ns + busy_until_ns) // 2


async def test_a_body_in_chunks_is_read(address: Address) -> None:
    """Whatever their sizes."""
    chunks = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
    async with connected(address) as peer:
        await peer.say(post(chunks, "Transfer-Encoding: chunked"))
        assert (await peer.answer())[0] == 200


async def test_a_client_that_asks_for_leave_gets_it(address: Address) -> None:
    """Before it sends the body."""
    data = post(BODY, "Expect: 100-continue")
    async with connected(address) as peer:
        await peer.say(data.removesuffix(BODY))
        assert (await peer.answer())[0] == 100
        await peer.say(BODY)
        assert (await peer.answer())[0] == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (post(b"zz\r\n", "Transfer-Encoding: chunked"), 400),
        (post(b"", f"Content-Length: {LARGEST_BODY + 1}"), 413),
        (b"CONNECT simulator:443 HTTP/1.1\r\nHost: simulator\r\n\r\n", 405),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
    ],
    ids=["no HTTP", "bad header", "TLS", "bad chunk", "too large", "a tunnel", "HTTP/2", "too many headers"],
)
async def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    address: Address, data: bytes, status: int
) -> None:
    """In good order, after what came before was answered."""
    async with connected(address) as peer:
        await peer.say(get("/_simulator/health") + data)
        assert (await peer.answer())[0] == 200
        found, headers, body = await peer.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert json.loads(body)["error"]
        assert await peer.is_closed()
    async with connected(address) as peer:
        await peer.say(post())
        assert (await peer.answer())[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", PATH, 405, "POST"),
        ("HEAD", PATH, 405, "POST"),
        ("PUT", "/_simulator/health", 405, "GET, HEAD"),
        ("HEAD", "/_simulator/health", 200, None),
        ("GET", "/nowhere", 404, None),
        ("HEAD", "/nowhere", 404, None),
        ("OPTIONS", "*", 404, None),
    ],
)
async def test_methods_and_paths_that_are_not_served_are_told_so(
    address: Address, method: str, path: str, status: int, allowed: str | None
) -> None:
    """The connection stays sound; an answer to HEAD has no body."""
    async with connected(address) as peer:
        await peer.say(get(path, method) + post())
        found, headers, _ = await peer.answer(has_body=method != "HEAD")
        assert (found, headers.get("allow")) == (status, allowed)
        assert (await peer.answer())[0] == 200


async def test_an_offer_to_switch_protocols_is_ignored(address: Address) -> None:
    """The request is answered in HTTP/1.1, and so is the next."""
    async with connected(address) as peer:
        await peer.say(post(BODY, "Connection: Upgrade", "Upgrade: h2c") + post())
        assert [(await peer.answer())[0] for _ in range(2)] == [200, 200]


async def test_an_older_client_gets_a_stream_without_chunks(address: Address) -> None:
    """The connection's end is the stream's."""
    async with connected(address) as peer:
        await peer.say(post(STREAMED, version="1.0"))
        _, headers, _ = await peer.answer()
        assert "transfer-encoding" not in headers
        assert (await peer.reader.read()).endswith(b"data: [DONE]\n\n")


async def test_a_client_that_closes_after_its_request_gets_its_answer_first(address: Address) -> None:
    """And then the end."""
    async with connected(address) as peer:
        await peer.say(post(BODY, "Connection: close"))
        assert (await peer.answer())[1]["connection"] == "close"
        assert await peer.is_closed()


async def test_the_whole_url_may_stand_in_the_request(address: Address) -> None:
    """As it does for a proxy."""
    async with connected(address) as peer:
        await peer.say(post(path=f"http://simulator{PATH}?x=1"))
        assert (await peer.answer())[0] == 200


async def test_a_large_answer_goes_at_the_readers_pace(address: Address, simulation: Simulation) -> None:
    """The kernel takes it in several writes."""
    simulation.configure({"profiles": {"*": {**QUICK, "inter_token": 0, "output_tokens": 500_000}}})
    async with connected(address) as peer:
        await peer.say(post())
        status, _, body = await peer.answer()
    assert status == 200
    assert json.loads(body)["usage"]["completion_tokens"] == 500_000
    (truth,) = simulation.log.since(0)
    assert (truth.complete, list(truth.piece_bytes)) == (True, [len(body)])


async def test_an_error_of_our_own_ends_the_connection_and_is_reported(
    address: Address, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client does not wait for an answer that never comes."""
    reported: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    monkeypatch.setattr(simulation, "respond", lambda *_: 1 / 0)
    async with connected(address) as peer:
        await peer.say(post())
        assert await peer.is_closed()
    assert isinstance(reported[0]["exception"], ZeroDivisionError)


async def test_control_has_a_door_where_no_fault_strikes(address: Address, simulation: Simulation) -> None:
    """Also when every connection to the other is reset."""
    simulation.configure({"faults": [{"kind": "close", "point": "connect", "every": 1}]})
    async with connected(address) as peer:
        assert await peer.is_closed()
    control = Address(base_url=address.control_url, control_url="", certificate=None)
    async with connected(control) as peer:
        await peer.say(get("/_simulator/health"))
        assert (await peer.answer())[0] == 200


@pytest.fixture(scope="module")
def secure() -> Iterator[SimulatorProcess]:
    """Run a simulator with TLS."""
    with SimulatorProcess({"profiles": {"*": QUICK}}, tls=True) as process:
        yield process


def trusting(process: SimulatorProcess) -> ssl.SSLContext:
    """Return a context that trusts the simulator alone."""
    return ssl.create_default_context(cafile=str(process.certificate))


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_tls_is_served_with_a_certificate_to_trust(secure: SimulatorProcess, host: str) -> None:
    """For both names of this machine; connections are kept, and the truth is told as ever."""
    secure.reset()
    assert secure.base_url.startswith("https://127.0.0.1:")
    base_url = secure.base_url.replace("127.0.0.1", host)
    address = Address(base_url=base_url, control_url="", certificate=secure.certificate)
    async with connected(address, trusting(secure)) as peer:
        for _ in range(2):
            await peer.say(post(STREAMED))
            status, headers, body = await peer.answer()
            assert (status, body.endswith(b"[DONE]\n\n")) == (200, True)
        await peer.say(post(BODY, "Connection: close"))
        assert (await peer.answer())[0] == 200
        assert await peer.is_closed()
    truth = secure.truth(headers["x-simulator-request"])
    assert truth.complete
    assert len(truth.sent_ns) == len(truth.kinds)


@pytest.mark.needs("openssl")
def test_an_answer_over_tls_ends_with_the_farewell_of_tls(secure: SimulatorProcess) -> None:
    """So that nobody takes it for one that was cut off."""
    host, _, port = secure.base_url.partition("://")[2].partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=WAIT_S) as plain,
        trusting(secure).wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False) as connection,
    ):
        connection.sendall(post(BODY, "Connection: close"))
        while connection.recv(65_536):
            pass


@pytest.mark.needs("openssl")
async def test_who_does_not_trust_the_certificate_gets_no_answer(secure: SimulatorProcess) -> None:
    """Nor does who speaks no TLS; the server goes on."""
    address = Address(base_url=secure.base_url, control_url="", certificate=None)
    with pytest.raises(ssl.SSLCertVerificationError):
        async with connected(address, ssl.create_default_context()):
            pass
    async with connected(address) as peer:
        await peer.say(post())
        assert b"HTTP" not in await peer.reader.read()
    async with connected(address, trusting(secure)) as peer:
        await peer.say(post())
        assert (await peer.answer())[0] == 200


@pytest.mark.needs("openssl")
def test_the_certificate_goes_with_the_simulator() -> None:
    """Its key too."""
    with SimulatorProcess(tls=True) as process:
        assert process.certificate is not None
        assert process.certificate.exists()
    assert not process.certificate.parent.exists()


def test_a_machine_without_openssl_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SimulatorError, match=r"openssl.*: install it, or do without TLS\.$"):
        tls.certificate(tmp_path, "127.0.0.1")


@pytest.mark.needs("openssl")
def test_a_host_that_no_certificate_can_name_is_told_so(tmp_path: Path) -> None:
    """With openssl's own reason."""
    with pytest.raises(SimulatorError, match=r"cannot make a certificate for .*: choose another host"):
        tls.certificate(tmp_path, "a,b")
