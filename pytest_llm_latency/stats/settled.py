"""Whether an adaptive run needs more requests: what its result at a look says of those that are left."""

from pytest_llm_latency.looks import SETTLED
from pytest_llm_latency.model import Comparison, Notice, Result, VerdictStatus
from pytest_llm_latency.stats.sequential import SATURATED
from pytest_llm_latency.units import format_count

_CLEAR: frozenset[VerdictStatus] = frozenset({"pass", "improved", "regressed"})


def settled(result: Result, measured: int) -> Notice | None:
    """Return why a run that has come to this result needs no further request, ``None`` where it does.

    A regression is one whatever the other series come to. A limit that is not kept, or not known to
    be, is given all requests: it is judged as it stands, so that a few say less than many. So is a
    run that cannot be trusted so far, or that has nothing to be compared with.
    """
    if result.status == "invalid" or not result.comparisons:
        return None
    regressed = [each for each in result.comparisons if each.verdict.status == "regressed"]
    if regressed:
        return _notice(result, measured, f"{_named(regressed[0])} regressed")
    unclear = [each for each in result.comparisons if each.verdict.status not in _CLEAR]
    if any(limit.status != "pass" for limit in result.limits) or not all(map(_is_saturated, unclear)):
        return None
    if not unclear:
        return _notice(result, measured, "the verdict was clear")
    why = f"more requests would not settle {_named(unclear[0])}, because the noise between runs is the limit"
    return _notice(result, measured, f"{why}. Run it again, or accept more baseline runs")


def _is_saturated(comparison: Comparison) -> bool:
    information = comparison.verdict.information
    return information is not None and information >= SATURATED


def _named(comparison: Comparison) -> str:
    return comparison.metric if comparison.step is None else f"{comparison.step}.{comparison.metric}"


def _notice(result: Result, measured: int, why: str) -> Notice:
    most = format_count(result.plan.requests)
    return Notice(code=SETTLED, message=f"stopped after {format_count(measured)} of {most} requests: {why}.")
