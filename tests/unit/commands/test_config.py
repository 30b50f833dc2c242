"""``llm-latency config``: what counts and where it stands, checks for a CI, and the schema for editors."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pytest_llm_latency import cli
from pytest_llm_latency.config_file import keys
from pytest_llm_latency.config_file.schema import schema
from pytest_llm_latency.options import CONFIG, OPTIONS

SECRET = "sk-secret-0123456789"
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nllm_latency_keep = 3\nllm_latency_warmup = 1\n"
SETTINGS = """\
global: {region: "${REGION_KEY}"}
profiling:
  requests: 40
  warmup: 2
  load: evening
gate: {baselines: kept}
providers:
  openai: {api_key: "${KEY}", base_url: "https://me:hidden-word@gateway.example.com/?v=hidden-code", max_concurrency: 4}
load_profiles: {evening: poisson 20/s, noon: {concurrency: 4}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an ini file and a settings file, in which commands run."""
    for option in OPTIONS:
        if option.variable is not None:
            monkeypatch.delenv(option.variable, raising=False)
    monkeypatch.setenv("KEY", SECRET)
    monkeypatch.setenv("REGION_KEY", "of-a-secret-region")
    monkeypatch.setenv("LLM_LATENCY_MAX_ERROR", "20ms")
    (tmp_path / "pytest.ini").write_text(INI, encoding="utf-8")
    (tmp_path / "llm-latency.yaml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_every_setting_is_shown_with_its_place_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line, the file, a variable, the ini file, or nowhere."""
    assert cli.main(["config", "show", "--json", "--", "--llm-latency-requests=50"]) == 0
    out = capsys.readouterr().out
    found = {key: (each["value"], each["from"]) for key, each in json.loads(out)["settings"].items()}
    expected = {
        "config": (None, "default"),
        "global.region": ("***", "llm-latency.yaml:1:18"),
        "profiling.requests": (50, "--llm-latency-requests"),
        "profiling.warmup": (2, "llm-latency.yaml:4:11"),
        "gate.baselines": ("kept", "llm-latency.yaml:6:19"),
        "gate.keep": (3, "the ini key llm_latency_keep"),
        "gate.max_error": (0.02, "the variable LLM_LATENCY_MAX_ERROR"),
        "gate.alpha": (0.05, "default"),
        "providers.openai.api_key": ("***", "llm-latency.yaml:8:21"),
        "providers.openai.base_url": ("https://***@gateway.example.com/?v=***", "llm-latency.yaml:8:41"),
        "load_profiles.evening": ("poisson 20/s", "llm-latency.yaml:9:26"),
        "load_profiles.noon.concurrency": (4, "llm-latency.yaml:9:60"),
    }
    assert {key: found[key] for key in expected} == expected
    assert {option.key or option.name for option in OPTIONS} <= set(found)
    assert not [each for each in (SECRET, "hidden-word", "hidden-code", "of-a-secret-region") if each in out]


def test_a_person_reads_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Section by section; what is not set has a dash."""
    assert cli.main(["config", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"settings file: {folder / 'llm-latency.yaml'}"
    rows = [line.split(maxsplit=2) for line in lines[3:-2]]
    assert lines[-1].startswith("– is not set: ")
    assert ["profiling.load", "evening", "llm-latency.yaml:5:9"] in rows
    assert ["profiling.timeout", "–", "default"] in rows
    sections = [row[0].partition(".")[0] for row in rows if "." in row[0]]
    assert len(dict.fromkeys(sections)) == sum(a != b for a, b in zip([None, *sections], sections, strict=False))


def test_options_that_pytest_does_not_take_are_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every other wrong command line."""
    assert cli.main(["config", "show", "--", "--llm-latency-requets=3"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("llm-latency: error: pytest cannot be configured: ")
    assert "unrecognized arguments: --llm-latency-requets=3" in line


def test_a_ci_can_check_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4 where something is wrong in it, or where there is none."""
    assert cli.main(["config", "check"]) == 0
    assert capsys.readouterr().out == "llm-latency.yaml is sound: 10 values\n"
    other = folder / "other.toml"
    other.write_text("[gate]\nalpha = 2\n", encoding="utf-8")
    assert cli.main(["config", "check", "other.toml"]) == 4
    assert capsys.readouterr().err == (
        "llm-latency: error: other.toml:2:1: gate.alpha: '2' is not a share between 0 % and 100 %.\n"
    )
    monkeypatch.delenv("KEY")
    assert cli.main(["config", "check"]) == 4
    assert "llm-latency.yaml:8:21: providers.openai.api_key: the variable KEY is not set" in capsys.readouterr().err
    assert cli.main(["config", "check", "--ignore-unset"]) == 0
    assert capsys.readouterr().out == "llm-latency.yaml is sound: 9 values\n"
    (folder / "llm-latency.yaml").unlink()
    assert cli.main(["config", "check"]) == 4
    assert "there is no settings file in " in capsys.readouterr().err


def test_the_schema_takes_what_is_read_and_refuses_what_is_no_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed for an editor, and names every option."""
    assert cli.main(["config", "schema"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert printed == schema()
    jsonschema.Draft7Validator.check_schema(printed)
    validator = jsonschema.Draft7Validator(printed)
    assert list(validator.iter_errors(yaml.safe_load(SETTINGS))) == []
    for option in OPTIONS:
        if option is not CONFIG:
            section, _, name = option.key.partition(".")
            stated = printed["properties"][section]["properties"][name]
            assert stated["description"] == option.help.replace("%%", "%")
    wrong: list[dict[str, Any]] = [
        {"globl": {}},
        {"profiling": {"requests": "many"}},
        {"profiling": {"requests": 0}},
        {"gate": {"on_inconclusive": "maybe"}},
        {"providers": {"openai": {"api_key": SECRET}}},
        {"providers": {"openai": {"base_url": "localhost"}}},
        {"load_profiles": {"x": {"tolerance": 1}}},
    ]
    assert [each for each in wrong if validator.is_valid(each)] == []
    for each in (
        {"profiling": {"requests": "${N:-3}"}},
        {"gate": {"tolerance": "5%"}},
        {keys.SCHEMA: "x", "gate": None},
    ):
        assert validator.is_valid(each)
