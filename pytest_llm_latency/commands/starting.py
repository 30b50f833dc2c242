"""The files of a first suite: a test, what makes its folder a root, and the job of a CI. Texts, without I/O.

The texts stand in ``starter/``, with ``@NAME@`` where an answer goes; the how-to of each CI shows the same ones.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from types import MappingProxyType

CIS = ("github", "gitlab", "jenkins", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a first suite is made of. ``directory`` is where the test goes, below the project's root.

    ``secrets`` are the variables that the provider needs in a CI; ``extra`` is ours that brings its library.
    """

    model: str
    directory: PurePosixPath
    prompt: str
    ci: str
    secrets: tuple[str, ...]
    extra: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Where the job of a CI goes: ``beside`` where the project has a ``place`` of its own; ``hint`` joins the two.

    ``given`` says how the CI comes to know the variables of a provider.
    """

    text: str
    place: str
    beside: str
    hint: str
    given: str


JOBS: Mapping[str, Job] = MappingProxyType({
    "github": Job(
        text="github.yml",
        place=".github/workflows/llm-latency.yml",
        beside=".github/workflows/llm-latency.yml",
        hint="",
        given="secrets of the repository: {names}",
    ),
    "gitlab": Job(
        text="gitlab.yml",
        place=".gitlab-ci.yml",
        beside=".gitlab/llm-latency.yml",
        hint="add to .gitlab-ci.yml: include: /.gitlab/llm-latency.yml",
        given="masked variables of the project: {names}",
    ),
    "jenkins": Job(
        text="Jenkinsfile",
        place="Jenkinsfile",
        beside="Jenkinsfile.latency",
        hint="make a pipeline with the script path Jenkinsfile.latency",
        given="credentials of the kind secret text: {ids}",
    ),
})


def test(answers: Answers) -> tuple[str, str]:
    """Return the place and the text of the test."""
    return f"{answers.directory}/test_answer_latency.py", _filled("test.py.txt", answers)


def root(answers: Answers) -> tuple[str, str]:
    """Return the place and the text of what makes a folder the root of pytest's runs."""
    return "pytest.ini", _filled("pytest.ini.txt", answers)


def settings(answers: Answers) -> tuple[str, str]:
    """Return the place and the text of the settings."""
    return "llm-latency.yaml", _filled("settings.yaml", answers)


def secrets(answers: Answers) -> str:
    """Say what the CI is to be given for the provider; nothing where that is nothing."""
    if not answers.secrets:
        return ""
    names, ids = ", ".join(answers.secrets), ", ".join(map(_credential, answers.secrets))
    return f"set the {JOBS[answers.ci].given.format(names=names, ids=ids)}"


def job(answers: Answers) -> str:
    """Return the text of the job of a CI."""
    return _filled(JOBS[answers.ci].text, answers)


def _filled(name: str, answers: Answers) -> str:
    text = (resources.files("pytest_llm_latency.commands") / "starter" / name).read_text("utf-8")
    for place, value in _values(answers).items():
        text = text.replace(f"@{place}@", value)
    return text


def _values(answers: Answers) -> dict[str, str]:
    github = [f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in answers.secrets]
    jenkins = [f"        {name} = credentials('{_credential(name)}')\n" for name in answers.secrets]
    return {
        "MODEL": answers.model,
        "QUOTED_MODEL": _quoted(answers.model),
        "QUOTED_PROMPT": _quoted(answers.prompt),
        "DIRECTORY": str(answers.directory),
        "PACKAGE": "pytest-llm-latency" if answers.extra is None else f'"pytest-llm-latency[{answers.extra}]"',
        "GITHUB_ENV": "".join(["        env:\n", *github]) if github else "",
        "JENKINS_ENV": "".join(["    environment {\n", *jenkins, "    }\n"]) if jenkins else "",
    }


def _credential(name: str) -> str:
    """Return the id of Jenkins' credential for a variable."""
    return name.lower().replace("_", "-")


def _quoted(text: str) -> str:
    """Return a text as Python and JSON write it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)
