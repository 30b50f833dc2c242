"""``llm-latency analyze``: what a stored run says by itself."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.commands import painting
from pytest_llm_latency.model import Run
from pytest_llm_latency.storage import results, samples

TALK = "tests/test_talk.py::test_talk"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, on a screen of 80 columns, with the error that stamps may have by default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LLM_LATENCY_MAX_ERROR", raising=False)
    return tmp_path


def chat(**changes: Any) -> Run:
    """Return a run of eighty requests, of which three failed in two ways."""
    latencies: list[float | None] = list(nouns.lognormal(80, median=0.3))
    own = list(nouns.samples(latencies))
    refused = nouns.failure("RateLimitError", "429: slow down")
    own[7:9] = (nouns.sample(place, None, failed=refused) for place in (7, 8))
    own[40] = nouns.sample(40, None, failed=nouns.failure("ServiceUnavailableError", "503: <b>gone</b>"))
    return nouns.run(samples=tuple(own), **changes)


def stored(*runs: Run) -> Path:
    """Store a session of these runs and return its folder."""
    tests = tuple(
        nouns.stored_test(test_id=run.test_id, file=results.write_run(results.DEFAULT_FOLDER, run).name) for run in runs
    )
    ids = tuple(run.test_id for run in runs)
    manifest = nouns.manifest(session_id=runs[0].session_id, expected=ids, tests=tests)
    return results.write_manifest(results.DEFAULT_FOLDER, manifest).parent


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    status = cli.main(["analyze", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_the_last_run_is_told_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Figures with intervals, errors by kind, trust, cost, the slowest answers, its parts by time."""
    stored(chat())
    status, out, err = called(capsys)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == nouns.TEST_ID
    assert "80 requests, 3 (3.8 %) errors" in out
    assert "2 (2.5 %) RateLimitError (provider): 429: slow down" in out
    assert "1 (1.2 %) ServiceUnavailableError" in out
    assert "trusted: 1 % of the stamps may be wrong by" in " ".join(out.split())
    assert out.count(" … ") > 10
    slowest = lines[lines.index("  the slowest answers, and what they waited for") :]
    assert slowest[1].split()[:3] == ["iteration", "at", "e2e"]
    assert slowest[2].endswith("=")
    assert "  by time" in out


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """By test and step, with the percentiles that were asked for."""
    stored(chat())
    status, out, _ = called(capsys, "--json", "--percentiles", "p50,99.9", "--slowest", "2")
    found = json.loads(out)
    assert (status, found["format"], found["version"]) == (0, "pytest-llm-latency analysis", 1)
    (run,) = found["runs"]
    assert (run["test_id"], run["trusted"], run["distrust"]) == (nouns.TEST_ID, True, [])
    (step,) = run["steps"]
    assert (step["requests"], step["successes"]) == (80, 77)
    assert [each["percentile"] for each in step["metrics"]["ttft"]["percentiles"]] == [50, 99.9]
    assert step["metrics"]["ttft"]["percentiles"][1]["needed"] == 2995
    assert [each["count"] for each in step["error_kinds"]] == [2, 1]
    times = [each["e2e_s"] for each in step["slowest"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 2
    assert step["slowest"][0]["phases"]["streaming"] == pytest.approx(
        step["slowest"][0]["e2e_s"] - step["metrics"]["ttft"]["maximum"]
    )
    assert {part["by"] for part in step["parts"]} == {"time"}


def test_only_selected_tests_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that matches none names them all; each step has its own figures."""
    question = nouns.samples(nouns.lognormal(60, median=0.2), step="question")
    stored(chat(), nouns.run(id="run-3", test_id=TALK, samples=question))
    status, out, _ = called(capsys, "-k", "talk")
    assert (status, nouns.TEST_ID in out, "step question: 60 requests" in out) == (0, False, True)
    status, _, err = called(capsys, "-k", "nothing")
    assert status == 4
    assert f"-k 'nothing' matches no test of last: choose among {nouns.TEST_ID}, {TALK}." in err


def test_what_cannot_be_trusted_and_what_is_cut_off_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the gate."""
    run = chat(complete=False)
    stored(replace(run, trust=replace(run.trust, send_lag_p99_s=0.5)))
    _, out, _ = called(capsys)
    said = " ".join(out.split())
    assert "not to be trusted: the client was overloaded" in said
    assert "not complete: the measuring was cut off" in said
    assert " trusted: 1 %" not in said


def test_what_varies_has_its_own_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Worker and length of the input, here."""
    own = [
        replace(nouns.with_tokens(each, 10 if place % 2 else 900, cost=0.001), worker=f"gw{place % 2}")
        for place, each in enumerate(nouns.samples(nouns.lognormal(80, median=0.3)))
    ]
    stored(nouns.run(samples=tuple(own)))
    lines = called(capsys)[1].splitlines()
    heads = [line.split("  ")[1] for line in lines if line.startswith("  by ")]
    assert heads == ["by input tokens", "by time", "by worker"]
    at = next(place for place, line in enumerate(lines) if line.startswith("  by worker"))
    assert lines[at].split()[2:] == ["requests", "errors", "ttft", "p50", "e2e", "p50"]
    assert lines[at + 1].split()[:2] == ["gw0", "40"]


def test_of_two_sides_the_test_s_own_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The other stands in for a baseline, which compare and report show."""
    own = [
        replace(each, side="baseline" if place % 2 else "candidate")
        for place, each in enumerate(nouns.samples(nouns.lognormal(80, median=0.3)))
    ]
    stored(nouns.run(samples=tuple(own), plan=nouns.plan(ab="openai/gpt-4o")))
    said = " ".join(called(capsys)[1].split())
    assert "against openai/gpt-4o, interleaved; this is the test's own side" in said
    assert "40 requests, 0 errors" in said


@pytest.mark.parametrize("name", ["last", "session-2", ".llm-latency", ".llm-latency/runs/session-2", "run.parquet"])
def test_a_run_is_named_as_for_report_and_compare(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A session, its id, a folder, a file."""
    stored(chat())
    samples.write_runs(Path("run.parquet"), [chat()])
    assert called(capsys, name)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere"], 4, "RUN (nowhere) does not exist: name a results folder"),
        ([], 1, ".llm-latency holds no run yet: run 'pytest --llm-latency' first."),
        (["--percentiles", "50,100"], 4, "--percentiles '50,100' is no list of numbers above 0 and below 100"),
        (["--percentiles", "half"], 4, "write it as in 50,99.9."),
        (["--slowest", "-1"], 4, "--slowest -1: write 0 or more."),
        (["--max-error", "much"], 4, "--max-error: 'much'"),
    ],
)
def test_what_cannot_be_told_is_one_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    """With the remedy."""
    found, _, err = called(capsys, *arguments)
    assert (found, err.count("\n")) == (status, 1)
    assert said in err


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_are_for_terminals_or_as_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, coloured: bool
) -> None:
    """The test's name is bold where they are shown."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stored(chat())
    out = called(capsys)[1]
    assert out.startswith(f"\033[1m{nouns.TEST_ID}\033[0m\n") is coloured
    assert ("\033" in out) is coloured


def test_a_terminal_has_colours_unless_it_is_a_dumb_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the variable TERM says."""

    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert painting.coloured(Terminal())  # type: ignore[arg-type]  (nothing else of it is asked)
    monkeypatch.setenv("TERM", "dumb")
    assert not painting.coloured(Terminal())  # type: ignore[arg-type]  (the same)
