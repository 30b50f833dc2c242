"""Comparability: what differs between the ways two runs were measured, in sentences."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pytest_llm_latency.model import PROXY, Conditions, Environment

REMEDY = "accept a new baseline, or measure as the baseline was measured"

# What each field is called, and whether ``None`` on one side says that it is unknown there.
_FIELDS: Mapping[str, tuple[str, bool]] = MappingProxyType({
    "model": ("model", False),
    "provider": ("provider", False),
    "served_model": ("served model", True),
    "endpoint": ("endpoint", False),
    "prompts": ("prompts' fingerprint", False),
    "parameters": ("set of parameters", False),
    "stream": ("stream mode", False),
    "token_source": ("token source", True),
    "load": ("load", False),
    "version": ("version label", False),
    "definitions": ("definitions version", False),
})
_SURROUNDINGS: Mapping[str, str] = MappingProxyType({
    "machine": "machine",
    "platform": "platform",
    "python": "Python",
    "cpus": "number of CPUs",
    "ci": "CI system",
    "region": "region",
})


def differences(baseline: Sequence[Conditions], candidate: Sequence[Conditions]) -> tuple[str, ...]:
    """Return a sentence for each condition that differs; the last one ends with the remedy.

    What is unknown on one side, as the served model of a run in which every request failed, is
    not a difference. Neither is a step that only one side has, as long as they share another.
    """
    before, now = ({each.step: each for each in conditions} for conditions in (baseline, candidate))
    if not before or not now:
        return ()
    sentences = []
    if not before.keys() & now.keys():
        sentences += [f"{_of(step)}was not measured before" for step in now]
        sentences += [f"{_of(step)}is in the baseline, not in this run" for step in before]
    for step in now:
        if step in before:
            sentences += _differing(step, before[step], now[step])
    return (*sentences[:-1], f"{sentences[-1]}: {REMEDY}") if sentences else ()


def missing_steps(baseline: Sequence[Conditions], candidate: Sequence[Conditions]) -> tuple[str | None, ...]:
    """Return the steps that the baseline has and the run lacks; none where the run made no request."""
    now = {each.step for each in candidate}
    return tuple(each.step for each in baseline if now and each.step not in now)


def _differing(step: str | None, before: Conditions, now: Conditions) -> list[str]:
    found = []
    for field, (words, unknown) in _FIELDS.items():
        old, new = getattr(before, field), getattr(now, field)
        if old == new or (unknown and (old is None or new is None)):
            continue
        place = "" if step is None else f"step {step!r}: "
        found.append(f"{place}the {words} was {_value(old)} in the baseline and is {_value(new)}")
    return found


def _of(step: str | None) -> str:
    return "the step without a name " if step is None else f"step {step!r} "


def _value(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _absent(name: str) -> str:
    return "none" if name == PROXY else "not installed"


def environment_changes(baseline: Environment, candidate: Environment) -> tuple[str, ...]:
    """Return a sentence for each difference of the surroundings; commit and branch are none."""
    changes = [
        f"{words} was {_value(old)} in the baseline and is {_value(new)}"
        for field, words in _SURROUNDINGS.items()
        if (old := getattr(baseline, field)) != (new := getattr(candidate, field))
    ]
    names = sorted({*baseline.versions, *candidate.versions})
    changes += [
        f"{name} was {baseline.versions.get(name, _absent(name))} in the baseline "
        f"and is {candidate.versions.get(name, _absent(name))}"
        for name in names
        if baseline.versions.get(name) != candidate.versions.get(name)
    ]
    return tuple(changes)
