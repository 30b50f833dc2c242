"""A comparison of stored runs as text, Markdown and JSON: a section for each group of benchmarks."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Notice, Run, Session
from pytest_llm_latency.report import history, json_report, markdown, terminal, wording
from pytest_llm_latency.report.text import Line, encodable, line, plain, wrap
from pytest_llm_latency.wire import to_builtins

if TYPE_CHECKING:
    from pytest_llm_latency.stats.history import History

FORMAT = "pytest-llm-latency comparison"
VERSION = 1
WIDTH = 80

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The benchmarks that share a model, a provider, a test, a place or a session; ``by`` is ``None`` for all."""

    by: str | None
    name: str | None
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRuns:
    """One side: what the user named, the runs that it holds, and where each of them lies, by run id."""

    named: str
    runs: tuple[Run, ...]
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Everything that is said of two sides.

    ``history`` has the histories of each test of the baseline, ``None`` where they were not asked
    for.
    """

    fails: bool
    baseline: SideRuns
    candidate: SideRuns
    settings: Mapping[str, object]
    groups: tuple[Group, ...]
    only_in_baseline: tuple[str, ...]
    only_in_candidate: tuple[str, ...]
    notices: tuple[Notice, ...]
    history: "Mapping[str, Sequence[History]] | None"


def lines(compared: Compared, *, unicode: bool) -> list[Line]:
    """Return lines of up to 80 columns, as the section of a test run has them."""
    found: list[Line] = []
    for group in compared.groups:
        found += _wrapped(f"{group.by} {group.name}", unicode=unicode) if group.by is not None else []
        found += terminal.lines(group.session, width=WIDTH, verbosity=0, artefacts=(), unicode=unicode)
        found += [*_wrapped(_level(group), unicode=unicode), Line()]
    for title, notes in _notes(compared):
        said = (part for each in notes for part in _wrapped(each, indent=2, unicode=unicode))
        found += [line(title), *said, Line()]
    return found[:-1]


def markdown_lines(compared: Compared) -> list[str]:
    """Return the same as Markdown."""
    found = [f"# {markdown.escaped(compared.baseline.named)} → {markdown.escaped(compared.candidate.named)}", ""]
    for group in compared.groups:
        found += [f"## {group.by} {markdown.escaped(str(group.name))}", ""] if group.by is not None else []
        found += [*markdown.lines(group.session), "", *([each, ""] if (each := _level(group)) else [])]
    for title, notes in _notes(compared):
        found += [f"## {title.rstrip(':').capitalize()}", "", *(f"- {markdown.escaped(each)}" for each in notes), ""]
    return found[:-1]


def tree(compared: Compared) -> Tree:
    """Return the same as builtins; the keys are documented in docs/how-to/compare-two-runs.md."""
    histories = compared.history
    return {
        "format": FORMAT,
        "version": VERSION,
        "fails": compared.fails,
        "baseline": _side(compared.baseline),
        "candidate": _side(compared.candidate),
        "settings": dict(compared.settings),
        "verdicts": dict(wording.counts([each for group in compared.groups for each in group.session.results])),
        "only_in_baseline": list(compared.only_in_baseline),
        "only_in_candidate": list(compared.only_in_candidate),
        "notices": [to_builtins(each) for each in compared.notices],
        "groups": [_group(group) for group in compared.groups],
        "history": None
        if histories is None
        else [{"test_id": test_id, **to_builtins(each)} for test_id, found in histories.items() for each in found],
    }


def _side(side: SideRuns) -> Tree:
    runs = [
        {
            "run_id": run.id,
            "session_id": run.session_id,
            "test_id": run.test_id,
            "started_at": run.started_at,
            "environment": run.environment.label,
            "commit": run.environment.commit,
            "path": side.paths[run.id],
        }
        for run in side.runs
    ]
    return {"named": side.named, "runs": runs}


def _group(group: Group) -> Tree:
    return {
        "by": group.by,
        "name": group.name,
        "verdicts": dict(wording.counts(group.session.results)),
        "mean_ratios": _mean_ratios(group.session),
        "report": json_report.document(group.session, definitions=METRICS),
    }


def _mean_ratios(session: Session) -> dict[str, float]:
    """Return the geometric mean of the p95 ratios by metric, of those metrics that several benchmarks compare."""
    found: dict[str, list[float]] = {}
    for result in session.results:
        for each in result.comparisons:
            ratio = each.verdict.ratio
            if each.metric in METRICS and ratio is not None and 0 < ratio < math.inf:
                found.setdefault(each.metric, []).append(math.log(ratio))
    return {name: math.exp(math.fsum(logs) / len(logs)) for name, logs in found.items() if len(logs) > 1}


def _level(group: Group) -> str:
    means = [f"{name} {units.format_change(ratio)}" for name, ratio in _mean_ratios(group.session).items()]
    return f"p95 on the whole (geometric mean): {', '.join(means)}" if means else ""


def _notes(compared: Compared) -> list[tuple[str, list[str]]]:
    """Return what concerns no single verdict, under titles."""
    blocks = [
        (f"only in {compared.baseline.named}, not compared:", list(compared.only_in_baseline)),
        (f"only in {compared.candidate.named}, not compared:", list(compared.only_in_candidate)),
        ("notes:", [each.message for each in compared.notices]),
    ]
    blocks.append(("history:", _history(compared.history or {})))
    return [(title, notes) for title, notes in blocks if notes]


def _history(histories: "Mapping[str, Sequence[History]]") -> list[str]:
    """Return the change points by test, and why there are none once for all tests with the same reason."""
    changed: list[str] = []
    unchanged: Counter[str] = Counter()
    for test_id, found in histories.items():
        told = list(history.sentences(found))
        if any(each.changes for each in found):
            changed += [f"{test_id}: {sentence}" for sentence in told]
        else:
            unchanged.update(told)
    return [*changed, *(f"{wording.benchmarks(count)}: {sentence}" for sentence, count in unchanged.items())]


def _wrapped(sentence: str, *, indent: int = 0, unicode: bool) -> list[Line]:
    if not sentence:
        return []
    return [line(each) for each in wrap(encodable(plain(sentence), unicode=unicode), WIDTH, indent=indent)]
