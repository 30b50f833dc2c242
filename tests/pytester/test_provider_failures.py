"""Models, keys and servers that fail: one message each, the keys in none of them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

import pytest

from suites import SWITCH, Suite, printed

SECRET = "sk-" + "proj-4fQh2s1ZkV9xT0bWcY7u"


class _Echo(BaseHTTPRequestHandler):
    """Refuses every request and repeats its key, as some providers do."""

    def do_POST(self) -> None:
        """Answer with the credentials that came in."""
        self.rfile.read(int(self.headers["content-length"]))
        sent = [value for name, value in self.headers.items() if name.lower() in {"authorization", "x-api-key"}]
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {sent}", "type": "invalid"}}).encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture(name="echo")
def echoing_server() -> Iterator[str]:
    """Yield the address of a server that gives keys away."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(name="closed")
def closed_port() -> str:
    """Return an address that nobody listens at."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def chat(model: str, *, call: str = "", marker: str = "") -> str:
    """Return a test of one call."""
    return f"""
import pytest

@pytest.mark.llm_latency(model={model!r}, requests=6, warmup=1, concurrency=2{marker})
async def test_chat(llm):
    await llm("hi"{call})
"""


@pytest.mark.parametrize("simulated", [True, False])
def test_a_model_that_litellm_does_not_know_is_named(suite: Suite, *, simulated: bool) -> None:
    """With the form that a name has."""
    suite.write(chat("gpt-nothing"))
    result = suite.measure() if simulated else suite.run(SWITCH)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["litellm does not know the model 'gpt-nothing': write it as 'provider/model'*"])
    assert "Traceback" not in printed(result)
    assert "Provider List" not in printed(result)


@pytest.mark.parametrize(
    ("model", "variable"),
    [("openai/gpt-4o-mini", "OPENAI_API_KEY"), ("anthropic/claude-haiku-4-5", "ANTHROPIC_API_KEY")],
)
def test_a_missing_key_is_named(suite: Suite, model: str, variable: str) -> None:
    """And that a dry run needs none."""
    suite.write(chat(model))
    result = suite.run(SWITCH)
    result.assert_outcomes(failed=1)
    assert f"the key for '{model}' is missing: set {variable}, or try --llm-latency-simulate." in printed(result)


def test_a_provider_that_the_simulator_does_not_speak_for_is_named(suite: Suite) -> None:
    """Not measured against something else."""
    suite.write(chat("deepseek/deepseek-chat"))
    result = suite.measure()
    result.assert_outcomes(failed=1)
    assert "and not for 'deepseek'" in printed(result)


def test_a_key_that_a_provider_repeats_is_printed_and_stored_nowhere(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, echo: str
) -> None:
    """Not on the terminal at its most talkative, not in reports, results, baselines or JUnit files."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET[::-1])
    suite.write(
        chat("openai/gpt-4o-mini", call=f", api_base={echo + '/v1'!r}")
        + chat("anthropic/claude-haiku-4-5", call=f", api_base={echo!r}").replace("test_chat", "test_claude")
        + chat("openai/gpt-4o", call=f", api_base={echo + '/v1'!r}, api_key={'key-' + SECRET[3:]!r}").replace(
            "test_chat", "test_named"
        )
    )
    result = suite.run(SWITCH, "-vv", "-rA", "--showlocals", "--junitxml=junit.xml", "-o", "junit_logging=all")
    result.assert_outcomes(failed=3)
    text = printed(result)
    assert "Incorrect API key provided: ['Bearer ***" in text
    source = suite.path / "test_suite.py"
    written = {path: content for path, content in suite.texts().items() if path != source and path.suffix != ".pyc"}
    assert len([path for path in written if path.suffix == ".parquet"]) == 4  # a run each, and all of their samples
    for secret in (SECRET, SECRET[::-1], SECRET[3:], SECRET[3:15]):
        assert secret not in text
        assert [path for path, content in written.items() if secret.encode() in content] == []


def test_a_refused_connection_is_said_with_its_address(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """Every request failed; the benchmark goes over the error limit and nothing hangs."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    suite.write(chat("openai/gpt-4o-mini", call=f", api_base={closed + '/v1'!r}"))
    result = suite.run(SWITCH)
    result.assert_outcomes(failed=1)
    text = " ".join(printed(result).split())
    assert "6 of 6 requests failed (100 %), above the error limit of 1 %" in text
    assert "onnection refused" in text
    assert "active.py" not in text


@pytest.mark.parametrize(
    ("kind", "error"),
    [("rate_limit", "HTTP429"), ("server_error", "HTTP500"), ("reset_mid_stream", ""), ("truncated", "")],
)
def test_failing_requests_above_the_limit_fail_the_test_and_are_counted(suite: Suite, kind: str, error: str) -> None:
    """Each rank slower than every success and stands in the report by its class."""
    suite.profile({"kind": kind, "every": 3}, ttft="5ms", output_tokens=8)
    suite.write(chat("openai/gpt-4o-mini"))
    result = suite.measure()
    result.assert_outcomes(failed=1)
    reliability = suite.benchmarks[0]["results"]["reliability"]
    assert (reliability["requests"], reliability["error_count"]) == (6, 2)
    (found,) = reliability["errors"]
    assert error in found
    assert "2 of 6 requests failed (33.3 %), above the error limit of 1 %" in " ".join(printed(result).split())
    suite.measure("--llm-latency-error-limit=40%").assert_outcomes(passed=1)


def test_a_limit_on_the_error_rate_stands_in_place_of_the_general_one(suite: Suite) -> None:
    """A test may say that some failures are usual."""
    suite.profile({"kind": "server_error", "every": 3}, ttft="5ms")
    suite.write(chat("openai/gpt-4o-mini", marker=", limits=['error_rate < 50%']"))
    suite.measure().assert_outcomes(passed=1)


def test_a_body_may_catch_a_failed_request_and_it_stays_counted(suite: Suite) -> None:
    """The exception is public."""
    suite.profile({"kind": "server_error", "every": 2}, ttft="5ms")
    suite.write(
        """
        import pytest
        from pytest_llm_latency import RequestFailedError

        @pytest.mark.llm_latency(model="openai/gpt-4o-mini", requests=6, warmup=0)
        def test_chat(llm):
            try:
                llm("hi")
            except RequestFailedError as error:
                assert "HTTP500" in str(error)
        """
    )
    suite.measure().assert_outcomes(failed=1)
    assert suite.benchmarks[0]["results"]["reliability"]["errors"] == {"HTTP500": 3}
