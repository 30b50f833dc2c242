"""``llm-latency report``: everything that a session reported, rendered again from what it stored.

Nothing is measured, and without ``--against`` nothing is judged: the files are those of the session to the last byte.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from pytest_llm_latency.commands import naming, painting, recomputed, reopened, sides, tables
from pytest_llm_latency.definitions import TOOLS
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Session
from pytest_llm_latency.report.ci.place import SERVERS, Place
from pytest_llm_latency.storage import atomic, results
from pytest_llm_latency.storage.results import StoredSession

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "render a stored session again: its section in the terminal, and its files"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``report`` to the command line."""
    parser = subparsers.add_parser("report", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    parser.add_argument("run", nargs="?", default=naming.LAST, metavar="RUN",
                        help=f"{naming.KINDS}; or the Parquet file of one run (last)")  # fmt: skip
    parser.add_argument(
        "--against", metavar="RUN", help=f"judge it again, against other runs: named as above, or {sides.KINDS}"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where the files are written (the session's folder; FILE-report beside the file of a run)",
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="where sessions lie (where pytest writes them)")
    parser.add_argument(
        "-k", dest="expression", metavar="EXPR", help="only tests whose id matches, into the folder that --output names"
    )
    parser.add_argument("--ci", choices=SERVERS, help="write what this CI reads as well")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("-v", "--verbose", action="count", default=0, help="say more in the section, as pytest does")
    amount.add_argument("-q", "--quiet", action="count", default=0, help="say less")
    parser.add_argument(
        "--definitions",
        choices=TOOLS,
        help="print the figures alone, as this tool defines them beside ours",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: results.json, or the figures of --definitions")
    parser.set_defaults(handler=report)


def report(arguments: argparse.Namespace) -> int:
    """Print the section of a stored session and write its files; the verdict does not change the exit code."""
    _check_part(arguments)
    if arguments.definitions is not None:
        return recomputed.report(arguments)
    session, stored, folder = _opened(arguments)
    written = _write(session, stored, folder)
    if arguments.ci is not None:
        written.append((arguments.ci, _write_for_ci(session, stored, folder / "report", arguments.ci)))
    _show(session, written, arguments)
    return 0


def _check_part(arguments: argparse.Namespace) -> None:
    """Raise ``UsageError`` where ``-k`` would be passed over, or put a part in the place of the whole."""
    if arguments.expression is None:
        return
    if arguments.definitions is not None:
        raise UsageError("--definitions prints the figures of a whole run: leave -k out, or name the file of one test.")
    if naming.lone_file(arguments.run) is not None:
        raise UsageError(f"{arguments.run} is the file of one run, of which -k can select nothing: leave it out.")
    if arguments.output is None:
        raise UsageError("-k makes a report of a part of the session: name a folder of its own with --output.")


def _opened(arguments: argparse.Namespace) -> tuple[Session, StoredSession, Path]:
    """Return the session, what is stored of it, and where its files go."""
    against = arguments.against
    before = () if against is None else sides.of("--against", against, arguments.results)
    alone = naming.lone_file(arguments.run)
    if alone is not None:
        return (*reopened.lone(alone, before), arguments.output or alone.with_name(f"{alone.stem}-report"))
    stored = results.read_session(naming.session(arguments.run, arguments.results))
    if arguments.expression is not None:
        stored = reopened.chosen(stored, arguments.expression)
    folder = arguments.output or stored.folder
    if against is not None:
        return (*reopened.against(stored, before), folder)
    _note_missing(stored)
    return reopened.session(stored), stored, folder


def _note_missing(stored: StoredSession) -> None:
    lacking = [test.test_id for test in stored.tests if not stored.has_baseline(test)]
    if lacking:
        sys.stderr.write(
            f"llm-latency: note: the accepted runs of {', '.join(lacking)} are not kept beside this session, so that "
            "its page draws the run alone: copy the folder accepted of its results folder as well.\n"
        )


def _write(session: Session, stored: StoredSession, folder: Path) -> list[tuple[str, str]]:
    from pytest_llm_latency.artefacts import ARTEFACTS  # noqa: PLC0415  (only this command needs it)

    written = []
    for each in ARTEFACTS:
        path = folder / each.path
        atomic.check_writable(path.parent)
        atomic.replace_bytes(path, each.render(session, stored))
        written.append((each.title, str(path)))
    return written


def _write_for_ci(session: Session, stored: StoredSession, folder: Path, server: str) -> str:
    from pytest_llm_latency.artefacts import StoredEvidence  # noqa: PLC0415  (the same)
    from pytest_llm_latency.report.ci import formats, material  # noqa: PLC0415  (the same)

    # The page of the job, and where its checkout had pytest's root, are not stored.
    place = Place(server=server, folder="", url=None)
    files = formats.render_all(material.Material(session=session, evidence=StoredEvidence(stored), place=place))
    atomic.replace_all({folder / name: content for name, content in files.items()})
    return f"{folder} ({len(files)} files)"


def _show(session: Session, written: list[tuple[str, str]], arguments: argparse.Namespace) -> None:
    from pytest_llm_latency.report import json_report, terminal  # noqa: PLC0415  (only this command needs it)

    if arguments.json:
        tables.write([json_report.dumps(json_report.document(session, definitions=METRICS)).rstrip()])
        return
    width, amount = painting.width(), arguments.verbose - arguments.quiet
    tables.write([" llm latency ".center(width, "=")])
    painting.write(
        terminal.lines(session, width=width, verbosity=amount, artefacts=written, unicode=painting.unicode())
    )
