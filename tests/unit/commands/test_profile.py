"""``llm-latency profile``: what it sends, prints, writes and returns."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency import judge
from pytest_llm_latency.cli import main
from pytest_llm_latency.execution.clock import MonotonicClock
from pytest_llm_latency.execution.fake_client import Answer, FakeClient
from pytest_llm_latency.measuring import Measuring, Origin
from pytest_llm_latency.model import Request

MODEL = "openai/gpt-4o-mini"
Script = Callable[[Request, int], Answer]


def quick(_: Request, number: int) -> Answer:
    """Answer within a millisecond, now and then a little later."""
    return Answer(ttft_s=0.001 + number % 7 * 1e-5)


@pytest.fixture(autouse=True)
def working_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, where a busy machine makes no run invalid."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(judge, "distrusted", lambda *_, **__: ())
    monkeypatch.setattr(Origin, "surroundings", lambda _: nouns.environment())  # asking git takes longer than the rest
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(name="send")
def sending_through(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], FakeClient]:
    """Return what puts a fake in the place of litellm's client."""

    def through(script: Script) -> FakeClient:
        fake = FakeClient(script, MonotonicClock())
        monkeypatch.setattr(Measuring, "client", lambda self, plan, name: self.limited(fake, plan, name))
        return fake

    return through


@pytest.fixture(name="sender")
def quick_sender(send: Callable[[Script], FakeClient]) -> FakeClient:
    """Answer quickly."""
    return send(quick)


def test_a_prompt_is_measured_and_its_figures_are_a_table(
    sender: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """With litellm's parameters, which are JSON where they can be."""
    line = f'profile {MODEL} "Say hello." --requests 60 --warmup 2 --set temperature=0.5 --set user=me --base-url http://x/v1'
    assert main(shlex.split(line)) == 0
    assert len(sender.requests) == 62
    assert {each.messages[0]["content"] for each in sender.requests} == {"Say hello."}
    parameters = {"stream": True, "temperature": 0.5, "user": "me", "api_base": "http://x/v1"}
    assert dict(sender.requests[0].parameters) == parameters
    printed = capsys.readouterr()
    assert MODEL in printed.out
    assert "60 requests · 0 errors" in printed.out
    assert "make it the baseline" not in printed.out
    assert printed.err == ""


def test_several_prompts_take_turns_from_the_command_line_or_a_file(sender: FakeClient) -> None:
    """A line each."""
    Path("prompts.txt").write_text("three\nfour\n", encoding="utf-8")
    assert main(["profile", MODEL, "one", "two", "--requests", "2", "--warmup", "0", "-q"]) == 0
    assert main(["profile", MODEL, "--prompts", "prompts.txt", "--requests", "2", "--warmup", "0", "-q"]) == 0
    assert [each.messages[0]["content"] for each in sender.requests] == ["one", "two", "three", "four"]


def test_a_settings_file_counts_less_than_the_command_line(
    sender: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that lies here, or the one that is named."""
    Path("llm-latency.yaml").write_text("profiling: {requests: 4, warmup: 1, prompts: other.txt}\n", encoding="utf-8")
    Path("other.toml").write_text("[profiling]\nrequests = 0\n", encoding="utf-8")
    assert main(["profile", MODEL, "hi", "--warmup", "0", "-q"]) == 0
    assert [each.messages[0]["content"] for each in sender.requests] == ["hi"] * 4
    assert main(["profile", MODEL, "hi", "--config", "other.toml"]) == 4
    assert "other.toml:2" in capsys.readouterr().err


def test_a_limit_that_is_exceeded_fails(sender: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """And one that holds does not."""
    line = ["profile", MODEL, "hi", "--requests", "60", "--warmup", "0", "--limits", "ttft.p95 < 10s"]
    assert main(line) == 0
    assert main([*line[:-1], "ttft.p95 < 10s, ttft.p50 < 1us"]) == 1
    assert "above the limit" in capsys.readouterr().out
    assert len(sender.requests) == 120


def test_a_run_is_written_and_judged_beside_a_later_one(
    send: Callable[[Script], FakeClient], capsys: pytest.CaptureFixture[str]
) -> None:
    """The advice to accept it names its file."""
    line = ["profile", MODEL, "hi", "--requests", "80", "--warmup", "0", "--output"]
    send(quick)
    assert main([*line, "before.parquet", "--output", "made/report.html"]) == 0
    assert Path("made/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    send(lambda request, number: Answer(ttft_s=2 * quick(request, number).ttft_s))
    assert main([*line, "now.parquet", "--against", "before.parquet"]) == 1
    out = capsys.readouterr().out
    assert f"regressed: {MODEL}" in out
    assert "accept it without measuring again" in " ".join(out.split())
    assert f"llm-latency baseline accept --run now.parquet --test {MODEL}" in out
    assert main([*line[:-1], "--against", "before.parquet"]) == 1
    assert "meant to stay, write a run to RUN.parquet and accept it:" in " ".join(capsys.readouterr().out.split())


def test_json_is_the_document_of_a_session(sender: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else is printed."""
    assert main(["profile", MODEL, "hi", "--requests", "5", "--warmup", "0", "--name", "mine", "--json"]) == 0
    [benchmark] = json.loads(capsys.readouterr().out)["benchmarks"]
    assert (benchmark["metadata"]["test_id"], benchmark["results"]["reliability"]["requests"]) == ("mine", 5)
    assert len(sender.requests) == 5


def test_ctrl_c_keeps_what_was_complete(
    send: Callable[[Script], FakeClient], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the table and in the file; before the first request that counts there is nothing."""

    def interrupted(request: Request, number: int) -> Answer:
        if number == 8:
            raise KeyboardInterrupt
        return quick(request, number)

    send(interrupted)
    assert main(["profile", MODEL, "hi", "--requests", "60", "--warmup", "2", "--output", "part.json"]) == 130
    assert "interrupted after 6 of 60 requests" in capsys.readouterr().out
    assert json.loads(Path("part.json").read_text("utf-8"))["benchmarks"][0]["verdict"]["status"] == "invalid"
    send(interrupted)
    assert main(["profile", MODEL, "hi", "--requests", "60", "--warmup", "9"]) == 130
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_written_any_more_takes_no_figures_with_it(
    send: Callable[[Script], FakeClient], capsys: pytest.CaptureFixture[str]
) -> None:
    """They are printed, and then the error."""

    def spoiling(request: Request, number: int) -> Answer:
        Path("made/run.json").mkdir(exist_ok=True)
        return quick(request, number)

    send(spoiling)
    assert main(["profile", MODEL, "hi", "--requests", "5", "--warmup", "0", "--output", "made/run.json"]) == 1
    printed = capsys.readouterr()
    assert "5 requests · 0 errors" in printed.out
    assert "made/run.json cannot be written" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "name what is asked: a PROMPT or several"),
        ("hi --prompts p.txt", "a PROMPT and --prompts do not go together"),
        ("hi --config none.yaml", "none.yaml"),
        ("hi --requests x", "--requests: 'x' is not a whole number"),
        ("hi --requests 2 --concurrency 5", "concurrency 5 is above requests 2"),
        ("hi --set temperature", "write it as in --set temperature=0"),
        ("hi --set self=1", "write it as in --set temperature=0"),
        ("hi --set prompt=ho", "--set 'prompt=ho' is no parameter: PROMPT says it."),
        ("hi --set model=groq/x", "MODEL says it."),
        ("hi --limits ttft", "the limit 'ttft' cannot be read"),
        ("hi --output run.csv", "ends in none of .parquet, .json, .html"),
        ("hi --against nowhere", "--against (nowhere) does not exist"),
        ("hi --simulate-slowdown 2", "--simulate-slowdown needs --simulate."),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_sent(
    arguments: str, message: str, sender: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what to write."""
    assert main(["profile", MODEL, *shlex.split(arguments)]) == 4
    assert message in capsys.readouterr().err
    assert sender.requests == []


def test_the_last_session_is_looked_up_where_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Where those of pytest are written."""
    Path("llm-latency.yaml").write_text("output: {results: out}\n", encoding="utf-8")
    assert main(["profile", MODEL, "hi", "--against", "last"]) == 1
    assert f"{Path.cwd() / 'out'}" in capsys.readouterr().err


def test_earlier_runs_that_nothing_can_be_judged_against_are_refused_first(
    sender: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before requests are paid for."""
    line = ["profile", MODEL, "hi", "--requests", "5", "--warmup", "0", "-q"]
    for name in ("a", "b"):
        assert main([*line, "--name", name, "--output", f"two/{name}.parquet"]) == 0
    assert main([*line, "--against", "two"]) == 4
    assert "and none is of openai/gpt-4o-mini: profile under the name of one." in capsys.readouterr().err
    assert main([*line, "--budget-requests", "3", "--output", "stopped.parquet"]) == 0
    assert main([*line, "--requests", "9", "--against", "stopped.parquet"]) == 0
    assert len(sender.requests) == 22
