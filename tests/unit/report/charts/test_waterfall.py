"""The phases of a request."""

import dataclasses
import re

import pytest

import nouns
from pytest_llm_latency.model import Run
from pytest_llm_latency.report.charts import waterfall
from pytest_llm_latency.report.charts.drawing import Chart


def drawn(run: Run, *baseline: Run) -> Chart:
    """Return the chart of a run that has one."""
    chart = waterfall.chart(nouns.evidence(run, *baseline), None)
    assert chart is not None
    return chart


def bars(chart: Chart, paint: str) -> list[tuple[float, float]]:
    """Return where each bar in a paint starts, and how wide it is."""
    found = [re.findall(r"M([\d.]+) \d+h([\d.]+)", each.path) for each in chart.shapes if each.paint == paint]
    return [(float(x), float(width)) for each in found for x, width in each]


def test_phases_follow_each_other() -> None:
    """A phase starts where the one before it ended; a rare one delays nothing."""
    chart = drawn(nouns.run([0.1] * 20))
    (dns, *_), (_, wait, first, streaming) = bars(chart, "run-rare"), bars(chart, "run-bar")
    assert dns[0] == waterfall.BAR_LEFT
    assert wait[0] == pytest.approx(waterfall.BAR_LEFT, abs=0.2)
    assert sum(wait) == pytest.approx(first[0], abs=0.2)
    assert sum(first) == pytest.approx(streaming[0], abs=1.1)
    assert sum(streaming) == pytest.approx(waterfall.BAR_RIGHT, abs=0.2)


def test_a_phase_says_how_many_requests_had_it() -> None:
    """A reused connection has no handshake."""
    chart = drawn(nouns.run([0.1] * 20), nouns.run([0.2] * 20))
    told = {each.label: each.cells for each in chart.table.readings}
    assert told["TLS handshake"] == ("15.0 ms", "15.0 ms", "2 of 20")
    assert told["server wait"][2] == "20 of 20"


def test_there_are_no_phases_without_an_answer() -> None:
    """A failed request's phases are not comparable."""
    assert waterfall.chart(nouns.evidence(nouns.run([None] * 3), nouns.run([0.1])), None) is None


def test_a_phase_without_stamps_is_absent() -> None:
    """What did not happen is not nothing."""
    reused = [
        dataclasses.replace(each, stamps=dataclasses.replace(each.stamps, connect_start=None))
        for each in nouns.samples([0.1] * 20)
    ]
    chart = drawn(nouns.run(samples=tuple(reused)))
    assert chart.table.readings[0].cells == ("–", "–", "–")
    assert "name resolution" in {label.text for label in chart.labels}
