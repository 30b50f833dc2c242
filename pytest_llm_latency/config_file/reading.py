"""From the tree of a settings file to what it says; every mistake is noted with its place, and all are told at once."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_llm_latency import load as loads
from pytest_llm_latency.config_file import keys
from pytest_llm_latency.config_file.keys import Key
from pytest_llm_latency.config_file.nodes import Mistake, Node, Place, described, placed
from pytest_llm_latency.config_file.variables import UnsetError, VariableError, expand, named
from pytest_llm_latency.errors import LatencyError, MarkerError
from pytest_llm_latency.options.provider import Provider
from pytest_llm_latency.options.settings_file import SettingsFile
from pytest_llm_latency.suggestions import nearest

_LONG = 8  # characters; what is shorter is a word of messages
_NEAR = 0.8  # of difflib: a slip of the pen, not another name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one file is read with, and what was found wrong in it. ``name`` is the file's in messages.

    With ``ignore_unset`` a value is passed over whose variable is not set.
    """

    name: str
    environment: Mapping[str, str]
    ignore_unset: bool
    mistakes: list[Mistake]
    places: dict[str, Place] = field(default_factory=dict)
    expanded: dict[str, str] = field(default_factory=dict)

    def read(self, root: Node, path: Path) -> SettingsFile:
        """Return what the tree says; it counts only where there are no ``mistakes``."""
        members = self._members(root, "", (*keys.SECTIONS, keys.SCHEMA))
        values = {
            key.option.name: value
            for section, known in keys.OF_OPTIONS.items()
            for key, value in self._values(members.get(section), section, known)
            if key.option is not None
        }
        providers = {name: _provider(found) for name, found in self._named(members, keys.PROVIDERS)}
        profiles = dict(self._named(members, keys.LOAD_PROFILES))
        self._check_loads(values.get("load"), profiles)
        return SettingsFile(
            path=path,
            values=values,
            providers=providers,
            load_profiles=profiles,
            places={key: placed(at, self.name) for key, at in self.places.items()},
        )

    def _check_loads(self, usual: str | None, profiles: Mapping[str, Mapping[str, Any]]) -> None:
        """Note loads that are none: what a profile says must be a shape, what is usual may be a profile."""
        said = {f"{keys.LOAD_PROFILES}.{name}": found["load"] for name, found in profiles.items() if "load" in found}
        if usual is not None and usual not in profiles:
            said["profiling.load"] = usual
        for path, text in said.items():
            place = self.places.get(f"{path}.load", self.places.get(path))
            try:
                loads.parse(text, concurrency=1)
            except MarkerError as error:
                near = difflib.get_close_matches(text, profiles, n=1) if path == "profiling.load" else []
                remedy = f"{text!r} is no load profile: did you mean {near[0]!r}?" if near else str(error)
                self._wrong(place, f"{path}: {remedy}")

    def _wrong(self, at: Place | None, message: str) -> None:
        """Note a mistake, without what variables have: it may be a secret."""
        for name, value in self.expanded.items():
            message = message.replace(value, f"${{{name}}}") if len(value) >= _LONG else message
        self.mistakes.append(Mistake(at=at or Place(line=1, column=1), message=message))

    def _members(self, node: Node | None, path: str, known: Sequence[str] | None) -> dict[str, Node]:
        """Return the members of a mapping that are known; ``None`` as ``known`` takes any name."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self._wrong(node.at, f"{path or 'the file'} is {described(node.value)}: it must be a mapping.")
            return {}
        for name, member in node.value.items():
            if known is not None and name not in known:
                self._wrong(member.key_at, f"{_below(path, name)} is no setting: {_near(name, known)}")
        return {name: member for name, member in node.value.items() if known is None or name in known}

    def _values(self, node: Node | None, path: str, known: Mapping[str, Key]) -> Iterator[tuple[Key, Any]]:
        """Yield what a section says, each with its key."""
        for name, member in self._members(node, path, tuple(known)).items():
            found = self._value(member, _below(path, name), known[name])
            if found is not None:
                yield known[name], found

    def _named(self, members: Mapping[str, Node], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the names of a section whose author chose them, and what each says."""
        for name, member in self._members(members.get(section), section, None).items():
            path = _below(section, name)
            check, known, short = _NAMED[section]
            problem = check(name)
            if problem is not None:
                self._wrong(member.key_at, f"{path}: {problem}")
            if short is not None and not isinstance(member.value, dict):
                value = self._value(member, path, known[short])
                yield name, {} if value is None else {short: value}
            else:
                yield name, {key.name: value for key, value in self._values(member, path, known)}

    def _together(self, node: Node, path: str) -> Node:
        """Return a list of texts as one, as the command line has it."""
        items = node.value if isinstance(node.value, list) else []
        for place, each in enumerate(items):
            if type(each.value) not in {str, int}:
                self._wrong(each.at, f"{path}[{place}] is {described(each.value)}: it must be a text.")
        texts = [str(each.value) for each in items if type(each.value) in {str, int}]
        return replace(node, value=", ".join(texts) if items else "none")

    def _value(self, node: Node, path: str, key: Key) -> Any:  # noqa: ANN401  (each key has its own type)
        """Return the value of a key, ``None`` where it is wrong; the texts of a list are read together."""
        if isinstance(node.value, list) and list in key.read.plain:
            return self._value(self._together(node, path), path, key)
        if not isinstance(node.value, str) and type(node.value) not in key.read.plain:
            quotes = (
                " Put it in quotes." if not isinstance(node.value, dict | list | type(None)) and _texts(key) else ""
            )
            self._wrong(node.at, f"{path} is {described(node.value)}: it must be {key.read.words}.{quotes}")
            return None
        said = str(node.value) if not isinstance(node.value, bool) else str(node.value).lower()
        text = said
        try:
            keys.refuse_literal(key, said)
            self.expanded.update({name: self.environment.get(name, "") for name in named(said)})
            text = expand(said, self.environment) if isinstance(node.value, str) else said
            value = key.read(text)
        except VariableError as error:
            if isinstance(error, UnsetError) and self.ignore_unset:
                return None
            self._wrong(node.at, f"{path}: {error}")
        except LatencyError as error:
            self._wrong(node.at, f"{path}: {str(error).replace(repr(text), repr(said))}")
        else:
            self.places[path] = node.at
            return value
        return None


def _texts(key: Key) -> bool:
    return not key.read.plain


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _near(name: str, known: Sequence[str]) -> str:
    """Return the nearest right name: of the same section, or the section that has it."""
    if name in keys.SECTIONS:
        return "it is a section of its own: write it at the top."
    elsewhere = [f"{section}.{name}" for section, own in keys.OF_OPTIONS.items() if name.replace("-", "_") in own]
    if elsewhere and name.replace("-", "_") not in known:
        return f"did you mean {elsewhere[0].replace('-', '_')!r}?"
    return nearest(name.replace("-", "_"), known)


def _provider(found: Mapping[str, Any]) -> Provider:
    return Provider(
        api_key=found.get("api_key"),
        base_url=found.get("base_url"),
        requests_per_minute=found.get("requests_per_minute"),
        tokens_per_minute=found.get("tokens_per_minute"),
        max_concurrency=found.get("max_concurrency"),
    )


def _check_provider(name: str) -> str | None:
    """Refuse what is no name of a provider, or a slip of one; litellm knows more of them than have rows here."""
    from pytest_llm_latency.execution.providers import PROVIDERS  # noqa: PLC0415  (only with such a section)

    if not name or "/" in name:
        return "a provider is named as before the slash of a model, as in 'openai'."
    near = [] if name in PROVIDERS else difflib.get_close_matches(name, PROVIDERS, n=1, cutoff=_NEAR)
    return f"there is no such provider: did you mean {near[0]!r}?" if near else None


def _check_profile(name: str) -> str | None:
    """Refuse a name that is a load itself: nobody could tell which one is meant."""
    try:
        loads.parse(name, concurrency=1)
    except MarkerError:
        word = name.partition(" ")[0]
        return f"{word!r} begins a load shape: give the profile another name." if word in loads.SHAPES else None
    return f"{name!r} is a load shape: give the profile another name."


# How the names of such a section are checked, what stands below each, and which key a value alone stands for.
_NAMED: Mapping[str, tuple[Callable[[str], str | None], Mapping[str, Key], str | None]] = {
    keys.PROVIDERS: (_check_provider, keys.OF_PROVIDER, None),
    keys.LOAD_PROFILES: (_check_profile, keys.OF_LOAD_PROFILE, "load"),
}
