"""The action, the workflows, the template and the step of Jenkins: what they run, and what they may not do."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_llm_latency.report.ci.formats import of
from suites import CHAT, INI

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "llm-latency" / "action.yml"
COMMENT = ROOT / ".github" / "workflows" / "llm-latency-comment.yml"
TEMPLATE = ROOT / "templates" / "llm-latency" / "template.yml"
STEP = ROOT / "vars" / "llmLatency.groovy"
YAML_FILES = [*sorted((ROOT / ".github").rglob("*.yml")), TEMPLATE]
PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")

# Stands in for GitHub's own program: notes each call, answers from a file, and brings the artifact of the run.
GH = """#!/bin/bash
printf '%s\\n' "$*" >> "$FAKE/calls"
case "$*" in
  run\\ download*) [ -d "$FAKE/artifact" ] && cp -a "$FAKE/artifact/." "${@: -1}" ;;
  *pulls*) cat "$FAKE/pulls" ;;
  *--paginate*) cat "$FAKE/comments" ;;
esac
"""


def loaded(path: Path) -> list[Any]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def steps(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every step that is anywhere in a file."""
    if isinstance(tree, dict):
        if "run" in tree or "uses" in tree:
            yield tree
        for each in tree.values():
            yield from steps(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from steps(each)


def bash(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as the runner of GitHub does."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV", "LLM_LATENCY"))}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env={**clean, **env}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_from_outside_becomes_a_command_and_no_action_changes_under_us(path: Path) -> None:
    """Expressions stand in ``env`` alone, and actions of others are named by their commit."""
    documents = loaded(path)
    assert documents
    for step in steps(documents):
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or step["uses"].startswith("./") or PINNED.fullmatch(step["uses"])


def test_the_job_that_may_comment_takes_nothing_of_theirs_but_a_text() -> None:
    """It checks nothing out, uses no action, and its token can do no more than it needs."""
    (workflow,) = loaded(COMMENT)
    (job,) = workflow["jobs"].values()
    assert [sorted(step) for step in job["steps"]] == [["env", "name", "run"]]
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert "checkout" not in COMMENT.read_text(encoding="utf-8")


def test_the_action_measures_and_names_what_came_of_it(tmp_path: Path, programs: Path) -> None:
    """The arguments are quoted as in a shell; results lie where it was started, wherever pytest's root is."""
    suite = tmp_path / "a suite"
    suite.mkdir()
    (suite / "test_suite.py").write_text(CHAT, encoding="utf-8")
    (suite / "pytest.ini").write_text(INI, encoding="utf-8")
    measure, upload = loaded(ACTION)[0]["runs"]["steps"]
    env = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": "python",
        "PYTEST_ADDOPTS": "'a suite' --llm-latency-simulate --llm-latency-reason='$(touch broken)'",
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "LLM_LATENCY_MAX_ERROR": "10s",
    }
    assert set(measure["env"]) == {"PYTHON", "PYTEST_ADDOPTS"}
    done = bash(measure["run"], tmp_path, env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "broken").exists()
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text(encoding="utf-8").splitlines())
    assert (outputs["verdict"], outputs["fails"]) == ("no_baseline", "false")
    assert Path(outputs["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (Path(outputs["results"]) / "report" / "comment.md").is_file()
    assert "LLM latency" in (tmp_path / "summary").read_text(encoding="utf-8")
    # The folder's name begins with a dot: without this word nothing would be uploaded.
    assert upload["with"]["include-hidden-files"] is True


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Return the folder from which the stand-in for GitHub's program answers: a comment, one pull request."""
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    report = tmp_path / "artifact" / "report"
    report.mkdir(parents=True)
    (report / "comment.md").write_text("<!-- pytest-llm-latency: ci -->\n## verdict\n", encoding="utf-8")
    (tmp_path / "pulls").write_text("7\n", encoding="utf-8")
    (tmp_path / "comments").write_text("", encoding="utf-8")
    return tmp_path


def posted(folder: Path, *, status: int = 0) -> list[str]:
    """Run the job that comments, and return what it has written to GitHub."""
    (workflow,) = loaded(COMMENT)
    script = workflow["jobs"]["comment"]["steps"][0]["run"]
    env = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(folder),
        "FAKE": str(folder),
        "GH_REPO": "a/b",
        "ARTIFACT": "llm-latency",
        "RUN": "1",
        "OWNER": "someone",
        "BRANCH": "$(touch broken)",
        "COMMIT": "abc",
    }
    done = bash(script, folder, env)
    assert done.returncode == status, done.stdout + done.stderr
    assert not (folder / "broken").exists()
    calls = (folder / "calls").read_text(encoding="utf-8").splitlines()
    return [re.sub(r"@\S+/report/", "@", each) for each in calls if "POST" in each or "PATCH" in each]


def test_a_first_run_posts_a_comment(job: Path) -> None:
    """On the pull request that GitHub names for the branch and the commit of the run."""
    assert posted(job) == ["api --silent --method POST repos/a/b/issues/7/comments -F body=@comment.md"]
    asked = (job / "calls").read_text(encoding="utf-8")
    assert "-f head=someone:$(touch broken) --jq .[] | select(.head.sha == env.COMMIT) | .number" in asked


def test_a_later_run_brings_the_comment_up_to_date(job: Path) -> None:
    """The first one, where there are several."""
    (job / "comments").write_text("41\n42\n", encoding="utf-8")
    assert posted(job) == ["api --silent --method PATCH repos/a/b/issues/comments/41 -F body=@comment.md"]


def test_a_run_without_an_artifact_posts_nothing(job: Path) -> None:
    """It measured nothing; its own job says why."""
    (job / "artifact").rename(job / "elsewhere")
    assert posted(job) == []


@pytest.mark.parametrize(
    ("content", "status"),
    [("## no marker\n", 1), ("<!-- pytest-llm-latency: ci -->\n" + "x" * 70_000, 0), (None, 0)],
    ids=["unmarked", "too long", "link"],
)
def test_what_is_no_comment_of_ours_is_not_posted(job: Path, content: str | None, status: int) -> None:
    """The file comes from a run that anyone can have started."""
    text = job / "artifact" / "report" / "comment.md"
    text.unlink()
    if content is None:
        text.symlink_to("/etc/passwd")
    else:
        text.write_text(content, encoding="utf-8")
    assert posted(job, status=status) == []


def test_the_template_asks_for_what_it_uses_and_names_files_that_are_written() -> None:
    """GitLab interpolates inputs and ignores reports that are missing."""
    spec, jobs = loaded(TEMPLATE)
    inputs = spec["spec"]["inputs"]
    used = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", json.dumps(jobs)))
    assert used == set(inputs)
    (template,) = jobs.values()
    written = {f".llm-latency/report/{each.file}" for each in of("gitlab")}
    assert set(template["artifacts"]["reports"].values()) <= written
    assert len(template["artifacts"]["reports"]) == 5
    assert re.fullmatch(r"[\w -]+", template["artifacts"]["expose_as"])
    assert inputs["keep"]["default"] == [".llm-latency/report/index.html"]
    assert "--llm-latency-ci=gitlab" in template["script"][1]


def test_the_step_of_jenkins_shows_files_that_are_written_and_puts_nothing_into_a_command() -> None:
    """Its script stands in single quotation marks, in which Groovy puts no values."""
    text = STEP.read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{report\}/([\w.-]+)", text))
    assert named == {each.file for each in of("jenkins")} - {"bencher.json"}
    scripts = re.findall(r"(?m)^\s*script: (.*)$", text)
    assert [(each[0], each[-1]) for each in scripts] == [("'", "'")]
    assert "--llm-latency-ci=jenkins" in scripts[0]
