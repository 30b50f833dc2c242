"""``llm-latency report``."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import nouns
from pytest_llm_latency import artefacts, cli
from pytest_llm_latency.report import json_report
from pytest_llm_latency.storage import results, samples

RUN = nouns.run([0.1 * number for number in range(1, 21)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a results folder with one session, in the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / results.DEFAULT_FOLDER
    stored = results.write_run(path, RUN)
    manifest = nouns.manifest(
        session_id=RUN.session_id,
        started_at=RUN.started_at,
        environment="default",
        interrupted=False,
        narrowed=False,
        expected=(RUN.test_id,),
        tests=(nouns.stored_test(test_id=RUN.test_id, file=stored.name, status="pass", fails=False, moved=False),),
    )
    results.write_manifest(path, manifest)
    return path


def test_ours_and_theirs_stand_side_by_side(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what differs in a sentence each."""
    assert cli.main(["report", "--definitions", "vllm"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(RUN.test_id)
    assert lines[1].split() == ["FIGURE", "BY", "N", "MEAN", "P50", "P95", "P99"]
    assert [" ".join(line.split()) for line in lines[2:10]] == [
        "ttft ours 20 1.05 s 1.00 s – –",
        "vllm 20 1.05 s 1.05 s 1.91 s 1.98 s",
        "itl ours 20 50.2 ms 50.0 ms – –",
        "vllm 80 251 ms 251 ms 273 ms 275 ms",
        "tpot ours 20 50.2 ms 50.0 ms – –",
        "vllm 20 41.9 ms 41.9 ms 45.4 ms 45.8 ms",
        "e2e ours 20 2.06 s 2.00 s – –",
        "vllm 20 2.06 s 2.05 s 3.00 s 3.08 s",
    ]
    assert sum(line.startswith("TTFT: ") for line in lines) == 1


@pytest.mark.parametrize("which", ["results", "session", "file", "baseline"])
def test_a_run_may_be_named_by_its_folder_or_file(folder: Path, which: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also that of a baseline."""
    baseline = folder.parent / "baselines" / "default" / "a.parquet"
    baseline.parent.mkdir(parents=True)
    samples.write_runs(baseline, [RUN])
    session = folder / "runs" / RUN.session_id
    path = {
        "results": folder,
        "session": session,
        "file": next(session.glob("*.parquet")),
        "baseline": baseline,
    }[which]
    assert cli.main(["report", str(path), "--definitions", "aiperf", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["figure"] for each in found] == ["ttft", "itl", "e2e"]
    assert found[0]["theirs"]["p50"] == pytest.approx(1.05)
    assert found[0]["tool"] == "aiperf"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--definitions", "vlm"], 4, "invalid choice: 'vlm'"),
        (["nowhere"], 4, "nowhere is no stored session of .llm-latency: name 'last', the id"),
        (["nowhere", "--definitions", "vllm"], 4, "nowhere is no stored session"),
        (["--results", "empty"], 1, "empty holds no run yet: run 'pytest --llm-latency' first."),
        (["--against", "nowhere"], 4, "--against (nowhere) does not exist"),
        (["--output", "a-file"], 1, "a-file/report cannot be written (Not a directory): a file stands where"),
        (["other.json"], 1, "other.json holds no results of a session: name a results.json"),
        (["broken.json"], 1, "broken.json is damaged or no JSON"),
        (["newer.json"], 1, "follows version 2 of the schema and this version reads 1: upgrade pytest-llm-latency."),
        (["older.json"], 1, "follows version 0 of the schema, which this version no longer reads"),
        (["moved.json"], 4, "session-7 is no stored session of ."),
    ],
)
def test_what_cannot_be_reported_is_said_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    """With the remedy, and with nothing written."""
    tree = {"format": "pytest-llm-latency results", "version": 1, "metadata": {"session_id": "session-7"}}
    root = told(folder, 1).parents[2]
    (root / "a-file").write_text("mine", encoding="utf-8")
    (root / "broken.json").write_text("{", encoding="utf-8")
    changed = {"other": {"format": "x"}, "newer": {"version": 2}, "older": {"version": 0}, "moved": {}}
    for name, changes in changed.items():
        (root / f"{name}.json").write_text(json.dumps(tree | changes), encoding="utf-8")
    before = sorted(root.rglob("*"))
    assert cli.main(["report", *arguments]) == status
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sorted(root.rglob("*")) == before


# Rendering again.

SETTINGS = {"accept": True, "alpha": 0.05, "margin": 0.3}


def told(folder: Path, number: int, factor: float = 1.0, **changes: Any) -> Path:
    """Store a session of one test that came to its end, and return its folder."""
    run = nouns.run(
        [factor * each for each in nouns.lognormal(80, median=0.3, seed=number)],
        id=f"run-{number}",
        session_id=f"s{number}",
        started_at=f"2026-03-1{number}T09:15:00+00:00",
        plan=nouns.plan(requests=80, warmup=0, gate=("ttft",)),
    )
    result = nouns.result(of=run, **changes)
    stored = nouns.stored_test(file=results.write_run(folder, run).name)
    results.write_result(folder, run, result)
    closed = dataclasses.replace(
        nouns.session(result), id=run.session_id, started_at=run.started_at, results=(), settings=SETTINGS
    )
    manifest = nouns.manifest(
        session_id=run.session_id, started_at=run.started_at, expected=(RUN.test_id,), tests=(stored,), closed=closed
    )
    return results.write_manifest(folder, manifest).parent


def document(path: Path) -> dict[str, Any]:
    """Return the JSON report below a folder."""
    found: dict[str, Any] = json.loads((path / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", ["last", "s2", ".llm-latency", ".llm-latency/runs/s2", "{session}/results.json"])
def test_a_session_may_be_named_in_many_ways(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its files are written into its folder where no other one is named."""
    told(folder, 1)
    session = told(folder, 2)
    results.read_session(session)
    if "{session}" in name:
        (folder / "results.json").write_text(
            json.dumps(json_report.document(nouns.session(), definitions={}) | {"metadata": {"session_id": "s2"}}),
            encoding="utf-8",
        )
        name = ".llm-latency/results.json"
    assert cli.main(["report", name]) == 0
    out = capsys.readouterr().out
    assert "llm latency" in out.splitlines()[0]
    assert ".llm-latency/runs/s2/results.json" in out
    assert document(session)["metadata"]["session_id"] == "s2"
    assert (session / "report" / "index.html").is_file()


def test_json_is_the_document_that_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else is printed."""
    session = told(folder, 1)
    assert cli.main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document(session)


def test_a_session_is_judged_again_by_its_own_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against another session, by its id, and without accepting; what it said itself stays where it is."""
    told(folder, 1)
    session = told(folder, 2, factor=3.0)
    assert cli.main(["report", "last", "--against", "s1", "--output", "again"]) == 0
    assert "regressed" in capsys.readouterr().out
    (found,) = document(Path("again"))["benchmarks"]
    assert found["verdict"]["status"] == "regressed"
    assert found["baseline"]["runs"] == 1
    assert document(Path("again"))["config"] == SETTINGS
    assert found["verdict"]["fails"] is True
    stored = results.read_session(session)
    assert [stored.result(test).status for test in stored.tests] == ["pass"]


def test_a_part_of_a_session_is_reported_into_a_folder_of_its_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if there had been no other test; and never in place of the whole."""
    session = told(folder, 1)
    manifest = results.read_session(session).manifest
    assert manifest is not None
    assert manifest.closed is not None
    expected = (RUN.test_id, "t.py::next")
    closed = dataclasses.replace(manifest.closed, expected=expected)
    results.write_manifest(folder, dataclasses.replace(manifest, expected=expected, closed=closed))
    assert cli.main(["report", "-k", "summarise", "--output", "part"]) == 0
    assert document(Path("part"))["summary"]["missing"] == []
    assert len(document(Path("part"))["benchmarks"]) == 1
    capsys.readouterr()
    assert cli.main(["report", "-k", "summarise"]) == 4
    assert "name a folder of its own with --output" in capsys.readouterr().err
    samples.write_runs(Path("alone.parquet"), [RUN])
    for others, said in (
        (["alone.parquet", "--output", "part"], "is the file of one run"),
        (["--definitions", "vllm"], "-k out"),
    ):
        assert cli.main(["report", "-k", "summarise", *others]) == 4
        assert said in capsys.readouterr().err
    assert cli.main(["report", "-k", "next", "--output", "part"]) == 4
    assert f"matches no test of .llm-latency/runs/s1: choose among {RUN.test_id}." in capsys.readouterr().err


def test_runs_of_other_tests_are_nothing_to_judge_against(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the tests of both."""
    told(folder, 1)
    other = nouns.run([0.3] * 60, test_id="t.py::other")
    samples.write_runs(Path("other.parquet"), [other])
    assert cli.main(["report", "last", "--against", "other.parquet"]) == 4
    assert f"the session has {RUN.test_id}, --against has t.py::other" in capsys.readouterr().err


def test_a_session_that_was_killed_is_reported_as_far_as_it_came(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that it is not whole."""
    session = told(folder, 3)
    manifest = results.read_session(session).manifest
    assert manifest is not None
    results.write_manifest(folder, dataclasses.replace(manifest, closed=None, expected=(RUN.test_id, "t.py::next")))
    assert cli.main(["report"]) == 0
    assert "did not come to its end" in " ".join(capsys.readouterr().out.split())
    assert document(session)["metadata"]["interrupted"] is True
    assert document(session)["summary"]["missing"] == ["t.py::next"]


def test_accepted_runs_that_are_not_there_are_missed_aloud(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A session's folder alone was copied from another machine: the figures are whole, the charts are not."""
    session = told(folder, 3)
    manifest = results.read_session(session).manifest
    assert manifest is not None
    tests = tuple(dataclasses.replace(test, baseline="0f" * 32) for test in manifest.tests)
    results.write_manifest(folder, dataclasses.replace(manifest, tests=tests))
    assert cli.main(["report"]) == 0
    assert "copy the folder accepted of its results folder as well" in capsys.readouterr().err


def test_a_session_of_an_older_version_can_be_judged_but_not_repeated(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said was not stored then."""
    told(folder, 1)
    for path in (folder / "runs" / RUN.session_id).glob("*.msgpack"):
        path.unlink()
    assert cli.main(["report", RUN.session_id]) == 1
    assert "judge its run again with 'llm-latency report RUN --against BASELINE'" in capsys.readouterr().err
    assert cli.main(["report", RUN.session_id, "--against", "s1"]) == 0


def test_what_was_rendered_goes_with_its_session(folder: Path) -> None:
    """A folder that holds nothing else is removed."""
    session = told(folder, 1)
    told(folder, 2)
    assert cli.main(["report", "s1", "--ci", "gitlab"]) == 0
    results.prune_runs(folder, keep=1, rendered=artefacts.rendered())
    assert not session.exists()


def test_what_a_ci_reads_is_written_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On any machine, of what was stored; another CI than the three is refused."""
    session = told(folder, 1)
    assert cli.main(["report", "s1", "--ci", "jenkins"]) == 0
    assert ".llm-latency/runs/s1/report (5 files)" in capsys.readouterr().out
    lines = (session / "report" / "performance.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 80
    written = {path.name: path.read_bytes() for path in (session / "report").iterdir()}
    assert cli.main(["report", "s1", "--ci", "jenkins"]) == 0
    assert {path.name: path.read_bytes() for path in (session / "report").iterdir()} == written
    assert cli.main(["report", "s1", "--ci", "travis"]) == 4


def test_the_file_of_one_run_is_reported_without_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside itself, and judged where other runs are named; of a file of several nobody knows which is meant."""
    monkeypatch.chdir(tmp_path)
    runs = [
        nouns.run(
            nouns.lognormal(80, median=median, seed=3), id=f"run-{median}", plan=nouns.plan(warmup=0, requests=80)
        )
        for median in (0.3, 0.6)
    ]
    for name, stored in (("before", runs[:1]), ("after", runs[1:]), ("both", runs)):
        samples.write_runs(Path(f"{name}.parquet"), stored)
    assert cli.main(["report", "before.parquet"]) == 0
    assert {each.name for each in Path("before-report").iterdir()} == {"report", "results.json", "samples.parquet"}
    assert cli.main(["report", "after.parquet", "--against", "before.parquet", "--output", "out"]) == 0
    assert "baseline accept --run after.parquet" in capsys.readouterr().out
    page = Path("out/report/index.html").read_text(encoding="utf-8")
    assert "+100 %" in page
    assert cli.main(["report", "both.parquet"]) == 4
    assert "both.parquet holds 2 runs: name the file of one" in capsys.readouterr().err
