"""The keys that a settings file may have: those of the options, of a provider and of a load profile.

Each section has a mapping of names to keys. ``providers`` and ``load_profiles`` have one for each name that their
author chose.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from pytest_llm_latency.config_file import variables
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.options import BY_NAME, OPTIONS, Option, values

PROVIDERS, LOAD_PROFILES = "providers", "load_profiles"
SCHEMA = "$schema"  # what editors of JSON look for


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: ``read`` is the kind of its value; ``secret`` values stand in the environment alone."""

    name: str
    read: values.Kind
    help: str
    option: Option | None = None
    secret: bool = False


def _of_option(option: Option) -> Key:
    name = option.key.rpartition(".")[2]
    return Key(name=name, read=option.read, help=option.help.replace("%%", "%"), option=option)


def _named(keys: Iterable[Key]) -> Mapping[str, Key]:
    return MappingProxyType({key.name: key for key in keys})


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise SettingsError(f"{text!r} is no base URL: write it as in 'https://gateway.example.com/v1'.")
    return text


_IN_FILES = [option for option in OPTIONS if option.key]
_SECTIONS = dict.fromkeys(option.key.partition(".")[0] for option in _IN_FILES)

# The sections of options, in the order of the table.
OF_OPTIONS: Mapping[str, Mapping[str, Key]] = MappingProxyType({
    section: _named(_of_option(option) for option in _IN_FILES if option.key.partition(".")[0] == section)
    for section in _SECTIONS
})

OF_PROVIDER = _named((
    Key(
        name="api_key",
        read=values.some_text,
        help="the key, as a variable: `${OPENAI_API_KEY}`; `none` for a server that asks for none",
        secret=True,
    ),
    Key(
        name="base_url",
        read=values.Kind(read=_base_url, words="a base URL", schema={"type": "string", "pattern": "^(https?://|\\$)"}),
        help="the server that is asked in place of the provider's own",
    ),
    *(_of_option(BY_NAME[name]) for name in ("requests-per-minute", "tokens-per-minute", "max-concurrency")),
))

OF_LOAD_PROFILE = _named(
    _of_option(BY_NAME[name]) for name in ("load", "concurrency", "requests", "warmup", "ramp-in", "max-concurrency")
)

SECTIONS = (*OF_OPTIONS, PROVIDERS, LOAD_PROFILES)


def refuse_literal(key: Key, text: str) -> None:
    """Raise ``SettingsError`` for a secret that is written into the file."""
    if key.secret and text != "none" and not variables.ALONE.fullmatch(text):
        raise SettingsError("a secret does not belong into a file: write the variable that has it, as in ${API_KEY}.")
