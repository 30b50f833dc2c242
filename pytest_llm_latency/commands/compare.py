"""``llm-latency compare``: judge stored runs against other stored runs, as a session judges its own."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.commands import painting, project, selection, sides, tables
from pytest_llm_latency.commands.sides import StoredRun
from pytest_llm_latency.errors import LatencyError, UsageError
from pytest_llm_latency.model import MEASURE, Result, Run, Session
from pytest_llm_latency.options import BY_NAME, OPTIONS, Option, stated

if TYPE_CHECKING:
    from pytest_llm_latency.report.comparison import Group, SideRuns
    from pytest_llm_latency.stats.history import History

Subparsers = Any  # argparse has no public name for it
Stored = tuple[StoredRun, ...]

_SUMMARY = "compare stored runs with each other"
# The options of a test run that say how its measurements are judged.
JUDGING = ("tolerance", "margin", "alpha", "error-limit", "on-inconclusive", "on-no-baseline", "max-error",
           "monthly-requests")  # fmt: skip
_OF_PLANS = frozenset({"tolerance", "error-limit"})


def _by(place: str) -> Callable[[Run], str]:
    """Return what says where a run's samples were taken: its workers, hosts or regions."""

    def name(run: Run) -> str:
        found = {getattr(each, place) or "none" for each in run.samples if each.phase == MEASURE}
        return ", ".join(sorted(found)) or "none"

    return name


# By what benchmarks can be put together; a benchmark of several models stands under all of them at once.
GROUPS: Mapping[str, Callable[[Run], str]] = MappingProxyType({
    "model": lambda run: ", ".join(dict.fromkeys(each.model for each in run.conditions)) or "unknown",
    "provider": lambda run: ", ".join(dict.fromkeys(each.provider for each in run.conditions)) or "unknown",
    "test": lambda run: run.test_id.partition("[")[0],
    "worker": _by("worker"),
    "host": _by("host"),
    "region": _by("region"),
    "session": lambda run: f"{run.session_id} ({run.started_at})",
})


def add_parser(subparsers: Subparsers) -> None:
    """Add ``compare`` to the command line."""
    parser = subparsers.add_parser("compare", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    parser.add_argument(
        "baseline",
        metavar="A",
        help=f"the baseline, all of whose runs count: {sides.KINDS}; results of LLM-Test-Bench too",
    )
    parser.add_argument("candidate", metavar="B", help="the runs to judge, named in the same ways")
    parser.add_argument("--group-by", choices=[each for each in GROUPS if each != "session"], help="a section for each")
    parser.add_argument("--filter", metavar="EXPR", help="only tests whose id has this part, or matches as with -k")
    parser.add_argument("--history", action="store_true", help="change points over the runs of A; they fail nothing")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--markdown", action="store_true", help="print Markdown")
    shown.add_argument("--json", action="store_true", help="print JSON")
    for name in JUDGING:
        parser.add_argument(f"--{name}", metavar=BY_NAME[name].metavar, help=BY_NAME[name].help)
    parser.set_defaults(handler=compare)


def compare(arguments: argparse.Namespace) -> int:
    """Judge every run of B against the runs of A; return 1 where something regressed or is invalid."""
    usual = project.values()
    values = {name: value(BY_NAME[name], getattr(arguments, name.replace("-", "_")), usual) for name in JUDGING}
    stored = _selected(*sides.read_both(arguments.baseline, arguments.candidate), arguments)

    from pytest_llm_latency import pairs  # noqa: PLC0415  (the statistics are slow to import)
    from pytest_llm_latency.report import comparison  # noqa: PLC0415  (only this command needs it)

    everything = {option.name: option.default for option in OPTIONS} | values
    before, now = ([each.run for each in side] for side in stored)
    trusted = pairs.trusted(before, everything)
    found = pairs.pair(trusted.runs, now, trusted.refused)
    judged = _with_paths(pairs.judge_pairs(found.pairs, everything), stored[1])
    failing = any(each.fails for each in judged) or bool(found.spoilt)
    missing = bool(found.only_before or found.only_now) and values["on-no-baseline"] == "fail"
    compared = comparison.Compared(
        fails=failing or missing,
        baseline=_side(arguments.baseline, stored[0]),
        candidate=_side(arguments.candidate, stored[1]),
        settings=stated(values),
        groups=_groups(judged, {run.id: run for run in now}, arguments.group_by, values),
        only_in_baseline=found.only_before,
        only_in_candidate=found.only_now,
        notices=found.notices,
        history=_histories(trusted.runs, everything) if arguments.history else None,
    )
    if arguments.json:
        tables.write_json(comparison.tree(compared))
    elif arguments.markdown:
        tables.write(comparison.markdown_lines(compared))
    else:
        painting.write(comparison.lines(compared, unicode=painting.unicode()))
    return 1 if compared.fails else 0


def value(option: Option, given: str | None, usual: Mapping[str, Any]) -> Any:  # noqa: ANN401  (each row has its own type)
    """Return what was given, else what is usual in this project; raise ``UsageError`` for what is wrong."""
    if given is None:  # the plan of each run has its own thresholds
        return None if option.name in _OF_PLANS else usual[option.name]
    try:
        return option.read(given)
    except LatencyError as error:
        raise UsageError(f"--{option.name}: {error}") from None


def _selected(before: Stored, now: Stored, arguments: argparse.Namespace) -> tuple[Stored, Stored]:
    """Return what the filter leaves of both sides; sides without a common test cannot be compared."""
    tests = [dict.fromkeys(each.run.test_id for each in side) for side in (before, now)]
    names = dict.fromkeys([*tests[0], *tests[1]])
    if arguments.filter is not None:
        part = arguments.filter.casefold()
        # A part of an id, such as 'test_chat[a b]', need not be an expression.
        chosen = {name for name in names if part in name.casefold()}
        chosen = chosen or set(filter(selection.parse(arguments.filter, option="--filter"), names))
        if not chosen:
            raise UsageError(f"--filter {arguments.filter!r} matches no test: choose among {', '.join(names)}.")
        before, now = (tuple(each for each in side if each.run.test_id in chosen) for side in (before, now))
        tests = [{name: None for name in side if name in chosen} for side in tests]
    if not tests[0].keys() & tests[1].keys():
        raise UsageError(
            f"A and B have no test in common: A has {', '.join(tests[0]) or 'none'}, B has "
            f"{', '.join(tests[1]) or 'none'}. Name runs of the same suite."
        )
    return before, now


def _with_paths(results: Sequence[Result], stored: Stored) -> tuple[Result, ...]:
    """Let the advice to accept a run name where the run lies."""
    paths = {each.run.id: str(each.path) for each in stored}
    return tuple(replace(each, folders={"run": paths[each.run_id]}) for each in results)


def _side(named: str, stored: Stored) -> "SideRuns":
    from pytest_llm_latency.report.comparison import SideRuns  # noqa: PLC0415  (only this command needs it)

    paths = {each.run.id: str(each.path) for each in stored}
    return SideRuns(named=named, runs=tuple(each.run for each in stored), paths=paths)


def _groups(
    results: Sequence[Result], runs: Mapping[str, Run], by: str | None, values: Mapping[str, Any]
) -> "tuple[Group, ...]":
    """Put the results under headings; several runs of one test never stand under the same."""
    from pytest_llm_latency.report.comparison import Group  # noqa: PLC0415  (the same)

    several = len({each.test_id for each in results}) < len(results)
    kinds = [kind for kind in (by, "session" if several else None) if kind is not None]
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        found.setdefault(tuple(GROUPS[kind](runs[result.run_id]) for kind in kinds), []).append(result)
    return tuple(
        Group(by=", ".join(kinds) or None, name=", ".join(names) or None, session=_session(own, values))
        for names, own in found.items()
    )


def _session(results: Sequence[Result], values: Mapping[str, Any]) -> Session:
    """Return the judged results as a session that measured nothing itself."""
    return Session(
        id=results[0].run_id,
        started_at=results[0].started_at,
        duration_s=math.fsum(each.duration_s for each in results),
        interrupted=False,
        expected=tuple(each.test_id for each in results),
        results=tuple(results),
        environment=results[0].environment,
        settings=stated(values),
        warnings=(),
        problems=(),
    )


def _histories(runs: Sequence[Run], values: Mapping[str, Any]) -> "dict[str, Sequence[History]]":
    from pytest_llm_latency import judge  # noqa: PLC0415  (the statistics are slow to import)
    from pytest_llm_latency.stats.history import histories  # noqa: PLC0415  (the same)

    policy = judge.session_policy(values, 0, {}).gate
    tests = dict.fromkeys(run.test_id for run in runs)
    return {
        test_id: histories([run for run in runs if run.test_id == test_id], policy, tolerance=values["tolerance"])
        for test_id in tests
    }
