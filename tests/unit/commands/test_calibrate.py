"""``llm-latency calibrate``: what it reads, prints and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.model import Run, VerdictStatus
from pytest_llm_latency.storage import acceptance, results, samples
from pytest_llm_latency.storage.acceptance import Acceptance

CHAT, TOOL = "tests/test_chat.py::test_chat", "tests/test_tool.py::test_call"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(number: int, test_id: str = CHAT, **changes: Any) -> Run:
    """Return a run of sixty requests; every session is a little faster or slower."""
    values = {"id": f"run-{number}-{test_id}", "test_id": test_id, "session_id": f"session-{number}"}
    started = {"started_at": f"2026-03-{number:02}T09:15:00+00:00"}
    median = 0.3 * (1 + 0.04 * (number % 3 - 1))
    return nouns.run(nouns.lognormal(60, median=median, seed=number + 100 * len(test_id)), **values | started | changes)


def accept(*runs: Run) -> None:
    """Make runs the baseline of their tests."""
    for each in runs:
        terms = Acceptance(
            accepted="2026-03-09", reason=None, commit=None, verdicts={}, moved=frozenset(), keep=5, dry_run=False
        )
        acceptance.accept(Path("baselines"), [each], terms)


def store(folder: Path, *runs: Run, status: VerdictStatus = "pass") -> Path:
    """Store a session as pytest does and return its folder."""
    stored = [
        nouns.stored_test(
            test_id=each.test_id, file=results.write_run(folder, each).name, status=status, fails=False, moved=False
        )
        for each in runs
    ]
    manifest = nouns.manifest(
        session_id=runs[0].session_id,
        started_at=runs[0].started_at,
        environment="default",
        interrupted=False,
        narrowed=False,
        expected=tuple(each.test_id for each in runs),
        tests=tuple(stored),
    )
    return results.write_manifest(folder, manifest).parent


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    status = cli.main(["calibrate", "--suites", "2", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what is printed as JSON."""
    status, out, err = called(capsys, "--json", *arguments)
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_accepted_runs_are_calibrated(capsys: pytest.CaptureFixture[str]) -> None:
    """The suite, its noise, its false alarms, and a row for each series."""
    accept(*(run(number, test) for number in range(1, 5) for test in (CHAT, TOOL)))

    status, out, err = called(capsys)

    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "suite 2 benchmarks, 4 compared series"
    assert lines[1].startswith("noise runs of the same code differ by ")
    assert lines[1].endswith("from 12 differences between runs")
    assert lines[2].startswith("false alarms 0 of 2 resampled unchanged suites went red: 0 % (95 % interval 0 % … 84")
    assert lines[3].startswith("as measured 0 of 4 sessions, each against the others, went red: 0 %")
    assert lines[5] == "TEST SERIES RUNS REQUESTS HALF OF THEM NOW TWICE FOUR TIMES"
    assert [line.split()[:4] for line in lines[6:10]] == [
        [CHAT, "ttft", "4", "60"],
        [CHAT, "e2e", "4", "60"],
        [TOOL, "ttft", "4", "60"],
        [TOOL, "e2e", "4", "60"],
    ]
    assert all(line.count("+") == 4 for line in lines[6:10])
    assert "in part assumed" not in out


def test_one_run_is_told_to_be_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    """No rate is made up, and the number of further runs is named."""
    accept(run(1))

    status, out, _ = called(capsys)

    assert status == 0
    assert out.count("not known: no test has runs of two sessions") == 2
    assert "0 differences between runs of the same code are known, and 8 are needed. 4 further runs" in out


@pytest.mark.parametrize("which", ["runs", "last", "session", "file"])
def test_further_runs_of_the_same_code_may_be_named(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As for compare: all sessions, the last one, one, or a file; a run that is accepted too counts once."""
    accept(run(1), run(2))
    sessions = [store(Path("elsewhere"), run(number)) for number in (2, 3)]
    path = {
        "runs": "elsewhere/runs",
        "last": "elsewhere",
        "session": sessions[1],
        "file": next(sessions[1].glob("*.parquet")),
    }[which]

    assert [each["runs"] for each in figures(capsys, str(path))["detectable"]] == [3, 3]


def test_runs_that_cannot_be_compared_or_trusted_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Of another model, interrupted, invalid."""
    store(Path("elsewhere"), run(1), run(1, TOOL))
    store(Path("elsewhere"), run(2, conditions=(nouns.conditions(model="openai/gpt-4o"),)))
    store(Path("elsewhere"), run(3, complete=False))
    store(Path("elsewhere"), run(4), status="invalid")
    store(Path("elsewhere"), run(5))

    found = figures(capsys, "elsewhere/runs", "-k", "chat")

    assert [(each["test_id"], each["runs"]) for each in found["detectable"]] == [(CHAT, 2), (CHAT, 2)]
    assert found["runs_left_out"] == 2
    assert "2 runs left out" in called(capsys, "elsewhere/runs")[1]


def test_environments_are_not_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    """Two of them need a choice."""
    accept(run(1), run(2, environment=nouns.environment(label="staging")), run(3))

    status, _, err = called(capsys)

    assert status == cli.USAGE
    assert "the environments default, staging: choose one with --environment" in err
    assert [each["runs"] for each in figures(capsys, "--environment", "default")["detectable"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no accepted run in baselines has a gated metric"),
        (["--suites", "0"], "--suites 0: write at least 1"),
        (["nowhere"], "PATH (nowhere) does not exist"),
        (["--alpha", "x"], "--alpha: 'x' is not a share"),
        (["--alpha", "5"], "--alpha: '5' is not a share between 0 % and 100 %"),
    ],
)
def test_what_cannot_be_calibrated_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line that ends with what to do."""
    status, out, err = called(capsys, *arguments)

    assert (status != 0, out) == (True, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_file_of_several_runs_has_no_session_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs keep the session that measured them, as in a baseline of another folder."""
    samples.write_runs(Path("a.parquet"), [run(1), run(2)])

    assert figures(capsys, "a.parquet")["measured"]["suites"] == 2
