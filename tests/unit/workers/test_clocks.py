"""Clocks of different hosts beside each other."""

from hypothesis import given, settings
from hypothesis import strategies as st

import nouns
from pytest_llm_latency.metrics import METRICS, value
from pytest_llm_latency.workers.clocks import SAME_CLOCK, Offset, Round, estimate, shifted, soon

delays_ns = st.integers(min_value=0, max_value=10**9)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    ahead_ns=st.integers(min_value=-(10**15), max_value=10**15),
    ways=st.lists(st.tuples(delays_ns, delays_ns), min_size=1, max_size=8),
)
def test_the_true_offset_is_never_further_off_than_the_error_says(ahead_ns: int, ways: list[tuple[int, int]]) -> None:
    """However uneven the ways are."""
    rounds = [
        Round(asked_ns=ahead_ns, there_ns=there_ns, answered_ns=ahead_ns + there_ns + back_ns)
        for there_ns, back_ns in ways
    ]
    found = estimate(rounds)
    assert abs(found.ahead_ns - ahead_ns) <= found.error_ns
    assert found.error_ns == min((sum(way) + 1) // 2 for way in ways)


def test_the_stamps_of_another_clock_are_moved_and_no_time_between_them_changes() -> None:
    """By the offset, to the nanosecond."""
    sample = nouns.sample(10, 0.25, 1.0)
    moved = shifted(sample, Offset(ahead_ns=-(10**12), error_ns=10**6))
    assert moved.stamps.started == sample.stamps.started + 10**12
    assert moved.stamps.scheduled is None
    assert list(moved.piece_ns) == [at_ns + 10**12 for at_ns in sample.piece_ns]
    assert {name: value(metric, moved) for name, metric in METRICS.items()} == {
        name: value(metric, sample) for name, metric in METRICS.items()
    }


def test_stamps_of_what_may_be_the_same_clock_stay() -> None:
    """An offset within its own error says nothing."""
    sample = nouns.sample(0, 0.25)
    assert shifted(sample, Offset(ahead_ns=900, error_ns=1_000)) is sample


def test_a_moment_lies_further_ahead_the_more_workers_there_are_and_the_less_their_clocks_are_known() -> None:
    """It is the same moment for all, told to each by its own clock."""
    few = soon(10**12, {"gw0": SAME_CLOCK, "eu": Offset(ahead_ns=10**10, error_ns=10**6)})
    assert few["eu"] - 10**10 == few["gw0"] > 10**12
    many = soon(10**12, {f"gw{number}": SAME_CLOCK for number in range(800)})
    assert many["gw0"] - few["gw0"] == 798 * 10**6 - 2 * 10**6
