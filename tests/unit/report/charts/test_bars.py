"""Small bars in tables."""

import math

import pytest

from pytest_llm_latency.report.charts import bars


def test_a_ratio_bar_shares_its_axis_with_the_table() -> None:
    """A ratio of one is in the middle, and an infinite one at the end."""
    bar = bars.ratio_bar(1.0, (0.5, math.inf), tolerance=0.1, widest=2.0)
    assert bar is not None
    assert bar.ratio == bar.one == bar.width / 2
    assert bar.interval == (4.0, bar.width - 4.0)
    assert bar.tolerated[0] < bar.one < bar.tolerated[1]
    assert bars.ratio_bar(None, None, tolerance=0.1, widest=2.0) is None


def test_the_axis_of_the_ratio_bars_holds_all_up_to_four() -> None:
    """One wild ratio does not make the others invisible."""
    assert bars.widest([]) == 1.5
    assert bars.widest([1.0, 0.5]) == pytest.approx(2.1)
    assert bars.widest([1.2, 50.0, math.inf, 0.0]) == 4.0


def test_bars_of_medians_share_an_axis() -> None:
    """The slower stands to the right; what has no median has no bar."""
    first, second, third = bars.spread_bars([(0.1, 0.2), (0.4, None), (None, None)])
    assert first is not None
    assert second is not None
    assert first.p95 is not None
    assert first.median < first.p95 < second.median
    assert second.p95 is None
    assert third is None
    assert bars.spread_bars([(None, None)]) == [None]
