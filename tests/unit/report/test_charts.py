"""Axes, charts and the phases of a request as geometry."""

import dataclasses
import math
import re

import pytest

import nouns
from pytest_llm_latency.report import charts, phases, scale
from pytest_llm_latency.report.scale import Scale


def points(path: str) -> int:
    """Count the points of a path."""
    return len(re.findall(r"[MHVLl]", path))


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


def test_failed_requests_keep_the_curve_below_the_top() -> None:
    """A tenth failed, so that the curve ends at nine tenths."""
    chart = charts.ecdf([0.2] * 90 + [math.inf] * 10, [0.2], unit="s", p95=(None, 0.2))
    assert chart is not None
    height = charts.BOTTOM - charts.TOP
    assert chart.run.endswith(f"V{charts.BOTTOM - 0.9 * height:g}H{charts.RIGHT}")
    assert chart.baseline.endswith(f"V{charts.TOP}H{charts.RIGHT}")
    assert chart.marks == (None, pytest.approx((charts.LEFT + charts.RIGHT) / 2))
    assert chart.readings[-1].cells == ("∞", "200 ms")


def test_failed_requests_lift_the_curve_where_more_is_better() -> None:
    """A failed request has no throughput, the worst value."""
    chart = charts.ecdf([0.0, 10.0], [], unit="tokens/s", p95=(None, None))
    assert chart is not None
    assert chart.run.startswith(f"M{charts.LEFT} {(charts.TOP + charts.BOTTOM) / 2:g}")
    assert chart.run.endswith(f"V{charts.TOP}H{charts.RIGHT}")
    assert chart.baseline == ""


@pytest.mark.parametrize("count", [1, 2, 199, 400, 401, 5000])
def test_no_line_has_more_points_than_the_page_can_carry(count: int) -> None:
    """However many requests there were."""
    values = nouns.lognormal(count, median=0.3)
    curve = charts.ecdf(values, values, unit="s", p95=(None, None))
    order = charts.order(values, unit="s", baseline={})
    assert curve is not None
    assert order is not None
    assert 0 < points(curve.run) <= charts.POINTS
    assert 0 < order.dots.count("M") <= charts.POINTS
    assert points(order.spans) <= charts.POINTS


def test_a_chart_needs_a_request_that_was_answered() -> None:
    """There is nothing to draw of failures alone."""
    assert charts.ecdf([math.inf], [], unit="s", p95=(None, None)) is None
    assert charts.order([None, None], unit="s", baseline={"baseline p95": 0.4}) is None


def test_requests_are_drawn_in_their_order_with_failures_as_crosses() -> None:
    """From left to right, the slower the higher."""
    chart = charts.order([0.1, None, 0.4], unit="s", baseline={"baseline p50": 0.2, "baseline p95": None})
    assert chart is not None
    (x_first, y_first), (x_last, y_last) = [
        (float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", chart.dots)
    ]
    assert x_first < x_last
    assert y_first > y_last
    assert chart.crosses.count("M") == 1
    assert [line.label for line in chart.lines] == ["baseline p50"]
    assert [tick.label for tick in chart.x_ticks] == ["1", "2", "3"]


def test_the_table_of_the_order_puts_neighbours_together() -> None:
    """Ten lines at most, with medians, slowest and failed."""
    chart = charts.order([0.1, 0.3, None, *[0.2] * 17], unit="s", baseline={})
    assert chart is not None
    assert len(chart.readings) == 10
    assert (chart.readings[0].label, chart.readings[0].cells) == ("1–2", ("200 ms", "300 ms", "0"))
    assert chart.readings[1].cells == ("200 ms", "200 ms", "1")


def test_a_ratio_bar_shares_its_axis_with_the_table() -> None:
    """A ratio of one is in the middle, and an infinite one at the end."""
    bar = charts.ratio_bar(1.0, (0.5, math.inf), tolerance=0.1, widest=2.0)
    assert bar is not None
    assert bar.ratio == bar.one == bar.width / 2
    assert bar.interval == (4.0, bar.width - 4.0)
    assert bar.tolerated[0] < bar.one < bar.tolerated[1]
    assert charts.ratio_bar(None, None, tolerance=0.1, widest=2.0) is None


def test_the_axis_of_the_ratio_bars_holds_all_up_to_four() -> None:
    """One wild ratio does not make the others invisible."""
    assert charts.widest([]) == 1.5
    assert charts.widest([1.0, 0.5]) == pytest.approx(2.1)
    assert charts.widest([1.2, 50.0, math.inf, 0.0]) == 4.0


def test_phases_follow_each_other() -> None:
    """A phase starts where the one before it ended; a rare one delays nothing."""
    chart = phases.waterfall([nouns.columns(nouns.run([0.1] * 20))], [], None)
    assert chart is not None
    bars = {phase.title: phase.bars[0] for phase in chart.phases}
    dns, wait, first, streaming = (
        bars[name] for name in ("name resolution", "server wait", "first delta", "streaming")
    )
    assert dns is not None and wait is not None and first is not None and streaming is not None  # noqa: PT018  (all are there)
    assert dns.faint
    assert dns.x == phases.BAR_LEFT
    assert wait.x == pytest.approx(phases.BAR_LEFT, abs=0.2)
    assert not wait.faint
    assert wait.x + wait.width == pytest.approx(first.x, abs=0.2)
    assert first.x + first.width == pytest.approx(streaming.x, abs=1.1)
    assert streaming.x + streaming.width == pytest.approx(phases.BAR_RIGHT, abs=0.2)


def test_a_phase_says_how_many_requests_had_it() -> None:
    """A reused connection has no handshake."""
    chart = phases.waterfall([nouns.columns(nouns.run([0.1] * 20))], [nouns.columns(nouns.run([0.2] * 20))], None)
    assert chart is not None
    told = {phase.title: (phase.now, phase.before, phase.had) for phase in chart.phases}
    assert told["TLS handshake"] == ("15.0 ms", "15.0 ms", "2 of 20")
    assert told["server wait"][2] == "20 of 20"


def test_there_are_no_phases_without_an_answer() -> None:
    """A failed request's phases are not comparable."""
    assert phases.waterfall([nouns.columns(nouns.run([None] * 3))], [], None) is None


def test_a_phase_without_stamps_is_absent() -> None:
    """What did not happen is not nothing."""
    reused = [
        dataclasses.replace(each, stamps=dataclasses.replace(each.stamps, connect_start=None))
        for each in nouns.samples([0.1] * 20)
    ]
    chart = phases.waterfall([nouns.columns(nouns.run(samples=tuple(reused)))], [], None)
    assert chart is not None
    assert (chart.phases[0].bars[0], chart.phases[0].now, chart.phases[0].had) == (None, "–", "–")
