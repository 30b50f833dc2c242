"""Commands look for results and baselines where the runs of the project write them."""

import argparse
from pathlib import Path

import pytest

from pytest_llm_latency.commands import project
from pytest_llm_latency.errors import SettingsError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, in which commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return tmp_path


def filled(**given: Path | None) -> argparse.Namespace:
    """Return what a command gets that takes both folders, and perhaps more."""
    arguments = argparse.Namespace(**{"results": None, "baselines": None, **given})
    project.fill_in(arguments)
    return arguments


def test_without_settings_they_are_the_usual_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And pytest, which takes a while, is not asked; nor for a command that takes no folder."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n", encoding="utf-8")
    monkeypatch.setattr(project, "settings", None)
    assert filled() == argparse.Namespace(results=Path(".llm-latency"), baselines=Path("baselines"))
    other = argparse.Namespace(other=None)
    project.fill_in(other)
    assert other == argparse.Namespace(other=None)


def test_what_ini_file_settings_file_and_options_say_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder below as well; one that the command names stays."""
    (folder / "pytest.ini").write_text("[pytest]\nllm_latency_results = out\n", encoding="utf-8")
    (folder / "llm-latency.yaml").write_text("gate: {baselines: kept, keep: 9}\n", encoding="utf-8")
    assert filled() == argparse.Namespace(results=Path("out"), baselines=Path("kept"))
    assert filled(results=Path("mine")).results == Path("mine")
    assert filled(keep=None).keep == 9
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert filled().baselines == folder / "kept"
    monkeypatch.setenv("PYTEST_ADDOPTS", "--llm-latency-results=elsewhere")
    assert filled().results == folder / "elsewhere"


@pytest.mark.parametrize(
    ("ini", "error", "match"),
    [
        ("llm_latency_result = out", SettingsError, "did you mean"),
        ("llm_latency_results = out\naddopts = --nonsense", UsageError, "pytest cannot be configured: .*nonsense"),
    ],
    ids=["an unknown key", "an unknown option"],
)
@pytest.mark.usefixtures("folder")
def test_settings_that_pytest_would_refuse_are_refused(ini: str, error: type[Exception], match: str) -> None:
    """A command that looked elsewhere would accept or prune what nobody meant."""
    Path("pytest.ini").write_text(f"[pytest]\n{ini}\n", encoding="utf-8")
    with pytest.raises(error, match=match):
        filled()


@pytest.mark.usefixtures("folder")
def test_a_conftest_that_cannot_be_imported_is_one_message() -> None:
    """As for pytest itself."""
    Path("pytest.ini").write_text("[pytest]\nllm_latency_results = out\n", encoding="utf-8")
    Path("conftest.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pytest cannot be configured: .*nothing_of_this_name.*: check"):
        filled()
