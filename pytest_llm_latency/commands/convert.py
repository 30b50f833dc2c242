"""``llm-latency convert``: samples from one format into another, with every value as it was."""

import argparse
from pathlib import Path
from typing import Any

from pytest_llm_latency.commands import tables
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.storage import atomic

Subparsers = Any  # argparse has no public name for it

NAMES = ("parquet", "msgpack", "jsonl", "json")

_SUMMARY = "convert the samples of a file into another format"


def add_parser(subparsers: Subparsers) -> None:
    """Add ``convert`` to the command line."""
    parser = subparsers.add_parser("convert", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    known = ", ".join(f".{name}" for name in NAMES)
    parser.add_argument("source", type=Path, metavar="IN", help=f"samples.parquet, or the file of a run ({known})")
    parser.add_argument("target", type=Path, metavar="OUT", help=f"the file to write ({known})")
    parser.add_argument("--from", dest="source_format", choices=NAMES, help="the format of IN (by its ending)")
    parser.add_argument("--to", dest="target_format", choices=NAMES, help="the format of OUT (by its ending)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=convert)


def convert(arguments: argparse.Namespace) -> int:
    """Write the samples of one file as another; raise ``UsageError`` for an ending that says nothing."""
    source, target = arguments.source, arguments.target
    given = arguments.source_format or _format(source, "IN", "--from")
    wanted = arguments.target_format or _format(target, "OUT", "--to")
    if source.is_dir():
        raise UsageError(f"IN ({source}) is a folder: name a file, such as .llm-latency/samples.parquet.")

    from pytest_llm_latency.storage import formats, samples  # noqa: PLC0415  (pyarrow is slow to import)

    atomic.replace_bytes(target, formats.converted(samples.read_bytes(source), source, given, wanted))
    if arguments.json:
        tables.write_json({"source": str(source), "written": [str(target)], "format": wanted})
    else:
        tables.write([f"{source} written as {formats.FORMATS[wanted].title} to {target}"])
    return 0


def _format(path: Path, name: str, option: str) -> str:
    ending = path.suffix.removeprefix(".").lower()
    if ending not in NAMES:
        known = ", ".join(f".{each}" for each in NAMES)
        raise UsageError(f"{name} ({path}) ends in none of {known}: rename it, or say {option} FORMAT.")
    return ending
