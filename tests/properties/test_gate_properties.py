"""What the gate says of any data."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import GatePolicy, Series, gate, gate_error_rate, pool_noise
from pytest_llm_latency.wire import from_builtins, to_builtins

POLICY = GatePolicy()
SOME = settings(max_examples=40, derandomize=True, deadline=None)

values: SearchStrategy[float] = st.one_of(st.floats(min_value=0.0, allow_nan=False), st.just(math.inf))
runs = st.lists(values, max_size=30)
positive = st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=8, max_size=40)
whole_counts = st.integers(0, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@SOME
@given(baseline=st.lists(runs, max_size=4), candidate=runs, higher=st.booleans())
def test_any_data_get_a_verdict_that_travels(baseline: list[list[float]], candidate: list[float], higher: bool) -> None:  # noqa: FBT001  (hypothesis names its arguments)
    """Exact builtins, no not-a-number, and a reason."""
    series = Series(key="key", baseline=baseline, candidate=candidate, direction="higher" if higher else "lower")

    [verdict] = gate([series], POLICY)

    assert from_builtins(Verdict, to_builtins(verdict)) == verdict
    assert not any(isinstance(each, float) and math.isnan(each) for each in to_builtins(verdict).values())
    assert verdict.reasons


@SOME
@given(baseline=st.lists(positive, min_size=1, max_size=3), candidate=positive, exponent=st.integers(-8, 8))
def test_another_unit_changes_nothing(baseline: list[list[float]], candidate: list[float], exponent: int) -> None:
    """Ratios have no unit."""
    scale = 2.0**exponent

    [verdict] = gate([Series(key="key", baseline=baseline, candidate=candidate)], POLICY)
    scaled_baseline = [[scale * value for value in run] for run in baseline]
    scaled_candidate = [scale * value for value in candidate]
    [scaled] = gate([Series(key="key", baseline=scaled_baseline, candidate=scaled_candidate)], POLICY)

    assert scaled.status == verdict.status
    assert np.isclose(scaled.ratio or 0, verdict.ratio or 0, rtol=1e-6)


@SOME
@given(run=positive, copies=st.integers(1, 5))
def test_an_identical_run_is_never_regressed(run: list[float], copies: int) -> None:
    """Nor improved."""
    [verdict] = gate([Series(key="key", baseline=[run] * copies, candidate=run)], POLICY)

    assert verdict.status in {"pass", "inconclusive"}
    assert verdict.ratio is not None
    assert math.isclose(verdict.ratio, 1.0)


@SOME
@given(pairs=st.lists(st.tuples(positive, positive, positive), min_size=1, max_size=4))
def test_an_early_regression_is_never_taken_back(
    pairs: list[tuple[list[float], list[float], list[float]]],
) -> None:
    """Whatever arrives later."""
    series = [
        Series(key=str(number), baseline=[one, other], candidate=candidate)
        for number, (one, other, candidate) in enumerate(pairs)
    ]
    policy = GatePolicy(family=len(series))
    noise = pool_noise([each.baseline for each in series], policy)

    late = gate(series, policy, noise=noise)

    for one, then in zip(series, late, strict=True):
        early = gate([one], policy, noise=noise)[0]
        assert early.status != "regressed" or then.status == "regressed"


@SOME
@given(baseline=st.lists(whole_counts, max_size=4), candidate=whole_counts)
def test_any_error_counts_get_a_verdict_that_travels(
    baseline: list[tuple[int, int]], candidate: tuple[int, int]
) -> None:
    """And an error rate that fell is never regressed."""
    verdict = gate_error_rate("key", baseline, candidate, POLICY)

    assert from_builtins(Verdict, to_builtins(verdict)) == verdict
    before = sum(failed for failed, _ in baseline) / max(1, sum(total for _, total in baseline))
    fell = candidate[1] > 0 and candidate[0] / candidate[1] <= before
    assert not (fell and verdict.status == "regressed")


ORDER = {"pass": 0, "improved": 0, "inconclusive": 1, "regressed": 2}


@SOME
@given(
    baseline=st.lists(positive, min_size=1, max_size=3),
    candidate=positive,
    factor=st.floats(min_value=1.0, max_value=20.0),
)
def test_a_slower_run_never_turns_from_regressed_into_a_pass(
    baseline: list[list[float]], candidate: list[float], factor: float
) -> None:
    """Given the same noise; three accepted runs or fewer, with which the run itself tells of its scatter."""
    slower = [factor * value for value in candidate]

    now, then = (
        gate([Series(key="key", baseline=baseline, candidate=each)], POLICY)[0] for each in (candidate, slower)
    )

    assert ORDER[then.status] >= ORDER[now.status]


@SOME
@given(runs_and_order=st.lists(positive, min_size=2, max_size=4).flatmap(lambda each: st.tuples(
    st.just(each), st.permutations(each))), candidate=positive)  # fmt: skip
def test_the_order_of_the_accepted_runs_decides_nothing(
    runs_and_order: tuple[list[list[float]], list[list[float]]], candidate: list[float]
) -> None:
    """The same verdict, bit for bit."""
    verdicts = [gate([Series(key="key", baseline=each, candidate=candidate)], POLICY)[0] for each in runs_and_order]

    assert verdicts[0] == verdicts[1]


@SOME
@given(
    pairs=st.lists(st.tuples(positive, positive, positive), min_size=2, max_size=5),
    chosen=st.sets(st.integers(0, 4), min_size=1),
)
def test_any_part_of_a_session_is_judged_as_the_whole_is(
    pairs: list[tuple[list[float], list[float], list[float]]], chosen: set[int]
) -> None:
    """Bit for bit, whatever worker has it: all but the adjustment of p, for which a session knows its size."""
    series = [
        Series(key=str(number), baseline=[one, other], candidate=candidate)
        for number, (one, other, candidate) in enumerate(pairs)
    ]
    noise = pool_noise([each.baseline for each in series], POLICY)
    policy = GatePolicy(family=len(series))
    places = sorted(place % len(series) for place in {each % len(series) for each in chosen})

    whole = gate(series, policy, noise=noise)
    part = gate([series[place] for place in reversed(places)], policy, noise=noise)[::-1]

    for mine, place in zip(part, places, strict=True):
        for field in ("ratio", "interval", "raw_p_value", "detectable", "baseline", "candidate"):
            assert getattr(mine, field) == getattr(whole[place], field)
