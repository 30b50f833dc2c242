"""The plan of one benchmark: defaults, the checks that every plan must pass, and how limits are read."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from pytest_llm_latency import http_versions, interleaving, load, looks, units
from pytest_llm_latency.errors import MarkerError, SettingsError
from pytest_llm_latency.metrics import GATED, METRICS
from pytest_llm_latency.model import Budget, Load, Pacing, Plan, Retries
from pytest_llm_latency.run_figures import RUN_FIGURES
from pytest_llm_latency.suggestions import nearest

DEFAULT_REQUESTS = 60  # p95 needs 59
DEFAULT_CONCURRENCY = 1
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_GATE = ("ttft", "e2e")
DEFAULT_TOLERANCE = 0.10
DEFAULT_ERROR_LIMIT = 0.01
DEFAULT_PACING = Pacing(requests_per_minute=None, tokens_per_minute=None, max_concurrency=None)
DEFAULT_RETRIES = Retries(most=0, wait_s=1.0)
DEFAULT_BUDGET = Budget(requests=None, seconds=None, tokens=None, dollars=None)
DEFAULT_HTTP_VERSION = http_versions.DEFAULT
BUDGETS = tuple(field.name for field in fields(Budget))
STOPPED = frozenset({"budget", "rate_limit"})  # the notices that a run was ended before its plan


def check(plan: Plan) -> Plan:
    """Return the plan, or raise ``MarkerError`` for values that cannot be measured."""
    _check_counts(plan)
    _require_positive("timeout", plan.timeout_s)
    _require_positive("tolerance", plan.tolerance)
    _check_pacing(plan.pacing)
    _check_budget(plan.budget)
    if not 0 <= plan.error_limit <= 1:
        raise MarkerError(f"the error limit is {plan.error_limit!r}: it must be a share from 0 to 1, as in '1%'.")
    if plan.http_version not in http_versions.KNOWN:
        raise MarkerError(f"http_version is {plan.http_version!r}: write '1.1' or '2'.")
    looks.check(plan)
    for metric in plan.gate:
        if metric not in GATED:
            raise MarkerError(f"gate names the metric {metric!r}: {nearest(metric, GATED)}")
    _check_sides(plan)
    users = load.concurrency(plan.load)
    if users is not None and "e2e_scheduled" in plan.gate:
        raise MarkerError(
            "gate names e2e_scheduled, which a closed load does not have: nothing is scheduled there. "
            "Write a rate, as in load='20/s', or gate 'e2e'."
        )
    if users is not None and users > plan.requests:
        raise MarkerError(
            f"concurrency {users} is above requests {plan.requests}: raise requests or lower concurrency."
        )
    return plan


def _check_sides(plan: Plan) -> None:
    """Check what is to be measured interleaved with the test."""
    if plan.ab is None:
        return
    interleaving.check(plan.ab)
    if not plan.gate:
        raise MarkerError(
            f"ab names {plan.ab!r}, and with gate=False nothing is compared with it: gate a metric, or leave ab out."
        )
    if plan.adaptive:
        raise MarkerError(
            f"ab names {plan.ab!r} and the run is adaptive, which do not go together yet: leave one of the two out."
        )
    if plan.model is None and not interleaving.is_address(plan.ab):
        raise MarkerError(
            f"ab names the model {plan.ab!r}, and the marker none that it could take the place of: write "
            "model='provider/model' in the marker, or give ab a base URL."
        )


def _check_pacing(pacing: Pacing) -> None:
    for name in ("requests_per_minute", "tokens_per_minute"):
        if getattr(pacing, name) is not None:
            _require_positive(name, getattr(pacing, name))
    if pacing.max_concurrency is not None:
        require_count("max_concurrency", pacing.max_concurrency, least=1)


def read_budget(given: object) -> Budget:
    """Read ``{"seconds": 30, "dollars": "$0.50"}``; raise ``MarkerError`` for what is no budget."""
    if not isinstance(given, Mapping):
        raise MarkerError(f"budget is {given!r}: write a mapping, as in budget={{'seconds': 30, 'dollars': 0.5}}.")
    for name in given:
        if name not in BUDGETS:
            raise MarkerError(f"budget names {name!r}: {nearest(str(name), BUDGETS)}")
    try:
        read = {name: _budget(name, value) for name, value in given.items()}
    except SettingsError as error:
        raise MarkerError(f"budget: {error}") from None
    return Budget(**{**dict.fromkeys(BUDGETS), **read})


def _budget(name: str, value: Any) -> Any:  # noqa: ANN401  (a wrong type is refused by the plan's check)
    return _BUDGET_PARSERS[name](value) if isinstance(value, str) and name in _BUDGET_PARSERS else value


def _check_budget(budget: Budget) -> None:
    for name in BUDGETS:
        value = getattr(budget, name)
        if value is None:
            continue
        if name in {"requests", "tokens"}:
            require_count(f"the budget of {name}", value, least=1)
        else:
            _require_positive(f"the budget of {name}", value)


def describe_load(plan: Plan) -> str:
    """Return the load with what thins it out, as comparability is decided."""
    pacing = plan.pacing
    parts = (
        (plan.ramp_in or None, "ramp-in {}"),
        (pacing.requests_per_minute, "at most {:g} requests/min"),
        (pacing.tokens_per_minute, "at most {:g} tokens/min"),
        (pacing.max_concurrency, "at most {} at once"),
        (plan.retries.most or None, f"up to {{}} retries after {plan.retries.wait_s:g} s"),
    )
    return ", ".join([load.describe(plan.load), *(text.format(value) for value, text in parts if value is not None)])


def _check_counts(plan: Plan) -> None:
    require_count("warmup", plan.warmup, least=0)
    require_count("ramp_in", plan.ramp_in, least=0)
    total = own_total(plan.load, plan.ab)
    if total is None:
        require_count("requests", plan.requests, least=1)
        return
    words = f"the load '{load.describe(plan.load)}' starts {total} requests{'' if plan.ab is None else ' of each side'}"
    if plan.warmup > total or plan.ramp_in >= total:
        raise MarkerError(f"{words}: lower warmup {plan.warmup} or ramp_in {plan.ramp_in}, or make the load longer.")
    if plan.requests != total - plan.ramp_in:
        after = f", {plan.ramp_in} of them for ramp_in" if plan.ramp_in else ""
        raise MarkerError(f"{words}{after}, and requests is {plan.requests!r}: leave requests out.")


def own_total(of: Load, ab: str | None) -> int | None:
    """Return how many iterations of a load with an end of its own are the test's: half of them beside another side."""
    total = load.total(of)
    return total if total is None or ab is None else total // 2


def require_count(name: str, value: object, *, least: int) -> int:
    """Return a whole number, or raise ``MarkerError`` for what is none or below the least."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MarkerError(f"{name} is {value!r}: it must be a whole number of at least {least}.")
    return value


def _require_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise MarkerError(f"{name} is {value!r}: it must be a number above 0.")


# The statistics that a limit can name; those that are quantiles with their share.
STATISTICS: Mapping[str, float | None] = MappingProxyType({
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p95": 0.95,
    "p99": 0.99,
    "mean": None,
    "max": None,
    "min": None,
})

_PARSERS: Mapping[str, Callable[[str], float]] = MappingProxyType({
    "s": units.parse_duration,
    "s/token": units.parse_duration,
    "tokens": units.parse_number,
    "tokens/s": units.parse_number,
    "USD": units.parse_money,
})
_BUDGET_PARSERS: Mapping[str, Callable[[str], float]] = MappingProxyType({
    "seconds": units.parse_seconds,
    "dollars": units.parse_dollars,
})
_RUN_PARSERS: Mapping[str, Callable[[str], float]] = MappingProxyType({
    "share": units.parse_percent,
    "1/s": units.parse_number,
    "tokens/s": units.parse_number,
    "USD": units.parse_money,
})
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType({
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
})
_SYNONYMS: Mapping[str, str] = MappingProxyType({"median": "p50", "average": "mean", "avg": "mean"})
_LIMIT = re.compile(r"\s*([A-Za-z_0-9]+)(?:\.([A-Za-z_0-9]+))?\s*(<=|>=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One absolute limit: ``figure`` is a metric with its ``statistic``, or a figure of the run without one.

    ``text`` is what the user wrote, ``threshold`` is in the figure's unit.
    """

    text: str
    figure: str
    statistic: str | None
    comparison: str
    threshold: float

    @property
    def upper(self) -> bool:
        """Whether the limit bounds from above."""
        return self.comparison in {"<", "<="}

    def allows(self, value: float) -> bool:
        """Say whether a value is within the limit."""
        return _COMPARISONS[self.comparison](value, self.threshold)


def parse_limit(text: object) -> Limit:
    """Read ``"ttft.p95 < 800ms"`` or ``"error_rate < 1%"``; raise ``MarkerError`` for anything else."""
    match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise MarkerError(
            f"the limit {text!r} cannot be read: write a figure, a comparison and a value, as in "
            "'ttft.p95 < 800ms' or 'error_rate < 1%'."
        )
    figure, statistic, comparison, value = match.groups()
    try:
        threshold = _parser(match[0].strip(), figure, statistic)(value)
    except SettingsError as error:
        raise MarkerError(f"the limit {text!r}: {error}") from None
    return Limit(text=match[0].strip(), figure=figure, statistic=statistic, comparison=comparison, threshold=threshold)


def _parser(text: str, figure: str, statistic: str | None) -> Callable[[str], float]:
    """Return what reads the value of a figure; raise ``MarkerError`` for a figure that does not exist."""
    if figure in RUN_FIGURES:
        if statistic is not None:
            raise MarkerError(f"the limit {text!r}: {figure} has no {statistic}; write '{figure}' alone.")
        return _RUN_PARSERS[RUN_FIGURES[figure].unit]
    if figure not in METRICS:
        raise MarkerError(f"the limit {text!r} names {figure!r}: {nearest(figure, (*METRICS, *RUN_FIGURES))}")
    if statistic is None:
        raise MarkerError(f"the limit {text!r} lacks a statistic: write {figure}.p95, or another of {_known()}.")
    if statistic not in STATISTICS:
        raise MarkerError(f"the limit {text!r} names the statistic {statistic!r}: {_nearest_statistic(statistic)}")
    return _PARSERS[METRICS[figure].unit]


def _nearest_statistic(word: str) -> str:
    """Suggest the quantile with the nearest number, what another word means, or the nearest name."""
    number = re.fullmatch(r"p([0-9]+)", word)
    if number is not None:
        quantiles = [name for name, share in STATISTICS.items() if share is not None]
        return f"did you mean {min(quantiles, key=lambda name: abs(int(name[1:]) - int(number[1])))!r}?"
    return nearest(_SYNONYMS.get(word, word), list(STATISTICS))


def _known() -> str:
    return ", ".join(STATISTICS)
