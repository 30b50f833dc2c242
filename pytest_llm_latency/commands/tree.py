"""The commands with their arguments as values, read from the parsers: what help, completion and documentation share.

argparse has no public way to ask a parser what it takes, so that its private names stand here alone.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PATHS = frozenset({"PATH", "FILE", "DIR", "IN", "OUT", "RUN", "A", "B"})  # what a shell completes to files


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument: ``flags`` is empty for one without a flag, ``metavar`` is ``None`` for a switch."""

    flags: tuple[str, ...]
    metavar: str | None
    help: str
    choices: tuple[str, ...]
    path: bool
    required: bool
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; ``words`` begin with the name of the program."""

    words: tuple[str, ...]
    summary: str
    description: str
    arguments: tuple[Argument, ...]
    commands: tuple["Command", ...]


def read(parser: argparse.ArgumentParser, summary: str = "") -> Command:
    """Return what a parser takes, with its commands in the order of their names."""
    actions = parser._actions  # noqa: SLF001  (see above)
    return Command(
        words=tuple(parser.prog.split()),
        summary=summary,
        description=parser.description or "",
        arguments=tuple(_argument(each) for each in actions if not isinstance(each, argparse._SubParsersAction)),  # noqa: SLF001  (the same)
        commands=tuple(read(own, help_) for _, own, help_ in children(parser)),
    )


def children(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield the name, the parser and the summary of each command of a parser."""
    for action in parser._actions:  # noqa: SLF001  (see above)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  (the same)
            summaries = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001  (the same)
            yield from ((name, own, summaries[name]) for name, own in sorted(action.choices.items()))


def walk(command: Command) -> Iterator[Command]:
    """Yield a command and all below it."""
    yield command
    for each in command.commands:
        yield from walk(each)


def _argument(action: argparse.Action) -> Argument:
    switch = action.nargs == 0
    metavar = None if switch else str(action.metavar or ("NAME" if action.choices else action.dest.upper()))
    return Argument(
        flags=tuple(action.option_strings),
        metavar=metavar,
        help=(action.help or "").replace("%%", "%"),
        choices=tuple(map(str, action.choices or ())),
        path=action.type is Path or metavar in PATHS,
        required=action.required,
        repeated=action.nargs in {"*", "+"} or isinstance(action, argparse._AppendAction),  # noqa: SLF001  (see above)
    )
