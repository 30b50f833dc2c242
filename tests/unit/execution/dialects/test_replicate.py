"""Predictions: what follows an answer, where a key goes, and what events and results say."""

import json
from collections.abc import Callable

import httpx
import pytest

from pytest_llm_latency.errors import BypassError
from pytest_llm_latency.execution import handover
from pytest_llm_latency.execution.delta import ReportedError
from pytest_llm_latency.execution.dialects import replicate
from pytest_llm_latency.execution.exchange import Exchange, WireRequest
from pytest_llm_latency.model import Stamps
from recordings import MS, recording

API = "https://api.replicate.com/v1"
KEY = {"authorization": "Token r8_secret"}
ANYWHERE: Callable[[str], None] = lambda _: None  # noqa: E731  (a check that lets all through)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the surroundings has a part in this."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def begun(url: str = f"{API}/models/meta/llama/predictions") -> WireRequest:
    """Return the request that begins a prediction."""
    return handover.wire_request(httpx.Request("POST", url, headers=KEY, content=b"{}"))


def following(*, stream: bool, check: Callable[[str], None] = ANYWHERE) -> replicate.Following:
    """Return what follows the answers to one prediction."""
    return replicate.Following(request=begun(), stream=stream, check=check)


def exchange(body: object, *, status: int = 201, content_type: str = "application/json") -> Exchange:
    """Return an answer."""
    return Exchange(
        stamps=Stamps(started=0),
        http_status=status,
        headers=(("content-type", content_type),),
        pieces=(body if isinstance(body, bytes) else json.dumps(body).encode(),),
        piece_ns=(1,),
        connection_reused=False,
        http_version="1.1",
        clock="loop",
        status="ok",
        failure=None,
        attempts=1,
    )


def receipt(status: str = "starting", **urls: str) -> Exchange:
    """Return the answer that says where the result will be."""
    return exchange({"status": status, "urls": {"get": f"{API}/predictions/1", **urls}})


def test_a_stream_is_followed_at_once() -> None:
    """Where the receipt says."""
    step = following(stream=True)(receipt(stream="https://stream.replicate.com/v1/files/1?a=b"))
    assert step is not None
    assert step.wait_s == 0
    assert step.request.endpoint == "stream.replicate.com"
    assert step.request.head.startswith(b"GET /v1/files/1?a=b HTTP/1.1\r\n")
    assert b"accept: text/event-stream\r\n" in step.request.head
    assert step.request.head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", ["starting", "processing"])
def test_a_result_is_polled_as_long_as_it_is_not_there(status: str) -> None:
    """Also where a stream is asked for that the model does not have."""
    for stream in (True, False):
        step = following(stream=stream)(receipt(status))
        assert step is not None
        assert step.wait_s == replicate.POLL_S
        assert step.request.head.startswith(b"GET /v1/predictions/1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "last",
    [
        receipt("succeeded", stream=f"{API}/s"),
        receipt("failed", stream=f"{API}/s"),
        receipt("canceled"),
        exchange({"status": "starting"}),
        exchange({"status": "starting", "urls": {"get": 1, "stream": None}}),
        exchange({"status": "starting", "urls": None}),
        exchange([]),
        exchange(b"{"),
        exchange(b""),
        exchange({"status": "starting", "urls": {"get": f"{API}/1"}}, status=429),
        exchange(b"event: output\ndata: a\n\n", status=200, content_type="text/event-stream"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_nothing_follows_the_last_answer(last: Exchange, *, stream: bool) -> None:
    """A result, an error, a stream, and what cannot be read."""
    assert following(stream=stream)(last) is None


@pytest.mark.parametrize(
    ("url", "carries"),
    [
        (f"{API}/predictions/1", True),
        ("https://stream.replicate.com/1", True),
        ("https://stream-b.svc.rno2.c.replicate.net/1", False),
        ("https://api.replicate.com.example.org/1", False),
        ("https://example.org/1", False),
        ("http://stream.replicate.com/1", False),
    ],
)
def test_the_key_goes_to_replicate_alone(url: str, *, carries: bool) -> None:
    """A receipt may name any address."""
    step = following(stream=True)(receipt(stream=url))
    assert step is not None
    assert (b"authorization: Token r8_secret\r\n" in step.request.head) is carries


def test_an_address_that_is_not_allowed_is_refused() -> None:
    """A dry run stays at home."""

    def refuse(endpoint: str) -> None:
        raise BypassError(f"not to {endpoint}")

    with pytest.raises(BypassError, match=r"not to stream\.replicate\.com"):
        following(stream=True, check=refuse)(receipt(stream="https://stream.replicate.com/1"))


def test_a_request_goes_where_it_is_told_and_waits_for_what_is_not_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Litellm knows one address only, and polls."""
    built = httpx.Request("POST", f"{API}/models/a/b/predictions", headers=KEY, content=b'{"input":{}}')
    sent = replicate.amended(built, api_base="http://127.0.0.1:9/v1/", stream=False)
    assert str(sent.url) == "http://127.0.0.1:9/v1/models/a/b/predictions"
    assert (sent.headers["host"], sent.headers["prefer"]) == ("127.0.0.1:9", "wait")
    assert (sent.headers["authorization"], sent.content) == ("Token r8_secret", b'{"input":{}}')
    monkeypatch.setenv("REPLICATE_API_BASE", "https://gateway.example.org/replicate")
    sent = replicate.amended(built, api_base=None, stream=True)
    assert str(sent.url) == "https://gateway.example.org/replicate/models/a/b/predictions"
    monkeypatch.delenv("REPLICATE_API_BASE")
    sent = replicate.amended(built, api_base=None, stream=True)
    assert (str(sent.url), sent.headers.get("prefer")) == (str(built.url), None)


def test_events_are_plain_text_by_their_names() -> None:
    """Lines of a text are joined, and what looks like JSON is text too."""
    stream = (
        b"event: output\nid: 1:0\ndata: Hi\n\n: comment\n\nevent: output\ndata: {\n\n"
        b"event: output\ndata: a\ndata: b\n\nevent: output\ndata: \n\nevent: done\ndata: {}\n\n"
    )
    found = list(replicate.events(recording(stream)))
    said = [replicate.parse_event(json.loads(event.data)) for event in found]
    assert [None if each is None else each.content for each in said] == ["Hi", "{", "a\nb", "", ""]
    assert said[-1] is not None
    assert said[-1].finish_reason == "stop"
    assert [replicate.ends(json.loads(event.data)) for event in found] == [False] * 4 + [True]
    assert {event.at_ns for event in found} == {MS}
    assert not replicate.ends(None)


def test_an_event_that_says_nothing_is_none() -> None:
    """Further names may come."""
    assert replicate.parse_event({"event": "logs", "data": "x"}) is None
    assert replicate.parse_event({"event": None, "data": "x"}) is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"event": "error", "data": "out of memory"}, "out of memory"),
        ({"event": "done", "data": '{"reason":"error"}'}, "failed"),
    ],
)
def test_an_event_of_an_error_is_one(event: dict[str, str], words: str) -> None:
    """In Replicate's own words."""
    with pytest.raises(ReportedError, match=words):
        replicate.parse_event(event)


def test_an_end_by_other_means_has_its_reason() -> None:
    """Someone has given the prediction up."""
    said = replicate.parse_event({"event": "done", "data": '{"reason":"canceled"}'})
    assert said is not None
    assert said.finish_reason == "canceled"
    with pytest.raises(ValueError, match="Expecting"):
        replicate.parse_event({"event": "done", "data": "{"})


@pytest.mark.parametrize(("output", "text"), [(["a", "b"], "ab"), ("ab", "ab"), (None, ""), ([1, "b"], "b")])
def test_a_result_has_its_text_and_its_counts(output: object, text: str) -> None:
    """Models without counts have none."""
    said = replicate.parse_answer({"status": "succeeded", "output": output})
    assert (said.content, said.finish_reason, said.usage) == (text, "stop", None)
    metrics = {"input_token_count": 3, "output_token_count": 4, "predict_time": 1.5}
    usage = replicate.parse_answer({"status": "succeeded", "output": output, "metrics": metrics}).usage
    assert usage is not None
    assert (usage.tokens_in, usage.tokens_out) == (3, 4)


@pytest.mark.parametrize("status", ["failed", "canceled", "aborted"])
def test_a_prediction_that_failed_is_an_error(status: str) -> None:
    """Under HTTP 200 or 201."""
    with pytest.raises(ReportedError, match="CUDA"):
        replicate.parse_answer({"status": status, "error": "CUDA out of memory"})
    with pytest.raises(ReportedError, match=status):
        replicate.parse_answer({"status": status, "error": None})


@pytest.mark.parametrize("answer", [{}, {"status": "processing"}, {"detail": "no"}])
def test_a_result_that_is_not_there_is_none(answer: dict[str, object]) -> None:
    """The last answer must have one."""
    with pytest.raises(ValueError, match="has not come to its end"):
        replicate.parse_answer(answer)
