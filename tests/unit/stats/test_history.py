"""Change points over runs: found where they are, silent where the runs cannot tell."""

import math
from itertools import pairwise

import numpy as np
import pytest

import nouns
from pytest_llm_latency.metrics import Direction
from pytest_llm_latency.stats import GatePolicy
from pytest_llm_latency.stats.history import LEAST_RUNS, change_points, digest, histories

POLICY = GatePolicy()


def series(*factors: float, noise: float = 0.03, seed: int = 1, count: int = 60) -> list[list[float]]:
    """Return a run of log-normal latencies for each factor, with noise between runs."""
    random = np.random.default_rng(seed)
    return [
        list(0.3 * factor * np.exp(random.normal(0, noise) + 0.25 * random.normal(size=count))) for factor in factors
    ]


def test_a_step_is_found_where_it_is() -> None:
    """With both levels, the ratio and a p value."""
    (found,) = change_points(series(*[1.0] * 6, *[1.4] * 6), POLICY)
    assert found.run == 6
    assert found.ratio == pytest.approx(1.4, rel=0.08)
    assert found.after / found.before == pytest.approx(1.4, rel=0.12)
    assert found.p_value < 0.01


def test_each_of_several_steps_is_found() -> None:
    """Up and down again: the ratios are those of neighbouring levels."""
    found = change_points(series(*[1.0] * 10, *[1.5] * 10, *[1.0] * 10), POLICY)
    assert [each.run for each in found] == [10, 20]
    assert [each.ratio > 1 for each in found] == [True, False]
    assert all(before.after == after.before for before, after in pairwise(found))


@pytest.mark.parametrize("count", range(LEAST_RUNS))
def test_too_few_runs_say_nothing_however_far_they_are_apart(count: int) -> None:
    """Three to five accepted runs have too few orders for any of them to be rare."""
    assert change_points(series(*[1.0] * (count // 2), *[9.0] * (count - count // 2)), POLICY) == ()


def test_the_least_number_of_runs_can_say_something() -> None:
    """Otherwise the number would promise too much."""
    assert [each.run for each in change_points(series(*[1.0] * 4, *[2.0] * 4), POLICY)] == [4]


def test_runs_of_one_level_are_rarely_called_changed() -> None:
    """The false alarms are within what alpha promises of one series, also without a smallest size."""
    any_size = GatePolicy(tolerance=1e-6)
    alarms = sum(bool(change_points(series(*[1.0] * 12, noise=0.1, seed=seed), any_size)) for seed in range(200))
    assert 1 <= alarms <= 20


def test_one_bad_run_is_no_change() -> None:
    """A level has two runs at least."""
    assert change_points(series(*[1.0] * 7, 1.8, *[1.0] * 7), POLICY) == ()
    assert change_points(series(*[1.0] * 59, 1.8), POLICY) == ()


def test_a_change_under_the_tolerance_is_not_named() -> None:
    """It may be as sure as it likes."""
    runs = series(*[1.0] * 10, *[1.06] * 10, noise=0.001, count=400)
    assert change_points(runs, POLICY) == ()
    assert [each.run for each in change_points(runs, GatePolicy(tolerance=0.02))] == [10]


def test_the_ratio_of_a_throughput_is_that_of_the_throughput() -> None:
    """Lower is below one, whatever is better."""
    direction: Direction = "higher"
    (found,) = change_points(series(*[1.0] * 6, *[0.6] * 6), POLICY, direction=direction)
    assert found.ratio == pytest.approx(0.6, rel=0.08)
    assert found.after < found.before


@pytest.mark.parametrize("failing", [math.inf, math.nan])
def test_runs_without_a_success_are_passed_over(failing: float) -> None:
    """The positions stay those of the runs that were given."""
    runs = [[failing] * 60, *series(*[1.0] * 6), [], *series(*[1.5] * 6, seed=2)]
    assert [each.run for each in change_points(runs, POLICY)] == [8]


def test_equal_values_and_zeros_have_no_change() -> None:
    """A coarse clock is no reason to divide by nothing."""
    assert change_points([[0.3] * 60] * 12, POLICY) == ()
    assert change_points([[0.0] * 60] * 12, POLICY) == ()


def test_runs_of_one_request_are_runs() -> None:
    """The spread between them says how much each is worth."""
    assert [each.run for each in change_points([[0.3]] * 6 + [[0.6]] * 6, POLICY)] == [6]


def test_the_same_runs_give_the_same_points() -> None:
    """Bit for bit, and the seed only moves the p value."""
    runs = series(*[1.0] * 6, *[1.3] * 6)
    assert change_points(runs, POLICY) == change_points(runs, POLICY)
    assert [each.run for each in change_points(runs, GatePolicy(seed=7))] == [6]


def test_the_history_of_a_test_has_its_gated_metrics_and_only_comparable_runs() -> None:
    """A run of another model says nothing of this one's level."""
    other = nouns.conditions(model="openai/gpt-4o")
    plan = nouns.plan(gate=("ttft",))
    runs = [
        nouns.run(values, id=str(place), started_at=f"2026-03-{place + 1:02}", plan=plan)
        for place, values in enumerate(series(*[1.0] * 5, *[1.5] * 5))
    ]
    strange = nouns.run([9.0] * 60, id="strange", plan=plan, conditions=(other,))
    (found,) = histories([strange, *runs], POLICY)
    assert (found.step, found.metric, len(found.figures)) == (None, "ttft", 10)
    assert found.enough
    assert [found.started_at[each.run] for each in found.changes] == ["2026-03-06"]
    assert histories([strange, *runs], POLICY, tolerance=0.9)[0].changes == ()
    assert histories((), POLICY) == ()


def test_of_runs_whose_samples_are_gone_the_level_is_enough() -> None:
    """The same change point, by the same figures; of another model's they say nothing either."""
    plan = nouns.plan(gate=("ttft", "throughput"))
    runs = [
        nouns.run(values, id=str(place), started_at=f"2026-03-{place + 1:02}", plan=plan)
        for place, values in enumerate(series(*[1.0] * 5, *[1.5] * 5))
    ]
    past = [digest(run) for run in runs[:7]]
    strange = digest(nouns.run([9.0] * 60, plan=plan, conditions=(nouns.conditions(model="openai/gpt-4o"),)))
    for found, whole in zip(histories(runs[7:], POLICY, past=[strange, *past]), histories(runs, POLICY), strict=True):
        assert (found.started_at, found.commits, found.enough) == (whole.started_at, whole.commits, True)
        assert found.figures == pytest.approx(whole.figures, rel=1e-5)
        assert [each.run for each in found.changes] == [each.run for each in whole.changes]
    judged = GatePolicy(quantile=0.9)  # of which no level was stored
    assert [len(each.figures) for each in histories(runs[7:], judged, past=past)] == [3, 3]


def test_a_run_without_a_success_has_no_level_to_remember() -> None:
    """Its place in time is known all the same."""
    found = digest(nouns.run([None] * 20, plan=nouns.plan(gate=("ttft",))))
    assert found.levels == ()


def test_a_history_of_few_runs_says_that_they_are_few() -> None:
    """What is missing is a number, not silence."""
    (found,) = histories([nouns.run([0.3] * 20, plan=nouns.plan(gate=("ttft",)))], POLICY)
    assert (found.enough, found.needed, found.changes) == (False, LEAST_RUNS, ())
