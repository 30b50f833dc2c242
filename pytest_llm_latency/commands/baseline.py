"""``llm-latency baseline``: accept the last run, list, show and prune what is stored.

Nothing is measured here. ``prune`` without a selection removes the baselines of tests that the last
session did not expect: the tests that pytest collected and selected stand in the session's manifest.
A session that was narrowed to a part of the suite or interrupted cannot tell, so it is refused.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pytest_llm_latency.commands import selection, tables
from pytest_llm_latency.errors import StorageError, UsageError
from pytest_llm_latency.model import Run, VerdictStatus
from pytest_llm_latency.storage import acceptance, baselines, lock, results
from pytest_llm_latency.storage.acceptance import Acceptance, Change
from pytest_llm_latency.storage.lock import Entry
from pytest_llm_latency.wire import to_builtins

Subparsers = Any  # argparse has no public name for it
Handler = Callable[[argparse.Namespace], int]

_FOLDER, _RESULTS = "where baselines lie (where pytest looks for them)", "where sessions lie (where pytest writes them)"
_SUMMARY = "accept, list, show and prune baselines"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``baseline`` and its actions to the command line."""
    parser = subparsers.add_parser("baseline", help=_SUMMARY, description=_SUMMARY.capitalize() + ".")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    accepting = _action(actions, "accept", accept, "make a stored run the baseline, without measuring again")
    listing = _action(actions, "list", list_all, "print the figures of every baseline")
    showing = _action(actions, "show", show, "print the accepted runs of one test")
    pruning = _action(actions, "prune", prune, "remove baselines: those named, or those of tests that are no more")
    accepting.add_argument(
        "--run", type=Path, metavar="PATH", help="a session's folder or a Parquet file (the last run)"
    )
    accepting.add_argument("--reason", metavar="TEXT", help="why, for who reviews the lock file")
    accepting.add_argument("--keep", type=int, metavar="N", help="runs that a test keeps (as many as for pytest)")
    showing.add_argument("test", metavar="TEST", help="a test id or a part of one")
    pruning.add_argument("--keep-last", type=int, metavar="N", help="shorten to the last N runs instead of removing")
    for each in (accepting, pruning):
        each.add_argument("--test", action="append", default=[], metavar="ID", help="only this test (repeatable)")
        each.add_argument("-k", dest="expression", metavar="EXPR", help="only tests whose id matches")
        each.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
        each.add_argument("--results", type=Path, metavar="DIR", help=_RESULTS)
    for each in (accepting, listing, showing, pruning):
        each.add_argument("--json", action="store_true", help="print JSON")


def _action(actions: Subparsers, name: str, handler: Handler, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.add_argument("--environment", metavar="LABEL", help="only this environment")
    parser.add_argument("--baselines", type=Path, metavar="DIR", help=_FOLDER)
    parser.set_defaults(handler=handler)
    return parser


def accept(arguments: argparse.Namespace) -> int:
    """Make the last run, or the one that was named, the baseline of its tests."""
    path = arguments.run or results.latest(arguments.results)
    runs, verdicts, moved = _stored_runs(path, arguments)
    terms = Acceptance(
        accepted=datetime.now(tz=UTC).date().isoformat(),
        reason=arguments.reason,
        commit=None,
        verdicts=verdicts,
        moved=moved,
        keep=arguments.keep,
        dry_run=arguments.dry_run,
    )
    changes = acceptance.accept(arguments.baselines, runs, terms)
    unjudged = list(dict.fromkeys(run.test_id for run in runs if run.id not in verdicts))
    if arguments.json:
        places = {"run": str(path), "baselines": str(arguments.baselines)}
        return _changed(changes, {**places, "without_verdict": unjudged}, arguments)
    tables.write_changes(changes)
    tables.write([f"no stored verdict, so none was looked at: {', '.join(unjudged)}"] if unjudged else [])
    tables.write([f"{'would accept' if arguments.dry_run else 'accepted'} {path} into {arguments.baselines}"])
    return 0


def _stored_runs(
    path: Path, arguments: argparse.Namespace
) -> tuple[list[Run], dict[str, VerdictStatus], frozenset[str]]:
    session, selects = results.read_session(path), _selects(arguments)
    runs: list[Run] = []
    verdicts: dict[str, VerdictStatus] = {}
    moved: set[str] = set()
    for test in session.tests:
        if selects(test.test_id):
            own = session.runs(test)
            runs += own
            verdicts |= {run.id: test.status for run in own if test.status is not None}
            moved |= {run.id for run in own if test.moved}
    if not runs:
        asked = [f"--test {each!r}" for each in arguments.test]
        asked += [f"-k {arguments.expression!r}"] if arguments.expression else []
        what = f"{' and '.join(asked)} matches no test" if asked else "no test is stored"
        names = ", ".join(test.test_id for test in session.tests)
        raise StorageError(
            f"nothing was accepted: {what} of {path}: choose among {names or 'the tests of another run'}."
        )
    _check_environment(runs, arguments.environment)
    return runs, verdicts, frozenset(moved)


def _check_environment(runs: Iterable[Run], label: str | None) -> None:
    others = sorted({run.environment.label for run in runs} - {label})
    if label is not None and others:
        raise UsageError(
            f"the run was measured in the environment {', '.join(others)}, not in {label}: measure with "
            f"'pytest --llm-latency --llm-latency-environment {label}', or leave --environment out."
        )


def list_all(arguments: argparse.Namespace) -> int:
    """Print one line for each series of each baseline; return 1 when there is none."""
    stored = _stored(arguments)
    if arguments.json:
        tables.write_json([{"environment": label, **to_builtins(entry)} for label, entry in stored])
    elif stored:
        heads = ("ENVIRONMENT", "TEST", "SERIES", *tables.FIGURES, "RUNS", "ACCEPTED", "COMMIT", "REASON")
        rows = (row for label, entry in stored for row in _rows(label, entry))
        tables.write_table([heads, *rows], spare=("REASON", "COMMIT", "ACCEPTED", "RUNS", "95 % INTERVAL"))
    else:
        tables.write([
            f"no baselines in {arguments.baselines}: run 'pytest --llm-latency', then 'llm-latency baseline accept'"
        ])
    return 0 if stored else 1


def _rows(label: str, entry: Entry) -> list[tuple[str, ...]]:
    about = (str(entry.runs), entry.accepted, (entry.commit or "–")[:12], entry.reason or "–")
    return [(label, entry.test_id, series.key, *tables.figures(series), *about) for series in entry.series]


def show(arguments: argparse.Namespace) -> int:
    """Print the accepted runs of one test and where their level changed, in each environment that has it."""
    from pytest_llm_latency.report import history  # noqa: PLC0415  (the statistics are slow to import)
    from pytest_llm_latency.stats.history import histories  # noqa: PLC0415  (the same)
    from pytest_llm_latency.stats.policy import GatePolicy  # noqa: PLC0415  (the same)
    from pytest_llm_latency.storage import figures  # noqa: PLC0415  (the same)

    described = []
    for label, entry in _of_one_test(arguments):
        runs = baselines.find(arguments.baselines, label, entry.test_id)
        before = baselines.past(arguments.baselines, label, entry.test_id)
        found = histories(runs, GatePolicy(), past=before)
        described.append((label, entry, [(run, figures.pooled([run])) for run in runs], found))
    if arguments.json:
        tables.write_json([
            {
                "environment": label,
                **to_builtins(entry),
                "accepted_runs": [
                    {
                        "id": run.id,
                        "started_at": run.started_at,
                        "commit": run.environment.commit,
                        "series": to_builtins(own),
                    }
                    for run, own in each
                ],
                "history": to_builtins(past),
            }
            for label, entry, each, past in described
        ])
        return 0
    for label, entry, each, past in described:
        counted = f"{entry.runs} run{'' if entry.runs == 1 else 's'}"
        tables.write([
            entry.test_id,
            f"environment {label}, {counted}, accepted {entry.accepted}, commit {entry.commit or '–'}",
            f"reason: {entry.reason or '–'}",
        ])
        rows = [(run.started_at, series.key, *tables.figures(series)) for run, own in each for series in own]
        rows += [("all runs", series.key, *tables.figures(series)) for series in entry.series]
        tables.write_table([("RUN", "SERIES", *tables.FIGURES), *rows])
        tables.write(f"history: {sentence}" for sentence in history.sentences(past))
    return 0


def _of_one_test(arguments: argparse.Namespace) -> list[tuple[str, Entry]]:
    stored = _stored(arguments)
    exact = [each for each in stored if each[1].test_id == arguments.test]
    found = exact or [each for each in stored if arguments.test in each[1].test_id]
    names = sorted({entry.test_id for _, entry in found})
    if not names:
        raise StorageError(
            f"{arguments.baselines} has no baseline of {arguments.test!r}: see 'llm-latency baseline list'."
        )
    if len(names) > 1:
        raise UsageError(f"{arguments.test!r} may be any of {', '.join(names)}: write more of it.")
    return found


def prune(arguments: argparse.Namespace) -> int:
    """Remove the baselines of tests that are no more or were named, or shorten them to the last runs."""
    if arguments.keep_last is not None:
        return _shorten(arguments)
    named = bool(arguments.test or arguments.expression)
    chosen = {label: _named(arguments, label) for label in _environments(arguments)} if named else _orphans(arguments)
    removed: list[tuple[str, str]] = []
    for label, test_ids in chosen.items():
        # The strays first: what is removed of the lock would look like one.
        strays = () if named else baselines.prune_strays(arguments.baselines, label, dry_run=arguments.dry_run)
        gone = baselines.prune(arguments.baselines, label, test_ids, dry_run=arguments.dry_run)
        removed += [(label, name) for name in (*gone, *map(str, strays))]
    if arguments.json:
        told = [{"environment": label, "name": name} for label, name in removed]
        tables.write_json({"dry_run": arguments.dry_run, "removed": told})
        return 0
    verb = "would remove" if arguments.dry_run else "removed"
    tables.write([f"{verb}  {label}  {name}" for label, name in removed] or ["nothing to prune"])
    return 0


def _shorten(arguments: argparse.Namespace) -> int:
    keep, dry_run = arguments.keep_last, arguments.dry_run
    changes = [
        change
        for label in _environments(arguments)
        for change in acceptance.trim(arguments.baselines, label, _named(arguments, label), keep=keep, dry_run=dry_run)
    ]
    if arguments.json:
        return _changed(changes, {}, arguments)
    if changes:
        tables.write_changes(changes)
    else:
        tables.write([f"nothing to prune: no baseline has more than {keep} runs"])
    return 0


def _changed(changes: Sequence[Change], told: Mapping[str, object], arguments: argparse.Namespace) -> int:
    tables.write_json({**told, "dry_run": arguments.dry_run, "changes": [to_builtins(each) for each in changes]})
    return 0


def _named(arguments: argparse.Namespace, label: str) -> tuple[str, ...]:
    selects = _selects(arguments)
    stored = [entry.test_id for entry in baselines.entries(arguments.baselines, label)]
    return tuple(each for each in stored if selects(each))


def _orphans(arguments: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    path = results.latest(arguments.results)
    manifest = results.read_session(path).manifest
    if manifest is None or manifest.interrupted or manifest.narrowed:
        raise UsageError(
            f"the last session ({path}) did not see the whole suite, so it cannot tell which tests are no more: run "
            "'pytest --llm-latency' without a selection first, or name tests with --test or -k."
        )
    label = arguments.environment or manifest.environment
    expected = {lock.readable(test_id) for test_id in manifest.expected}
    stored = [entry.test_id for entry in baselines.entries(arguments.baselines, label)]
    return {label: tuple(each for each in stored if each not in expected)}


def _stored(arguments: argparse.Namespace) -> list[tuple[str, Entry]]:
    labels = _environments(arguments)
    return [(label, entry) for label in labels for entry in baselines.entries(arguments.baselines, label)]


def _environments(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.environment is not None:
        return (baselines.check_label(arguments.environment),)
    return baselines.environments(arguments.baselines)


def _selects(arguments: argparse.Namespace) -> selection.Selects:
    matches = selection.parse(arguments.expression) if arguments.expression else lambda _: True
    return lambda test_id: matches(test_id) and (not arguments.test or test_id in arguments.test)
