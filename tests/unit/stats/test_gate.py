"""The gate: verdicts that are right, honest and the same each time."""

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nouns
from pytest_llm_latency.errors import StatisticsError
from pytest_llm_latency.model import Verdict
from pytest_llm_latency.stats import GatePolicy, Series, gate, pool_noise
from pytest_llm_latency.stats.adjustment import adjusted
from pytest_llm_latency.stats.error_rate import Counts, more_failures
from pytest_llm_latency.stats.quantiles import Floats, empirical

POLICY = GatePolicy()


def latencies(seed: int, count: int = 100, median: float = 0.4, deviation: float = 0.25) -> Floats:
    """Return log-normal latencies in seconds."""
    values: Floats = median * np.exp(deviation * np.random.default_rng(seed).standard_normal(count))
    return values


def judge(baseline: Sequence[Any], candidate: Any, policy: GatePolicy = POLICY, **changes: Any) -> Verdict:
    """Judge one series."""
    return gate([Series(key="test|ttft", baseline=baseline, candidate=candidate, **changes)], policy)[0]


BASELINE = [latencies(seed) for seed in range(5)]


def test_looking_at_failures_and_at_successes_is_paid_for() -> None:
    """Of two p values the smaller counts twice, where the quantile falls on failed requests."""
    random = np.random.default_rng(1)
    before, now = (np.exp(0.3 * random.standard_normal(100)) for _ in range(2))
    now[:7] = math.inf
    (verdict,) = gate([Series(key="k", baseline=[before], candidate=now)], GatePolicy())
    counts = Counts(baseline_failed=0, baseline=100, candidate_failed=7, candidate=100)
    assert verdict.raw_p_value == pytest.approx(2 * more_failures(counts))


def test_a_deterministic_service_that_slows_down_is_regressed() -> None:
    """No variance at all, thirty requests and one baseline run."""
    verdict = judge([np.full(30, 0.4)], np.full(30, 0.6))

    assert verdict.status == "regressed"
    assert verdict.ratio == pytest.approx(1.5)
    assert verdict.p_value is not None
    assert verdict.p_value < 0.001


def test_an_identical_rerun_passes() -> None:
    """No variance, no change; and variance, no change."""
    assert judge([np.full(30, 0.4)], np.full(30, 0.4)).status == "pass"
    assert judge([latencies(1)], latencies(1)).status == "pass"


def test_everything_slower_is_regressed_with_size_and_interval() -> None:
    """A third slower, at a hundred requests."""
    verdict = judge(BASELINE, 1.35 * latencies(9))

    assert verdict.status == "regressed"
    assert verdict.interval is not None
    assert verdict.interval[0] < 1.35 < verdict.interval[1]
    assert verdict.baseline_runs == 5


def test_a_slower_tail_alone_is_regressed() -> None:
    """The slowest tenth takes twice as long; the median stands."""
    run = latencies(9, 200)
    slow = np.where(run >= np.quantile(run, 0.9), 2 * run, run)

    verdict = judge([latencies(seed, 200) for seed in range(5)], slow)

    assert verdict.status == "regressed"
    assert verdict.ratio is not None
    assert verdict.ratio > 1.5


def test_a_faster_run_is_improved() -> None:
    """The mirror of a regression."""
    verdict = judge(BASELINE, latencies(9) / 1.5)

    assert verdict.status == "improved"
    assert verdict.ratio == pytest.approx(1 / 1.5, rel=0.15)


def test_a_lower_throughput_is_regressed_and_a_higher_one_improved() -> None:
    """Where higher is better, the ratio of a regression is below 1."""
    rates = [1 / run for run in BASELINE]

    slower = judge(rates, rates[0] / 1.5, direction="higher", unit="tokens/s")
    faster = judge(rates, rates[0] * 1.5, direction="higher", unit="tokens/s")

    assert (slower.status, faster.status) == ("regressed", "improved")
    assert slower.ratio is not None
    assert slower.ratio < 0.8
    assert slower.detectable is not None
    assert slower.detectable < 1
    assert slower.baseline is not None
    assert slower.candidate is not None
    assert 1 < slower.candidate < slower.baseline < 2.5
    assert slower.interval is not None
    assert slower.interval[0] < slower.ratio < slower.interval[1]


def test_a_significant_change_below_the_tolerance_is_no_regression() -> None:
    """Five percent more of a service without noise is seen, and is not enough."""
    policy = GatePolicy(assumed_noise=0.01)

    verdict = judge([np.full(200, 0.4)] * 5, np.full(200, 0.42), policy)

    assert verdict.status == "pass"
    assert verdict.p_value is not None
    assert verdict.p_value < 0.05


def test_the_tolerance_of_a_series_stands_before_that_of_the_policy() -> None:
    """What counts as large is the test's to say."""
    assert judge(BASELINE, 1.35 * latencies(9), tolerance=0.5).status != "regressed"


def test_a_change_below_the_floor_is_no_regression() -> None:
    """Half as much again of a millisecond is half a millisecond."""
    baseline, candidate = [np.full(30, 0.001)], np.full(30, 0.0015)

    assert judge(baseline, candidate).status == "regressed"
    assert judge(baseline, candidate, GatePolicy(floor_s=0.005)).status == "pass"


def test_what_a_run_cannot_tell_is_inconclusive_with_what_would() -> None:
    """Twenty wide requests exclude nothing; the reason has the numbers."""
    verdict = judge([latencies(seed, 20, deviation=0.6) for seed in range(5)], latencies(9, 20, deviation=0.6))

    assert verdict.status == "inconclusive"
    assert verdict.detectable is not None
    assert verdict.detectable > 1.3
    assert verdict.needed is not None
    assert verdict.needed > 20
    assert any("could have seen" in reason and str(verdict.needed) in reason for reason in verdict.reasons)


def test_a_tail_that_may_have_got_slower_is_no_pass() -> None:
    """One request in twenty takes three times as long: fifty cannot tell whether those got slower still."""

    def heavy(seed: int, count: int) -> Floats:
        run = latencies(seed, count, deviation=0.15)
        run[::20] *= 3
        return run

    few, many = (judge([heavy(seed, count) for seed in range(5)], heavy(9, count)) for count in (50, 400))

    assert (few.status, many.status) == ("inconclusive", "pass")
    assert few.interval is not None
    assert few.interval[1] < 1.3
    assert few.needed is not None
    assert any("the slowest 10 % may have got slower by up to" in reason for reason in few.reasons)
    assert any(f"about {few.needed} requests would tell" in reason for reason in few.reasons)


def test_noise_between_runs_makes_a_single_difference_inconclusive() -> None:
    """Runs that differ by a third say that a third is nothing."""
    factors = [0.7, 1.0, 1.35, 0.8, 1.25]
    noisy = [factor * latencies(seed, 300) for seed, factor in enumerate(factors)]

    assert judge(noisy, 1.35 * latencies(9, 300)).status == "inconclusive"
    assert judge([latencies(seed, 300) for seed in range(5)], 1.35 * latencies(9, 300)).status == "regressed"


def test_a_series_that_is_noisier_than_the_suite_is_judged_by_its_own_runs() -> None:
    """Noise that is pooled over quiet series does not make a restless one red."""
    quiet = pool_noise([[latencies(10 * series + run) for run in range(5)] for series in range(20)], POLICY)
    restless = [factor * latencies(seed, 300) for seed, factor in enumerate([0.7, 1.0, 1.35, 0.8, 1.25])]
    calm = [latencies(seed, 300) for seed in range(5)]

    found = [
        gate([Series(key="key", baseline=runs, candidate=1.25 * latencies(9, 300))], POLICY, noise=quiet)[0]
        for runs in (restless, calm)
    ]

    assert [each.status for each in found] == ["inconclusive", "regressed"]


def test_one_baseline_run_says_that_noise_is_assumed() -> None:
    """The reader learns what the verdict rests on."""
    assert any("is assumed" in reason for reason in judge([latencies(1)], latencies(2)).reasons)


def test_one_baseline_run_among_many_says_whose_noise_it_borrows() -> None:
    """The other series have shown how runs differ."""
    quiet = pool_noise([[latencies(10 * series + run) for run in range(5)] for series in range(4)], POLICY)

    [verdict] = gate([Series(key="key", baseline=[latencies(1)], candidate=latencies(2))], POLICY, noise=quiet)

    assert any("is that of the other series" in reason for reason in verdict.reasons)


def test_the_reason_of_a_regression_has_then_now_change_interval_and_certainty() -> None:
    """One complete sentence."""
    reason = judge([np.full(30, 0.4)] * 2, np.full(30, 0.6)).reasons[0]

    assert reason.startswith("p95 400 ms → 600 ms (+50 %, 95 % interval +")
    assert reason.endswith("over 2 baseline runs")


def test_a_few_failures_rank_as_slow_and_are_named() -> None:
    """Three of a hundred do not move p95 onto a failure."""
    verdict = judge(BASELINE, np.r_[latencies(9)[:97], [math.inf] * 3])

    assert verdict.ratio is not None
    assert math.isfinite(verdict.ratio)
    assert any("3 of 100 requests failed" in reason for reason in verdict.reasons)


def test_a_quantile_on_failed_requests_is_regressed_with_an_endless_ratio() -> None:
    """One of ten failed, none before."""
    verdict = judge(BASELINE, np.r_[latencies(9)[:90], [math.inf] * 10])

    assert verdict.status == "regressed"
    assert verdict.ratio == math.inf
    assert verdict.candidate is None
    assert "falls on failed requests" in verdict.reasons[0]


def test_a_few_failures_that_chance_explains_are_inconclusive() -> None:
    """The p95 of ten requests falls on a single failure, as it does in every tenth run of a one percent error rate."""
    verdict = judge([latencies(1, 10)], [*latencies(2, 9), math.inf])

    assert (verdict.status, verdict.ratio) == ("inconclusive", math.inf)


def failing(run: Floats, share: float) -> Floats:
    """Return the run with a share of its requests failed, evenly spread."""
    return np.where(np.arange(run.size) % round(1 / share) == 0, math.inf, run)


def test_a_baseline_of_failures_alone_leaves_nothing_to_compare() -> None:
    """A run is not faster because its baseline failed."""
    verdict = judge([[math.inf] * 50], latencies(9))

    assert (verdict.status, verdict.ratio) == ("inconclusive", None)
    assert verdict.reasons[0].endswith("accept a run without failures")
    assert "50 of 50 requests (100 %) failed" in verdict.reasons[0]


@pytest.mark.parametrize(("slower", "status"), [(3.0, "regressed"), (1.0, "pass"), (0.5, "improved")])
@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_beside_a_failing_baseline_the_successes_are_compared(slower: float, status: str, direction: Any) -> None:
    """Ten percent of the baseline's requests failed: its p95 is no figure to be faster than."""

    def rates(run: Floats) -> Floats:
        return 1 / run if direction == "higher" else run

    baseline = [rates(failing(run, 0.1)) for run in BASELINE]

    verdict = judge(baseline, rates(slower * BASELINE[2]), direction=direction)

    assert verdict.status == status
    assert verdict.ratio == pytest.approx(1 / slower if direction == "higher" else slower, rel=0.15)
    assert any(
        "50 of 500 requests (10 %) failed" in reason and "left out" in reason and "accept a run without" in reason
        for reason in verdict.reasons
    )


def test_slower_successes_are_found_among_failures_then_and_now() -> None:
    """Five times slower, with as many errors as before; unchanged, there is no pass either."""
    baseline = [failing(run, 0.1) for run in BASELINE]

    slower = judge(baseline, failing(5 * BASELINE[2], 0.1))
    same = judge(baseline, failing(BASELINE[2], 0.1))

    assert slower.status == "regressed"
    assert slower.ratio == pytest.approx(5, rel=0.15)
    assert any(reason.startswith("the successes alone got slower: p95 ") for reason in slower.reasons)
    assert (same.status, same.ratio) == ("inconclusive", None)


def test_slower_successes_are_found_where_chance_explains_the_failures() -> None:
    """One of ten failed, which alone would say nothing."""
    verdict = judge([latencies(seed, 10) for seed in range(5)], [*(5 * latencies(2, 9)), math.inf])

    assert (verdict.status, verdict.ratio) == ("regressed", math.inf)


def test_failures_then_and_now_leave_nothing_to_compare() -> None:
    """No ratio is made up."""
    verdict = judge([[math.inf] * 50], [math.inf] * 50)

    assert (verdict.status, verdict.ratio) == ("inconclusive", None)


@pytest.mark.parametrize("values", [[math.inf], [math.inf] * 30])
def test_a_dead_endpoint_is_regressed_however_few_its_requests(values: list[float]) -> None:
    """Every request failed."""
    assert judge([[0.4] * len(values)], values).status == "regressed"


def test_without_a_baseline_there_is_no_verdict() -> None:
    """Empty runs are no baseline."""
    assert judge([], [0.4]).status == "no_baseline"
    assert judge([[], []], [0.4]).status == "no_baseline"


def test_a_run_without_the_figure_is_inconclusive() -> None:
    """Nothing was measured of it."""
    assert judge([[0.4] * 30], []).status == "inconclusive"


@pytest.mark.parametrize(
    ("baseline", "candidate", "named"),
    [
        ([[0.4] * 9, [0.4, 0.4, math.nan, 0.4]], [0.4], "baseline[1][2] is not a number"),
        ([[0.4] * 9], [0.4, math.nan, math.nan], "candidate[1] is not a number, as are 1 others of 3"),
        ([0.4] * 9, [0.4] * 9, "baseline[0] is a single number"),
        ([[0.4] * 9], np.full((3, 3), 0.4), "candidate is a table of 3 × 3"),
        ([["fast"]], [0.4], "baseline[0] has something else than numbers"),
    ],
    ids=["in the baseline", "in the candidate", "a run for a baseline", "a table", "words"],
)
def test_what_is_no_row_of_numbers_is_refused_by_name(baseline: Any, candidate: Any, named: str) -> None:
    """Series, run and position: not-a-number would rank as a failed request, and a table as one long run."""
    with pytest.raises(StatisticsError, match=re.escape(f"series 'test|ttft': {named}")) as raised:
        judge(baseline, candidate)
    assert ": give " in str(raised.value) or ": leave out " in str(raised.value)


def test_noise_is_not_pooled_over_what_is_not_a_number() -> None:
    """It names the place."""
    with pytest.raises(StatisticsError, match=r"series_baselines\[1\]\[0\]\[1\] is not a number"):
        pool_noise([[[0.4]], [[0.4, math.nan]]], POLICY)


@pytest.mark.parametrize("direction", ["lower", "higher"])
@pytest.mark.parametrize("impossible", [-0.1, -math.inf])
def test_values_below_zero_are_compared_with_nothing(impossible: float, direction: Any) -> None:
    """Neither as the fastest requests nor as failed ones of a baseline that anything beats."""
    spoilt = np.where(np.arange(100) < 20, impossible, BASELINE[0])

    for baseline, candidate in ((BASELINE, spoilt), ([spoilt, *BASELINE], BASELINE[1])):
        verdict = judge(baseline, candidate, direction=direction)
        assert (verdict.status, verdict.ratio, verdict.p_value) == ("inconclusive", None, None)
        assert "20 values are below zero" in verdict.reasons[0]


def test_integers_are_numbers() -> None:
    """Milliseconds of a coarse log are ratios as good as seconds."""
    whole = [(1000 * run).astype(int) for run in BASELINE]

    assert judge(whole, (1350 * latencies(9)).astype(int)).status == "regressed"
    assert judge(whole, whole[2]).status == "pass"


@pytest.mark.parametrize("tick", [0.015, 0.1])
def test_a_coarse_clock_makes_ties_and_no_alarm(tick: float) -> None:
    """As Windows ticked, and a log that rounds to a tenth of a second."""

    def ticked(run: Floats) -> Floats:
        return np.round(run / tick) * tick

    assert judge([ticked(run) for run in BASELINE], ticked(latencies(9))).status in {"pass", "inconclusive"}
    assert judge([ticked(run) for run in BASELINE], ticked(1.5 * latencies(9))).status == "regressed"


def test_a_baseline_with_requests_of_no_time_says_so() -> None:
    """A provider that reported no time to first token for a tenth of them; what is slower is still found."""
    baseline = [np.where(np.arange(100) % 10 == 0, 0.0, run) for run in BASELINE]

    verdicts = judge(baseline, BASELINE[2]), judge(baseline, 1.5 * BASELINE[2])

    assert [each.status for each in verdicts] == ["pass", "regressed"]
    assert all("0 of this run, 50 of its baseline" in each.reasons[-1] for each in verdicts)


def test_where_most_requests_took_no_time_nothing_passes() -> None:
    """Nothing can be made of ratios to what was not measured; a run of nothing else is not called faster by less."""
    baseline = [np.where(np.arange(100) < 60, 0.0, run) for run in BASELINE]

    assert judge(baseline, 1.5 * BASELINE[2]).status == "inconclusive"


def test_runs_of_very_different_sizes_are_compared() -> None:
    """Twenty requests beside five runs of five hundred, and the other way round: what is twice as slow is found."""
    many, few = [latencies(seed, 500) for seed in range(5)], latencies(9, 20)

    assert [judge(many, factor * few).status for factor in (1.0, 2.0)] == ["pass", "regressed"]
    assert judge([few], 2.0 * latencies(8, 500)).status == "regressed"
    assert judge([few], latencies(8, 500)).status in {"pass", "inconclusive"}


def test_one_broken_series_leaves_the_others_their_noise() -> None:
    """A run of zeros in one baseline would have hidden every change of the suite."""
    sound = [[latencies(10 * series + run) for run in range(5)] for series in range(10)]
    broken = [np.zeros(100), *BASELINE[1:]]

    alone, beside = (pool_noise(each, POLICY).run_variance for each in (sound, [*sound, broken]))

    assert alone <= beside < 2 * alone


def test_a_slower_tail_is_called_one() -> None:
    """A person looks elsewhere for it than for a slow-down of everything."""
    run = latencies(9, 200)
    baseline = [latencies(seed, 200) for seed in range(5)]

    slow = judge(baseline, np.where(run >= np.quantile(run, 0.9), 2 * run, run))

    assert slow.reasons[1].startswith("it is the tail: the slowest 10 % moved by +")
    assert not any("the tail" in reason for reason in judge(baseline, 1.5 * run).reasons)


EXTREMES = {
    "one": [0.4],
    "two": [0.4, 0.5],
    "seven": [0.4] * 7,
    "zeros": [0.0] * 20,
    "huge": [1e300] * 20,
    "tiny": [1e-300] * 20,
    "failed": [math.inf] * 20,
    "below zero": [-0.1] * 20,
    "endlessly below zero": [-math.inf, 0.4] * 10,
    "one failed": [math.inf],
    "half zeros": [0.0, 1.0] * 10,
    "ties": [0.1] * 19 + [9.0],
    "nothing": [],
}


@pytest.mark.parametrize("direction", ["lower", "higher"])
@pytest.mark.parametrize(("before", "now"), list(itertools.product(EXTREMES, EXTREMES)))
def test_extreme_values_get_a_verdict_without_warnings(before: str, now: str, direction: Any) -> None:
    """And no figure of it is not-a-number."""
    for runs in (1, 3):
        verdict = judge([EXTREMES[before]] * runs, EXTREMES[now], direction=direction)

        figures = (verdict.baseline, verdict.candidate, verdict.ratio, verdict.p_value, verdict.detectable)
        assert not any(each is not None and math.isnan(each) for each in figures)
        assert verdict.reasons


def test_the_order_of_the_series_changes_nothing() -> None:
    """Bit for bit."""
    series = [
        Series(
            key=str(seed), baseline=[latencies(10 * seed + run) for run in range(3)], candidate=latencies(seed + 500)
        )
        for seed in range(6)
    ]

    assert gate(series[::-1], POLICY) == gate(series, POLICY)[::-1]


def test_p_values_are_adjusted_by_benjamini_and_hochberg() -> None:
    """Series without a test have none."""
    found = adjusted([0.01, None, 0.04, 0.03, 0.5], POLICY)

    assert found == pytest.approx([0.04, None, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])


def test_series_that_are_not_given_yet_count_as_tested() -> None:
    """The family is the session's."""
    assert adjusted([0.01], GatePolicy(family=20)) == pytest.approx([0.2])


def test_an_early_regression_stands_when_the_other_series_arrive() -> None:
    """Given the same noise, what comes later only ever lowers the adjusted p value."""
    series = [
        Series(
            key=str(seed),
            baseline=[latencies(10 * seed + run) for run in range(3)],
            candidate=(1.0 + 0.08 * seed) * latencies(seed + 500),
        )
        for seed in range(8)
    ]
    policy = GatePolicy(family=8)
    noise = pool_noise([each.baseline for each in series], policy)

    early = [gate([each], policy, noise=noise)[0] for each in series]
    late = gate(series, policy, noise=noise)

    assert [each.status for each in early].count("regressed") > 2
    assert all(now.status == "regressed" for then, now in zip(early, late, strict=True) if then.status == "regressed")
    assert all((then.p_value or 0) >= (now.p_value or 0) for then, now in zip(early, late, strict=True))


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_another_quantile_can_be_judged(quantile: float) -> None:
    """The reason names it."""
    verdict = judge(BASELINE, 1.5 * latencies(9), GatePolicy(quantile=quantile))

    assert verdict.status == "regressed"
    assert verdict.reasons[0].startswith(f"p{quantile * 100:g} ")


def suites(number: int, change: float, seed: int) -> list[list[Verdict]]:
    """Judge suites of ten series with run-to-run noise of 5 %, the first of which has changed."""
    random = np.random.default_rng(seed)

    def run() -> Floats:
        values: Floats = np.exp(0.4 * random.standard_normal(100) + 0.05 * random.standard_normal())
        return values

    return [
        gate(
            [
                Series(
                    key=str(each), baseline=[run() for _ in range(5)], candidate=(change if each == 0 else 1.0) * run()
                )
                for each in range(10)
            ],
            POLICY,
        )
        for _ in range(number)
    ]


def test_unchanged_suites_are_rarely_red() -> None:
    """At a level of 5 %, three red ones of twenty are already improbable (0.08)."""
    red = sum(any(each.status == "regressed" for each in suite) for suite in suites(20, 1.0, seed=11))

    assert red <= 2


def test_a_series_half_as_slow_again_is_found() -> None:
    """At a hundred requests, in nearly every suite; the others stand."""
    found = suites(8, 1.5, seed=12)

    assert sum(suite[0].status == "regressed" for suite in found) >= 7
    assert np.mean([each.status == "pass" for suite in found for each in suite[1:]]) > 0.7


def test_a_verdict_names_the_p95_that_summaries_and_locks_show() -> None:
    """Two figures for one thing make a reader doubt both."""
    runs = [nouns.lognormal(100, median=0.3, seed=seed) for seed in (1, 2)]
    now = nouns.lognormal(100, median=0.4, seed=3)
    (verdict,) = gate([Series(key="t|ttft", baseline=runs, candidate=now)], GatePolicy())
    assert verdict.candidate == pytest.approx(empirical(now, 0.95))
    assert verdict.baseline == pytest.approx(empirical([*runs[0], *runs[1]], 0.95))
