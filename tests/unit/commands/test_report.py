"""``llm-latency report``."""

import json
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency import cli
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
    ("arguments", "said"),
    [
        (["report"], "--definitions"),
        (["report", "--definitions", "vlm"], "invalid choice: 'vlm'"),
        (["report", "nowhere", "--definitions", "vllm"], "nowhere holds no session"),
        (["report", "--definitions", "vllm"], "holds no run yet"),
    ],
)
def test_what_cannot_be_reported_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """In one line."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) != 0
    assert said in capsys.readouterr().err
