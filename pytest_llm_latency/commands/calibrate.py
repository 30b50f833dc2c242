"""``llm-latency calibrate``: what the gate is worth for the user's own suite, from its accepted runs.

Nothing is measured. Runs of the same code are judged against each other, so that every alarm is a
false one. ``stats/calibration.py`` says how.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import metrics, units
from pytest_llm_latency.commands import compare, project, selection, sides, tables
from pytest_llm_latency.errors import StorageError, UsageError
from pytest_llm_latency.model import Run
from pytest_llm_latency.options import BY_NAME
from pytest_llm_latency.storage import baselines

if TYPE_CHECKING:
    from pytest_llm_latency.stats.calibration import Accepted, Calibration, Detectable, Rate

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "print the false-alarm rate and the smallest detectable change of your suite"
_SUITES = 200
_HEADS = ("TEST", "SERIES", "RUNS", "REQUESTS", "HALF OF THEM", "NOW", "TWICE", "FOUR TIMES")


def add_parser(subparsers: Subparsers) -> None:
    """Add ``calibrate`` to the command line."""
    parser = subparsers.add_parser(
        "calibrate", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}, from accepted runs. Nothing is measured."
    )
    parser.add_argument("runs", nargs="*", metavar="PATH",
                        help="further runs of the same code, named as for compare: .llm-latency/runs, the folders of "
                        "sessions, Parquet files, or patterns of these")  # fmt: skip
    parser.add_argument("--baselines", type=Path, metavar="DIR",
                        help="where baselines lie (where pytest looks for them)")  # fmt: skip
    parser.add_argument("--environment", metavar="LABEL", help="only this environment")
    parser.add_argument("-k", dest="expression", metavar="EXPR", help="only tests whose id matches")
    parser.add_argument("--suites", type=int, default=_SUITES, metavar="N", help=f"resampled suites ({_SUITES})")
    parser.add_argument("--alpha", metavar="SHARE", help="as --llm-latency-alpha of the test run (that of pytest here)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=calibrate)


def calibrate(arguments: argparse.Namespace) -> int:
    """Print what the accepted runs say of the gate; raise ``StorageError`` where there are none."""
    from pytest_llm_latency.stats import GatePolicy, calibration  # noqa: PLC0415  (NumPy is slow to import)

    if arguments.suites < 1:
        raise UsageError(f"--suites {arguments.suites}: write at least 1.")
    alpha = compare.value(BY_NAME["alpha"], arguments.alpha, project.values())
    runs, left_out = _comparable(_of_one_environment(_read(arguments), arguments))
    suite = [each for test_runs in runs.values() for each in _series(test_runs)]
    if not suite:
        raise StorageError(
            f"no accepted run in {arguments.baselines} has a gated metric: run 'pytest --llm-latency' three times or "
            "more, each followed by 'llm-latency baseline accept', or name runs of the same code."
        )
    found = calibration.calibrate(suite, GatePolicy(alpha=alpha), suites=arguments.suites)
    if arguments.json:
        tables.write_json({**asdict(found), "factors": calibration.FACTORS, "runs_left_out": left_out})
        return 0
    tables.write([*_lines(found, len(runs)), ""])
    tables.write_table([_HEADS, *map(_row, found.detectable)], spare=("REQUESTS", "RUNS", "HALF OF THEM"))
    tables.write(["", *_notes(found, left_out)])
    return 0


def _read(arguments: argparse.Namespace) -> Iterator[Run]:
    """Yield the runs of the baselines, oldest first, and those of the named folders."""
    labels = baselines.environments(arguments.baselines)
    for label in labels if arguments.environment is None else (baselines.check_label(arguments.environment),):
        for entry in baselines.entries(arguments.baselines, label):
            yield from baselines.find(arguments.baselines, label, entry.test_id)
    for path in arguments.runs:
        yield from (each.run for each in sides.read("PATH", path) if each.status != "invalid")


def _of_one_environment(runs: Iterable[Run], arguments: argparse.Namespace) -> list[Run]:
    matches = selection.parse(arguments.expression) if arguments.expression else lambda _: True
    wanted = (None, arguments.environment)
    once = {run.id: run for run in runs if matches(run.test_id)}
    chosen = [run for run in once.values() if arguments.environment is None or run.environment.label in wanted]
    labels = sorted({run.environment.label for run in chosen})
    if len(labels) > 1:
        raise UsageError(f"the runs are of the environments {', '.join(labels)}: choose one with --environment.")
    return sorted(chosen, key=lambda run: run.started_at)


def _comparable(runs: Sequence[Run]) -> tuple[dict[str, list[Run]], int]:
    """Return the runs of each test that were measured as its newest was, and how many were not."""
    from pytest_llm_latency.stats import differences  # noqa: PLC0415  (NumPy is slow to import)

    newest = {run.test_id: run for run in runs}
    found: dict[str, list[Run]] = {test_id: [] for test_id in newest}
    for run in runs:
        if run.complete and not differences(newest[run.test_id].conditions, run.conditions):
            found[run.test_id].append(run)
    return found, len(runs) - sum(map(len, found.values()))


def _series(runs: Sequence[Run]) -> "Iterator[Accepted]":
    import numpy as np  # noqa: PLC0415  (slow to import)

    from pytest_llm_latency.stats.calibration import Accepted  # noqa: PLC0415  (it imports NumPy)

    for step in dict.fromkeys(step for run in runs for step in metrics.steps(run)):
        for name in runs[-1].plan.gate:
            metric = metrics.METRICS[name]
            arrays = [(run.session_id, np.asarray(metrics.series(run, step, metric), dtype=float)) for run in runs]
            measured = tuple((session, array) for session, array in arrays if array.size)
            if measured:
                yield Accepted(
                    test_id=runs[-1].test_id,
                    step=step,
                    metric=metric,
                    tolerance=runs[-1].plan.tolerance,
                    runs=measured,
                )


def _lines(found: "Calibration", tests: int) -> Iterator[str]:
    yield f"suite         {_count(tests, 'benchmark')}, {len(found.detectable)} compared series"
    low, high = (units.format_percent(each) for each in found.noise_interval)
    yield (
        f"noise         runs of the same code differ by {units.format_percent(found.noise)} (95 % interval {low} … "
        f"{high}), from {_count(found.differences, 'difference')} between runs"
    )
    yield f"false alarms  {_rate(found.resampled, 'resampled unchanged suites')}"
    yield f"as measured   {_rate(found.measured, 'sessions, each against the others,')}"


def _rate(found: "Rate | None", what: str) -> str:
    if found is None:
        return "not known: no test has runs of two sessions"
    low, high = (units.format_percent(each) for each in found.interval)
    return (
        f"{found.red} of {found.suites} {what} went red: {units.format_percent(found.share)} (95 % interval {low} … "
        f"{high})"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _row(found: "Detectable") -> tuple[str, ...]:
    series = found.metric if found.step is None else f"{found.step}.{found.metric}"
    shown = ("–" if ratio is None else units.format_change(ratio) for ratio in found.ratios)
    return (found.test_id, series, units.format_count(found.runs), units.format_count(found.requests), *shown)


def _notes(found: "Calibration", left_out: int) -> Iterator[str]:
    yield "Changes of p95 that the gate finds in 80 of 100 runs, with so many requests in the run and in its baseline."
    if found.more_runs:
        yield (
            f"The noise is in part assumed, and so are the other figures: {_count(found.differences, 'difference')} "
            f"between runs of the same code {'is' if found.differences == 1 else 'are'} known, and "
            f"{found.needed_differences} are needed. {_count(found.more_runs, 'further run')} of the whole suite, "
            "accepted or named, would be enough."
        )
    if left_out:
        yield f"{_count(left_out, 'run')} left out: interrupted, or measured with something else than the newest."
    if any(None in each.ratios for each in found.detectable):
        yield "–: too few requests, or too many that failed, to be compared."
