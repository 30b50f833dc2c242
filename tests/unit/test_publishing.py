"""Writing what a CI shows: noticed before measuring, whole files, what was there before it kept or taken away."""

from pathlib import Path
from typing import Any

import pytest

import materials
import nouns
from pytest_llm_latency.errors import UnwritableError
from pytest_llm_latency.options import Option, resolve
from pytest_llm_latency.origin import Origin
from pytest_llm_latency.publishing import Publishing, check
from pytest_llm_latency.report.ci.formats import FORMATS, of
from pytest_llm_latency.report.ci.place import MEBIBYTE
from pytest_llm_latency.storage import results_folder


def publishing(root: Path, ci: str = "auto") -> Publishing:
    """Return what publishes a session of this folder."""

    def given(option: Option) -> Any:
        return ci if option.name == "ci" else None

    settings = resolve(command_line=given, ini=lambda _: None, root=root)
    results_folder.prepare(settings["results"])
    return Publishing(Origin(session_id="session-9", root=root, settings=settings, worker=None, controller_region=None))


def files(root: Path) -> set[str]:
    """Return the names of what lies in the report folder."""
    return {path.name for path in (root / ".llm-latency" / "report").iterdir()}


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the step summary of a job on GitHub, with something in it."""
    path = tmp_path / "summary"
    path.write_text("# before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    return path


def test_outside_of_a_ci_nothing_is_written(tmp_path: Path) -> None:
    """The report has everything."""
    made = publishing(tmp_path)
    check(made._origin)
    assert made.publish(materials.material().session, {}) == []
    assert (files(tmp_path), made.printed) == (set(), "")


@pytest.mark.parametrize("ci", ["github", "gitlab", "jenkins"])
def test_a_ci_that_is_named_gets_its_files(tmp_path: Path, ci: str) -> None:
    """On any machine, to look at them."""
    made = publishing(tmp_path, ci)
    check(made._origin)
    session, evidence = materials.material().session, materials.material().evidence
    ((title, shown),) = made.publish(session, evidence)
    assert (title, shown) == (ci, f".llm-latency/report ({len(of(ci))} files)")
    assert files(tmp_path) == {each.file for each in of(ci)}


def test_on_github_the_summary_is_added_to_what_the_step_has_written(tmp_path: Path, summary: Path) -> None:
    """The outputs too, and the annotations go to the log."""
    made = publishing(tmp_path)
    check(made._origin)
    made.publish(materials.material().session, {})
    assert summary.read_text(encoding="utf-8").startswith("# before\n## ❌ LLM latency")
    assert (tmp_path / "outputs").read_text(encoding="utf-8") == "verdict=invalid\nfails=true\n"
    assert made.printed.startswith("::error file=tests/test_chat.py,line=12")


def test_the_summary_leaves_room_for_what_was_there(tmp_path: Path, summary: Path) -> None:
    """GitHub shows nothing at all of one that is too long."""
    summary.write_text("x" * (MEBIBYTE - 3000), encoding="utf-8")
    publishing(tmp_path).publish(materials.many().session, {})
    assert MEBIBYTE - 1000 < summary.stat().st_size <= MEBIBYTE


def test_a_summary_that_cannot_be_added_to_is_noticed_before_anything_is_measured(
    tmp_path: Path, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "gone" / "summary"))
    with pytest.raises(UnwritableError, match=r"gone/summary cannot be written .*: its folder is gone, create it\."):
        check(publishing(tmp_path)._origin)
    with pytest.raises(UnwritableError):
        publishing(tmp_path).publish(nouns.session(), {})
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    check(publishing(tmp_path)._origin)


def test_the_files_of_an_earlier_session_are_taken_away_once(tmp_path: Path) -> None:
    """A run that is killed must not be shown as the one before it; what is not ours stays."""
    report = tmp_path / ".llm-latency" / "report"
    made = publishing(tmp_path)
    for name in (*(each.file for each in FORMATS), "index.html"):
        (report / name).write_text("old", encoding="utf-8")
    made.clear()
    assert files(tmp_path) == {"index.html"}
    (report / "comment.md").write_text("new", encoding="utf-8")
    made.clear()
    assert files(tmp_path) == {"index.html", "comment.md"}


def test_files_that_cannot_all_be_written_are_not_written_in_part(tmp_path: Path, summary: Path) -> None:
    """Neither is the summary: a half of it would be read as the whole."""
    made = publishing(tmp_path)
    (tmp_path / ".llm-latency" / "report" / "bencher.json").mkdir()
    with pytest.raises(UnwritableError):
        made.publish(materials.material().session, {})
    assert files(tmp_path) == {"bencher.json"}
    assert summary.read_text(encoding="utf-8") == "# before\n"
