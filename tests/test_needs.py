"""Tests that need a command: skipped and named where it is missing, failed where CI is true."""

from pathlib import Path

import pytest

TESTS = """
import pytest


@pytest.mark.needs("sh")
def test_shell():
    pass


@pytest.mark.needs("sh", "no-such-command")
def test_drawing():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a project with this suite's own conftest and two tests."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers = needs\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(TESTS)
    return pytester


def test_a_test_whose_command_is_missing_is_skipped_and_named(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary says which test, what it lacks and how to get it."""
    monkeypatch.delenv("CI", raising=False)
    result = project.runpytest("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*test_drawing needs no-such-command: install what lacks with `make test-deps`"])


def test_a_test_whose_command_is_missing_fails_in_ci(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is skipped unseen there."""
    monkeypatch.setenv("CI", "true")
    result = project.runpytest()
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
