"""Fleet manifests: load profiles, each for a dataset, and the models that all of them ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_llm_latency import suggestions
from pytest_llm_latency.testbench.checking import Fields
from pytest_llm_latency.testbench.datasets import request_settings
from pytest_llm_latency.testbench.scenario import Case
from pytest_llm_latency.testbench.suites import model

_CONCURRENCY = 5
_MS_PER_MINUTE = 60_000
_PROFILE = ("dataset", "concurrency", "num_examples", "request_delay_ms", "settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One load profile: ``settings`` of its requests, ``examples`` is how many of the cases it takes at most.

    ``fields`` is where it stands in the manifest.
    """

    fields: Fields
    name: str
    dataset: str
    settings: Mapping[str, object]
    concurrency: int
    requests_per_minute: float | None
    examples: int | None
    models: tuple[str, ...]

    @property
    def arguments(self) -> Mapping[str, object]:
        """The marker's arguments."""
        users = {"concurrency": self.concurrency}
        rate = self.requests_per_minute
        return users if rate is None else {**users, "requests_per_minute": rate}

    def applied(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases of its dataset as this profile measures them, for each model."""
        taken = [
            replace(each, id=f"{self.name}-{each.id}", arguments={**self.arguments, **each.arguments})
            for each in cases[: self.examples]
        ]
        if not self.models:
            return taken
        return [
            replace(each, id=f"{name}-{each.id}", arguments={**each.arguments, "model": name})
            for name in self.models
            for each in taken
        ]


def profiles(whole: Fields, wanted: Sequence[str]) -> list[Profile]:
    """Return the profiles of a manifest, or those of them that are wanted."""
    whole.know("version", "providers", "scenario_profiles")
    version = whole.text("version", required=True)
    if version not in {None, "1.0"}:
        whole.wrong("version", f'version is {version!r}: only "1.0" is known.')
    models = _models(whole)
    given = whole.fields("scenario_profiles")
    names = [str(name) for name in given.values]
    if not names:
        whole.wrong("scenario_profiles", "scenario_profiles is empty: write at least one profile.")
    for name in wanted:
        if name not in names:
            whole.wrong("scenario_profiles", f"there is no profile {name!r}: {suggestions.nearest(name, names)}")
    chosen = [name for name in names if name in wanted] if wanted else names
    return [_profile(name, given.fields(name), models) for name in chosen]


def _models(whole: Fields) -> tuple[str, ...]:
    found = []
    for text in whole.texts("providers") or ():
        provider, colon, name = text.partition(":")
        if not colon or not name:
            whole.wrong("providers", f'providers has {text!r}: write "provider:model".')
        else:
            found.append(model(whole, "providers", provider, name))
    return tuple(found)


def _profile(name: str, fields: Fields, models: tuple[str, ...]) -> Profile:
    fields.know(*_PROFILE)
    concurrency, delay_ms = fields.count("concurrency", least=1), fields.count("request_delay_ms", least=0)
    return Profile(
        fields=fields,
        name=name,
        dataset=fields.text("dataset", required=True) or "",
        settings=request_settings(fields.fields("settings")),
        concurrency=_CONCURRENCY if concurrency is None else concurrency,
        requests_per_minute=_MS_PER_MINUTE / delay_ms if delay_ms else None,
        examples=fields.count("num_examples", least=1),
        models=models,
    )
