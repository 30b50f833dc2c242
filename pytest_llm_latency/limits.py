"""Absolute limits: is a figure of the run within what the user allows, as far as the sample can tell?

The rules, so that neither noise makes a build red nor a small sample makes it green:

- A quantile whose sample supports it (59 requests for p95) is judged as it is. A failed request
  exceeds every limit.
- A smaller sample is judged as if the requests that it lacks were all within the limit: it is
  ``regressed`` when even then too many exceed, else ``inconclusive`` with the requests needed.
- A share (``error_rate``, ``goodput``) that breaks its limit is ``regressed``; one that keeps it
  is ``pass`` once the sample is as large as the quantile of the same share needs, else
  ``inconclusive``.
- A mean is ``inconclusive`` when there are fewer than 30 values and their 95 % interval holds the
  limit; otherwise, and for the extremes and rates, the figure itself decides.
- A figure that was not measured is ``inconclusive``.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pytest_llm_latency import metrics, units
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.model import Distribution, LimitCheck, Run, Summary, VerdictStatus
from pytest_llm_latency.plan import STATISTICS, Limit, parse_limit
from pytest_llm_latency.run_figures import RUN_FIGURES

__all__ = ["Limit", "check_error_limit", "check_limits", "parse_limit"]

_FEW_VALUES = 30
_CONFIDENCE = 0.95
_SHARES = ("error_rate", "goodput")


def check_limits(limits: Sequence[Limit], run: Run, summaries: Sequence[Summary]) -> tuple[LimitCheck, ...]:
    """Check every limit against each step of the run, as ``summaries`` has them."""
    return tuple(_check(limit, run, summary) for limit in limits for summary in summaries)


def _check(limit: Limit, run: Run, summary: Summary) -> LimitCheck:
    if limit.statistic is None:
        return _share(limit, summary) if limit.figure in _SHARES else _figure(limit, summary)
    distribution = summary.distribution(limit.figure)
    if distribution is None:
        definition = METRICS[limit.figure].definition
        return _said(limit, summary, "inconclusive", None, f"{_name(limit)} was never measured: it is {definition}")
    if distribution.successes == 0:
        message = f"{_name(limit)}: all {_requests(distribution.count)} failed and rank above every limit"
        return _said(limit, summary, "regressed", None, message)
    values = metrics.series(run, summary.step, METRICS[limit.figure])
    if STATISTICS[limit.statistic] is not None:
        return _quantile(limit, summary, distribution, values)
    return _mean(limit, summary, values) if limit.statistic == "mean" else _extreme(limit, summary, distribution)


def _quantile(limit: Limit, summary: Summary, distribution: Distribution, values: Sequence[float]) -> LimitCheck:
    needed = distribution.needed.get(str(limit.statistic))
    if needed is not None:
        return _small_sample(limit, summary, values, needed)
    value: float | None = getattr(distribution, str(limit.statistic))
    if value is None:
        failed = distribution.count - distribution.successes
        message = f"{_name(limit)} falls on failed requests: {failed} of {distribution.count} failed"
        return _said(limit, summary, "regressed", None, message)
    return _decided(limit, summary, value)


def _small_sample(limit: Limit, summary: Summary, values: Sequence[float], needed: int) -> LimitCheck:
    """Judge a quantile that the sample cannot support by the requests that exceed the limit."""
    exceeding = sum(not limit.allows(value) for value in values)
    quantile = STATISTICS[str(limit.statistic)]
    allowed = 0 if quantile is None else math.floor((1 - quantile) * needed + 1e-9)
    worse = METRICS[limit.figure].direction == "lower"
    if exceeding > allowed and limit.upper == worse:
        message = (
            f"{_name(limit)}: {exceeding} of {_requests(len(values))} break the limit of {_threshold(limit)}, "
            f"and {limit.statistic} allows {allowed} even of {needed}"
        )
        return _said(limit, summary, "regressed", None, message)
    found = f"{exceeding} of them break" if exceeding else "all of them keep"
    message = (
        f"{_name(limit)}: {_requests(len(values))} are too few to tell ({found} the limit of {_threshold(limit)}); "
        f"raise requests to at least {needed}"
    )
    return _said(limit, summary, "inconclusive", None, message)


def _mean(limit: Limit, summary: Summary, values: Sequence[float]) -> LimitCheck:
    """Judge a mean over successes, unless few values leave the limit inside its interval."""
    from scipy.special import stdtrit  # noqa: PLC0415  (slow to import)

    failed = 0.0 if METRICS[limit.figure].direction == "higher" else math.inf
    known = [value for value in values if value != failed]
    mean, count = math.fsum(known) / len(known), len(known)
    if count >= _FEW_VALUES:
        return _decided(limit, summary, mean)
    variance = math.fsum((value - mean) ** 2 for value in known) / (count - 1) if count > 1 else math.inf
    half = float(stdtrit(max(1, count - 1), (1 + _CONFIDENCE) / 2)) * math.sqrt(variance / count)
    if abs(mean - limit.threshold) > half or variance == 0:
        return _decided(limit, summary, mean)
    message = (
        f"{_name(limit)} is {_format(limit, mean)}, too near the limit of {_threshold(limit)} for {_requests(count)}; "
        f"raise requests to at least {_FEW_VALUES}"
    )
    return _said(limit, summary, "inconclusive", mean, message)


def _extreme(limit: Limit, summary: Summary, distribution: Distribution) -> LimitCheck:
    """Judge the least or greatest value; a failed request is the extreme of the worse side."""
    failed = distribution.count - distribution.successes
    worse = "max" if METRICS[limit.figure].direction == "lower" else "min"
    if failed and limit.statistic == worse:
        message = f"{_name(limit)}: {failed} of {_requests(distribution.count)} failed and rank above every limit"
        return _said(limit, summary, "regressed", None, message)
    value = distribution.maximum if limit.statistic == "max" else distribution.minimum
    return _unmeasured(limit, summary) if value is None else _decided(limit, summary, value)


def _figure(limit: Limit, summary: Summary) -> LimitCheck:
    value: float | None = getattr(summary, limit.figure)
    return _unmeasured(limit, summary) if value is None else _decided(limit, summary, value)


def _share(limit: Limit, summary: Summary) -> LimitCheck:
    value: float | None = getattr(summary, limit.figure)
    if value is None:
        return _unmeasured(limit, summary)
    allowed = limit.threshold if limit.figure == "error_rate" else 1 - limit.threshold
    natural = limit.upper == (limit.figure == "error_rate")
    if not limit.allows(value) or not natural or not 0 < allowed < 1:
        return _decided(limit, summary, value)
    needed = math.ceil(math.log(1 - _CONFIDENCE) / math.log1p(-allowed))
    if summary.requests >= needed:
        return _decided(limit, summary, value)
    message = (
        f"{_name(limit)} is {_format(limit, value)}: {_requests(summary.requests)} are too few to hold it to the limit "
        f"of {_threshold(limit)}; raise requests to at least {needed}"
    )
    return _said(limit, summary, "inconclusive", value, message)


_MISSING: Mapping[str, str] = MappingProxyType({
    "goodput": "it needs a limit on a metric, as in 'ttft.p95 < 800ms'",
    "tokens_per_s": "not every reply says how many tokens it has",
    "requests_per_s": "the run has no duration",
    "error_rate": "there was no request",
    "cost_usd": "the price of a model is unknown: state it with --llm-latency-prices",
    "cost_per_1000_usd": "the price of a model is unknown: state it with --llm-latency-prices",
    "cost_per_month_usd": "it needs --llm-latency-monthly-requests, and a known price of each model",
})


_SHOWN: Mapping[str, Callable[[float], str]] = MappingProxyType({
    "share": units.format_percent,
    "1/s": units.format_rate,
    "tokens/s": units.format_rate,
    "USD": units.format_money,
})


def _unmeasured(limit: Limit, summary: Summary) -> LimitCheck:
    reason = _MISSING.get(limit.figure, "no request succeeded")
    return _said(limit, summary, "inconclusive", None, f"{_name(limit)} was not measured: {reason}")


def _decided(limit: Limit, summary: Summary, value: float) -> LimitCheck:
    kept = limit.allows(value)
    where = "within" if kept else "above" if limit.upper else "below"
    message = f"{_name(limit)} is {_format(limit, value)}, {where} the limit of {_threshold(limit)}"
    return _said(limit, summary, "pass" if kept else "regressed", value, message)


def _said(limit: Limit, summary: Summary, status: VerdictStatus, value: float | None, message: str) -> LimitCheck:
    return LimitCheck(
        limit=limit.text,
        step=summary.step,
        status=status,
        value=value,
        threshold=limit.threshold,
        message=message if summary.step is None else f"step {summary.step!r}: {message}",
    )


def _name(limit: Limit) -> str:
    return limit.figure if limit.statistic is None else f"{limit.figure} {limit.statistic}"


def _threshold(limit: Limit) -> str:
    return _format(limit, limit.threshold)


def _format(limit: Limit, value: float) -> str:
    if limit.figure in METRICS:
        return units.format_value(value, METRICS[limit.figure].unit)
    return _SHOWN[RUN_FIGURES[limit.figure].unit](value)


def _requests(count: int) -> str:
    return f"{units.format_count(count)} request" if count == 1 else f"{units.format_count(count)} requests"


def check_error_limit(run: Run, error_limit: float) -> LimitCheck | None:
    """Return the check of the step in which the largest share of requests failed, if it is above the limit."""
    by_step = metrics.by_step(run) or ({None: metrics.requests(run, None)} if run.iteration_failures else {})
    shares = [(len(each.failures()) / each.count, step) for step, each in by_step.items()]
    share, step = max(shares, key=lambda found: found[0], default=(0.0, None))
    if share <= error_limit:
        return None
    failures, count = by_step[step].failures(), by_step[step].count
    [(error_class, times)] = Counter(failure.error_class for failure in failures).most_common(1)
    first = next(failure.message for failure in failures if failure.error_class == error_class)
    often = "" if len(failures) == 1 else f"{times} times " if times == len(failures) else f"mostly ({times}) "
    message = (
        f"{len(failures)} of {_requests(count)} failed ({units.format_percent(share)}), above the error limit of "
        f"{units.format_percent(error_limit)}: {often}{error_class}: {first}"
    )
    return LimitCheck(
        limit=f"error_rate <= {units.format_percent(error_limit)}",
        step=step,
        status="regressed",
        value=share,
        threshold=error_limit,
        message=message if step is None else f"step {step!r}: {message}",
    )
