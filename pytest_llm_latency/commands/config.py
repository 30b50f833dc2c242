"""``llm-latency config``: the settings that count and where each stands, a check of a file, and its schema."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_llm_latency import config_file
from pytest_llm_latency.commands import project, tables
from pytest_llm_latency.config_file import keys
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.options import OPTIONS, Option, Settings, SettingsFile

Subparsers = Any  # argparse has no public name for it

_SUMMARY = "show the settings that count, check a settings file, print its schema"
_SHOW = "print every setting of pytest's runs here, and where it stands; secrets are masked"
_CHECK = "read a settings file, and say everything that is wrong in it"
_SCHEMA = "print the JSON Schema of settings files, for editors"
_MASK = "***"
# What of an address may be a secret: who asks, and the values of its query.
_IN_ADDRESS = re.compile(r"(?P<user>(?<=://)[^/@\s]+@)|(?<=[?&])(?P<name>[^=&\s]+=)[^&\s]+")


def add_parser(subparsers: Subparsers) -> None:
    """Add ``config`` with its subcommands to the command line."""
    parser = subparsers.add_parser("config", help=_SUMMARY, description=f"{_SUMMARY.capitalize()}.")
    own = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = own.add_parser("show", help=_SHOW, description=f"{_SHOW.capitalize()}.")
    shown.add_argument("--json", action="store_true", help="print JSON")
    shown.add_argument("options", nargs="*", metavar="OPTION", help="what pytest gets, after --")
    shown.set_defaults(handler=show)
    checked = own.add_parser("check", help=_CHECK, description=f"{_CHECK.capitalize()}.")
    checked.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the file (the one of this folder)")
    checked.add_argument("--ignore-unset", action="store_true", help="pass over values whose variables are not set")
    checked.set_defaults(handler=check)
    schema = own.add_parser("schema", help=_SCHEMA, description=f"{_SCHEMA[0].upper()}{_SCHEMA[1:]}.")
    schema.set_defaults(handler=print_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting as it is shown: ``value`` has no secret in it, and is ``None`` where nothing is set."""

    key: str
    option: str | None
    value: object
    origin: str


def show(arguments: argparse.Namespace) -> int:
    """Print the settings that a run of pytest in this folder would have."""
    settings, root = project.settings(arguments.options)
    found = [*_options(settings, root), *_named(settings.file)]
    path = settings.file.path
    if arguments.json:
        told = {each.key: {"value": each.value, "from": each.origin, "option": each.option} for each in found}
        tables.write_json({"root": str(root), "file": None if path is None else str(path), "settings": told})
    else:
        tables.write([f"settings file: {'none' if path is None else path}", ""])
        rows = [(each.key, _text(each.value), each.origin) for each in found]
        tables.write_table([("SETTING", "VALUE", "FROM"), *rows])
        tables.write(["", "– is not set: what the marker says counts, or the default of the marker."])
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Read one file; raise ``SettingsError`` for what is wrong in it, and ``UsageError`` where there is none."""
    here = Path.cwd()
    found = config_file.load(
        here, None if arguments.file is None else here / arguments.file, ignore_unset=arguments.ignore_unset
    )
    if found.path is None:
        raise UsageError(f"there is no settings file in {here}: write {config_file.NAMES[0]}, or name one.")
    name = found.path.relative_to(here) if found.path.is_relative_to(here) else found.path
    tables.write([f"{name} is sound: {len(found.places)} values"])
    return 0


def print_schema(_: argparse.Namespace) -> int:
    """Print the schema."""
    from pytest_llm_latency.config_file import schema  # noqa: PLC0415  (only this command needs it)

    tables.write_json(schema.schema())
    return 0


def _options(settings: Settings, root: Path) -> Iterator[Shown]:
    sections = ("", *keys.OF_OPTIONS)
    for option in sorted(OPTIONS, key=lambda each: sections.index(each.key.partition(".")[0])):
        value = _plain(settings[option.name], root)
        yield Shown(key=_name(option), option=option.flag, value=value, origin=settings.origins[option.name])


def _name(option: Option) -> str:
    return option.key or option.name


def _named(file: SettingsFile) -> Iterator[Shown]:
    """Yield what the file says of providers and load profiles."""
    for name, provider in file.providers.items():
        for key in keys.OF_PROVIDER.values():
            value = getattr(provider, key.name)
            if value is not None:
                path = f"{keys.PROVIDERS}.{name}.{key.name}"
                shown = _MASK if key.secret else _plain(value, Path())
                yield Shown(key=path, option=None, value=shown, origin=file.places[path])
    for name, profile in file.load_profiles.items():
        short = f"{keys.LOAD_PROFILES}.{name}"
        for argument, value in profile.items():
            path = short if short in file.places else f"{short}.{argument}"
            yield Shown(key=path, option=None, value=_plain(value, Path()), origin=file.places[path])


def _plain(value: object, root: Path) -> object:
    """Return a value as JSON has it, without what is secret in a text."""
    from pytest_llm_latency.execution import redaction  # noqa: PLC0415  (only this command needs it)

    if isinstance(value, Path) and value.is_relative_to(root):
        value = value.relative_to(root)
    if isinstance(value, str | Path):
        text = redaction.redact(str(value))
        masked = _IN_ADDRESS.sub(lambda found: f"{_MASK}@" if found["user"] else f"{found['name']}{_MASK}", text)
        return masked if "://" in text else text
    return value


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
