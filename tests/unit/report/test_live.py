"""The line about the benchmark that is being measured."""

import dataclasses

import pytest

from pytest_llm_latency.report.live import Snapshot, line, p95

FULL = Snapshot(
    test_id="tests/test_chat.py::test_summarise",
    done=120,
    planned=400,
    elapsed_s=6.0,
    errors=1,
    p95_s=0.0431,
    cost_usd=0.0021,
    cost_known=True,
    workers=4,
)


def test_the_line_says_how_far_a_benchmark_is() -> None:
    """With everything that is known of it."""
    assert line(FULL, 120) == (
        "tests/test_chat.py::test_summarise  120/400  20/s  e2e p95 43.1 ms  1 error  $0.0021  14.0 s left  4 workers"
    )


def test_what_is_not_known_is_not_said() -> None:
    """At the beginning, and of one process."""
    begun = dataclasses.replace(FULL, done=0, elapsed_s=0.0, errors=0, p95_s=None, cost_usd=None, workers=1)
    assert line(begun, 80) == "tests/test_chat.py::test_summarise  0/400  0 errors"
    assert "left" not in line(dataclasses.replace(FULL, done=400), 120)
    assert line(dataclasses.replace(begun, planned=0), 80) == "tests/test_chat.py::test_summarise  preparing"


def test_an_estimated_cost_is_called_one() -> None:
    """Answers are decoded when the run is over."""
    assert "  about $0.0021  " in line(dataclasses.replace(FULL, cost_known=False), 130)


@pytest.mark.parametrize("width", [20, 60, 90])
def test_the_line_fits_its_width(width: int) -> None:
    """The name of the test gives way first."""
    found = line(FULL, width)
    assert len(found) <= width
    assert width < 90 or found.endswith("4 workers")


def test_the_quantile_is_one_of_the_values() -> None:
    """Of nothing there is none."""
    assert p95([]) is None
    assert p95([3.0]) == 3.0
    assert p95([float(value) for value in range(100)]) == 95.0
