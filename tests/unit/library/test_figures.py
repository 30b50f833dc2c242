"""Figures as attributes: the rows of the tables, each under its id."""

import nouns
from pytest_llm_latency.library.attributes import OfRequests, OfStep
from pytest_llm_latency.library.figures import Figures
from pytest_llm_latency.library.named import Named
from pytest_llm_latency.metrics import METRICS
from pytest_llm_latency.run_figures import RUN_FIGURES
from pytest_llm_latency.stats.summary import summarise


def attributes(kind: type) -> set[str]:
    """Return the names of the attributes of this kind."""
    return {name for name, value in vars(Named).items() if isinstance(value, kind)}


def test_every_row_of_the_tables_is_an_attribute_and_no_other_is() -> None:
    """So a type checker knows each metric, and a new row cannot be forgotten."""
    assert attributes(OfRequests) == set(METRICS)
    assert attributes(OfStep) == set(RUN_FIGURES)


def test_an_attribute_is_the_figure_of_its_row() -> None:
    """Over the requests, or of the whole step."""
    [summary] = summarise(nouns.run(nouns.lognormal(80, median=0.3)))
    found = Figures(summary)
    assert (found.ttft, found.e2e) == (summary.distribution("ttft"), summary.distribution("e2e"))
    assert (found.error_rate, found.requests_per_s) == (summary.error_rate, summary.requests_per_s)
    assert (found.step, found.requests, found.successes, found.errors) == (None, 80, 80, {})


def test_a_metric_that_nothing_was_measured_of_has_no_figures() -> None:
    """None of them is a number, and each says how many requests it takes."""
    [summary] = summarise(nouns.run(nouns.lognormal(80, median=0.3)))
    found = Figures(summary).server_processing
    assert (found.count, found.mean, found.p50, found.p95, found.p99) == (0, None, None, None, None)
    assert found.needed["p95"] == 59


def test_an_attribute_is_described_by_its_row() -> None:
    """With the unit."""
    assert Figures.ttft.__doc__ == "Time to first token (s): first generated delta of any channel − started."
    assert "(share)" in str(Figures.error_rate.__doc__)
