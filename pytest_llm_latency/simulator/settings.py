"""Reading the simulator's settings from a mapping, a YAML file or a JSON file.

Durations are numbers of seconds or texts such as ``"40ms"``; a latency may be a duration alone,
which is a fixed one. Every complaint names the key and ends with what is allowed there.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.simulator.faults import HTTP_KINDS, KINDS, POINTED_KINDS, POINTS, Fault
from pytest_llm_latency.simulator.profiles import (
    Bimodal,
    Drift,
    Fixed,
    Latency,
    LogNormal,
    Profile,
    Shape,
    SimulatorSettings,
    Tail,
)
from pytest_llm_latency.suggestions import nearest
from pytest_llm_latency.units import parse_duration, parse_percent

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Noun = TypeVar("Noun", bound="DataclassInstance")
Reader = Callable[[object, str], Any]


def load_settings(path: Path) -> Mapping[str, object]:
    """Return the checked content of a settings file, ready for ``read_settings``."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"the simulator's settings file {path} does not exist: check its path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the simulator's settings file {path} cannot be read ({error}): check it.") from None
    content = _parse(text, path)
    try:
        read_settings(content)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return content


def _parse(text: str, path: Path) -> Mapping[str, object]:
    try:
        content = data_files.parse(text, suffix=path.suffix)
    except ValueError as error:
        raise SettingsError(f"{path} is not sound ({error}): correct it there.") from None
    return {} if content is None else _mapping(content, str(path))


def read_settings(content: object) -> SimulatorSettings:
    """Return the settings that a mapping holds."""
    return _read(SimulatorSettings, content, "", _SETTINGS)


def _read(noun: type[Noun], content: object, where: str, readers: Mapping[str, Reader]) -> Noun:
    values = {}
    for key, value in _mapping(content, where or "the settings").items():
        if key not in readers:
            raise SettingsError(f"{_path(where, key)} is no setting: {nearest(str(key), tuple(readers))}")
        values[key] = readers[key](value, _path(where, key))
    for each in dataclasses.fields(noun):
        required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if required and each.name not in values:
            raise SettingsError(f"{where} lacks {each.name}: state it.")
    return noun(**values)


def _path(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} is {value!r}: it must be a mapping of names to values.")
    return value


def _number(value: object, where: str, *, least: float = -math.inf, above: float = -math.inf) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if math.isfinite(number) and number >= least and number > above:
        return number
    bound = f" of at least {least:g}" if least > -math.inf else f" above {above:g}" if above > -math.inf else ""
    raise SettingsError(f"{where} is {value!r}: it must be a number{bound}.")


def _whole(least: int) -> Reader:
    def read(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SettingsError(f"{where} is {value!r}: it must be a whole number of at least {least}.")
        return value

    return read


def _seed(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{where} is {value!r}: it must be a whole number.")
    return value


def _duration(value: object, where: str) -> float:
    try:
        return _number(parse_duration(value) if isinstance(value, str) else value, where, least=0)
    except SettingsError as error:
        reason = str(error) if str(error).startswith(where) else f"{where}: {error}"
        raise SettingsError(reason) from None


def _positive_duration(value: object, where: str) -> float:
    return _number(_duration(value, where), where, above=0)


def _factor(value: object, where: str) -> float:
    return _number(value, where, above=0)


def _sigma(value: object, where: str) -> float:
    return _number(value, where, least=0)


def _share(value: object, where: str) -> float:
    try:
        share = _number(parse_percent(value) if isinstance(value, str) else value, where)
    except SettingsError:
        share = math.nan
    if not 0 <= share <= 1:
        raise SettingsError(f"{where} is {value!r}: it must be a share from 0 to 1, as in 0.05 or '5%'.")
    return share


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{where} is {value!r}: it must be a text.")
    return value


def _latency(value: object, where: str) -> Latency:
    if not isinstance(value, Mapping):
        return Fixed(value_s=_duration(value, where))
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _LATENCIES:
        raise SettingsError(f"{where}.kind is {kind!r}: {nearest(str(kind), tuple(_LATENCIES))}")
    noun, readers = _LATENCIES[kind]
    latency: Latency = _read(noun, {key: each for key, each in value.items() if key != "kind"}, where, readers)
    return latency


def _drift(value: object, where: str) -> Drift | None:
    if value is None:
        return None
    drift = _read(Drift, value, where, _DRIFT)
    if (drift.over_requests is None) == (drift.over_s is None):
        raise SettingsError(f"{where}: state one of over_requests and over_s.")
    return drift


def _tail(value: object, where: str) -> Tail | None:
    return None if value is None else _read(Tail, value, where, {"share": _share, "factor": _factor})


def _profiles(value: object, where: str) -> Mapping[str, Profile]:
    profiles = _mapping(value, where).items()
    return MappingProxyType({
        _text(pattern, where): _read(Profile, content, f"{where}[{pattern!r}]", _PROFILE)
        for pattern, content in profiles
    })


def _one_of(known: Iterable[str]) -> Reader:
    names = tuple(dict.fromkeys(known))

    def read(value: object, where: str) -> str:
        if value not in names:
            raise SettingsError(f"{where} is {value!r}: {nearest(str(value), names)}")
        return str(value)

    return read


def _truth(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{where} is {value!r}: it must be true or false.")
    return value


def _wire(value: object, where: str) -> Mapping[str, Shape]:
    return MappingProxyType({
        _text(pattern, where): _read(Shape, content, f"{where}[{pattern!r}]", _SHAPE)
        for pattern, content in _mapping(value, where).items()
    })


def _faults(value: object, where: str) -> tuple[Fault, ...]:
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{where} is {value!r}: it must be a list of faults.")
    faults = tuple(_read(Fault, each, f"{where}[{index}]", _FAULT) for index, each in enumerate(value))
    for index, fault in enumerate(faults):
        if (fault.share is None) == (fault.every is None):
            raise SettingsError(f"{where}[{index}]: state one of share and every.")
        if fault.point is None and fault.kind in POINTED_KINDS.keys() - KINDS.keys():
            raise SettingsError(f"{where}[{index}] lacks point: state one of {', '.join(POINTS)}.")
        if fault.point is not None and fault.kind not in POINTED_KINDS:
            raise SettingsError(f"{where}[{index}].point is for {', '.join(POINTED_KINDS)}: leave it out.")
    return faults


_LATENCIES: Mapping[str, tuple[type[Any], Mapping[str, Reader]]] = MappingProxyType({
    "fixed": (Fixed, {"value_s": _duration}),
    "lognormal": (LogNormal, {"median_s": _positive_duration, "sigma": _sigma}),
    "bimodal": (
        Bimodal,
        {
            "median_s": _positive_duration,
            "second_median_s": _positive_duration,
            "second_share": _share,
            "sigma": _sigma,
        },
    ),
})
_DRIFT = MappingProxyType({"factor": _factor, "over_requests": _whole(1), "over_s": _positive_duration})
_PROFILE: Mapping[str, Reader] = MappingProxyType({
    "ttft": _latency,
    "inter_token": _latency,
    "headers_s": _duration,
    "output_tokens": _whole(1),
    "tokens_per_chunk": _whole(1),
    "reasoning_tokens": _whole(0),
    "cached_share": _share,
    "cache_written_share": _share,
    "ttft_per_1000_prompt_tokens_s": _duration,
    "slowdown": _factor,
    "drift": _drift,
    "tail": _tail,
})
_FAULT: Mapping[str, Reader] = MappingProxyType({
    "kind": _one_of((*KINDS, *HTTP_KINDS, *POINTED_KINDS)),
    "point": _one_of(POINTS),
    "model": _text,
    "share": _share,
    "every": _whole(1),
    "after_chunks": _whole(0),
    "retry_after_s": _duration,
    "delay_s": _duration,
})
_SHAPE: Mapping[str, Reader] = MappingProxyType({
    "fragment": _whole(1),
    "coalesce": _whole(1),
    "comments": _truth,
    "line_ends": _one_of(("own", "crlf")),
    "encoding": _one_of(("identity", "gzip", "deflate")),
    "text": _one_of(("ascii", "unicode")),
})
_SETTINGS: Mapping[str, Reader] = MappingProxyType({
    "seed": _seed,
    "slowdown": _factor,
    "profiles": _profiles,
    "wire": _wire,
    "faults": _faults,
})
