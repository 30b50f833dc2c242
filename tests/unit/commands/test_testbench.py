"""``llm-latency testbench``."""

import json
from pathlib import Path

import pytest

import nouns
from pytest_llm_latency import cli, config_file
from pytest_llm_latency.storage import samples
from pytest_llm_latency.testbench import reader

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


def test_several_datasets_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no id is in two of them."""
    other = {**DATASET, "test_cases": [{"id": "other", "prompt": "Hi", "category": "talk"}]}
    Path("other.json").write_text(json.dumps(other), encoding="utf-8")
    command = ["testbench", "export", "run.parquet", "-o", "a.json", "--dataset", "set.json", "--dataset"]
    assert cli.main([*command, "other.json"]) == 0
    found = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert (found["dataset_name"], found["results"][0]["category"]) == ("set+other", "maths")
    Path("other.json").write_text(json.dumps(DATASET), encoding="utf-8")
    assert cli.main([*command, "other.json"]) == 4
    assert "set.json and other.json both have 'count': name one of them as --dataset." in capsys.readouterr().err


def test_the_load_profiles_of_a_manifest_become_those_of_a_settings_file() -> None:
    """Which other tests may use by their names; one with pauses has so many starts a minute."""
    profiles = {"busy": {"dataset": "set", "concurrency": 8}, "slow 1": {"dataset": "set", "request_delay_ms": 500}}
    Path("fleet.json").write_text(json.dumps({"version": "1.0", "scenario_profiles": profiles}), encoding="utf-8")
    command = ["testbench", "import", "fleet.json", "-o", "new", "--settings", "llm-latency.yaml"]
    assert cli.main(command) == 0
    assert config_file.load(Path.cwd(), None).load_profiles == {
        "busy": {"concurrency": 8},
        "slow 1": {"load": "120/min", "max_concurrency": 5},
    }


def test_a_file_that_pytest_was_given_says_itself_which_scenarios_it_has() -> None:
    """As far as it is still there; ids have the letters of the file, where pytest has escaped them."""
    case = {"id": "zähle", "prompt": "To 3.", "category": "maths"}
    Path("set.json").write_text(json.dumps({**DATASET, "test_cases": [case]}), encoding="utf-8")
    run = nouns.run([0.1], test_id="set.json::scenario[z\\xe4hle]", file="set.json")
    samples.write_runs(Path("given.parquet"), [run])
    for category in ("maths", None):
        assert cli.main(["testbench", "export", "given.parquet", "-o", "a.json"]) == 0
        found = json.loads(Path("a.json").read_text(encoding="utf-8"))
        assert found["dataset_name"] == "set"
        assert [(each["test_id"], each["category"]) for each in found["results"]] == [("zähle", category)]
        Path("set.json").unlink(missing_ok=True)


def test_results_of_several_providers_are_a_file_each() -> None:
    """In a folder; other formats have all in one."""
    Path("out").mkdir()
    assert cli.main(["testbench", "export", "both.parquet", "-o", "out"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["groq-results.json", "openai-results.json"]
    assert cli.main(["testbench", "export", "both.parquet", "-o", "new/all.csv"]) == 0
    assert Path("new/all.csv").exists()
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
        (("run.parquet", "-o", "new"), "FILE (new) is no folder yet and has no ending: create the folder, or name"),
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


def test_json_names_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run for others, and of a suite from them."""
    assert cli.main(["testbench", "export", "run.parquet", "-o", "a.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": ["a.csv"], "format": "csv", "results": 2}
    assert cli.main(["testbench", "import", "set.json", "-o", "new", "--model", "openai/gpt-4o", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["written"], found["unchanged"]) == (["new/set.json", "new/test_set.py"], [])
    assert found["next"] == ["pytest --llm-latency new"]


def test_a_dataset_is_imported_as_a_test_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Both can be edited; nothing that is there is written over."""
    command = ["testbench", "import", "set.json", "-o", "new/tests"]
    assert cli.main([*command, "--model", "openai/gpt-4o-mini"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written: new/tests/set.json",
        "written: new/tests/test_set.py",
        "measure it: pytest --llm-latency new/tests",
    ]
    assert Path("new/tests/set.json").read_bytes() == Path("set.json").read_bytes()
    test = Path("new/tests/test_set.py").read_text(encoding="utf-8")
    compile(test, "test_set.py", "exec")
    assert '@scenarios("set.json")\n@pytest.mark.llm_latency(model="openai/gpt-4o-mini")\nasync def test_set(' in test
    assert cli.main([*command, "--model", "openai/gpt-4o-mini"]) == 0
    assert capsys.readouterr().out.startswith("unchanged: new/tests/set.json\nunchanged: new/tests/test_set.py\n")
    assert cli.main(command) == 4
    said = "new/tests/test_set.py exists already with another content: remove it, or name another folder."
    assert said in capsys.readouterr().err
    assert Path("new/tests/test_set.py").read_text(encoding="utf-8") == test


def test_a_dataset_that_lies_there_already_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the test is new, with a name that Python takes; its model is still to be named."""
    Path("my set-1.json").write_bytes(Path("set.json").read_bytes())
    assert cli.main(["testbench", "import", "my set-1.json", "-o", "."]) == 0
    assert "async def test_my_set_1(llm, scenario)" in Path("test_my_set_1.py").read_text(encoding="utf-8")
    assert capsys.readouterr().out.endswith("measure it: pytest --llm-latency --llm-latency-model=MODEL .\n")


def test_a_fleet_manifest_is_imported_as_a_test_a_profile_with_its_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    """They come from the folder that is named, and lie where the copy of the manifest finds them."""
    profiles = {"quick-1": {"dataset": "sets/counting", "concurrency": 2}, "lost": {"dataset": "nowhere"}}
    content = {"version": "1.0", "providers": ["openai:gpt-4"], "scenario_profiles": profiles}
    Path("fleet.json").write_text(json.dumps(content), encoding="utf-8")
    Path("data/sets").mkdir(parents=True)
    Path("data/sets/counting.json").write_text(json.dumps(DATASET), encoding="utf-8")
    command = ["testbench", "import", "fleet.json", "-o", "new", "--datasets", "data"]
    assert cli.main(command) == 4
    assert "the dataset 'nowhere' is in none of data, ., datasets: put it there, or say" in capsys.readouterr().err
    assert cli.main([*command, "--profile", "quick-1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written: new/fleet.json",
        "written: new/sets/counting.json",
        "written: new/test_fleet.py",
        "measure it: pytest --llm-latency new",
    ]
    test = Path("new/test_fleet.py").read_text(encoding="utf-8")
    compile(test, "test_fleet.py", "exec")
    assert '@scenarios("fleet.json", profile="quick-1")\n@pytest.mark.llm_latency()\nasync def test_quick_1(' in test
    assert cli.main(["testbench", "import", "set.json", "-o", "new", "--settings", "new.yaml"]) == 4
    assert "set.json has no load profiles, which only a fleet manifest has: leave" in capsys.readouterr().err
    (case,) = reader.read(Path("new/fleet.json"), profile="quick-1")
    assert case.arguments == {"concurrency": 2, "model": "openai/gpt-4"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"version": "1.0", "scenario_profiles": {}}, "scenario_profiles is empty: write at least one profile."),
        (
            {**DATASET, "name": 1},
            "a.json, line 1, column 10: name is 1, a number: it must be a text, put it in quotes.",
        ),
        (
            {**DATASET, "test_cases": [{"id": "a", "prompt": "b", "config": {"model": "m"}}]},
            "a.json names models of its own: leave --model out, or change them there.",
        ),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], content: dict[str, object], said: str
) -> None:
    """With the remedy, and nothing is written."""
    Path("a.json").write_text(json.dumps(content), encoding="utf-8")
    assert cli.main(["testbench", "import", "a.json", "-o", "new", "--model", "openai/gpt-4o"]) == 4
    assert said in capsys.readouterr().err
    assert not Path("new").exists()
