"""``llm-latency convert``."""

import json
import os
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency import cli
from pytest_llm_latency.storage import atomic, samples

RUN = nouns.run([0.1, None, 0.3])


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the file of a run."""
    monkeypatch.chdir(tmp_path)
    samples.write_runs(Path("run.parquet"), [RUN])


def test_a_file_goes_through_all_formats_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    """By the endings, or by what the options say."""
    steps = [
        ("run.parquet", "a.parquet"),
        ("a.parquet", "b.msgpack"),
        ("b.msgpack", "c.JSONL"),
        ("c.JSONL", "d.json"),
        ("d.json", "e.data", "--to", "msgpack"),
        ("e.data", "f.parquet", "--from", "msgpack"),
    ]
    for step in steps:
        assert cli.main(["convert", *step]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "a.parquet written as MessagePack, a stream to b.msgpack"
    assert Path("f.parquet").read_bytes() == Path("a.parquet").read_bytes()
    assert samples.read_runs(Path("f.parquet")) == (RUN,)


def test_json_names_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    """For the next program."""
    assert cli.main(["convert", "run.parquet", "a.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"source": "run.parquet", "written": ["a.jsonl"], "format": "jsonl"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("run.csv", "a.json"), 4, "IN (run.csv) ends in none of .parquet, .msgpack, .jsonl, .json: rename it, or say"),
        (("run.parquet", "a"), 4, "OUT (a) ends in none of .parquet, .msgpack, .jsonl, .json: rename it, or say --to"),
        (("run.parquet", "a", "--to", "csv"), 4, "invalid choice: 'csv'"),
        (("folder.parquet", "a.json"), 4, "IN (folder.parquet) is a folder: name a file, such as"),
        (("none.parquet", "a.json"), 1, "none.parquet cannot be read (No such file or directory): check the path"),
        (("run.parquet", "a.json", "--from", "msgpack"), 1, "run.parquet is damaged or no MessagePack of samples"),
        (("half.parquet", "a.json"), 1, "half.parquet is damaged or not a file of runs"),
        (("run.parquet", "none/a.json"), 1, "none/a.json cannot be written (No such file or directory): its folder is"),
        (("run.parquet", "folder.parquet"), 1, "folder.parquet cannot be written (Is a directory): a folder stands"),
    ],
)
def test_what_cannot_be_converted_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, said: str
) -> None:
    """With the remedy, and nothing is written."""
    Path("folder.parquet").mkdir()
    Path("half.parquet").write_bytes(Path("run.parquet").read_bytes()[:2000])
    before = sorted(Path().iterdir())
    assert cli.main(["convert", *arguments]) == status
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_a_full_disk_leaves_what_was_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is replaced whole or not at all."""

    def full(path: Path, data: bytes) -> Path:
        raise OSError(28, os.strerror(28))

    Path("a.json").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(atomic, "_stage", full)
    assert cli.main(["convert", "run.parquet", "a.json"]) == 1
    assert "free space on its disk" in capsys.readouterr().err
    assert Path("a.json").read_text(encoding="utf-8") == "mine"
