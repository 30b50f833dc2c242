"""The charts of one metric: distributions, the shift function, the order of the requests, the heat map."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest

import nouns
from pytest_llm_latency.report.charts import distribution, heat, order, shift
from pytest_llm_latency.report.charts.drawing import BOTTOM, HEAT_HEIGHT, LEFT, POINTS, RIGHT, TOP, Chart
from pytest_llm_latency.report.charts.subject import Subject, subject
from pytest_llm_latency.report.details import CHARTS
from pytest_llm_latency.report.rows import rows


def of(run: Sequence[float | None], baseline: Sequence[float | None] = (), *, points: int = POINTS) -> Subject:
    """Return what is drawn of the times to first token of a run and its baseline."""
    measured, before = nouns.run(run), [nouns.run(baseline)] if baseline else []
    row = rows(nouns.result(of=measured, baseline=before))[0]
    return subject(row, nouns.evidence(measured, *before), tolerance=0.1, points=points)


def paths(chart: Chart | None, paint: str) -> list[str]:
    """Return what is drawn in a paint."""
    assert chart is not None
    return [each.path for each in chart.shapes if each.paint == paint]


def places(path: str) -> list[tuple[float, float]]:
    """Return the places that a line, a staircase or dots go through."""
    x = y = 0.0
    found = []
    for move, *numbers in re.findall(r"([MmlhvHV]?) ?(-?[\d.]+)(?:[ ]?(-?[\d.]+))?", re.sub(r"h0", "", path)):
        first, second = (float(each or 0) for each in numbers)
        x, y = {
            "M": (first, second), "h": (x + first, y), "v": (x, y + first), "V": (x, first), "H": (first, y),
        }.get(move, (x + first, y + second))  # fmt: skip
        found.append((round(x, 1), round(y, 1)))
    return found


def heights(path: str) -> list[float]:
    """Return the heights of a staircase or a line."""
    return [height for _, height in places(path)]


def test_failed_requests_keep_the_curve_below_the_top() -> None:
    """A tenth failed, so that the curve ends at nine tenths and the table says how far it reaches."""
    chart = distribution.chart(of([0.2, 0.25, 0.3] * 30 + [None] * 10, [0.2, 0.25] * 50))
    (run,), (baseline,) = paths(chart, "run"), paths(chart, "base")
    assert min(heights(run)) > min(heights(baseline)) >= TOP
    assert chart is not None
    assert chart.table.readings[-2].cells == ("∞", "250 ms")


def test_the_axis_of_the_shares_ends_where_the_requests_end_to_support_it() -> None:
    """60 requests support a p95 and no p99, whose cell says what it takes."""
    few = distribution.chart(of(nouns.lognormal(60, median=0.3)))
    many = distribution.chart(of(nouns.lognormal(400, median=0.3)))
    assert few is not None
    assert many is not None
    labels = [{each.text for each in chart.labels} for chart in (few, many)]
    assert "95 %" in labels[0]
    assert "99 %" not in labels[0]
    assert "99 %" in labels[1]
    assert few.table.readings[-1].cells == ("needs 299", "–")


def test_the_p95_of_both_sides_is_marked_where_there_is_one() -> None:
    """With a guide to its value on the axis."""
    assert len(paths(distribution.chart(of([0.2] * 60, [0.3] * 60)), "run-guide")) == 1
    assert paths(distribution.chart(of([0.2] * 20)), "run-guide") == []


@pytest.mark.parametrize("count", [1, 2, 5, 119, 121, 400, 401, 2001])
def test_no_line_has_more_points_than_the_page_can_carry(count: int) -> None:
    """However many requests there were."""
    values = nouns.lognormal(count, median=0.3)
    drawn_of = of(values, values)
    found = [drawn for chart in CHARTS if (drawn := chart(drawn_of)) is not None]
    assert "distribution" in {chart.name for chart in found}
    assert len({chart.name for chart in found} & {"order", "heat"}) == 1
    for chart in found:
        for shape in chart.shapes:
            assert "nan" not in shape.path
            if not shape.paint.startswith("heat"):
                assert 0 < len(places(shape.path)) <= POINTS


def test_lines_have_fewer_points_where_a_page_has_many_charts() -> None:
    """The page asks for it."""
    values = nouns.lognormal(300, median=0.3)
    (line,) = paths(distribution.chart(of(values, points=40)), "run")
    assert 30 < len(places(line)) <= 40
    assert len(places(paths(order.chart(of(values, points=40)), "dot")[0])) == 40


def test_a_chart_needs_a_request_that_was_answered() -> None:
    """There is nothing to draw of failures alone."""
    assert [chart(of([None, None])) for chart in CHARTS] == [None] * len(CHARTS)


def test_requests_are_drawn_in_their_order_with_failures_as_crosses() -> None:
    """From left to right, the slower the higher."""
    chart = order.chart(of([0.1, None, 0.4], [0.2] * 5))
    (dots,), (crosses,) = paths(chart, "dot"), paths(chart, "lost")
    (x_first, y_first), (x_last, y_last) = places(dots)
    assert x_first < x_last
    assert y_first > y_last
    assert crosses.count("M") == 1
    assert chart is not None
    assert [label.text for label in chart.labels if label.kind == "halo"] == ["baseline p50"]


def test_the_table_of_the_order_puts_neighbours_together() -> None:
    """Ten lines at most, with medians, slowest and failed."""
    chart = order.chart(of([0.1, 0.3, None, *[0.2] * 17]))
    assert chart is not None
    readings = chart.table.readings
    assert len(readings) == 10
    assert (readings[0].label, readings[0].cells) == ("1–2", ("200 ms", "300 ms", "0"))
    assert readings[1].cells == ("200 ms", "200 ms", "1")


def test_above_two_thousand_requests_a_heat_map_takes_the_place_of_marks() -> None:
    """Its cells stay inside of the plot, and the failed requests are above it."""
    values: list[float | None] = [*nouns.lognormal(2100, median=0.3)]
    values[7] = None
    assert order.chart(of(values)) is None
    assert heat.chart(of(values[:2000])) is None
    chart = heat.chart(of(values))
    assert chart is not None
    cells = [ends for each in chart.shapes if each.paint.startswith("heat") for ends in places(each.path)]
    assert all(LEFT <= x <= RIGHT and y - HEAT_HEIGHT / 2 >= TOP and y + HEAT_HEIGHT / 2 <= BOTTOM for x, y in cells)
    assert len(paths(chart, "lost")) == 1


def test_the_shift_function_draws_each_quantile_over_the_baseline() -> None:
    """All of a run that is twice as slow stands at +100 %, above the tolerance."""
    baseline = nouns.lognormal(100, median=0.2)
    chart = shift.chart(of([2 * each for each in baseline], baseline))
    assert chart is not None
    assert {each.cells[2] for each in chart.table.readings} == {"+100 %"}
    assert [each.label for each in chart.table.readings] == ["p5", "p25", "p50", "p75", "p90", "p95"]
    (line,) = paths(chart, "run")
    assert len(set(heights(line))) == 1
    assert len(paths(chart, "band")) == len(paths(chart, "tolerated")) == 1


def test_there_is_no_shift_without_a_baseline() -> None:
    """A ratio takes two."""
    assert shift.chart(of([0.2] * 60)) is None


def test_a_failed_request_is_in_no_place_of_the_order_and_counted() -> None:
    """NaN among the values, the worst in the series."""
    found = of([0.2, None, 0.2], [None, 0.1])
    assert np.isnan(found.values).tolist() == [False, True, False]
    assert math.inf in found.run
    assert found.lost == (1, 1)
