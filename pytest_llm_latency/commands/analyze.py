"""``llm-latency analyze``: what a stored run says by itself, beside no other. Nothing is measured or judged."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency import interleaving
from pytest_llm_latency.commands import compare, naming, painting, project, selection, sides, tables
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.options import BY_NAME

if TYPE_CHECKING:
    from pytest_llm_latency.model import Columns, Run

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "print what a stored run says by itself"
_LEVELS = "50,95,99"
_SLOWEST = 5


def add_parser(subparsers: Subparsers) -> None:
    """Add ``analyze`` to the command line."""
    described = (
        f"{_SUMMARY.capitalize()}: percentiles with their intervals, errors by kind, trust, cost, the slowest answers "
        "with their phases, and its parts by what varies: time, length of the input, worker, host, region."
    )
    parser = subparsers.add_parser("analyze", help=_SUMMARY, description=described)
    known = f"{naming.KINDS}; or {sides.KINDS} (last)"
    parser.add_argument("run", nargs="?", default=naming.LAST, metavar="RUN", help=known)
    parser.add_argument("-k", dest="expression", metavar="EXPR", help="only tests whose id matches")
    parser.add_argument("--percentiles", default=_LEVELS, metavar="P,P", help=f"which ones, as in 50,99.9 ({_LEVELS})")
    parser.add_argument("--slowest", type=int, default=_SLOWEST, metavar="N", help=f"how many answers ({_SLOWEST})")
    parser.add_argument("--max-error", metavar=BY_NAME["max-error"].metavar, help=BY_NAME["max-error"].help)
    parser.add_argument("--results", type=Path, metavar="DIR", help="where sessions lie (where pytest writes them)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=analyze)


def analyze(arguments: argparse.Namespace) -> int:
    """Print what each run says; raise ``UsageError`` where nothing is there or nothing is selected."""
    levels = _levels(arguments.percentiles)
    if arguments.slowest < 0:
        raise UsageError(f"--slowest {arguments.slowest}: write 0 or more.")
    allowed_s = compare.value(BY_NAME["max-error"], arguments.max_error, project.values())
    runs = _runs(arguments)

    from pytest_llm_latency.report import analysis, analysis_text  # noqa: PLC0415  (NumPy is slow to import)

    asked = analysis.Asked(levels=levels, slowest=arguments.slowest, allowed_s=allowed_s)
    found = [analysis.analyse(run, _columns(run), str(path), asked) for run, path in runs]
    if arguments.json:
        tables.write_json(analysis.tree(found))
    else:
        painting.write(analysis_text.lines(found, width=painting.width(), unicode=painting.unicode()))
    return 0


def _levels(text: str) -> tuple[float, ...]:
    try:
        levels = [float(part.strip().lower().removeprefix("p")) / 100 for part in text.split(",")]
    except ValueError:
        levels = []
    if not levels or not all(0 < level < 1 for level in levels):
        raise UsageError(f"--percentiles {text!r} is no list of numbers above 0 and below 100: write it as in 50,99.9.")
    return tuple(dict.fromkeys(levels))


def _runs(arguments: argparse.Namespace) -> "list[tuple[Run, Path]]":
    """Return what the runs measured of their tests, and where each lies."""
    stored = sides.of("RUN", arguments.run, arguments.results)
    matches = selection.parse(arguments.expression) if arguments.expression else lambda _: True
    chosen = [(interleaving.own(each.run), each.path) for each in stored if matches(each.run.test_id)]
    if not chosen:
        names = ", ".join(dict.fromkeys(each.run.test_id for each in stored))
        asked = f"-k {arguments.expression!r} matches no test of {arguments.run}: choose among {names}."
        raise UsageError(asked if stored else f"RUN ({arguments.run}) holds no run: name another one.")
    return chosen


def _columns(run: "Run") -> "Columns":
    from pytest_llm_latency.storage import by_column, samples  # noqa: PLC0415  (pyarrow is slow to import)

    (found,) = by_column.decode(samples.encode([run]), Path(run.file))
    return found
