"""The JSON of github-action-benchmark and of Bencher."""

import json
import math

import materials
import nouns
from pytest_llm_latency.report.ci import trackers
from pytest_llm_latency.report.ci.figures import figures


def test_github_action_benchmark_reads_names_units_and_numbers() -> None:
    """Every name once, with a range where there is an interval; of throughput more is better, so it is not there."""
    made = materials.of(
        nouns.result(
            comparisons=(nouns.comparison("ttft", "regressed"), nouns.comparison("throughput", candidate=30.0))
        )
    )
    entries = json.loads(trackers.github_action_benchmark(made))
    named = {each["name"]: each for each in entries}
    assert len(named) == len(entries)
    assert not any("throughput" in name for name in named)
    p95 = named["tests/test_chat.py::test_summarise · ttft p95"]
    assert (p95["unit"], p95["value"], p95["range"]) == ("ms", 561, "499 … 630")
    assert {type(each["value"]) for each in entries} <= {int, float}


def test_bencher_reads_latencies_in_nanoseconds() -> None:
    """The bounds are around the value."""
    found = json.loads(trackers.bencher(materials.material()))
    p95 = found["tests/test_chat.py::test_summarise · ttft p95"]["latency"]
    assert p95 == {"value": 561_000_000, "lower_value": 498_520_000, "upper_value": 630_360_000}
    for each in found.values():
        low, high = each["latency"].get("lower_value", 0), each["latency"].get("upper_value", math.inf)
        assert low <= each["latency"]["value"] <= high


def test_the_value_lies_in_its_interval_though_the_ratio_is_estimated_otherwise() -> None:
    """The ratio comes from the whole upper half, the p95 from the requests."""
    compared = nouns.comparison("ttft", baseline=0.4, candidate=0.7, ratio=1.1, interval=(1.0, 1.2))
    (figure,) = [each for each in figures(nouns.session(nouns.result(comparisons=(compared,)))) if each.interval]
    assert figure.interval == (400.0, 700.0)


def test_figures_stand_in_the_same_order_whatever_the_order_of_the_tests() -> None:
    """Consumers compare files of two runs."""
    one, two = (nouns.result(of=nouns.run([0.2] * 60, test_id=name)) for name in ("b", "a"))
    assert figures(nouns.session(one, two)) == figures(nouns.session(two, one))
