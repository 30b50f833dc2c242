"""The ``llm-latency`` command: one parser over the subcommands, and errors as one line."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pytest_llm_latency import __version__
from pytest_llm_latency.commands import (
    analyze,
    baseline,
    calibrate,
    compare,
    completion,
    config,
    convert,
    init,
    manual,
    painting,
    profile,
    project,
    report,
    selftest,
    simulate,
    testbench,
    tree,
)
from pytest_llm_latency.commands.manual import FAILED, INTERRUPTED, USAGE
from pytest_llm_latency.errors import LatencyError, UsageError

COMMANDS = (
    analyze,
    baseline,
    calibrate,
    compare,
    completion,
    config,
    convert,
    init,
    profile,
    report,
    selftest,
    simulate,
    testbench,
)


class _Formatter(argparse.HelpFormatter):
    """Breaks a sentence into lines and leaves lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as every other wrong thing that the user wrote."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  (what argparse takes)
        super().__init__(**{"formatter_class": _Formatter, **settings})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}: see '{self.prog} --help'.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 4 for a wrong command line, 1 for what failed."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without Unicode prints a question mark for a dash, and no traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        arguments, unknown = parser().parse_known_args(argv)
        if unknown:
            arguments.own.error(f"unrecognized arguments: {' '.join(unknown)}")
        project.fill_in(arguments)
        status: int = arguments.handler(arguments)
        sys.stdout.flush()
    except LatencyError as error:
        painting.complain("error", str(error))
        return USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as ``head``, has left; Python would complain once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.filename is None:
            raise
        # A path that cannot even be looked at: its name is too long, or a folder above it is another user's.
        said = f"{error.filename} cannot be used ({error.strerror}): check its name and permissions."
        painting.complain("error", said)
        return FAILED
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, each with its examples and exit codes below its options."""
    whole = _Parser(prog="llm-latency", description="Latency baselines of LLM calls, and the simulator.")
    whole.add_argument("--version", action="version", version=f"pytest-llm-latency {__version__}")
    whole.set_defaults(whole=whole)  # for what is made of all commands
    subparsers = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    _end(whole, "")
    return whole


def _end(parser: argparse.ArgumentParser, words: str) -> None:
    parser.epilog = manual.epilog(words)
    parser.set_defaults(own=parser)  # the one of the command that was given: its help has what there is
    for name, own, _ in tree.children(parser):
        _end(own, f"{words} {name}".strip())
