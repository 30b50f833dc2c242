"""The sentences of the gate's verdicts, each complete, with its numbers and what to do next."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_llm_latency.metrics import Metric, Unit
from pytest_llm_latency.model import Verdict, VerdictStatus
from pytest_llm_latency.stats.quantiles import name
from pytest_llm_latency.units import (
    format_change,
    format_count,
    format_interval,
    format_percent,
    format_probability,
    format_value,
)

if TYPE_CHECKING:
    from pytest_llm_latency.stats.error_rate import Counts

_MULTIPLE = 100.0  # from here on a percentage is harder to read

NO_BASELINE = "no accepted run to compare with: accept this one with `llm-latency baseline accept`"
NOT_MEASURED = "no request of this run has the figure, so that there is nothing to compare: see the run's errors"
NOTHING_BESIDE = (
    "inconclusive: nothing was measured beside this run to compare it with: see its errors and run it again"
)
INTERLEAVED = "both sides took turns in this run, so that the difference is that of now: it says nothing of other days"
_ACCEPT = "accept a run without failures"
_MEASURE = "repair them and measure both sides again"


def unmeasured(metric: Metric, *, in_baseline: bool) -> str:
    """Say that a gated metric was not measured, and what to do."""
    before = ", while the baseline has it" if in_baseline else ""
    return (
        f"inconclusive: no request of this run had a {metric.id} ({metric.definition}){before}: find out why, "
        f"or remove {metric.id} from gate=..."
    )


def too_few(requests: int, least: int) -> str:
    """Say that there is no comparing so few requests."""
    return f"inconclusive: {_requests(requests)} cannot be compared; raise requests to at least {least}"


def impossible(count: int) -> str:
    """Say that there are values that nothing can have."""
    values = "1 value is" if count == 1 else f"{format_count(count)} values are"
    return f"inconclusive: {values} below zero, as no duration and no rate can be: find out what made them"


def zeros(candidate: int, baseline: int) -> str:
    """Say how many values cannot be told from nothing, so that ratios to them mean little."""
    return (
        f"values of zero count as a nanosecond ({format_count(candidate)} of this run, {format_count(baseline)} of its "
        "baseline): a ratio to what was too short to be measured means little"
    )


def of_the_tail(quantile: float, ratio: float) -> str:
    """Say that the tail alone decides, and how far it moved beyond the rest."""
    return f"it is the tail: the slowest {format_percent(2 * (1 - quantile))} moved by {_change(ratio)} beyond the rest"


def company(unchanged: Sequence[str], lengths: tuple[float, float] | None, tolerance: float) -> str | None:
    """Say what did not change beside a regression; ``lengths`` are the median output tokens before and now."""
    told = [f"{metric} unchanged" for metric in unchanged]
    if lengths is not None and abs(lengths[1] / lengths[0] - 1) < tolerance:
        told.append("output length unchanged")
    elif lengths is not None:
        before, now = (format_count(round(each)) for each in lengths)
        told.append(f"output length changed (median {before} → {now} tokens), which may be why")
    return "; ".join(told) if told else None


def change(quantile: str, verdict: Verdict, unit: Unit, alpha: float, *, pairs: int | None = None) -> str:
    """Say what the quantile was and is, by how much it changed, and how sure that is."""
    over = _runs(verdict.baseline_runs) if pairs is None else f"{format_count(pairs)} pairs"
    before, now = format_value(verdict.baseline, unit), format_value(verdict.candidate, unit)
    interval = f"{format_percent(1 - alpha)} interval {_interval(verdict.interval)}"
    return (
        f"{quantile} {before} → {now} ({_change(verdict.ratio)}, {interval}), "
        f"{_probability(verdict.p_value)} over {over}"
    )


def inconclusive(verdict: Verdict, target: float | None, *, paired: bool = False) -> str:
    """Say what the run could have seen, and which change the needed requests would show."""
    seen = f"inconclusive: this run could have seen {_change(verdict.detectable)} or more"
    if verdict.needed is None:
        or_accept = "" if paired else ", or accept more baseline runs"
        return f"{seen}; more requests alone would not settle it: run it again{or_accept}"
    return f"{seen}; about {_requests(verdict.needed)} would show {_change(target)}"


def looks(count: int) -> str:
    """Say that p and the interval hold however often the run was looked at."""
    times = "one look" if count == 1 else f"{count} looks"
    return f"p and the interval allow for {times} at the run as it grew"


def open_tail(quantile: float, most: float, needed: int | None) -> str:
    """Say that the slowest requests alone may have got slower, by how much, and what would tell."""
    tail = format_percent(2 * (1 - quantile))
    enough = "run it again" if needed is None else f"about {_requests(needed)} would tell"
    return (
        f"inconclusive: everything else is as it was, but the slowest {tail} may have got slower by up to "
        f"{_change(most)}; {enough}"
    )


def together(quantiles: Sequence[float], alone: float) -> str:
    """Say that the change is an estimate from several quantiles."""
    names = [name(each) for each in quantiles]
    return (
        f"the change is estimated from {', '.join(names[:-1])} and {names[-1]} together; "
        f"{names[-1]} alone moved by {_change(alone)}"
    )


def assumed_noise(deviation: float, runs: int) -> str:
    """Say that the noise between runs is an assumption, wholly or in part."""
    noise = format_percent(deviation)
    if runs == 0:
        return (
            f"run-to-run noise of {noise} is assumed, because one baseline run cannot show it: "
            "accept further runs to measure it"
        )
    return f"run-to-run noise of {noise} is in part assumed, as few baseline runs show it: accept further runs"


def borrowed_noise(deviation: float) -> str:
    """Say that the noise between runs comes from the other series."""
    return (
        f"run-to-run noise of {format_percent(deviation)} is that of the other series, because one baseline run "
        "cannot show it: accept further runs to measure it"
    )


def failures_rank(failed: int, requests: int) -> str:
    """Say that failed requests are in the figures."""
    return f"{format_count(failed)} of {_requests(requests)} failed and rank as slower than every success"


def failures(quantile: str, verdict: Verdict, counts: "Counts", *, paired: bool = False) -> str:
    """Say that the quantile falls on failed requests, and what follows."""
    then = _share(counts.baseline_failed, counts.baseline)
    now = _share(counts.candidate_failed, counts.candidate)
    shares = f"{now} failed, {then} in the baseline ({_probability(verdict.p_value)})"
    if verdict.baseline is None:
        where = f"{quantile} falls on failed requests in this run and in its baseline"
        remedy = _MEASURE if paired else "repair the errors and accept a run without them"
    else:
        where = f"{quantile} falls on failed requests"
        remedy = "repair the errors first"
    unsure = "inconclusive: " if verdict.status == "inconclusive" else ""
    return f"{unsure}{where}: {shares}; {remedy}"


def successes(quantile: str, values: tuple[float, float], ratio: float, unit: Unit) -> str:
    """Say that the requests that did not fail got slower too."""
    before, now = (format_value(value, unit) for value in values)
    return f"the successes alone got slower: {quantile} {before} → {now} ({_change(ratio)})"


def left_out(quantile: str, counts: "Counts", *, paired: bool = False) -> str:
    """Say that the successes alone were compared, and why."""
    return f"{_failed_baseline(quantile, counts)}: failed requests were left out; {_MEASURE if paired else _ACCEPT}"


def baseline_fails(quantile: str, counts: "Counts", *, paired: bool = False) -> str:
    """Say that the baseline's quantile is a failure and its successes are too few to compare."""
    return (
        f"inconclusive: {_failed_baseline(quantile, counts)}, and too few requests succeeded to be compared; "
        f"{_MEASURE if paired else _ACCEPT}"
    )


def _failed_baseline(quantile: str, counts: "Counts") -> str:
    then = _share(counts.baseline_failed, counts.baseline)
    return f"{quantile} of the baseline falls on failed requests ({then} failed)"


def error_rate(
    status: VerdictStatus, counts: "Counts", p_value: float, bound: tuple[float, int | None]
) -> tuple[str, ...]:
    """Say what the error rate was and is; ``bound`` is its upper bound and the requests to settle it."""
    then = _share(counts.baseline_failed, counts.baseline)
    now = _share(counts.candidate_failed, counts.candidate)
    reasons = [f"{then} failed in the baseline, {now} in this run, {_probability(p_value)}"]
    highest, needed = bound
    if status == "inconclusive":
        enough = "run it again" if needed is None else f"about {_requests(needed)} would settle it"
        reasons.append(f"inconclusive: the error rate may be as high as {format_percent(highest)}; {enough}")
    return tuple(reasons)


def _change(ratio: float | None) -> str:
    """Write a ratio as a change, and a large one as a multiple."""
    if ratio is None or ratio < _MULTIPLE or math.isinf(ratio):
        return format_change(ratio)
    return f"×{ratio:.3g}"


def _interval(interval: tuple[float, float] | None) -> str:
    if interval is None or interval[1] < _MULTIPLE:
        return format_interval(interval)
    return f"{_change(interval[0])} … {_change(interval[1])}"


def _share(failed: int, requests: int) -> str:
    return f"{format_count(failed)} of {_requests(requests)} ({format_percent(failed / requests)})"


def _runs(count: int) -> str:
    return f"{count} baseline run" if count == 1 else f"{count} baseline runs"


def _requests(count: int) -> str:
    return f"{format_count(count)} request" if count == 1 else f"{format_count(count)} requests"


def _probability(value: float | None) -> str:
    text = format_probability(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
