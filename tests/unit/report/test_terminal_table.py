"""Which metrics and percentiles the table of the terminal shows."""

from dataclasses import replace

import pytest

import nouns
import sessions
from pytest_llm_latency.options import stated
from pytest_llm_latency.report import terminal


def shown(width: int = 120, **settings: object) -> list[str]:
    """Return the lines of the table of the full session, as a session with these settings shows it."""
    session, _ = sessions.full()
    asked = replace(session, settings={**session.settings, **stated(settings)})
    lines = [line.text for line in terminal.lines(asked, width=width, verbosity=0, artefacts=())]
    return lines[: lines.index("")]


def test_the_percentiles_that_are_asked_for_are_the_columns() -> None:
    """In their order; what too few requests say nothing of is told with the number that it takes."""
    head, *rest = shown(percentiles=("p50", "p90", "p99"))
    assert head.split()[:4] == ["p50", "p90", "p99", "baseline"]
    assert any("p99 needs 299" in line for line in rest)
    assert shown()[0].split()[:3] == ["p50", "p95", "baseline"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_column_that_is_asked_for_fits_or_goes(width: int) -> None:
    """The verdict stays."""
    lines = shown(width, percentiles=("p50", "p75", "p90", "p95", "p99"))
    assert max(map(len, lines)) <= width
    assert "verdict" in lines[0]


def test_a_metric_that_is_asked_for_has_a_line_without_a_verdict() -> None:
    """It was compared with nothing: a regression of its test is none of its own."""
    lines = shown(metrics=("icl", "ttft"))
    more = [line for line in lines if line.startswith("  icl")]
    assert more
    assert all(line.endswith("not compared") for line in more)
    others = [line for line in lines if line not in more and "too few requests" not in line]
    assert others == [line for line in shown() if "too few requests" not in line]


def test_a_metric_that_was_not_measured_has_no_line() -> None:
    """As the planned start of a closed load."""
    session = replace(nouns.session(nouns.result(of=nouns.run([0.2] * 5))), settings={"metrics": ["e2e_scheduled"]})
    text = "\n".join(line.text for line in terminal.lines(session, width=80, verbosity=0, artefacts=()))
    assert "e2e_scheduled" not in text
