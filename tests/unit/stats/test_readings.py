"""What one run says of a metric by itself."""

import math
from dataclasses import replace

import pytest

import nouns
from pytest_llm_latency import metrics
from pytest_llm_latency.metrics import METRICS, StepRequests
from pytest_llm_latency.stats import readings

TTFT = METRICS["ttft"]


def asked(latencies: list[float | None]) -> StepRequests:
    """Return the requests of a run with these times to the first token; ``None`` is a failed one."""
    return metrics.requests(nouns.run(samples=nouns.samples(latencies)), None)


def test_percentiles_have_the_bounds_of_order_statistics() -> None:
    """Of 100 values the 40th and the 61st bound the median, whatever the distribution is."""
    found = readings.read(asked([number / 100 for number in range(1, 101)]), TTFT, (0.5, 0.95, 0.99))
    assert found is not None
    p50, p95, p99 = found.percentiles
    assert (p50.value, p50.interval) == (pytest.approx(0.5), (pytest.approx(0.40), pytest.approx(0.61)))
    assert p95.value == pytest.approx(0.95)
    assert p95.interval == (pytest.approx(0.90), pytest.approx(1.0))
    assert (p99.value, p99.interval, p99.needed) == (None, None, 299)
    assert (found.count, found.minimum, found.maximum) == (100, pytest.approx(0.01), pytest.approx(1.0))
    assert found.mean == pytest.approx(0.505)


def test_failed_requests_rank_as_slower_than_every_answer() -> None:
    """A percentile that falls on one has no value; an interval that reaches them has no end."""
    found = readings.read(asked([0.2] * 90 + [None] * 10), TTFT, (0.5, 0.9, 0.95))
    assert found is not None
    p50, p90, p95 = found.percentiles
    assert p50.value == pytest.approx(0.2)
    assert p90.value == pytest.approx(0.2)
    assert p90.interval is not None
    assert math.isinf(p90.interval[1])
    assert (p95.value, p95.needed) == (None, None)


def test_where_higher_is_better_a_high_percentile_is_a_low_value() -> None:
    """A failed request has no throughput at all."""
    found = readings.read(
        asked([0.1 + number / 100 for number in range(95)] + [None] * 5), METRICS["throughput"], (0.9,)
    )
    assert found is not None
    (p90,) = found.percentiles
    assert p90.value is not None
    assert p90.interval is not None
    assert p90.interval[0] <= p90.value <= p90.interval[1]
    assert found.maximum is not None
    assert p90.value < found.maximum


def test_where_higher_is_better_failures_are_at_none() -> None:
    """An interval that reaches them ends at 0."""
    found = readings.read(asked([0.2] * 90 + [None] * 10), METRICS["throughput"], (0.9,))
    assert found is not None
    (p90,) = found.percentiles
    assert p90.interval is not None
    assert (p90.interval[0], p90.interval[1]) == (0.0, pytest.approx(p90.value))
    assert found.minimum == found.maximum == pytest.approx(found.mean)


def test_many_values_a_request_have_percentiles_without_an_interval() -> None:
    """They are not independent of each other."""
    found = readings.read(asked([0.2] * 60), METRICS["itl"], (0.5,))
    assert found is not None
    chunks = readings.read(asked([0.2] * 60), METRICS["icl"], (0.5,))  # of five tokens each
    assert chunks is not None
    assert found.percentiles[0].value == pytest.approx(chunks.percentiles[0].value / 5)  # type: ignore[operator]  (there is one)
    assert found.percentiles[0].interval is None
    assert found.count == 60


def test_a_metric_that_no_answer_has_is_left_out() -> None:
    """As where all have failed."""
    assert readings.read(asked([None] * 20), TTFT, (0.5,)) is None
    assert readings.read(asked([0.2] * 20), METRICS["server_processing"], (0.5,)) is None


def varied() -> StepRequests:
    """Return requests from two workers, with inputs of four lengths, one of an unknown one."""
    lengths = [10, 20, 30, 2000] * 10
    samples = [
        replace(
            nouns.with_tokens(sample, tokens, cost=0.0), worker=f"gw{place % 2}", **({} if place else {"usage": None})
        )
        for place, (sample, tokens) in enumerate(zip(nouns.samples([0.2] * 40), lengths, strict=True))
    ]
    return StepRequests(samples=samples, missed=())


def test_requests_are_told_apart_by_what_varies() -> None:
    """All of them by time and by worker; by length those whose length is known; not by what all have in common."""
    counts: dict[str, dict[str, int]] = {}
    for part in readings.parts(varied()):
        counts.setdefault(part.by, {})[part.name] = part.asked.count
    assert list(counts) == ["input tokens", "time", "worker"]
    assert counts["input tokens"] == {"10": 9, "20": 10, "30": 10, "2,000": 10}
    assert counts["worker"] == {"gw0": 20, "gw1": 20}
    assert len(counts["time"]) == 4
    assert sum(counts["time"].values()) == 40
    assert next(iter(counts["time"])).startswith("0 … ")


def test_parts_are_named_by_where_they_begin_and_end() -> None:
    """As many requests in each; lengths that a nonce may have made are as good as one."""

    def named(*lengths: int) -> list[str]:
        pairs = zip(nouns.samples([0.2] * len(lengths)), lengths, strict=True)
        asked = StepRequests(samples=[nouns.with_tokens(each, tokens, cost=0.0) for each, tokens in pairs], missed=())
        return [part.name for part in readings.parts(asked) if part.by == "input tokens"]

    assert named(*range(500, 1300, 100)) == ["500 … 600", "700 … 800", "900 … 1,000", "1,100 … 1,200"]
    assert named(100, 110, 120, 124) == []
    assert named(100, 125) == ["100", "125"]


def test_one_request_has_no_parts() -> None:
    """Nor have those that began at the same moment, with the same length, without workers."""
    assert readings.parts(asked([0.2])) == ()
    assert readings.parts(StepRequests(samples=(), missed=())) == ()
