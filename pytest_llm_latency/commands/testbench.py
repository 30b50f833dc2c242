"""``llm-latency testbench``: tests of LLM-Test-Bench's files, and stored runs as files of it and its neighbours."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llm_latency.commands import naming, sides, tables
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.storage import atomic

if TYPE_CHECKING:
    from pytest_llm_latency.testbench.formats import Format
    from pytest_llm_latency.testbench.rows import Row
    from pytest_llm_latency.testbench.scenario import Case

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
_IMPORT = "write tests over a dataset, suite or fleet manifest, with the file beside them"
_EXPORT = "write stored runs as a file of LLM-Test-Bench, LLM-Latency-Lens or LLM-Auto-Optimizer"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``testbench`` with its subcommands to the command line."""
    parser = subparsers.add_parser("testbench", help=_SUMMARY, description=_sentence(_SUMMARY))
    own = parser.add_subparsers(required=True, metavar="COMMAND")
    import_parser = own.add_parser("import", help=_IMPORT, description=_sentence(_IMPORT))
    import_parser.add_argument("file", type=Path, metavar="FILE", help="a dataset, suite or fleet manifest")
    import_parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder of the test")
    import_parser.add_argument("--model", help="the model of a dataset that names none")
    import_parser.add_argument(
        "--profile", action="append", default=[], metavar="NAME", help="a profile of a fleet manifest (default: all)"
    )
    import_parser.add_argument(
        "--datasets", type=Path, action="append", default=[], metavar="DIR", help="where a manifest's datasets are"
    )
    import_parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="a settings file to write, with a manifest's load profiles (YAML)"
    )
    import_parser.set_defaults(handler=import_)
    export_parser = own.add_parser("export", help=_EXPORT, description=_sentence(_EXPORT))
    export_parser.add_argument("run", metavar="RUN", help=f"the runs to write: 'last', or {sides.KINDS}")
    export_parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE",
        help="the file to write, or a folder for PROVIDER-results.json of each provider",
    )  # fmt: skip
    known = f"one of {', '.join(NAMES)} (by the ending of FILE)"
    export_parser.add_argument("--format", choices=NAMES, metavar="FORMAT", help=known)
    export_parser.add_argument(
        "--dataset",
        type=Path,
        action="append",
        metavar="FILE",
        help="the scenarios, for ids and categories; for several, more than once (default: the files given to pytest)",
    )
    export_parser.add_argument(
        "--results", type=Path, metavar="DIR", help="where sessions lie, for 'last' (where pytest writes)"
    )
    export_parser.set_defaults(handler=export)
    for each in (import_parser, export_parser):
        each.add_argument("--json", action="store_true", help="print JSON")


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def import_(arguments: argparse.Namespace) -> int:
    """Write a suite; raise ``UsageError`` where one of its files is there already with another content."""
    from pytest_llm_latency.testbench import reader, writer  # noqa: PLC0415  (only this command needs it)

    folder: Path = arguments.output
    wanted = writer.Wanted(model=arguments.model, profiles=arguments.profile, folders=arguments.datasets)
    suite = writer.suite(reader.parsed(arguments.file), wanted)
    files = {folder / name: data for name, data in suite.files.items()}
    if arguments.settings is not None:
        if suite.settings is None:
            raise UsageError(
                f"{arguments.file} has no load profiles, which only a fleet manifest has: leave --settings out."
            )
        files[arguments.settings] = suite.settings
    new = {path: data for path, data in files.items() if not path.exists()}
    changed = [str(path) for path in files.keys() - new.keys() if not _holds(path, files[path])]
    if changed:
        raise UsageError(
            f"{', '.join(sorted(changed))} exists already with another content: remove it, or name another folder."
        )
    for place in {path.parent for path in new}:
        atomic.check_writable(place)
    atomic.replace_all(new)
    following = f"pytest --llm-latency{'' if suite.has_models else ' --llm-latency-model=MODEL'} {folder}"
    if arguments.json:
        unchanged = [str(path) for path in files if path not in new]
        tables.write_json({"written": list(map(str, new)), "unchanged": unchanged, "next": [following]})
        return 0
    tables.write(f"{'written' if path in new else 'unchanged'}: {path}" for path in files)
    tables.write([f"measure it: {following}"])
    return 0


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def export(arguments: argparse.Namespace) -> int:
    """Write runs in one of the formats; raise ``UsageError`` where there is nothing, or too much, to write."""
    from pytest_llm_latency.testbench import rows  # noqa: PLC0415  (only this command needs it)
    from pytest_llm_latency.testbench.formats import FORMATS  # noqa: PLC0415  (the same)

    target: Path = arguments.output
    wanted = arguments.format or _by_ending(target)
    chosen = FORMATS[wanted]
    named = str(naming.session(naming.LAST, arguments.results)) if arguments.run == naming.LAST else arguments.run
    runs = [each.run for each in sides.read("RUN", named)]
    own = list(dict.fromkeys(run.file for run in runs))
    cases = _named(own, arguments.dataset) if arguments.dataset else _given(own)
    found = rows.of_runs(runs, cases)
    if not found:
        raise UsageError(f"RUN ({arguments.run}) has no measured request: name another one.")
    name = "+".join(dict.fromkeys(Path(each).stem for each in arguments.dataset or own))
    files = _files(target, chosen, found, name)
    atomic.check_writable(next(iter(files)).parent)
    atomic.replace_all({path: text.encode() for path, text in files.items()})
    if arguments.json:
        tables.write_json({"written": [str(path) for path in files], "format": wanted, "results": len(found)})
    else:
        tables.write(f"{chosen.title} written to {path}" for path in files)
    return 0


def _given(own: "Sequence[str]") -> "dict[str, Sequence[Case]]":
    """Return the scenarios of the files of runs that pytest was given, where they are still there."""
    from pytest_llm_latency.testbench import reader  # noqa: PLC0415  (the same)

    return {file: reader.read(Path(file)) for file in own if reader.looks_like_one(Path(file))}


def _named(own: "Sequence[str]", datasets: "Sequence[Path]") -> "dict[str, Sequence[Case]]":
    """Return the scenarios of all datasets for each file of runs; raise ``UsageError`` where two share an id."""
    from pytest_llm_latency.testbench import reader  # noqa: PLC0415  (the same)

    first: dict[str, Path] = {}
    cases = [(path, case) for path in datasets for case in reader.read(path)]
    for path, case in cases:
        if first.setdefault(case.id, path) != path:
            raise UsageError(f"{first[case.id]} and {path} both have {case.id!r}: name one of them as --dataset.")
    return dict.fromkeys(own, tuple(case for _, case in cases))


def _by_ending(target: Path) -> str:
    names = {".csv": "csv", ".jsonl": "jsonl", ".json": "results", ".ndjson": "optimizer-events"}
    if target.is_dir():
        return "results"
    if not target.suffix:
        raise UsageError(
            f"FILE ({target}) is no folder yet and has no ending: create the folder, or name a file that ends in one "
            f"of {', '.join(names)}."
        )
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
            f"RUN has requests to {', '.join(providers)}, and such a file has those to one provider: give -o a folder "
            "that exists."
        )
    places = {each: target / f"{each}-results.json" if target.is_dir() else target for each in providers}
    return {path: chosen.encode([row for row in rows if row.provider == each], name) for each, path in places.items()}
