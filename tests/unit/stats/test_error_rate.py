"""The gate of the error rate."""

import math

import pytest
from scipy.stats import binomtest, fisher_exact

from pytest_llm_latency.stats import GatePolicy, gate_error_rate
from pytest_llm_latency.stats.error_rate import Counts, exact, more_failures, upper_bound

POLICY = GatePolicy()
TABLES = [(0, 50, 3, 50), (2, 250, 5, 50), (10, 20, 1, 30), (0, 10, 0, 10), (7, 7, 3, 3), (0, 1, 1, 1)]


def counts(table: tuple[int, int, int, int]) -> Counts:
    """Name the numbers of a table."""
    return Counts(baseline_failed=table[0], baseline=table[1], candidate_failed=table[2], candidate=table[3])


@pytest.mark.parametrize("table", TABLES)
def test_the_test_is_the_exact_one_of_fisher(table: tuple[int, int, int, int]) -> None:
    """The oracle is scipy's own."""
    before_failed, before, failed, requests = table

    found = exact(counts(table))

    oracle = fisher_exact([[failed, requests - failed], [before_failed, before - before_failed]], "greater")
    assert found == pytest.approx(oracle.pvalue)


def test_the_mid_p_value_counts_the_observed_table_half() -> None:
    """One failure of one against none of one: one half, halved."""
    assert exact(counts((0, 1, 1, 1))) == pytest.approx(0.5)
    assert more_failures(counts((0, 1, 1, 1))) == pytest.approx(0.25)


@pytest.mark.parametrize(("failed", "requests"), [(0, 50), (3, 50), (50, 50), (1, 1)])
def test_the_upper_bound_is_exact(failed: int, requests: int) -> None:
    """The oracle is scipy's one-sided interval."""
    oracle = binomtest(failed, requests, alternative="less").proportion_ci(0.95)

    assert upper_bound(failed, requests, 0.95) == pytest.approx(oracle.high)


def test_many_more_errors_are_regressed() -> None:
    """Eight of fifty where none failed before."""
    verdict = gate_error_rate("key", [(0, 50)] * 5, (8, 50), POLICY)

    assert verdict.status == "regressed"
    assert verdict.ratio == math.inf
    assert verdict.interval is None
    assert "8 of 50 requests (16 %) in this run" in verdict.reasons[0]


def test_an_error_rate_as_before_passes() -> None:
    """Without failures and with some."""
    assert gate_error_rate("key", [(0, 30)], (0, 30), POLICY).status == "pass"
    verdict = gate_error_rate("key", [(5, 250)] * 4, (4, 200), POLICY)
    assert verdict.status == "pass"
    assert verdict.interval is not None
    assert verdict.interval[0] < 1 < verdict.interval[1]


def test_too_few_requests_are_inconclusive_with_the_number_needed() -> None:
    """Ten requests without a failure allow a rate of 26 %."""
    verdict = gate_error_rate("key", [(0, 50)], (0, 10), POLICY)

    assert verdict.status == "inconclusive"
    assert verdict.needed is not None
    assert gate_error_rate("key", [(0, 50)], (0, verdict.needed), POLICY).status == "pass"
    assert "26 %" in verdict.reasons[1].replace("25.9 %", "26 %")


def test_fewer_errors_are_improved() -> None:
    """A third failed before, none now."""
    assert gate_error_rate("key", [(30, 90)], (0, 90), POLICY).status == "improved"


def test_significance_without_size_is_no_regression() -> None:
    """Half a percent more of a hundred thousand is certain, and below the tolerance."""
    verdict = gate_error_rate("key", [(10_000, 100_000)], (10_500, 100_000), POLICY)

    assert verdict.p_value is not None
    assert verdict.p_value < 0.05
    assert verdict.status == "pass"


def test_the_false_alarms_of_a_session_are_shared() -> None:
    """A p value of one in a hundred is no surprise among forty tests."""
    counted = [(0, 250)], (2, 25)

    assert gate_error_rate("key", *counted, POLICY).status == "regressed"
    assert gate_error_rate("key", *counted, GatePolicy(family=40)).status != "regressed"


def test_without_requests_there_is_no_verdict() -> None:
    """Neither then nor now."""
    assert gate_error_rate("key", [], (0, 10), POLICY).status == "no_baseline"
    assert gate_error_rate("key", [(0, 0)], (0, 10), POLICY).status == "no_baseline"
    assert gate_error_rate("key", [(0, 10)], (0, 0), POLICY).status == "inconclusive"
