"""Where a run is measured: facts of the checkout, the machine and the CI; never a secret."""

import os
import subprocess
from pathlib import Path

import pytest

from pytest_llm_latency import surroundings, wire
from pytest_llm_latency.model import PROXY, Environment

GIT = ("git", "-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false")
CI_VARIABLES = ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "CIRCLECI", "CI")


def described(root: Path, region: str | None = None) -> Environment:
    """Return the surroundings of a folder."""
    return surroundings.describe(label="default", region=region, root=root)


@pytest.fixture(name="checkout")
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout of one commit on the branch ``topic``, whatever git's settings here."""
    for name in os.environ:
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    for arguments in (("init", "-q", "-b", "topic"), ("add", "file"), ("commit", "-q", "-m", "first")):
        subprocess.run([*GIT, *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.needs("git")
def test_a_clean_checkout_names_its_commit_and_branch(checkout: Path) -> None:
    """An untracked file, such as a result, is no change."""
    (checkout / "untracked").write_text("x", encoding="utf-8")
    found = described(checkout)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True)
    assert (found.commit, found.branch, found.dirty) == (head.stdout.strip(), "topic", False)


@pytest.mark.needs("git")
def test_a_changed_file_makes_the_checkout_dirty(checkout: Path) -> None:
    """Then the commit alone does not tell what was measured."""
    (checkout / "file").write_text("two", encoding="utf-8")
    assert described(checkout).dirty is True


@pytest.mark.needs("git")
def test_outside_of_a_checkout_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown is not clean."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = described(tmp_path)
    assert (found.commit, found.branch, found.dirty) == (None, None, None)


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing command is no error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = described(tmp_path)
    assert (found.commit, found.branch, found.dirty) == (None, None, None)


def test_a_git_that_hangs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of another process must not stop a session."""

    def hanging(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hanging)
    assert described(tmp_path).commit is None


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, None),
        ({"CI": "true"}, "CI"),
        ({"CI": "true", "GITHUB_ACTIONS": "true"}, "GitHub Actions"),
        ({"CI": "true", "GITLAB_CI": "true"}, "GitLab CI"),
        ({"JENKINS_URL": "https://ci"}, "Jenkins"),
    ],
)
def test_the_ci_system_is_named(
    variables: dict[str, str], name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The particular one before the general one."""
    for variable in CI_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert described(tmp_path).ci == name


def test_versions_and_machine_are_known_and_travel(tmp_path: Path) -> None:
    """What a difference of figures may come from."""
    found = described(tmp_path, region="eu")
    assert {"pytest-llm-latency", "litellm", "httpx", "pytest"} <= found.versions.keys()
    assert found.cpus >= 1
    assert found.machine
    assert found.platform
    assert (found.label, found.region) == ("default", "eu")
    assert wire.from_builtins(Environment, wire.to_builtins(found)) == found


def test_variables_that_ask_for_a_proxy_are_named_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured through one takes longer."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "x")
    assert PROXY not in described(tmp_path).versions
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy:3128")
    assert described(tmp_path).versions[PROXY] == "HTTPS_PROXY"


def test_no_variable_of_the_process_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys live there."""
    monkeypatch.setenv("OPENAI_API_KEY", "never-to-be-seen")
    assert "never-to-be-seen" not in str(wire.to_builtins(described(tmp_path)))
