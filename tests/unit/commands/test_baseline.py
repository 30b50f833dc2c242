"""The ``llm-latency baseline`` commands: what they print, write and return."""

import json
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency.cli import main
from pytest_llm_latency.model import Run, VerdictStatus
from pytest_llm_latency.storage import acceptance, baselines, results
from pytest_llm_latency.storage.acceptance import Acceptance

CHAT, TOOL = "tests/test_chat.py::test_chat", "tests/test_tool.py::test_call"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(number: int, test_id: str = CHAT, **changes: Any) -> Run:
    """Return a run of eighty requests."""
    values = {"id": f"run-{number}-{test_id}", "test_id": test_id, "session_id": f"session-{number}"}
    started = {"started_at": f"2026-03-{number:02}T09:15:00+00:00"}
    return nouns.run(nouns.lognormal(80, median=0.3 + number / 10, seed=number), **values | started | changes)


def measure(number: int, *tests: str, status: VerdictStatus | None = "pass", **changes: Any) -> Path:
    """Store a session as pytest does and return its folder."""
    stored = []
    for test_id in tests:
        path = results.write_run(results.DEFAULT_FOLDER, run(number, test_id))
        stored.append(nouns.stored_test(test_id=test_id, file=path.name, status=status, fails=False, moved=False))
    values: dict[str, Any] = {
        "session_id": f"session-{number}",
        "started_at": f"2026-03-{number:02}T09:15:00+00:00",
        "environment": "default",
        "interrupted": False,
        "narrowed": False,
        "expected": tests,
        "tests": tuple(stored),
    }
    return results.write_manifest(results.DEFAULT_FOLDER, nouns.manifest(**values | changes)).parent


def accepted(environment: str = "default") -> dict[str, int]:
    """Return the number of accepted runs by test."""
    return {entry.test_id: entry.runs for entry in baselines.entries(Path("baselines"), environment)}


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    status = main(["baseline", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_the_last_run_becomes_the_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    """Each test's figures before and after are printed, and where they came from."""
    measure(1, CHAT, TOOL)
    called(capsys, "accept")
    path = measure(2, CHAT, TOOL)
    status, out, err = called(capsys, "accept", "--reason", "new prompt")
    assert (status, err) == (0, "")
    assert accepted() == {CHAT: 2, TOOL: 2}
    lines = out.splitlines()
    assert lines[0].split() == ["TEST", "SERIES", "BASELINE", "RUNS", "P50", "P95"]
    assert lines[1].startswith(f"{CHAT}  e2e     extended  1 → 2")
    assert lines[-1] == f"accepted {path} into baselines"
    assert len(lines) == 6
    assert baselines.entries(Path("baselines"), "default")[0].reason == "new prompt"


def test_what_changes_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Of what is accepted, shortened and removed."""
    path = measure(1, CHAT, TOOL)
    accept = json.loads(called(capsys, "accept", "--json")[1])
    assert (accept["run"], accept["baselines"], accept["without_verdict"]) == (str(path), "baselines", [])
    assert [(each["test_id"], each["action"], each["runs_after"]) for each in accept["changes"]] == [
        (CHAT, "added", 1),
        (TOOL, "added", 1),
    ]
    assert accept["changes"][0]["after"][0]["p50"] > 0
    measure(2, CHAT)
    called(capsys, "accept")
    shortened = json.loads(called(capsys, "prune", "--keep-last", "1", "--json", "--dry-run")[1])
    assert [(each["test_id"], each["runs_before"], each["runs_after"]) for each in shortened["changes"]] == [
        (CHAT, 2, 1)
    ]
    removed = json.loads(called(capsys, "prune", "--json")[1])
    assert removed == {"dry_run": False, "removed": [{"environment": "default", "name": TOOL}]}


def test_only_selected_tests_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are neither read nor written."""
    measure(1, CHAT, TOOL)
    assert called(capsys, "accept", "-k", "call and not chat")[0] == 0
    assert accepted() == {TOOL: 1}


def test_a_selection_that_matches_nothing_names_the_tests(capsys: pytest.CaptureFixture[str]) -> None:
    """What could have been written is in the message."""
    measure(1, CHAT)
    status, _, err = called(capsys, "accept", "-k", "chatt")
    assert status == 1
    assert err.startswith("llm-latency: error: nothing was accepted: -k 'chatt' matches no test of")
    assert err.endswith(f"choose among {CHAT}.\n")


def test_a_dry_run_prints_the_same_and_writes_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Only the last line differs."""
    measure(1, CHAT)
    dry = called(capsys, "accept", "--dry-run")[1].splitlines()
    assert not (folder / "baselines").exists()
    wet = called(capsys, "accept")[1].splitlines()
    assert dry[:-1] == wet[:-1]
    assert dry[-1].startswith("would accept ")


def test_a_named_run_is_accepted_instead_of_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    """A session's folder or one file of it; the verdict beside the file is known."""
    first = measure(1, CHAT, TOOL)
    measure(2, CHAT)
    assert called(capsys, "accept", "--run", str(first))[0] == 0
    assert accepted() == {CHAT: 1, TOOL: 1}
    (chat,) = baselines.find(Path("baselines"), "default", CHAT)
    assert chat.session_id == "session-1"
    status, out, _ = called(capsys, "accept", "--run", str(next(first.glob("*chat*.parquet"))))
    assert status == 0
    assert "unchanged" in out
    assert "no stored verdict" not in out


def test_a_lone_file_is_accepted_and_said_to_have_no_verdict(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """What was copied out of its session cannot be known to be invalid."""
    measured = next(measure(1, CHAT).glob("*.parquet")).rename(folder / "copy.parquet")
    status, out, _ = called(capsys, "accept", "--run", str(measured))
    assert status == 0
    assert f"no stored verdict, so none was looked at: {CHAT}" in out


def test_without_a_run_the_message_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, no traceback."""
    status, out, err = called(capsys, "accept")
    assert (status, out) == (1, "")
    assert err == "llm-latency: error: .llm-latency holds no run yet: run 'pytest --llm-latency' first.\n"


def test_an_invalid_run_is_refused_and_nothing_is_accepted(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The stored verdict decides."""
    measure(1, CHAT, TOOL, status="invalid")
    status, out, err = called(capsys, "accept")
    assert (status, out) == (1, "")
    assert f"{CHAT} (its verdict is invalid" in err
    assert not (folder / "baselines").exists()


def test_another_environment_than_the_run_s_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A run is accepted where it was measured, and nowhere else."""
    measure(1, CHAT)
    status, _, err = called(capsys, "accept", "--environment", "ci")
    assert status == 4
    assert "measured in the environment default, not in ci: measure with" in err
    assert called(capsys, "accept", "--environment", "default")[0] == 0


@pytest.mark.parametrize("arguments", [("--keep", "0"), ("--keep", "x"), ("-k", "a or"), ("--no-such-option",)])
def test_a_wrong_command_line_is_one_line_and_exit_code_four(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Argparse's own errors look like ours."""
    measure(1, CHAT)
    status, out, err = called(capsys, "accept", *arguments)
    assert (status, out) == (4, "")
    assert err.startswith("llm-latency: error: ")
    assert err.count("\n") == 1


def test_every_baseline_is_listed_with_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """One aligned line for each series, from the lock alone."""
    measure(1, CHAT, TOOL)
    called(capsys, "accept", "--reason", "first")
    status, out, _ = called(capsys, "list")
    lines = out.splitlines()
    assert status == 0
    assert [line.split()[:3] for line in lines[1:]] == [
        ["default", test_id, metric] for test_id in (CHAT, TOOL) for metric in ("e2e", "ttft")
    ]
    assert len({line.index(metric) for line, metric in zip(lines, ("SERIES", "e2e", "ttft"), strict=False)}) == 1
    assert lines[1].endswith("first")


def test_a_list_as_json_has_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    """A p95 that falls on failed requests is null."""
    failing = tuple(nouns.sample(index, None if index % 10 == 0 else 0.3) for index in range(100))
    terms = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})
    acceptance.accept(Path("baselines"), [nouns.run([], samples=failing, plan=nouns.plan(error_limit=0.2))], terms)
    status, out, _ = called(capsys, "list", "--json")
    (entry,) = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert status == 0
    assert entry["environment"] == "default"
    assert [series["p95"] for series in entry["series"]] == [None, None]
    assert json.loads(called(capsys, "show", nouns.TEST_ID, "--json")[1])[0]["accepted_runs"][0]["id"] == "run-2"


def test_an_empty_list_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to list yet."""
    status, out, _ = called(capsys, "list")
    assert status == 1
    assert out == "no baselines in baselines: run 'pytest --llm-latency', then 'llm-latency baseline accept'\n"
    assert called(capsys, "list", "--json")[:2] == (1, "[]\n")


def test_one_test_is_shown_run_by_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A part of its id is enough where it is the only one."""
    for number, counted in ((1, "1 run"), (2, "2 runs")):
        measure(number, CHAT, TOOL)
        called(capsys, "accept")
        status, out, _ = called(capsys, "show", "test_chat")
        assert f", {counted}, accepted " in out
    assert status == 0
    assert out.startswith(f"{CHAT}\nenvironment default, 2 runs, accepted ")
    assert [line.split()[0] for line in out.splitlines()[4:]] == [
        *["2026-03-01T09:15:00+00:00"] * 2,
        *["2026-03-02T09:15:00+00:00"] * 2,
        *["all"] * 2,
        "history:",
    ]


@pytest.mark.parametrize(("test", "code", "message"), [("tests/", 4, "may be any of"), ("gone", 1, "has no baseline")])
def test_a_test_that_is_not_one_is_asked_for_again(
    capsys: pytest.CaptureFixture[str], test: str, code: int, message: str
) -> None:
    """Two tests or none."""
    measure(1, CHAT, TOOL)
    called(capsys, "accept")
    status, out, err = called(capsys, "show", test)
    assert (status, out) == (code, "")
    assert message in err


def test_baselines_of_tests_that_are_no_more_are_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    """The last session's manifest says which tests there are."""
    measure(1, CHAT, TOOL)
    called(capsys, "accept")
    measure(2, CHAT)
    assert called(capsys, "prune", "--dry-run")[:2] == (0, f"would remove  default  {TOOL}\n")
    assert accepted() == {CHAT: 1, TOOL: 1}
    assert called(capsys, "prune")[:2] == (0, f"removed  default  {TOOL}\n")
    assert accepted() == {CHAT: 1}
    assert called(capsys, "prune")[:2] == (0, "nothing to prune\n")


@pytest.mark.parametrize("changes", [{"narrowed": True}, {"interrupted": True}])
def test_a_session_of_a_part_of_the_suite_prunes_nothing(
    capsys: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    """An absent test may only not have been selected."""
    measure(1, CHAT, TOOL)
    called(capsys, "accept")
    measure(2, CHAT, **changes)
    status, _, err = called(capsys, "prune")
    assert status == 4
    assert "did not see the whole suite" in err
    assert accepted() == {CHAT: 1, TOOL: 1}


@pytest.mark.parametrize("selection", [("--test", TOOL), ("-k", "call")])
def test_named_baselines_are_pruned_without_any_session(
    capsys: pytest.CaptureFixture[str], selection: tuple[str, ...]
) -> None:
    """In every environment, unless one is named."""
    terms = Acceptance(accepted="2026-03-02", reason=None, commit=None, verdicts={})
    elsewhere = run(1, TOOL, environment=nouns.environment(label="ci"))
    acceptance.accept(Path("baselines"), [run(1), run(1, TOOL), elsewhere], terms)
    called(capsys, "prune", *selection, "--environment", "default")
    assert (accepted(), accepted("ci")) == ({CHAT: 1}, {TOOL: 1})
    called(capsys, "prune", *selection)
    assert (accepted(), accepted("ci")) == ({CHAT: 1}, {})


def test_baselines_are_shortened_to_the_last_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is removed whole."""
    for number in (1, 2, 3):
        measure(number, CHAT, TOOL)
        called(capsys, "accept")
    assert called(capsys, "prune", "--keep-last", "2", "-k", "chat", "--dry-run")[0] == 0
    assert accepted() == {CHAT: 3, TOOL: 3}
    assert "trimmed" in called(capsys, "prune", "--keep-last", "2", "-k", "chat")[1]
    assert accepted() == {CHAT: 2, TOOL: 3}
    assert "no baseline has more than 9 runs" in called(capsys, "prune", "--keep-last", "9")[1]


def test_stray_files_are_pruned_with_the_orphans(capsys: pytest.CaptureFixture[str]) -> None:
    """What a crash left behind goes."""
    measure(1, CHAT)
    called(capsys, "accept")
    stray = Path("baselines/default/stray.parquet")
    stray.write_bytes(b"")
    assert called(capsys, "prune")[1] == f"removed  default  {stray}\n"
    assert not stray.exists()
    assert accepted() == {CHAT: 1}


def test_a_test_that_is_named_whole_is_accepted_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A selection by a part of the name would take the others with it."""
    measure(1, "t.py::test_chat", "t.py::test_chat_long")
    assert main(["baseline", "accept", "--test", "t.py::test_chat"]) == 0
    assert [entry.test_id for entry in baselines.entries(baselines.DEFAULT_FOLDER, "default")] == ["t.py::test_chat"]
    assert main(["baseline", "accept", "--test", "t.py::gone"]) == 1
    assert "--test 't.py::gone' matches no test of" in capsys.readouterr().err


def test_a_change_of_level_among_the_accepted_runs_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It names the first run of the new level; it fails nothing."""
    runs = [
        nouns.run(
            nouns.lognormal(60, median=0.3 if number < 5 else 0.45, seed=number),
            id=f"run-{number}",
            test_id=CHAT,
            started_at=f"2026-03-{number:02}T09:15:00+00:00",
            plan=nouns.plan(gate=("ttft",)),
        )
        for number in range(1, 10)
    ]
    terms = Acceptance(accepted="2026-03-10", reason=None, commit=None, verdicts={}, keep=9)
    acceptance.accept(Path("baselines"), runs, terms)
    status, out, _ = called(capsys, "show", CHAT)
    assert status == 0
    assert out.splitlines()[-1].startswith("history: ttft: p95 ")
    assert " from the run of 2026-03-05T09:15:00+00:00 (commit 5c1e9a0d7b3f) on, p = 0.0" in out
    (shown,) = json.loads(called(capsys, "show", CHAT, "--json")[1])
    assert [each["run"] for each in shown["history"][0]["changes"]] == [4]
