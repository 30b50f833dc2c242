"""The lines that every table of benchmarks shows."""

import nouns
from pytest_llm_latency.report.rows import by_severity, rows


def names(*found: object) -> list[tuple[object, str]]:
    """Return step and metric of rows."""
    return [(row.step, row.metric.id) for row in found]  # type: ignore[attr-defined]


def test_a_test_has_a_row_for_each_gated_metric_of_each_step() -> None:
    """Steps come in the order of their first appearance."""
    samples = nouns.samples([0.2] * 5, step="question") + nouns.samples([0.2] * 5, step="answer")
    result = nouns.result(of=nouns.run(samples=samples))
    assert names(*rows(result)) == [
        ("question", "ttft"),
        ("question", "e2e"),
        ("answer", "ttft"),
        ("answer", "e2e"),
    ]


def test_a_test_without_a_gate_shows_how_long_its_requests_took() -> None:
    """A test with limits alone has a row of its own, with the verdict of the test."""
    result = nouns.result("regressed", of=nouns.run([0.2] * 5, plan=nouns.plan(gate=())))
    (row,) = rows(result)
    assert (row.metric.id, row.status) == ("e2e", "regressed")


def test_a_test_of_which_nothing_was_measured_has_a_row() -> None:
    """An empty row is seen, a missing one is not."""
    (row,) = rows(nouns.result("invalid", of=nouns.run()))
    assert (row.now, row.p95, row.ratio) == (None, None, None)


def test_the_p95_is_the_one_that_was_judged() -> None:
    """Table and sentence must not tell two figures."""
    run = nouns.run([0.2] * 60)
    judged, measured = rows(nouns.result(of=run, baseline=[run], comparisons=(nouns.comparison("ttft"),)))
    assert (judged.p95, judged.p95_before) == (0.421, 0.412)
    assert (measured.p95, measured.p95_before) == (measured.now.p95, measured.before.p95)  # type: ignore[union-attr]


def test_what_fails_comes_first() -> None:
    """A test that fails by policy comes before one that does not."""
    results = [
        nouns.result("pass"),
        nouns.result("no_baseline", fails=True),
        nouns.result("regressed"),
        nouns.result("inconclusive"),
    ]
    assert [each.status for each in by_severity(results)] == ["regressed", "no_baseline", "inconclusive", "pass"]
