"""What GitHub reads from a step: annotations on lines of files, and the outputs of the step."""

from collections.abc import Sequence

from pytest_llm_latency.report import wording
from pytest_llm_latency.report.ci.material import Material
from pytest_llm_latency.report.ci.problems import Problem, problems
from pytest_llm_latency.report.text import plain

# GitHub shows ten annotations of a kind for each step and drops those that follow.
_MOST = 10
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def annotations(material: Material) -> str:
    """Return a workflow command for each of the worst tests, with a last one that counts the rest."""
    found = problems(material.session, material.place)
    failing = [each for each in found if each.fails]
    others = [each for each in found if not each.fails]
    return "".join(f"{line}\n" for line in (*_commands("error", failing), *_commands("warning", others)))


def _commands(kind: str, found: Sequence[Problem]) -> list[str]:
    tests: dict[str | int, list[Problem]] = {}
    for number, problem in enumerate(found):
        tests.setdefault(number if problem.test_id is None else problem.test_id, []).append(problem)
    every = list(tests.values())
    shown = every if len(every) <= _MOST else every[: _MOST - 1]
    lines = [_command(kind, each) for each in shown]
    if len(shown) < len(every):
        lines.append(f"::{kind} title=LLM latency::{len(every) - len(shown)} more: see the summary of the job")
    return lines


def _command(kind: str, found: Sequence[Problem]) -> str:
    problem = found[0]
    told = [text for each in found for text in (each.sentence, *each.reasons)]
    advised = [text for each in found for text in _advice(each)]
    text = "\n".join(dict.fromkeys(plain(each) for each in (*told, *advised)))
    place = {"file": problem.file, "line": None if problem.file is None else problem.line, "title": problem.title}
    named = ",".join(f"{name}={_escaped(str(value))}" for name, value in place.items() if value is not None)
    return f"::{kind} {named}::{text.translate(_DATA)}"


def _advice(problem: Problem) -> list[str]:
    if problem.advice is None:
        return []
    return [problem.advice.sentence, *([] if problem.advice.command is None else [problem.advice.command])]


def _escaped(text: str) -> str:
    return plain(text).translate(_PROPERTY)


def outputs(material: Material) -> str:
    """Return the outputs of the step: the gravest verdict, and whether the build is red for it."""
    session = material.session
    return f"verdict={wording.status(session) or 'none'}\nfails={str(wording.fails(session)).lower()}\n"
