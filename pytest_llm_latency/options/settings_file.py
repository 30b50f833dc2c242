"""What a settings file says, when it has been read: nouns alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_llm_latency.options.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A settings file, or none.

    ``values`` has what it says of options, by their names. ``load_profiles`` has for each of its names what stands in
    for the marker's arguments of the same names. ``places`` says where each key stands, as ``llm-latency.yaml:3:5``.
    """

    path: Path | None
    values: Mapping[str, Any]
    providers: "Mapping[str, Provider]"
    load_profiles: Mapping[str, Mapping[str, Any]]
    places: Mapping[str, str]


_NOTHING: Mapping[str, Any] = MappingProxyType({})
NO_FILE = SettingsFile(path=None, values=_NOTHING, providers=_NOTHING, load_profiles=_NOTHING, places=_NOTHING)
