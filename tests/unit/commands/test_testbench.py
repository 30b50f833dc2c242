"""``llm-latency testbench``."""

import json
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.storage import samples

DATASET = {
    "name": "counting",
    "version": "1.0",
    "test_cases": [{"id": "count", "prompt": "To 3.", "category": "maths"}],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with runs of two providers, and a dataset."""
    monkeypatch.chdir(tmp_path)
    other = nouns.run([0.2], id="run-3", conditions=(nouns.conditions(provider="groq", model="groq/x"),))
    samples.write_runs(Path("run.parquet"), [nouns.run([0.1, None], test_id="test_a.py::test_a[count]")])
    samples.write_runs(Path("both.parquet"), [nouns.run([0.1]), other])
    samples.write_runs(Path("empty.parquet"), [nouns.run()])
    Path("set.json").write_text(json.dumps(DATASET), encoding="utf-8")


def test_a_run_is_exported_by_the_ending_of_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    """With the ids and categories of a dataset, where one is named."""
    assert cli.main(["testbench", "export", "run.parquet", "-o", "a.json", "--dataset", "set.json"]) == 0
    assert capsys.readouterr().out == "LLM-Test-Bench results written to a.json\n"
    found = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert found["dataset_name"] == "set"
    assert [(each["test_id"], each["category"]) for each in found["results"]] == [("count", "maths")] * 2
    assert cli.main(["testbench", "export", "run.parquet", "-o", "a.csv"]) == 0
    assert Path("a.csv").read_text(encoding="utf-8").splitlines()[1].startswith("test_a.py::test_a[count],,success,")
    assert cli.main(["testbench", "export", "run.parquet", "-o", "x.json", "--format", "lens-summary"]) == 0
    assert json.loads(Path("x.json").read_text(encoding="utf-8"))["total_requests"] == 2


def test_results_of_several_providers_are_a_file_each() -> None:
    """In a folder; other formats have all in one."""
    Path("out").mkdir()
    assert cli.main(["testbench", "export", "both.parquet", "-o", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["groq-results.json", "openai-results.json"]
    assert cli.main(["testbench", "export", "both.parquet", "-o", "out", "--format", "csv"]) == 0
    assert len(Path("out/test_chat.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("both.parquet", "-o", "a.json"), "RUN has requests to groq, openai, and such a file has those to one"),
        (
            ("run.parquet", "-o", "a.txt"),
            "FILE (a.txt) ends in none of .csv, .jsonl, .json, .ndjson: rename it, or say",
        ),
        (("empty.parquet", "-o", "a.json"), "RUN (empty.parquet) has no measured request: name another one."),
        (("none.parquet", "-o", "a.json"), "RUN (none.parquet) does not exist: name"),
        (("run.parquet", "-o", "a.json", "--dataset", "no.json"), "no.json cannot be read (No such file or directory)"),
        (("run.parquet", "-o", "a.json", "--format", "xml"), "invalid choice: 'xml'"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    """With the remedy, and nothing is written."""
    before = sorted(Path().iterdir())
    assert cli.main(["testbench", "export", *arguments]) == 4
    captured = capsys.readouterr()
    assert captured.err.startswith("llm-latency: error: ")
    assert said in captured.err
    assert sorted(Path().iterdir()) == before
