"""``llm-latency compare``: what its sides may be, what it prints and what it returns."""

import io
import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nouns
from pytest_llm_latency import options
from pytest_llm_latency.cli import main
from pytest_llm_latency.commands import compare, project
from pytest_llm_latency.model import Run
from pytest_llm_latency.storage import acceptance, results, samples
from pytest_llm_latency.storage.acceptance import Acceptance

CHAT, TOOL, OLD = "tests/test_chat.py::test_chat[a b]", "tests/test_tool.py::test_call", "tests/test_old.py::test_old"


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store what the tests compare: five accepted runs, a run like them, a slower one, and one of another model."""
    path = tmp_path_factory.mktemp("stored")
    for number in range(1, 6):
        session(path / "old", number, CHAT, TOOL, OLD)
    session(path / "same", 23, CHAT, TOOL)
    session(path / "slow", 21, CHAT, TOOL, factor=1.5)
    session(path / "other", 22, CHAT, conditions=(nouns.conditions(model="openai/gpt-4o", provider="azure"),))
    runs = [run(number, test) for number in range(1, 6) for test in (CHAT, TOOL)]
    terms = Acceptance(accepted="2026-03-10", reason=None, commit=None, verdicts={})
    acceptance.accept(path / "baselines", runs, terms)
    return path


@pytest.fixture(autouse=True)
def working_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where the runs are."""
    monkeypatch.chdir(folder)


def run(number: int, test_id: str, *, factor: float = 1.0, **changes: Any) -> Run:
    """Return a run of eighty requests."""
    values = {
        "id": f"run-{number}-{test_id}",
        "test_id": test_id,
        "session_id": f"session-{number}",
        "started_at": f"2026-03-{number:02}T09:15:00+00:00",
        "plan": nouns.plan(warmup=0, requests=80),
    }
    latencies = nouns.lognormal(80, median=0.3 * factor, seed=number + len(test_id))
    return nouns.run(latencies, **values | changes)


def session(path: Path, number: int, *tests: str, **changes: Any) -> Path:
    """Store a session as pytest does and return its folder."""
    runs = [run(number, test_id, **changes) for test_id in tests]
    files = [results.write_run(path, each).name for each in runs]
    stored = [
        nouns.stored_test(test_id=each.test_id, file=name, status="pass", fails=False, moved=False)
        for each, name in zip(runs, files, strict=True)
    ]
    manifest = nouns.manifest(
        session_id=f"session-{number}",
        started_at=f"2026-03-{number:02}T09:15:00+00:00",
        environment="default",
        interrupted=False,
        narrowed=False,
        expected=tests,
        tests=tuple(stored),
    )
    return results.write_manifest(path, manifest).parent


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    status = main(["compare", *arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def tree(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    found: dict[str, Any] = json.loads(called(capsys, *arguments, "--json")[1])
    return found


@pytest.mark.parametrize(
    ("side", "runs"),
    [
        ("old", 1),
        ("old/runs", 5),
        ("old/runs/*", 5),
        ("old/runs/session-[12]", 2),
        ("old/runs/session-3", 1),
        ("old/**/*chat*.parquet", 5),
        ("old/**", 5),
        ("baselines", 5),
        ("baselines/default", 5),
        ("baselines/default/*", 5),
        ("copy", 1),
    ],
)
def test_a_side_may_be_named_in_many_ways(side: str, runs: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Every run that it holds counts as one baseline run; a results folder stands for its last session."""
    if not Path("copy").exists():
        Path("copy").mkdir()
        shutil.copy(next(Path("old/runs/session-1").glob("*chat*.parquet")), "copy/chat.parquet")
    found = tree(capsys, side, "same", "--filter", "chat")
    assert len(found["baseline"]["runs"]) == len({each["run_id"] for each in found["baseline"]["runs"]}) == runs
    assert found["groups"][0]["report"]["benchmarks"][0]["baseline"]["runs"] == runs


def test_one_file_is_compared_with_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of a baseline too."""
    (first,) = Path("baselines/default").glob("*call*.parquet")
    (second,) = Path("slow/runs/session-21").glob("*call*.parquet")
    status, out, _ = called(capsys, str(first), str(second))
    assert status == 1
    assert "regressed: tests/test_tool.py::test_call" in out
    assert f"llm-latency baseline accept --run {second} --test tests/test_tool.py::test_call" in out


def test_runs_of_the_same_code_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code says so; what only one side has is listed."""
    status, out, err = called(capsys, "old/runs", "same")
    assert (status, err) == (0, "")
    assert "2 pass · 160 requests · 0 errors" in out
    assert "only in old/runs, not compared:\n  tests/test_old.py::test_old\n" in out
    assert max(len(line) for line in out.splitlines() if "baseline accept" not in line) <= 80


def test_a_verdict_is_coloured_where_colours_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the section of a test run."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["compare", "old", "slow"]) == 1
    assert "\033[31;1mregressed\033[0m" in capsys.readouterr().out


def test_a_regression_fails_as_in_a_test_run(capsys: pytest.CaptureFixture[str]) -> None:
    """With the same sentence."""
    status, out, _ = called(capsys, "old/runs", "slow")
    assert status == 1
    assert "2 regressed" in out
    assert "p < 0.0001 over 5\n  baseline runs" in out


def test_the_other_direction_improves(capsys: pytest.CaptureFixture[str]) -> None:
    """A is always the baseline."""
    assert called(capsys, "slow", "old")[0] == 0
    assert tree(capsys, "slow", "old")["verdicts"]["improved"] == 2


def test_what_cannot_be_compared_says_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    """It follows the policy of a missing baseline."""
    status, out, _ = called(capsys, "old", "other")
    assert status == 0
    assert "the model was openai/gpt-4o-mini in the baseline and is openai/gpt-4o" in out
    assert called(capsys, "old", "other", "--on-no-baseline", "fail")[0] == 1


def test_a_test_that_one_side_lacks_follows_the_policy_too(capsys: pytest.CaptureFixture[str]) -> None:
    """What was lost in B would else stay green."""
    assert called(capsys, "old", "same", "--on-no-baseline=fail")[0] == 1
    assert called(capsys, "same", "old", "--on-no-baseline=fail", "--filter", "not old")[0] == 0


def test_a_baseline_that_cannot_be_trusted_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An invalid run is no baseline, and no reason to be green."""
    session(tmp_path, 1, CHAT, trust=nouns.trust(send_lag_p99_s=3.0))
    status, out, _ = called(capsys, str(tmp_path), "same", "--filter", "chat")
    assert status == 1
    assert "1 run of A cannot be a baseline and was left out: the client was overloaded" in " ".join(out.split())


def test_an_invalid_run_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever its figures are."""
    session(tmp_path, 30, CHAT, complete=False)
    status, out, _ = called(capsys, "old/runs", str(tmp_path))
    assert status == 1
    assert "1 invalid" in out


@pytest.mark.parametrize(
    ("expression", "tests"),
    [("CHAT", {CHAT}), ("[a b]", {CHAT}), ("call or chat", {CHAT, TOOL}), ("not chat", {TOOL})],
)
def test_a_filter_is_a_part_of_an_id_or_an_expression(
    expression: str, tests: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole id counts, parameters included."""
    found = tree(capsys, "old", "same", "--filter", expression)
    assert {each["test_id"] for each in found["candidate"]["runs"]} == tests


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", ["openai/gpt-4o-mini"]),
        ("provider", ["openai"]),
        ("test", ["tests/test_chat.py::test_chat", "tests/test_tool.py::test_call"]),
        ("worker", ["none"]),
    ],
)
def test_results_are_grouped(by: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each group is a section with its own counts."""
    found = tree(capsys, "old/runs", "slow", "--group-by", by)
    assert [(each["by"], each["name"]) for each in found["groups"]] == [(by, name) for name in names]
    assert sum(each["verdicts"]["regressed"] for each in found["groups"]) == 2
    assert called(capsys, "old/runs", "slow", "--group-by", by)[1].startswith(f"{by} {names[0]}\n")


@pytest.mark.parametrize("by", ["worker", "host", "region"])
def test_places_are_told_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str) -> None:
    """A run that several shared stands under all of them."""
    shared = [nouns.sample(number, 0.3, 0.9, **{by: f"x{number % 2}"}) for number in range(80)]
    session(tmp_path, 30, CHAT, samples=tuple(shared))
    (group,) = tree(capsys, "old", str(tmp_path), "--group-by", by)["groups"]
    assert group["name"] == "x0, x1"


def test_several_runs_of_a_test_are_judged_each_under_its_session(capsys: pytest.CaptureFixture[str]) -> None:
    """None hides behind another."""
    found = tree(capsys, "old/runs", "s*/runs/*")
    assert [each["name"].partition(" ")[0] for each in found["groups"]] == ["session-21", "session-23"]
    assert [each["verdicts"] for each in found["groups"]] == [{"regressed": 2}, {"pass": 2}]
    assert found["fails"] is True
    grouped = tree(capsys, "old/runs", "s*/runs/*", "--group-by", "provider")["groups"]
    assert [each["by"] for each in grouped] == ["provider, session"] * 2


def test_json_has_its_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """The page names each of them, and a group's report is that of a test run."""
    page = (Path(__file__).parents[3] / "docs/how-to/compare-two-runs.md").read_text(encoding="utf-8")
    found = tree(capsys, "old/runs", "slow", "--history", "--margin", "50%")
    (group,) = found["groups"]
    named = {*found, *group, *found["baseline"], *found["baseline"]["runs"][0], *found["history"][0]}
    assert [key for key in sorted(named) if f"`{key}`" not in page] == []
    schema = resources.files("pytest_llm_latency.report") / "schema" / "results-1.json"
    jsonschema.validate(group["report"], json.loads(schema.read_text(encoding="utf-8")))
    assert group["mean_ratios"]["ttft"] == pytest.approx(1.5, rel=0.1)
    assert found["settings"]["margin"] == 0.5
    assert found["only_in_baseline"] == [OLD]
    assert {each["needed"] for each in found["history"]} == {8}


def test_markdown_has_a_table_and_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of a test id is taken for markup."""
    status, out, _ = called(capsys, "old/runs", "slow", "--markdown", "--history")
    assert status == 1
    lines = out.splitlines()
    assert lines[0] == "# old/runs → slow"
    assert lines[2].startswith("| benchmark | metric | p95 | change (95\u00a0%\u00a0interval) |")
    assert lines[4].startswith("| `tests/test_chat.py::test_chat[a b]` | ttft |")
    assert lines[4].endswith("| **regressed** | 0\u00a0% |")
    assert "- **regressed**: `tests/test_tool.py::test_call`" in lines
    assert r"- tests/test\_old.py::test\_old" in lines
    assert "- 3 benchmarks: 5 runs are too few to tell change points: it takes 8" in lines


def test_the_history_of_the_baseline_names_its_change_points(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It advises: the exit code is that of the comparison."""
    for number in range(1, 6):
        session(tmp_path, number, CHAT)
        session(tmp_path, number + 5, CHAT, factor=1.6)
    status, out, _ = called(capsys, f"{tmp_path}/runs", "slow", "--filter", "chat", "--history")
    assert status == 0
    assert "from the run of 2026-03-06T09:15:00+00:00 (commit 5c1e9a0d7b3f) on, p = " in " ".join(out.split())


def test_the_settings_are_those_of_a_test_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same names, with the same defaults."""
    monkeypatch.delenv("LLM_LATENCY_MAX_ERROR", raising=False)
    defaults = {name: options.BY_NAME[name].default for name in compare.JUDGING}
    assert tree(capsys, "old", "same")["settings"] == {
        name: value for name, value in defaults.items() if value is not None
    }


def test_a_tolerance_changes_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """A share is written as pytest takes it."""
    assert called(capsys, "old/runs", "slow", "--tolerance", "80%", "--margin=90%")[0] == 0


def test_a_variable_stands_in_for_its_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line counts more."""
    monkeypatch.setenv("LLM_LATENCY_MAX_ERROR", "20ms")
    assert tree(capsys, "old", "same")["settings"]["max-error"] == 0.02
    assert tree(capsys, "old", "same", "--max-error", "1ms")["settings"]["max-error"] == 0.001


def test_what_is_not_given_is_as_the_project_has_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the thresholds of each plan."""
    set_here = dict.fromkeys(("tolerance", "error-limit"), 0.9) | {"alpha": 0.01, "on-inconclusive": "fail"}
    monkeypatch.setattr(
        project, "values", lambda: {option.name: option.default for option in options.OPTIONS} | set_here
    )
    found = tree(capsys, "old", "same", "--alpha", "2%")["settings"]
    assert (found["alpha"], found["on-inconclusive"]) == (0.02, "fail")
    assert not {"tolerance", "error-limit"} & found.keys()


def test_one_request_is_inconclusive(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whether it fails is the policy's."""
    one = {"samples": nouns.samples([0.3]), "plan": nouns.plan(warmup=0, requests=1)}
    session(tmp_path, 30, CHAT, **one)
    assert called(capsys, "old", str(tmp_path))[0] == 0
    assert called(capsys, "old", str(tmp_path), "--on-inconclusive", "fail")[0] == 1


def test_figures_without_a_number_are_printed_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """JSON has neither infinity nor what is no number."""
    strange = [nouns.sample(number, 0.3, 0.9, server_processing_s=float("nan")) for number in range(79)]
    strange.append(nouns.sample(79, None))
    session(tmp_path, 30, CHAT, samples=tuple(strange))
    assert tree(capsys, "old", str(tmp_path))["format"] == "pytest-llm-latency comparison"


def broken(folder: Path) -> None:
    """Write what is no run."""
    for name in ("empty", "corrupt", "foreign", "labels/a", "labels/b"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "corrupt/run.parquet").write_bytes(b"PAR1 and then something else")
    (folder / "foreign/results.json").write_text("{}", encoding="utf-8")
    (folder / "foreign/table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    samples.write_runs(folder / "lone.parquet", [run(9, "tests/test_x.py::test_x")])
    for label in ("a", "b"):
        shutil.copy("baselines/default/baselines.lock", folder / "labels" / label)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere", "same"], 4, "A (nowhere) does not exist: name a results folder"),
        (["old", "no*where"], 4, "B (no*where) matches no stored run"),
        (["old", "x" * 5000], 4, "cannot be looked up"),
        (["~nobody-of-this-name/runs", "same"], 4, "cannot be looked up"),
        (["{broken}/empty", "same"], 4, "holds no stored run"),
        (["{broken}/foreign", "same"], 4, "holds no stored run"),
        (["old", "{broken}/foreign/table.csv"], 1, "table.csv"),
        (["{broken}/corrupt", "same"], 1, "run.parquet"),
        (["{broken}/labels", "same"], 4, "several environments: name one of"),
        (["old", "{broken}/lone.parquet"], 4, "no test in common: A has tests/test_chat.py::test_chat[a b], "),
        (["old", "same", "--filter", "nothing"], 4, "matches no test: choose among"),
        (["old", "same", "--filter", "chat and"], 4, "--filter 'chat and' cannot be read (a word is missing)"),
        (["old", "same", "--alpha", "2"], 4, "--alpha: '2' is not a share"),
        (["old", "same", "--on-inconclusive", "cry"], 4, "--on-inconclusive: 'cry' is not a policy"),
        (["old", "same", "--tolerance", "-1"], 4, "--tolerance"),
        (["old", "same", "--group-by", "moon"], 4, "invalid choice: 'moon'"),
        (["old", "same", "--json", "--markdown"], 4, "not allowed with"),
        (["old"], 4, "required: B"),
    ],
)
def test_what_cannot_be_compared_is_one_line_with_a_remedy(
    arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """4 for what the user wrote, 1 for a file that cannot be read."""
    broken(tmp_path)
    code, out, err = called(capsys, *(each.format(broken=tmp_path) for each in arguments))
    assert (code, out) == (status, "")
    assert err.startswith("llm-latency: error: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_terminal_without_unicode_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the section of a test run."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["compare", "old", "same"]) == 0
    printed = written.getvalue().decode("ascii")
    assert "2 pass - 160 requests - 0 errors" in printed
    assert "?" not in printed


def test_a_run_on_both_sides_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is compared with itself, so that nothing is left to compare with."""
    status, out, _ = called(capsys, "same", "same")
    assert status == 0
    assert "2 no baseline" in out
    said = " ".join(out.split())
    assert f"2 runs are in A and in B, so that nothing was compared with itself: {CHAT}, {TOOL}. Name other" in said


def test_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Comparing is reading."""

    def stamps() -> dict[str, float]:
        return {str(path): path.stat().st_mtime for path in Path().rglob("*")}

    before = stamps()
    called(capsys, "baselines", "slow")
    assert stamps() == before
