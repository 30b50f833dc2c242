"""Variants of one test side by side: providers, models, endpoints and regions, and what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_llm_latency.model import Conditions, Result, Summary
from pytest_llm_latency.report.charts import bars
from pytest_llm_latency.report.charts.bars import SpreadBar

_SLOWEST_LAST = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One step of one test with the model and the place that it was measured with; ``bar`` is of its ``ttft``."""

    anchor: str
    result: Result
    conditions: Conditions | None
    region: str | None
    summary: Summary
    bar: SpreadBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The variants of one step of one test, the fastest first; ``metric`` is what they are ordered by."""

    test: str
    step: str | None
    metric: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one step costs, now and before; of 1,000 tokens both the input's and the output's count."""

    anchor: str
    result: Result
    summary: Summary
    request_usd: float | None
    before_usd: float | None
    per_1000_tokens_usd: float | None


Anchored = Sequence[tuple[str, Result]]


def groups(results: Anchored) -> list[Group]:
    """Return the tests of which several models, providers, endpoints or regions were measured."""
    found: dict[tuple[str, str | None], list[Variant]] = {}
    for anchor, result in results:
        for variant in _variants(anchor, result):
            found.setdefault((result.test_id.partition("[")[0], variant.summary.step), []).append(variant)
    return [_group(test, step, variants) for (test, step), variants in found.items() if len(_places(variants)) > 1]


def _variants(anchor: str, result: Result) -> list[Variant]:
    conditions = {each.step: each for each in result.conditions}
    measured: list[tuple[str | None, Summary]] = [(result.environment.region, each) for each in result.summaries]
    if len(result.regions) > 1:
        measured = [(region, each) for region, found in result.regions.items() for each in found]
    return [
        Variant(
            anchor=anchor,
            result=result,
            conditions=conditions.get(summary.step),
            region=region,
            summary=summary,
            bar=None,
        )
        for region, summary in measured
        if summary.requests
    ]


def _places(variants: Sequence[Variant]) -> set[tuple[str | None, ...]]:
    return {
        (None, None, each.region)
        if each.conditions is None
        else (each.conditions.model, each.conditions.endpoint, each.region)
        for each in variants
    }


def _group(test: str, step: str | None, variants: Sequence[Variant]) -> Group:
    metric = "ttft" if any(each.summary.distribution("ttft") for each in variants) else "e2e"
    pairs = [_figures(each.summary, metric) for each in variants]
    drawn = bars.spread_bars(pairs)
    placed = [
        (pair[0] or _SLOWEST_LAST, number, bar) for number, (pair, bar) in enumerate(zip(pairs, drawn, strict=True))
    ]
    ordered = [replace(variants[number], bar=bar) for _, number, bar in sorted(placed, key=lambda each: each[:2])]
    return Group(test=test, step=step, metric=metric, variants=tuple(ordered))


def _figures(summary: Summary, metric: str) -> tuple[float | None, float | None]:
    found = summary.distribution(metric)
    return (None, None) if found is None else (found.p50, found.p95)


def costs(results: Anchored) -> list[Cost]:
    """Return what each step costs, where the cost of any is known."""
    found = [
        Cost(
            anchor=anchor,
            result=result,
            summary=summary,
            request_usd=_of_a_request(summary),
            before_usd=_of_a_request(next((each for each in result.baseline if each.step == summary.step), None)),
            per_1000_tokens_usd=per_1000_tokens(summary),
        )
        for anchor, result in results
        for summary in result.summaries
    ]
    return found if any(each.request_usd is not None for each in found) else []


def _of_a_request(summary: Summary | None) -> float | None:
    per_1000 = None if summary is None else summary.cost_per_1000_usd
    return None if per_1000 is None else per_1000 / 1000


def per_1000_tokens(summary: Summary) -> float | None:
    """Return the cost of 1,000 tokens, those of the input and the output together."""
    both = [summary.distribution(name) for name in ("tokens_in", "tokens_out")]
    known = [each.mean * each.successes for each in both if each is not None and each.mean is not None]
    tokens = sum(known)
    if summary.cost_usd is None or len(known) < len(both) or not tokens:
        return None
    return 1000 * summary.cost_usd / tokens
