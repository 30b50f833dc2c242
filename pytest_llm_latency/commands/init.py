"""``llm-latency init``: a first suite with its settings and the job of a CI, from a few questions or from options.

On a terminal what no option says is asked for; elsewhere, and with ``--yes``, it is what the question would propose.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.commands import painting, starting, tables
from pytest_llm_latency.errors import SettingsError, UnknownModelError, UsageError
from pytest_llm_latency.storage import atomic
from pytest_llm_latency.suggestions import nearest

if TYPE_CHECKING:
    from pytest_llm_latency.commands.starting import Answers

Subparsers = Any  # argparse has no public name for it

MODEL = "openai/gpt-4o-mini"
DIRECTORY = "tests/latency"
PROMPT = "Summarise in one sentence: the library opens at nine, and members borrow books for four weeks."

_SUMMARY = "write a first latency test, with settings and the job of a CI"
_NAME = re.compile(r"[\w.:/@+-]+")
_FOLDER = re.compile(r"[\w./-]+")
# What makes pytest take a folder for the root of a run: a file, and what it says where it also has other uses.
_ROOTS: Mapping[str, str] = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pytest.toml": "",
    ".pytest.toml": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
_NOTICED = {".github": "github", ".gitlab-ci.yml": "gitlab", "Jenkinsfile": "jenkins"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: the option that answers it, what it proposes, and what reads an answer or raises ``UsageError``."""

    option: str
    text: str
    proposed: str
    read: Callable[[str], str]


def add_parser(subparsers: Subparsers) -> None:
    """Add ``init`` to the command line."""
    described = f"{_SUMMARY.capitalize().replace('ci', 'CI')}. What exists is never overwritten."
    parser = subparsers.add_parser("init", help=_SUMMARY, description=described)
    parser.add_argument("--model", help=f"the model to measure, as litellm names it ({MODEL})")
    parser.add_argument("--prompt", metavar="TEXT", help="what the test asks of it")
    parser.add_argument("--directory", metavar="DIR", help=f"the folder of the test ({DIRECTORY})")
    parser.add_argument("--ci", choices=starting.CIS, metavar="CI", help=f"{', '.join(starting.CIS)} (the one noticed)")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing: take what would be proposed")
    parser.add_argument("--force", action="store_true", help="overwrite, and take a model that litellm does not list")
    parser.add_argument("--json", action="store_true", help="ask nothing, and print JSON")
    parser.set_defaults(handler=init)


def init(arguments: argparse.Namespace) -> int:
    """Write the files, all or none; raise ``UsageError`` where one of them exists or an answer is wrong."""
    asks = _on_a_terminal() and not (arguments.yes or arguments.json)
    _check_root(Path())
    answers = _answers({each.option: _answer(each, arguments, asks=asks) for each in _questions(arguments)})
    texts, hints = _files(answers)
    there = [name for name in texts if Path(name).exists()]
    if there and not arguments.force:
        raise UsageError(
            f"{', '.join(there)} exist{'s' if len(there) == 1 else ''} already, and nothing was written: "
            "name another --directory or --ci none, or overwrite with --force."
        )
    for name in texts:
        atomic.check_writable(Path(name).parent)
    atomic.replace_all({Path(name): text.encode() for name, text in texts.items()})
    _tell(answers, list(texts), hints, as_json=arguments.json)
    return 0


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _questions(arguments: argparse.Namespace) -> tuple[Question, ...]:
    noticed = next((ci for name, ci in _NOTICED.items() if Path(name).exists()), "none")
    return (
        Question(option="model", text="Which model", proposed=MODEL, read=_model(force=arguments.force)),
        Question(option="prompt", text="What is it asked", proposed=PROMPT, read=_prompt),
        Question(option="directory", text="Where does the test go", proposed=DIRECTORY, read=_directory),
        Question(option="ci", text=f"Which CI ({', '.join(starting.CIS)})", proposed=noticed, read=_ci),
    )


def _answer(question: Question, arguments: argparse.Namespace, *, asks: bool) -> str:
    given = getattr(arguments, question.option)
    if given is not None or not asks:
        return question.read(question.proposed if given is None else given)
    while True:
        _say(f"{question.text}? [{question.proposed}]")
        try:
            text = input("> ").strip()
        except EOFError:
            raise UsageError(f"the questions were not answered: write --{question.option}, or --yes.") from None
        try:
            return question.read(text or question.proposed)
        except UsageError as error:
            _say(str(error))


def _say(text: str) -> None:
    tables.write(textwrap.wrap(text, painting.width(), break_long_words=False, break_on_hyphens=False))


def _model(*, force: bool) -> Callable[[str], str]:
    from pytest_llm_latency.execution import known_models  # noqa: PLC0415  (only this command needs it)

    def read(text: str) -> str:
        if not _NAME.fullmatch(text):
            raise UsageError(f"{text!r} is no name of a model: write it as litellm does, as in {MODEL!r}.")
        try:
            known_models.check(text)
        except UnknownModelError as error:
            if not force:
                raise UsageError(f"{error} Else take it with --force.") from None
        return text

    return read


def _prompt(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise UsageError("the prompt is empty or has more than one line: write one, as in --prompt 'Say hello.'")
    return text


def _directory(text: str) -> str:
    path = PurePosixPath(text)
    if not _FOLDER.fullmatch(text) or path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{text!r} is no folder below this one without blanks: write it as in {DIRECTORY!r}.")
    return str(path)


def _ci(text: str) -> str:
    if text not in starting.CIS:
        raise UsageError(f"{text!r} is no CI: {nearest(text, starting.CIS)}")
    return text


def _check_root(folder: Path) -> None:
    """Raise ``UsageError`` where pytest would take a folder above for the root: results would go there."""
    if _is_root(folder):
        return
    above = next((each for each in folder.absolute().parents if _is_root(each)), None)
    if above is not None:
        raise UsageError(
            f"{above} is the root of pytest's runs here: run 'llm-latency init' there, or create an empty pytest.ini."
        )


def _is_root(folder: Path) -> bool:
    for name, said in _ROOTS.items():
        try:
            if said in (folder / name).read_text(encoding="utf-8", errors="replace"):
                return True
        except OSError:
            continue
    return False


def _answers(found: Mapping[str, str]) -> "Answers":
    from pytest_llm_latency.commands import access  # noqa: PLC0415  (only this command needs it)
    from pytest_llm_latency.execution.providers import PROVIDERS  # noqa: PLC0415  (the same)

    provider = found["model"].partition("/")[0]
    row = PROVIDERS.get(provider)
    return starting.Answers(
        model=found["model"],
        directory=PurePosixPath(found["directory"]),
        prompt=found["prompt"],
        ci=found["ci"],
        secrets=access.variables(provider),
        extra=None if row is None else row.extra,
    )


def _files(answers: "Answers") -> tuple[dict[str, str], list[str]]:
    """Return the texts by their places, and what is left to do by hand."""
    texts = dict([starting.test(answers)])
    if not _has_settings(Path()):
        texts |= [starting.settings(answers)]
    if not _is_root(Path()):
        texts |= [starting.root(answers)]
    if answers.ci == "none":
        return texts, []
    job, text = starting.JOBS[answers.ci], starting.job(answers)
    place = Path(job.place)
    beside = place.exists() and job.beside != job.place and place.read_bytes() != text.encode()
    hints = (job.hint if beside else "", starting.secrets(answers))
    return texts | {job.beside if beside else job.place: text}, [each for each in hints if each]


def _has_settings(folder: Path) -> bool:
    """Say whether there are settings, right or wrong: a second file of them would be refused."""
    from pytest_llm_latency import config_file  # noqa: PLC0415  (only this command needs it)

    try:
        return config_file.load(folder, None).path is not None
    except SettingsError:
        return True


def _tell(answers: "Answers", written: list[str], hints: list[str], *, as_json: bool) -> None:
    from pytest_llm_latency.commands import access  # noqa: PLC0415  (only this command needs it)

    missing = access.missing(answers.model.partition("/")[0])
    simulate = " --llm-latency-simulate" if missing else ""
    following = [f"pytest {answers.directory} --llm-latency{simulate}", "llm-latency baseline accept"]
    if as_json:
        tables.write_json({
            "written": written,
            "model": answers.model,
            "missing_variables": list(missing),
            "to_do": hints,
            "next": following,
        })
        return
    tables.write(f"written: {name}" for name in written)
    for each in hints:
        _say(f"to do: {each}")
    if missing:
        tables.write([""])
        _say(
            f"To measure {answers.model}, set {', '.join(missing)}. Until then, measure against the simulator, which "
            "needs no key and costs nothing."
        )
    tables.write(["", "next:", *(f"  {each}" for each in following)])
