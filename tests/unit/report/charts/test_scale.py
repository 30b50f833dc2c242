"""Axes: where values stand and which are labelled."""

import itertools
import math

import pytest

from pytest_llm_latency.report.charts import scale
from pytest_llm_latency.report.charts.scale import Scale, Shares


def test_an_axis_is_logarithmic_and_holds_what_it_was_made_for() -> None:
    """The middle is the geometric mean; what is off the axis stands at its end."""
    axis = Scale(low=1.0, high=100.0, start=0.0, end=200.0)
    assert [axis.position(value) for value in (0.5, 1.0, 10.0, 100.0, math.inf)] == [0.0, 0.0, 100.0, 200.0, 200.0]


def test_an_axis_of_one_value_has_room_around_it() -> None:
    """A fixed latency is a chart too."""
    axis = scale.around([0.25, 0.25], start=0, end=100)
    assert axis is not None
    assert axis.low < 0.25 < axis.high
    assert axis.position(0.25) == 50.0


def test_there_is_no_axis_without_a_value_that_it_could_hold() -> None:
    """Failed requests and nothing else."""
    assert scale.around([math.inf, 0.0], start=0, end=100) is None


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.09, 1.1, [0.1, 0.2, 0.5, 1.0]),
        (0.2, 0.31, [0.2, 0.22, 0.24, 0.26, 0.28, 0.3]),
        (0.9, 8.0, [1.0, 1.5, 2.0, 3.0, 5.0, 7.0]),
        (1e-6, 10.0, [1e-6, 1e-4, 1e-2, 1.0]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[float]) -> None:
    """Even steps on a narrow axis, fewer in each decade on a wide one."""
    assert scale.ticks(Scale(low=low, high=high, start=0, end=1), 6) == pytest.approx(expected)


def test_an_axis_of_shares_gives_the_tail_room_of_its_own() -> None:
    """From 95 % to 99 % is as far as a normal distribution makes it, and the labels stand apart."""
    axis = Shares(low=0.01, high=0.999, start=0.0, end=200.0)
    assert axis.position(0.99) - axis.position(0.95) > axis.position(0.55) - axis.position(0.5)
    assert (axis.position(0.0), axis.position(1.0)) == (0.0, 200.0)
    assert {0.5, 0.95, 0.99} <= set(axis.labelled(14.0))
    places = [axis.position(each) for each in axis.labelled(30.0)]
    assert all(later - earlier >= 30.0 for earlier, later in itertools.pairwise(places))


def test_steps_of_shares_are_even_on_the_axis() -> None:
    """From one end to the other."""
    axis = Shares(low=0.05, high=0.95, start=0.0, end=90.0)
    assert [axis.position(each) for each in axis.between(4)] == [0.0, 30.0, 60.0, 90.0]
