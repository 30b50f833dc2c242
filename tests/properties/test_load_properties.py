"""Schedules keep what their shapes promise, for any rate, duration and number."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llm_latency import load
from pytest_llm_latency.model import Load
from pytest_llm_latency.wire import from_builtins, to_builtins

SOME = settings(max_examples=60, derandomize=True, deadline=None)

rates = st.floats(min_value=0.01, max_value=500.0)
durations = st.floats(min_value=0.1, max_value=120.0)
counts = st.integers(0, 400)
shapes = st.one_of(
    st.builds(load.constant, rates),
    st.builds(load.poisson, rates, st.integers(0, 2**32)),
    st.builds(load.burst, st.integers(1, 50), durations),
    st.builds(load.ramp, rates, rates, durations),
    st.builds(load.stages, st.tuples(rates, durations), st.tuples(rates, rates, durations)),
)


@SOME
@given(shape=shapes, count=counts)
def test_starts_are_sorted_not_before_the_beginning_and_the_same_again(shape: Load, count: int) -> None:
    """Also after a journey, and a longer schedule begins as a shorter one."""
    offsets = load.schedule(shape, count).offsets_s
    assert list(offsets) == sorted(offsets)
    assert all(math.isfinite(offset) and offset >= 0 for offset in offsets)
    assert load.schedule(from_builtins(Load, to_builtins(shape)), count).offsets_s == offsets
    assert load.schedule(shape, count + 7).offsets_s[: len(offsets)] == offsets
    assert len(offsets) == min(count, total) if (total := load.total(shape)) is not None else len(offsets) == count


@SOME
@given(rate=rates, count=st.integers(2, 400))
def test_a_constant_rate_is_that_rate(rate: float, count: int) -> None:
    """Between any two neighbours."""
    offsets = load.schedule(load.constant(rate), count).offsets_s
    assert all(math.isclose(later - earlier, 1 / rate, rel_tol=1e-6) for earlier, later in itertools.pairwise(offsets))


@SOME
@given(rate=rates, seed=st.integers(0, 2**32))
def test_poisson_arrivals_have_their_rate_and_gaps_as_varied_as_they_are_long(rate: float, seed: int) -> None:
    """Within five standard errors of a thousand gaps."""
    offsets = (0.0, *load.schedule(load.poisson(rate, seed), 1000).offsets_s)
    gaps = [(later - earlier) * rate for earlier, later in itertools.pairwise(offsets)]
    mean = math.fsum(gaps) / len(gaps)
    assert abs(mean - 1) < 5 / math.sqrt(len(gaps))
    above = sum(gap > 1 for gap in gaps) / len(gaps)
    assert abs(above - math.exp(-1)) < 5 * math.sqrt(0.25 / len(gaps))


@SOME
@given(parts=st.lists(st.tuples(rates, rates, durations), min_size=1, max_size=4), share=st.floats(0.05, 1.0))
def test_staged_rates_have_as_many_starts_as_their_area_up_to_any_moment(
    parts: list[tuple[float, float, float]], share: float
) -> None:
    """Within one, and all of them before the end."""
    shape = load.stages(*((start / 10, end / 10, seconds / 10) for start, end, seconds in parts))
    total = load.total(shape)
    assert total is not None
    offsets = load.schedule(shape, total).offsets_s
    length = math.fsum(seconds / 10 for _, _, seconds in parts)
    moment = share * length
    assert all(offset <= length + 1e-6 for offset in offsets)
    assert abs(sum(offset < moment for offset in offsets) - _area(parts, moment)) <= 1 + 1e-6


def _area(parts: list[tuple[float, float, float]], moment: float) -> float:
    area = 0.0
    for start, end, seconds in ((first / 10, last / 10, length / 10) for first, last, length in parts):
        within = min(seconds, max(0.0, moment))
        area += start * within + (end - start) / seconds * within * within / 2
        moment -= seconds
    return area


@SOME
@given(size=st.integers(1, 50), every=durations, count=st.integers(1, 400))
def test_bursts_are_whole_and_evenly_apart(size: int, every: float, count: int) -> None:
    """The last may be smaller, as the number of requests ends it."""
    offsets = load.schedule(load.burst(size, every), count).offsets_s
    bursts = [len(list(group)) for _, group in itertools.groupby(offsets)]
    assert all(length == size for length in bursts[:-1])
    assert sum(bursts) == count
    assert math.isclose(offsets[-1], (len(bursts) - 1) * every)
