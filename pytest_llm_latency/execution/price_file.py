"""The user's own prices: a file of models, with US dollars a million tokens."""

import math
from collections.abc import Mapping
from pathlib import Path

from pytest_llm_latency import data_files
from pytest_llm_latency.errors import SettingsError
from pytest_llm_latency.execution.cost import TIERS, Prices
from pytest_llm_latency.suggestions import nearest

_MILLION = 1_000_000
_PRICES = ("input", "output", "cache_read", "cache_written", "reasoning")
_TIERS = ("flex", "priority", "batch")

# A model's prices by the suffix of their tier in ``cost.TIERS``; ``None`` are the usual ones.
ModelPrices = Mapping[str | None, Prices]


def read(path: Path) -> Mapping[str, ModelPrices]:
    """Read a YAML or JSON file; raise ``SettingsError`` that names what is wrong with it and where."""
    models = _parsed(path)
    if not isinstance(models, dict) or not models:
        raise SettingsError(f"{path} has no prices: write models with input and output, in USD a million tokens.")
    return {str(model): _model(entry, f"{path}: {model}") for model, entry in models.items()}


def _parsed(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{path} cannot be read ({reason}): check the path of --llm-latency-prices.") from error
    except UnicodeError:
        raise SettingsError(f"{path} is not UTF-8: save it as UTF-8.") from None
    try:
        return data_files.parse(text, suffix=path.suffix)
    except ValueError as error:
        kind = "JSON" if path.suffix == ".json" else "YAML"
        raise SettingsError(f"{path} is not {kind} ({error}): correct it.") from error


def _model(entry: object, where: str) -> ModelPrices:
    if not isinstance(entry, dict):
        raise SettingsError(f"{where}: {entry!r} is no mapping: write input and output, in USD a million tokens.")
    own = {name: value for name, value in entry.items() if name not in _TIERS}
    tiers = {name: entry[name] for name in _TIERS if name in entry}
    found: dict[str | None, Prices] = {None: _prices(own, where, (*_PRICES, *_TIERS))}
    for name, value in tiers.items():
        if not isinstance(value, dict):
            raise SettingsError(f"{where}, {name}: {value!r} is no mapping: write input and output there too.")
        found[TIERS[name]] = _prices(value, f"{where}, {name}", _PRICES)
    return found


def _prices(entry: Mapping[object, object], where: str, known: tuple[str, ...]) -> Prices:
    for name in entry:
        if name not in known:
            raise SettingsError(f"{where} has no price {name!r}: {nearest(str(name), known)}")
    dollars = {str(name): _dollars(value, f"{where}, {name}") for name, value in entry.items()}
    if "input" not in dollars:
        raise SettingsError(f"{where} lacks the price of the input: write input, in USD a million tokens.")
    return Prices(
        input=dollars["input"],
        output=dollars.get("output"),
        cache_read=dollars.get("cache_read"),
        cache_written=dollars.get("cache_written"),
        reasoning=dollars.get("reasoning"),
    )


def _dollars(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value) / _MILLION
    raise SettingsError(f"{where}: {value!r} is no price: write a number of at least 0, in USD a million tokens.")
