"""LLM-Observatory's service-level objectives as limits: which of them a model has to keep."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pytest_llm_latency.suggestions import nearest
from pytest_llm_latency.testbench import files
from pytest_llm_latency.testbench.checking import Fields, refuse
from pytest_llm_latency.testbench.suites import PROVIDERS

# Their units, the first of which goes without saying: the factor to a unit of limits, and how that is written.
Units = Mapping[str, tuple[float, str]]
_TIMES: Units = MappingProxyType({"ms": (1, "{}ms"), "s": (1, "{}s")})
_RATES: Units = MappingProxyType({"tokens/s": (1, "{}"), "tokens/sec": (1, "{}"), "tokens_per_second": (1, "{}")})
_PER_S: Units = MappingProxyType({"rps": (1, "{}"), "req/s": (1, "{}"), "requests/s": (1, "{}")})
_MONEY: Units = MappingProxyType({"usd": (1, "${}"), "USD": (1, "${}"), "$": (1, "${}")})
_SHARES: Units = MappingProxyType({"%": (1, "{}%"), "percent": (1, "{}%"), "ratio": (100, "{}%")})

# Their indicators, and what a limit names. They do not say which statistic of a time or a rate is meant.
INDICATORS: Mapping[str, tuple[str, Units]] = MappingProxyType({
    "ttft": ("ttft.p95", _TIMES),
    "latency_p50": ("e2e.p50", _TIMES),
    "latency_p90": ("e2e.p90", _TIMES),
    "latency_p95": ("e2e.p95", _TIMES),
    "latency_p99": ("e2e.p99", _TIMES),
    "token_rate": ("throughput.mean", _RATES),
    "throughput": ("requests_per_s", _PER_S),
    "cost_per_request": ("cost.mean", _MONEY),
    "error_rate": ("error_rate", _SHARES),
    "availability": ("error_rate", _SHARES),  # what is left of the whole
})
_COMPARISONS = MappingProxyType({"lt": "<", "lte": "<=", "gt": ">", "gte": ">="})
_TURNED = MappingProxyType({"<": ">", "<=": ">=", ">": "<", ">=": "<="})
_KEYS = ("slo_id", "indicator", "operator", "threshold", "unit", "provider", "model", "environment", "enabled")


def limits(path: Path, model: str | None, environment: str) -> tuple[str, ...]:
    """Return the limits of a model, litellm's name of it, ``None`` where each request names its own.

    An objective that names a provider, a model or an environment is for that alone, a disabled one for none. Raises
    ``ScenarioError`` that names every mistake with its line and column.
    """
    source = files.parsed(path, keys="'slo_definitions'")
    whole = Fields(values=source.content)
    found = [_limit(each, model, environment) for each in whole.list_of_fields("slo_definitions")]
    refuse(whole.mistakes, path, source.text)
    return tuple(each for each in found if each is not None)


def _limit(fields: Fields, model: str | None, environment: str) -> str | None:
    fields.know(*_KEYS)
    enabled = fields.values.get("enabled", True)
    if not isinstance(enabled, bool):
        fields.wrong("enabled", f"enabled is {enabled!r}: it must be true or false.")
    if enabled is False:
        return None
    indicator, operator = fields.text("indicator", required=True), fields.text("operator", required=True)
    threshold, unit = fields.number("threshold", required=True), fields.text("unit")
    provider, named, where = fields.text("provider"), fields.text("model"), fields.text("environment")
    if operator is not None and operator not in _COMPARISONS:
        words = ", ".join(_COMPARISONS)
        fields.wrong(
            "operator", f"operator is {operator!r}, which no limit has: write one of {words}, or enabled false."
        )
    figure, units = INDICATORS.get(indicator or "", ("", _TIMES))
    if indicator is not None and not figure:
        near = nearest(indicator, list(INDICATORS))
        fields.wrong("indicator", f"no limit is on the indicator {indicator!r}: {near} Or write enabled false.")
    elif unit is not None and unit not in units:
        fields.wrong("unit", f"unit is {unit!r}: {indicator} has one of {', '.join(units)}.")
    elif unit is None and units is _SHARES and threshold is not None and 0 < threshold <= 1:
        said = f"{indicator} is {threshold:g} without a unit, which may be a share or a percentage"
        fields.wrong("threshold", f"{said}: write the unit, 'ratio' or '%'.")
    if fields.mistakes or threshold is None or where not in {None, environment}:
        return None
    if not _is_for(model, provider, named):
        return None
    factor, form = units[unit or next(iter(units))]
    value, comparison = threshold * factor, _COMPARISONS[operator or ""]
    if indicator == "availability":
        value, comparison = 100 - value, _TURNED[comparison]
    return f"{figure} {comparison} {form.format(_decimal(value))}"


def _decimal(value: float) -> str:
    """Return a number without an exponent and without what adding to it has rounded."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _is_for(model: str | None, provider: str | None, named: str | None) -> bool:
    """Say whether an objective of a provider and a model, ``None`` for all, is that of a model of litellm."""
    if provider is None and named is None:
        return True
    if model is None:
        return False
    of, slash, rest = model.partition("/")
    asked = provider is None or (PROVIDERS.get(provider, provider) == of if slash else named is not None)
    return asked and named in {None, model, rest}
