"""The plan of one benchmark: defaults, and the checks that every plan must pass."""

import difflib
import math
from collections.abc import Sequence

from pytest_llm_latency import load
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.metrics import GATED
from pytest_llm_latency.model import Plan

DEFAULT_REQUESTS = 50
DEFAULT_CONCURRENCY = 1
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_GATE = ("ttft", "e2e")
DEFAULT_TOLERANCE = 0.10
DEFAULT_ERROR_LIMIT = 0.01


def check(plan: Plan) -> Plan:
    """Return the plan, or raise ``MarkerError`` for values that cannot be measured."""
    _require_count("requests", plan.requests, least=1)
    _require_count("warmup", plan.warmup, least=0)
    _require_positive("timeout", plan.timeout_s)
    _require_positive("tolerance", plan.tolerance)
    if not 0 <= plan.error_limit <= 1:
        raise MarkerError(f"the error limit is {plan.error_limit!r}: it must be a share from 0 to 1, as in '1%'.")
    for metric in plan.gate:
        if metric not in GATED:
            raise MarkerError(f"gate names the metric {metric!r}: {nearest(metric, GATED)}")
    users = load.concurrency(plan.load)
    if users is not None and users > plan.requests:
        raise MarkerError(
            f"concurrency {users} is above requests {plan.requests}: raise requests or lower concurrency."
        )
    return plan


def _require_count(name: str, value: object, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MarkerError(f"{name} is {value!r}: it must be a whole number of at least {least}.")


def _require_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise MarkerError(f"{name} is {value!r}: it must be a number above 0.")


def nearest(word: str, known: Sequence[str]) -> str:
    """Return ``did you mean 'x'?`` when a known word is near, else the list of them."""
    matches = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"known are {', '.join(known)}."
