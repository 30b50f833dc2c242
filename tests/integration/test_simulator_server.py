"""The simulator as a client sees it on the wire: bytes, faults, and the truth about both."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from pytest_llm_latency.errors import SettingsError, SimulatorError
from pytest_llm_latency.simulator.process import SimulatorProcess

QUICK = {"ttft": 0.01, "inter_token": 0.001, "headers_s": 0.002, "output_tokens": 5}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
REQUESTS = {
    "openai": ("/v1/chat/completions", CHAT),
    "anthropic": ("/v1/messages", {**CHAT, "max_tokens": 100}),
    "gemini": (
        "/v1beta/models/m:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    ),
}


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """Run one simulator for all tests of this file."""
    with SimulatorProcess() as started:
        yield started


@pytest.fixture
def simulator(process: SimulatorProcess) -> SimulatorProcess:
    """Return the simulator, quick, sound and with an empty log."""
    process.configure({"seed": 0, "slowdown": 1.0, "profiles": {"*": QUICK}, "faults": []})
    process.reset()
    return process


@dataclass
class Reply:
    """What came back: the raw bytes with the stamp of each receipt, and how the connection ended."""

    receipts: list[tuple[int, bytes]]
    reset: bool = False
    open: bool = False

    @property
    def raw(self) -> bytes:
        """Return all bytes."""
        return b"".join(data for _, data in self.receipts)

    @property
    def head(self) -> str:
        """Return status line and headers."""
        return self.raw.partition(b"\r\n\r\n")[0].decode()

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return int(self.head.split()[1])

    @property
    def number(self) -> str:
        """Return the request's number."""
        return self.header("x-simulator-request")

    def header(self, name: str) -> str:
        """Return a header's value."""
        found = re.search(rf"^{name}: (.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        assert found is not None, f"{name} is not in {self.head}"
        return found[1]

    @property
    def chunks(self) -> list[bytes]:
        """Return the chunks of a chunked body; the last is empty where the body has its end."""
        rest, found = self.raw.partition(b"\r\n\r\n")[2], []
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            found.append(rest[:length])
            rest = rest[length + 2 :]
        return found


@contextmanager
def connection(simulator: SimulatorProcess) -> Iterator[socket.socket]:
    """Connect to a simulator."""
    place = urlsplit(simulator.base_url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connected:
        yield connected


def post(path: str, body: object, *, close: bool = True) -> bytes:
    """Return the bytes of a request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: simulator", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode() + content


def ask(
    simulator: SimulatorProcess, path: str, body: object, *, stop: bytes | None = None, last: bytes | None = None
) -> Reply:
    """Send one request and read until the end, until ``stop``, or until nothing comes after ``last``."""
    reply = Reply(receipts=[])
    with connection(simulator) as connected:
        connected.sendall(post(path, body))
        try:
            while data := connected.recv(65536):
                reply.receipts.append((time.monotonic_ns(), data))
                if stop is not None and stop in data:
                    break
                if last is not None and last in data:
                    connected.settimeout(0.1)
        except ConnectionResetError:
            reply.reset = True
        except TimeoutError:
            reply.open = True
    return reply


def stream(simulator: SimulatorProcess, protocol: str = "openai", *, last: bytes | None = None) -> Reply:
    """Ask for a stream."""
    return ask(simulator, *REQUESTS[protocol], last=last)


def whole(simulator: SimulatorProcess, *, last: bytes | None = None) -> Reply:
    """Ask for an answer that is not streamed."""
    return ask(simulator, REQUESTS["openai"][0], {**CHAT, "stream": False}, last=last)


def strike(simulator: SimulatorProcess, kind: str, **fault: object) -> None:
    """Let a fault strike every request."""
    simulator.configure({"faults": [{"kind": kind, "every": 1, **fault}]})


@pytest.mark.parametrize("protocol", REQUESTS)
def test_a_stream_is_chunked_events_with_an_end(simulator: SimulatorProcess, protocol: str) -> None:
    """Each piece of the plan is a chunk of its own."""
    reply = stream(simulator, protocol)
    truth = simulator.truth(reply.number)
    assert reply.status == 200
    assert reply.header("content-type").startswith("text/event-stream")
    assert reply.header("transfer-encoding") == "chunked"
    assert [len(each) for each in reply.chunks] == [*truth.piece_bytes, 0]
    assert (truth.protocol, truth.model, truth.stream, truth.complete) == (protocol, "m", True, True)


@pytest.mark.parametrize("protocol", REQUESTS)
def test_no_byte_arrives_before_the_truth_says_that_it_was_sent(simulator: SimulatorProcess, protocol: str) -> None:
    """Stamps are taken before the write, and on one machine both clocks are one."""
    simulator.configure({"profiles": {"*": {**QUICK, "inter_token": 0.005}}})
    reply = stream(simulator, protocol)
    truth = simulator.truth(reply.number)
    assert truth.headers_ns is not None
    assert truth.arrived_ns <= truth.headers_ns <= truth.sent_ns[0]
    ends, total = [], 0
    for size in truth.piece_bytes:
        total += size
        ends.append(total)
    body_start = reply.raw.index(b"\r\n\r\n") + 4
    framing = 0
    for index, end in enumerate(ends):
        framing += len(f"{truth.piece_bytes[index]:x}") + 4
        assert arrival(reply, body_start + end + framing) >= truth.sent_ns[index]


def arrival(reply: Reply, position: int) -> int:
    """Return when the byte before a position arrived."""
    seen = 0
    for at, data in reply.receipts:
        seen += len(data)
        if seen >= position:
            return at
    raise AssertionError(position)


def test_no_piece_goes_before_it_is_due(simulator: SimulatorProcess) -> None:
    """A hundred nanoseconds is what the loop's clock loses as a floating-point number."""
    truth = simulator.truth(stream(simulator).number)
    assert len(truth.sent_ns) == len(truth.due_ns) == 8
    assert all(sent >= due - 100 for sent, due in zip(truth.sent_ns, truth.due_ns, strict=True))


def test_a_whole_answer_states_its_length(simulator: SimulatorProcess) -> None:
    """The body is one piece."""
    reply = whole(simulator)
    body = reply.raw.partition(b"\r\n\r\n")[2]
    assert reply.header("content-length") == str(len(body))
    assert json.loads(body)["object"] == "chat.completion"
    assert list(simulator.truth(reply.number).piece_bytes) == [len(body)]


def test_a_connection_is_kept_for_the_next_request(simulator: SimulatorProcess) -> None:
    """Streams and whole answers alike end where they say."""
    path, body = REQUESTS["openai"]
    with connection(simulator) as connected:
        for streamed, end in ((True, b"\r\n0\r\n\r\n"), (False, b"}"), (True, b"\r\n0\r\n\r\n")):
            connected.sendall(post(path, {**body, "stream": streamed}, close=False))
            received = b""
            while not received.endswith(end) or b"\r\n\r\n" not in received:
                received += connected.recv(65536)
            assert received.startswith(b"HTTP/1.1 200")
    assert len(simulator.truths()) == 3


def test_the_same_sequence_of_requests_gets_the_same_latencies(simulator: SimulatorProcess) -> None:
    """What was drawn before a reset is drawn again after it."""
    simulator.configure({"profiles": {"*": {**QUICK, "ttft": {"kind": "lognormal", "median_s": 0.01}}}})

    def drawn() -> list[list[int]]:
        for _ in range(3):
            stream(simulator)
        return [[due - each.arrived_ns for due in each.due_ns] for each in simulator.truths()]

    first = drawn()
    simulator.reset()
    assert drawn() == first
    assert first[0] != first[1]


def test_a_rate_limit_is_429_with_retry_after(simulator: SimulatorProcess) -> None:
    """The connection stays sound."""
    strike(simulator, "rate_limit", retry_after_s=3)
    reply = stream(simulator)
    assert (reply.status, reply.header("retry-after")) == (429, "3")
    assert simulator.truth(reply.number).fault == "rate_limit"


def test_a_server_error_is_500_with_the_providers_body(simulator: SimulatorProcess) -> None:
    """It is no stream."""
    strike(simulator, "server_error")
    reply = stream(simulator, "anthropic")
    assert reply.status == 500
    assert json.loads(reply.raw.partition(b"\r\n\r\n")[2])["error"]["type"] == "api_error"


def test_a_reset_before_the_headers_leaves_nothing(simulator: SimulatorProcess) -> None:
    """The client sees a reset, not an end."""
    strike(simulator, "reset_before_headers")
    reply = stream(simulator)
    assert (reply.raw, reply.reset) == (b"", True)
    (truth,) = simulator.truths()
    assert (truth.headers_ns, list(truth.sent_ns), truth.complete) == (None, [], False)


def test_a_reset_in_mid_stream_comes_after_the_stated_deltas(simulator: SimulatorProcess) -> None:
    """The body has no end."""
    strike(simulator, "reset_mid_stream", after_chunks=2)
    reply = stream(simulator)
    assert reply.reset
    assert sum(b'"content":"' in each for each in reply.chunks) == 3  # the role's is empty
    assert reply.chunks[-1]
    assert not simulator.truth(reply.number).complete


def test_a_stall_leaves_the_connection_open_and_silent(simulator: SimulatorProcess) -> None:
    """The server lets go when the client does: it still stops in good order at the end."""
    strike(simulator, "stall", after_chunks=1)
    reply = stream(simulator, last=b'"content":"The"')
    assert reply.open
    assert len(reply.chunks) == 2
    assert not simulator.truth(reply.number).complete


def test_a_truncated_stream_ends_well_formed_without_finish(simulator: SimulatorProcess) -> None:
    """HTTP is sound, the provider's own end is missing."""
    strike(simulator, "truncated", after_chunks=2)
    reply = stream(simulator)
    assert not reply.reset
    assert not reply.chunks[-1]
    assert b"[DONE]" not in reply.raw
    assert b'"finish_reason":"' not in reply.raw


def test_a_malformed_event_is_in_the_middle_of_a_sound_stream(simulator: SimulatorProcess) -> None:
    """The end mark comes nevertheless."""
    strike(simulator, "malformed", after_chunks=2)
    chunks = stream(simulator).chunks
    broken = [each for each in chunks[:-2] if not is_json(each)]
    assert len(broken) == 1
    assert chunks[-2:] == [b"data: [DONE]\n\n", b""]


def is_json(event: bytes) -> bool:
    """Say whether an event holds JSON."""
    try:
        json.loads(event.removeprefix(b"data: "))
    except json.JSONDecodeError:
        return False
    return True


def test_an_error_event_ends_the_stream(simulator: SimulatorProcess) -> None:
    """The status was 200 already."""
    strike(simulator, "error_event", after_chunks=1)
    reply = stream(simulator, "anthropic")
    assert reply.status == 200
    assert reply.chunks[-2].startswith(b"event: error\n")
    assert not reply.chunks[-1]


def test_slow_headers_come_late(simulator: SimulatorProcess) -> None:
    """The truth has the delay in the plan."""
    strike(simulator, "slow_headers", delay_s=0.05)
    truth = simulator.truth(stream(simulator).number)
    assert truth.headers_ns is not None
    assert truth.headers_ns - truth.arrived_ns >= 52_000_000 - 100


def test_whole_answers_break_off_too(simulator: SimulatorProcess) -> None:
    """Reset, stall, cut and malformed leave half of the body."""
    strike(simulator, "reset_mid_stream")
    assert whole(simulator).reset
    strike(simulator, "stall")
    assert whole(simulator, last=b"chat.completion").open
    strike(simulator, "truncated")
    cut = whole(simulator)
    assert not cut.reset
    assert len(cut.raw.partition(b"\r\n\r\n")[2]) < int(cut.header("content-length"))
    strike(simulator, "malformed")
    malformed = whole(simulator).raw.partition(b"\r\n\r\n")[2]
    assert not is_json(malformed)


def test_a_client_that_leaves_is_noticed(simulator: SimulatorProcess) -> None:
    """The stream is not complete, and the next request is answered."""
    simulator.configure({"profiles": {"*": {**QUICK, "output_tokens": 2000}}})
    left = ask(simulator, *REQUESTS["openai"], stop=b"role")
    simulator.configure({"profiles": {"*": QUICK}})
    assert stream(simulator).status == 200
    truth = simulator.truth(left.number)
    assert not truth.complete
    assert len(truth.sent_ns) < len(truth.due_ns)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v1/chat/completions", b"{", "Expecting"),
        ("/v1/chat/completions", b"\xff", "utf-8"),
        ("/v1/chat/completions", [], "JSON object"),
        ("/v1/chat/completions", {"model": "m"}, "messages"),
        ("/v1/messages", {"model": "m", "messages": CHAT["messages"]}, "max_tokens: Field required"),
        ("/v1beta/models/m:countTokens", {}, "countTokens"),
        ("/models/m:generateContent", {}, "contents"),
    ],
)
def test_a_request_that_the_provider_refuses_gets_400(
    simulator: SimulatorProcess, path: str, body: object, message: str
) -> None:
    """The provider's own shape of an error has a message."""
    reply = ask(simulator, path, body)
    assert reply.status == 400
    assert message in json.loads(reply.raw.partition(b"\r\n\r\n")[2])["error"]["message"]


def test_an_unknown_path_gets_404(simulator: SimulatorProcess) -> None:
    """No protocol has it."""
    assert ask(simulator, "/v9/nowhere", {}).status == 404


def test_the_truth_about_later_requests_is_asked_for_by_number(simulator: SimulatorProcess) -> None:
    """A reader goes on from the last one that it saw."""
    numbers = [int(stream(simulator).number) for _ in range(3)]
    assert [each.request for each in simulator.truths(since=numbers[0])] == numbers[1:]


@pytest.mark.parametrize(("request_number", "message"), [("999999", "not in the log"), ("x", "not? a request|number")])
def test_the_truth_about_an_unknown_request_is_an_error(
    simulator: SimulatorProcess, request_number: str, message: str
) -> None:
    """The message says what the number is."""
    with pytest.raises(SimulatorError, match=message):
        simulator.truth(request_number)


def test_wrong_settings_are_refused_with_the_reason(simulator: SimulatorProcess) -> None:
    """The server goes on with what it had."""
    with pytest.raises(SettingsError, match=r"faults\[0\].kind is 'explosion'"):
        strike(simulator, "explosion")
    with pytest.raises(SettingsError, match="plain values"):
        simulator.configure({"seed": object()})
    assert stream(simulator).status == 200
