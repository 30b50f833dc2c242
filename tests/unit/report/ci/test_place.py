"""Which CI a session runs in, and how files and the job's page are named there."""

from pathlib import Path

import pytest

from pytest_llm_latency import options, surroundings
from pytest_llm_latency.report.ci import place

ROOT = Path("/builds/group/project")


def test_every_ci_can_be_asked_for_and_is_noticed() -> None:
    """The option, the table here and what the surroundings call a CI know the same ones."""
    assert ("auto", *place.SERVERS, "none") == options.CIS
    assert {each.title for each in place.SERVERS.values()} <= set(surroundings._CI.values())


@pytest.mark.parametrize(
    ("setting", "running_in", "expected"),
    [
        ("auto", "GitHub Actions", "github"),
        ("auto", "GitLab CI", "gitlab"),
        ("auto", "Jenkins", "jenkins"),
        ("auto", "Buildkite", None),
        ("auto", None, None),
        ("none", "GitHub Actions", None),
        ("jenkins", "GitHub Actions", "jenkins"),
    ],
)
def test_the_ci_is_the_one_that_is_named_else_the_one_around(
    setting: str, running_in: str | None, expected: str | None
) -> None:
    """Another CI shows nothing of ours."""
    assert place.server(setting, running_in) == expected


@pytest.mark.parametrize(
    ("name", "environ", "url"),
    [
        (
            "github",
            {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"},
            "https://github.com/a/b/actions/runs/7",
        ),
        ("github", {"GITHUB_SERVER_URL": "https://github.com"}, None),
        ("gitlab", {"CI_JOB_URL": "https://gitlab.com/a/b/-/jobs/7"}, "https://gitlab.com/a/b/-/jobs/7"),
        ("jenkins", {"BUILD_URL": "https://jenkins/job/a/7/"}, "https://jenkins/job/a/7/"),
        ("jenkins", {}, None),
    ],
)
def test_the_page_of_the_job_is_known_from_its_variables(name: str, environ: dict[str, str], url: str | None) -> None:
    """Where one is missing there is no link."""
    assert place.place(name, environ, ROOT).url == url


@pytest.mark.parametrize(
    ("checkout", "file", "expected"),
    [
        (str(ROOT), "tests/test_a.py", "tests/test_a.py"),
        (str(ROOT.parent), "tests/test_a.py", "project/tests/test_a.py"),
        (str(ROOT.parent), "../test_a.py", "test_a.py"),
        ("/elsewhere", "tests/test_a.py", "tests/test_a.py"),
        (None, "tests/test_a.py", "tests/test_a.py"),
    ],
)
def test_a_file_is_named_from_the_root_of_the_checkout(checkout: str | None, file: str, expected: str) -> None:
    """Pytest's root may lie below it; a CI knows nothing of that."""
    environ = {} if checkout is None else {"CI_PROJECT_DIR": checkout}
    assert place.place("gitlab", environ, ROOT).path(file) == expected
