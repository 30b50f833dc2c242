"""What a profiler's arguments say, above what a settings file says."""

from pathlib import Path

import pytest

from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.library import settings

FILE = "global = {simulate = true, environment = 'own'}\noutput = {keep_answers = true}\n"


def read(folder: Path, **given: object) -> tuple[object, ...]:
    """Return what counts of three options that the file has set."""
    (folder / "own.toml").write_text(FILE, encoding="utf-8")
    found = settings.read({"config": "own.toml", **given}, folder)
    return found["simulate"], found["keep-answers"], found["environment"]


def test_an_argument_counts_more_than_the_settings_file(tmp_path: Path) -> None:
    """One that says no as well: no text of an answer is kept that nobody wants kept."""
    assert read(tmp_path) == (True, True, "own")
    assert read(tmp_path, simulate=False, keep_answers=False, environment="other") == (False, False, "other")


def test_a_truth_value_is_no_number(tmp_path: Path) -> None:
    """In the words of a program."""
    with pytest.raises(SettingsError, match=r"^retries: 'True' is not a whole number"):
        read(tmp_path, retries=True)


def test_an_argument_that_is_none_says_nothing(tmp_path: Path) -> None:
    """As that of a variable which is not set."""
    assert read(tmp_path, simulate=None, environment=None) == (True, True, "own")
