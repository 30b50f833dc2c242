"""A run whose latencies rise or fall is told apart from a steady one."""

from random import Random
from typing import Any

import pytest

import nouns
from pytest_llm_latency import load
from pytest_llm_latency.model import Run
from pytest_llm_latency.stats.steady import Trend, drifts, trend


def run(ttft_s: list[float], **plan: Any) -> Run:
    """Return a run of these times to the first token, one after another."""
    return nouns.run(ttft_s, plan=nouns.plan(**plan))


def drifting(count: int, *, change: float, seed: int = 1) -> list[float]:
    """Return noisy latencies that change evenly by a factor from the first to the last."""
    noisy = nouns.lognormal(count, median=0.3, seed=seed)
    return [value * change ** (place / count) for place, value in enumerate(noisy)]


def test_the_first_third_is_compared_with_the_last() -> None:
    """By their medians and the test of Mann and Whitney."""
    found = trend([1.0, 2.0, 3.0] * 4 + [9.0] * 12 + [2.0, 4.0, 6.0] * 4)
    assert found is not None
    assert (found.first, found.last, found.ratio) == (2.0, 4.0, 2.0)
    assert found.p_value == pytest.approx(0.00481, abs=1e-5)


@pytest.mark.parametrize("values", [[], [0.3] * 29, [0.0] * 60])
def test_too_few_values_or_none_above_zero_show_no_trend(values: list[float]) -> None:
    """Ten requests a third are the least."""
    assert trend(values) is None


@pytest.mark.parametrize(
    ("last", "p_value", "expected"),
    [(1.3, 0.001, True), (1.15, 0.001, False), (1.3, 0.02, False), (0.8, 0.001, True), (0.9, 0.001, False)],
)
def test_a_drift_is_large_and_more_than_chance(last: float, p_value: float, *, expected: bool) -> None:
    """In either direction by the same factor."""
    assert Trend(first=1.0, last=last, p_value=p_value).is_drift == expected


def test_a_rise_is_told_with_its_size_and_what_to_do() -> None:
    """The load is more than the endpoint can take."""
    [found] = drifts(run(drifting(150, change=2.0)))
    assert found.code == "not_steady"
    assert found.message == (
        "ttft rose while it was measured: the median of the first third is 349 ms, of the last third 539 ms "
        "(+55 %, p < 0.0001). The load may be more than the endpoint can take: lower it, or measure longer."
    )


def test_a_fall_asks_to_leave_the_beginning_out() -> None:
    """With the number to write."""
    [found] = drifts(run(drifting(150, change=0.4)))
    assert "ttft fell while it was measured" in found.message
    assert found.message.endswith("The beginning was not steady: leave it out with ramp_in=50.")


def test_each_step_is_looked_at_and_failed_requests_are_left_out() -> None:
    """They are counted elsewhere."""
    ttft = [None if place % 5 == 0 else value for place, value in enumerate(drifting(100, change=3.0))]
    assert [each.code for each in drifts(nouns.run(samples=nouns.samples(ttft, step="answer")))] == ["not_steady"]
    [found] = drifts(nouns.run(samples=nouns.samples(ttft, step="answer")))
    assert found.message.startswith("ttft of step 'answer' rose")


def test_samples_are_put_in_the_order_of_their_starts() -> None:
    """They are stored in that of their iterations."""
    samples = list(nouns.samples(drifting(90, change=3.0)))
    Random(1).shuffle(samples)
    assert drifts(nouns.run(samples=tuple(samples)))


def test_a_load_that_changes_by_design_is_not_warned_of() -> None:
    """Latencies may follow it."""
    rising = drifting(150, change=2.0)
    assert drifts(run(rising, load=load.poisson(5)))
    assert drifts(run(rising, load=load.ramp(1, 9, "30s"))) == ()


def test_steady_runs_are_hardly_ever_warned_of() -> None:
    """Of a hundred one, with a noise of a quarter."""
    found = [drifts(run(nouns.lognormal(100, median=0.3, seed=seed))) for seed in range(100)]
    assert sum(map(bool, found)) <= 1
