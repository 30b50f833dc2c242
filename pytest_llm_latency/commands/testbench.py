"""``llm-latency testbench``: tests of LLM-Test-Bench's files, and stored runs as files of it and its neighbours."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.commands import naming, sides, tables
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.storage import atomic, results

if TYPE_CHECKING:
    from pytest_llm_latency.testbench.formats import Format
    from pytest_llm_latency.testbench.rows import Row

Subparsers = Any  # argparse has no public name for it

NAMES = (
    "results",
    "csv",
    "jsonl",
    "runner",
    "lens",
    "lens-summary",
    "optimizer-events",
    "optimizer-latency",
    "optimizer-profiles",
)

_SUMMARY = "make tests of files of LLM-Test-Bench, and files for it of runs"
_IMPORT = "write a test over a dataset or suite, with the file beside it"
_EXPORT = "write stored runs as a file of LLM-Test-Bench, LLM-Latency-Lens or LLM-Auto-Optimizer"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``testbench`` with its subcommands to the command line."""
    parser = subparsers.add_parser("testbench", help=_SUMMARY, description=_sentence(_SUMMARY))
    own = parser.add_subparsers(required=True, metavar="COMMAND")
    import_parser = own.add_parser("import", help=_IMPORT, description=_sentence(_IMPORT))
    import_parser.add_argument("file", type=Path, metavar="FILE", help="a dataset or a suite, JSON or YAML")
    import_parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder of the test")
    import_parser.add_argument("--model", help="the model of a dataset that names none")
    import_parser.set_defaults(handler=import_)
    export_parser = own.add_parser("export", help=_EXPORT, description=_sentence(_EXPORT))
    export_parser.add_argument("run", metavar="RUN", help=f"the runs to write: 'last', or {sides.KINDS}")
    export_parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help="the file to write, or a folder for PROVIDER-results.json of each provider",
    )  # fmt: skip
    known = f"one of {', '.join(NAMES)} (by the ending of FILE)"
    export_parser.add_argument("--format", choices=NAMES, metavar="FORMAT", help=known)
    export_parser.add_argument("--dataset", type=Path, metavar="FILE", help="the scenarios, for ids and categories")
    export_parser.add_argument(
        "--results", type=Path, default=results.DEFAULT_FOLDER, metavar="DIR", help="folder of the results for 'last'"
    )
    export_parser.set_defaults(handler=export)


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def import_(arguments: argparse.Namespace) -> int:
    """Write a suite; raise ``UsageError`` where one of its files is there already."""
    from pytest_llm_latency.testbench import reader, writer  # noqa: PLC0415  (only this command needs it)

    folder: Path = arguments.output
    texts = writer.suite(reader.parsed(arguments.file), arguments.model)
    files = {folder / name: text.encode() for name, text in texts.items()}
    same = (folder / arguments.file.name).resolve() == arguments.file.resolve()
    if same:
        del files[folder / arguments.file.name]
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageError(f"{', '.join(there)} exists already: remove it, or name another folder.")
    atomic.check_writable(folder)
    atomic.replace_all(files)
    tables.write(f"written: {path}" for path in files)
    tables.write([f"measure it: pytest --llm-latency {folder}"])
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write runs in one of the formats; raise ``UsageError`` where there is nothing, or too much, to write."""
    from pytest_llm_latency.testbench import reader, rows  # noqa: PLC0415  (only this command needs it)
    from pytest_llm_latency.testbench.formats import FORMATS  # noqa: PLC0415  (the same)

    target: Path = arguments.output
    chosen = FORMATS[arguments.format or _by_ending(target)]
    cases = () if arguments.dataset is None else reader.read(arguments.dataset)
    named = str(naming.session(naming.LAST, arguments.results)) if arguments.run == naming.LAST else arguments.run
    runs = [each.run for each in sides.read("RUN", named)]
    found = rows.of_runs(runs, cases)
    if not found:
        raise UsageError(f"RUN ({arguments.run}) has no measured request: name another one.")
    name = Path(runs[0].file).stem if arguments.dataset is None else arguments.dataset.stem
    files = _files(target, chosen, found, name)
    atomic.replace_all({path: text.encode() for path, text in files.items()})
    tables.write(f"{chosen.title} written to {path}" for path in files)
    return 0


def _by_ending(target: Path) -> str:
    names = {".csv": "csv", ".jsonl": "jsonl", ".json": "results", ".ndjson": "optimizer-events"}
    if target.is_dir():
        return "results"
    if target.suffix not in names:
        raise UsageError(f"FILE ({target}) ends in none of {', '.join(names)}: rename it, or say --format FORMAT.")
    return names[target.suffix]


def _files(target: Path, chosen: "Format", rows: "Sequence[Row]", name: str) -> dict[Path, str]:
    """Return the text of each file; one that has a single provider's requests is written for each provider."""
    providers = sorted({row.provider for row in rows})
    if not chosen.single:
        path = target / f"{name}{chosen.suffix}" if target.is_dir() else target
        return {path: chosen.encode(rows, name)}
    if len(providers) > 1 and not target.is_dir():
        raise UsageError(
            f"RUN has requests to {', '.join(providers)}, and such a file has those to one provider: give -o a folder."
        )
    places = {each: target / f"{each}-results.json" if target.is_dir() else target for each in providers}
    return {path: chosen.encode([row for row in rows if row.provider == each], name) for each, path in places.items()}
