"""What counts for one test: the command line, then its marker, then the settings file, then all that counts less.

A load profile stands right below where it is named: what the same place says beside its name counts more.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pytest_llm_latency import load as loads
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.model import Load
from pytest_llm_latency.options import Settings
from pytest_llm_latency.options.provider import Provider
from pytest_llm_latency.suggestions import nearest

PACED = ("requests_per_minute", "tokens_per_minute", "max_concurrency")
_NONE: Mapping[str, Any] = MappingProxyType({})


class Chosen:
    """Returns what counts for an argument of the marker; ``marker`` says what the marker has for it."""

    def __init__(self, marker: Callable[[str], Any], settings: Settings) -> None:
        def elsewhere(name: str) -> Any:  # noqa: ANN401  (each argument has its own type)
            return settings[_option(name)]

        def command_line(name: str) -> Any:  # noqa: ANN401  (the same)
            return settings.from_command_line(_option(name))

        def file(name: str) -> Any:  # noqa: ANN401  (the same)
            return settings[_option(name)] if _option(name) in settings.file.values else None

        def with_profile(said: Callable[[str], Any]) -> tuple[Callable[[str], Any], ...]:
            return said, _profile(said("load"), settings.file.load_profiles)

        self._settings = settings
        self._places = (
            *with_profile(command_line),
            *with_profile(marker),
            self._of_provider,
            *with_profile(file),
            *with_profile(elsewhere),
        )

    def __call__(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  (the same)
        """Return the value of the first place that has one."""
        candidates = (place(name) for place in self._places)
        return next((value for value in candidates if value is not None), default)

    def load(self, default: str) -> Load | loads.Replay | str:
        """Return the load, or its text, where a name may stand for it."""
        given = self("load", default)
        profiles = self._settings.file.load_profiles
        if not isinstance(given, str):
            loaded: Load | loads.Replay = given
            return loaded
        if given in profiles:
            return str(profiles[given].get("load", default))
        near = nearest(given, tuple(profiles)) if profiles else ""
        if near.startswith("did you mean"):
            raise MarkerError(f"load={given!r} is no load profile: {near}")
        return given

    def _of_provider(self, name: str) -> Any:  # noqa: ANN401  (the same)
        if name not in PACED or not self._settings.file.providers:
            return None
        found = self._provider()
        return None if found is None else getattr(found, name)

    def _provider(self) -> Provider | None:
        """Return what the settings file says of the model's provider.

        Raises ``MarkerError`` where there are limits and the model's name does not say whose it is.
        """
        providers, model = self._settings.file.providers, self("model")
        if model is None:
            return None
        provider, slash, _ = str(model).partition("/")
        if not slash and any(getattr(each, name) is not None for each in providers.values() for name in PACED):
            raise MarkerError(
                f"the model {model!r} does not name its provider, and the settings file limits what providers are "
                f"sent: write it as in 'openai/{model}'."
            )
        return providers.get(provider) if slash else None


def _option(name: str) -> str:
    return name.replace("_", "-")


def _profile(named: object, profiles: Mapping[str, Mapping[str, Any]]) -> Callable[[str], Any]:
    """Return what says the values of the profile of this name, if it is one."""
    found = profiles.get(named, _NONE) if isinstance(named, str) else _NONE
    return lambda name: None if name == "load" else found.get(name)
