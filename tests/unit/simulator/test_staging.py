"""A response becomes bytes: headers that say how the body ends, chunks or a length, and what faults change."""

from collections.abc import Mapping

import httptools
import pytest

from pytest_llm_latency.simulator.protocols import PROTOCOLS
from pytest_llm_latency.simulator.requests import HttpRequest
from pytest_llm_latency.simulator.routes import Call
from pytest_llm_latency.simulator.script import Script
from pytest_llm_latency.simulator.simulation import Endpoint, Simulation
from pytest_llm_latency.simulator.staging import stage
from pytest_llm_latency.simulator.truth import Exchange

FIXED = {"ttft": 0.1, "inter_token": 0.01, "headers_s": 0.002, "output_tokens": 3}


class Answer:
    """What a parser of HTTP makes of a script."""

    def __init__(self, script: Script) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(b"".join(write.data for write in script.writes))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers[name.decode()] = value.decode()

    def on_body(self, piece: bytes) -> None:
        """Take a part of the body."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Take the end."""
        self.complete = True


def staged(
    *, stream: bool = True, is_http_1_0: bool = False, keep_alive: bool = True, **settings: object
) -> tuple[Script, Exchange]:
    """Return the script of a response and the truth about it."""
    simulation = Simulation({"profiles": {"*": FIXED}, **settings})
    messages = [{"role": "user", "content": "hello"}]
    call = Call(fields={"model": "m", "messages": messages, "stream": stream})
    response = simulation.respond(Endpoint(protocol="openai", route=PROTOCOLS["openai"].ROUTES[0]), call, 0)
    request = HttpRequest(
        method="POST",
        path="/",
        query_text="",
        headers={},
        body=b"",
        arrived_ns=0,
        is_http_1_0=is_http_1_0,
        keep_alive=keep_alive,
    )
    return stage(response, request), response.exchange


def fault(kind: str, **more: object) -> Mapping[str, object]:
    """Return settings with a fault of every request."""
    return {"faults": [{"kind": kind, "every": 1, **more}]}


def test_a_stream_is_chunked_one_piece_a_chunk() -> None:
    """The end is a write of its own, due with the last piece."""
    script, exchange = staged()
    answer = Answer(script)
    assert answer.complete
    assert answer.headers["transfer-encoding"] == "chunked"
    assert len(answer.body) == sum(exchange.piece_bytes)
    assert [write.completes for write in script.writes] == [-1, *[1] * 6, 0]
    assert [write.due_ns for write in script.writes[1:-1]] == list(exchange.due_ns)
    assert (script.ending, script.closes, script.is_sound) == ("complete", False, True)


def test_a_whole_answer_states_its_length() -> None:
    """Headers and body are due together."""
    script, exchange = staged(stream=False)
    answer = Answer(script)
    assert answer.headers["content-length"] == str(exchange.piece_bytes[0]) == str(len(answer.body))
    assert {write.due_ns for write in script.writes} == {exchange.due_ns[0]}


def test_a_client_that_knows_no_chunks_gets_none() -> None:
    """The end of the connection is that of the body."""
    script, exchange = staged(is_http_1_0=True, keep_alive=False)
    head = script.writes[0].data
    assert b"chunked" not in head
    assert b"connection: close" in head
    assert [len(write.data) for write in script.writes[1:]] == list(exchange.piece_bytes)
    assert script.closes


def test_a_client_that_closes_is_told_so() -> None:
    """Chunks remain."""
    script, _ = staged(keep_alive=False)
    assert Answer(script).headers["connection"] == "close"
    assert script.closes


def test_an_encoded_answer_says_so_and_states_the_encoded_length() -> None:
    """The truth about the pieces has their sizes as they go."""
    script, exchange = staged(stream=False, wire={"*": {"encoding": "gzip"}})
    answer = Answer(script)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(answer.body)) == str(exchange.piece_bytes[0])
    assert answer.body.startswith(b"\x1f\x8b")


def test_the_part_that_a_fault_leaves_out_stays_in_the_length() -> None:
    """Encoded or not."""
    for wire in ({}, {"wire": {"*": {"encoding": "gzip"}}}):
        script, _ = staged(stream=False, **fault("truncated"), **wire)
        answer = Answer(script)
        assert int(answer.headers["content-length"]) > len(answer.body)
        assert script.ending == "cut"


@pytest.mark.parametrize("stream", [True, False])
def test_a_wrong_length_is_too_long_or_too_short(*, stream: bool) -> None:
    """The body itself comes in full; after one that is too long the connection ends."""
    long, _ = staged(stream=stream, **fault("content_length_long"))
    body = b"".join(write.data for write in long.writes[1:])
    assert Answer(long).headers["content-length"] == str(len(body) + 16)
    assert long.ending == "cut"
    short, _ = staged(stream=stream, **fault("content_length_short"))
    assert len(b"".join(write.data for write in short.writes[1:])) == len(body)
    assert b"content-length: %d\r\n" % (len(body) // 2) in short.writes[0].data
    assert (short.ending, short.closes, short.is_sound) == ("complete", True, False)


def test_headers_can_be_oversized_or_say_another_type() -> None:
    """The body is sound in both."""
    oversized = Answer(staged(**fault("oversized_header"))[0])
    assert len(oversized.headers["x-oversized"]) == 256 * 1024
    html = Answer(staged(**fault("wrong_content_type"))[0])
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert oversized.complete
    assert html.complete


def test_a_chunk_of_a_whole_answer_can_be_broken_too() -> None:
    """It comes in chunks for that."""
    script, _ = staged(stream=False, **fault("broken_chunk_size"))
    assert b"transfer-encoding: chunked" in script.writes[0].data
    assert not script.is_sound


def test_a_fragmented_body_is_cut_inside_characters_and_framing() -> None:
    """Every byte is a write of its own, and every piece is complete once."""
    script, _ = staged(wire={"*": {"fragment": 1, "text": "unicode"}})
    assert {len(write.data) for write in script.writes[1:]} == {1}
    assert sum(write.completes for write in script.writes[1:]) == 6
    assert "é" in Answer(script).body.decode()


def test_a_reset_before_the_headers_writes_nothing() -> None:
    """It comes when the headers would have."""
    script, _ = staged(**fault("reset_before_headers"))
    assert (script.writes, script.ending, script.end_due_ns) == ((), "reset", 2_000_000)
