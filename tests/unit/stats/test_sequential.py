"""Looking several times costs no more errors than looking once, and saves requests."""

import dataclasses
import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nouns
from pytest_llm_latency.looks import halves
from pytest_llm_latency.model import Run, Verdict
from pytest_llm_latency.stats import GatePolicy, Series, gate, gate_error_rate, pool_noise
from pytest_llm_latency.stats.comparison import compare, digest
from pytest_llm_latency.stats.joint import Change
from pytest_llm_latency.stats.policy import Looks
from pytest_llm_latency.stats.quantiles import Floats
from pytest_llm_latency.stats.sequential import SATURATED, SINGLE, confidence, fractions, nominal, repeated

MOST = 240
SERIES, CHANGED, SUITES = 10, 2, 25
CHANGE = Change(
    baseline=0.0,
    candidate=0.1,
    size=0.1,
    error=0.1,
    slower=0.1,
    faster=0.9,
    between=0.003,
    within=0.003,
    degrees=20.0,
    tail=None,
)


@pytest.mark.parametrize(
    "looked_at", [(0.3, 0.6, 1.0), (0.66, 0.85, 1.0), (0.95, 0.98, 1.0), (0.2, 0.4, 0.6, 0.8, 1.0)]
)
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_all_looks_together_keep_the_level(looked_at: tuple[float, ...], level: float) -> None:
    """And use it: of a hundred thousand samples without a change, as many reject at any look as may."""
    random = np.random.default_rng(1)
    score, rejected, before = np.zeros(100_000), np.zeros(100_000, dtype=bool), 0.0
    for place, fraction in enumerate(looked_at):
        score += math.sqrt(fraction - before) * random.standard_normal(score.size)
        before = fraction
        p_values = _upper_tail(score / math.sqrt(fraction))
        rejected |= p_values <= nominal(level, looked_at[: place + 1])
    assert 0.93 * level < rejected.mean() < 1.04 * level


def _upper_tail(scores: Floats) -> Floats:
    from scipy.special import ndtr  # noqa: PLC0415  (slow to import)

    return np.asarray(ndtr(-scores), dtype=np.float64)


@pytest.mark.parametrize("looked_at", [(0.4,), (0.66, 1.0), (0.66, 0.85, 1.0)])
@pytest.mark.parametrize("p_value", [1e-12, 0.0003, 0.02, 0.2])
def test_a_repeated_p_value_is_the_level_that_would_just_have_rejected(
    looked_at: tuple[float, ...], p_value: float
) -> None:
    """Never below what a single look gives."""
    found = repeated(p_value, looked_at)
    assert found >= p_value
    if found < 1:
        assert nominal(found, looked_at) == pytest.approx(p_value, rel=1e-6)


def test_a_single_look_at_the_end_changes_nothing() -> None:
    """Bit for bit, so that fixed runs are judged as ever."""
    assert repeated(0.0123, SINGLE) == 0.0123
    assert nominal(0.05, SINGLE) == 0.05
    assert confidence(0.05, SINGLE) == 1 - 0.05
    assert fractions(None, 60, [60], CHANGE) == SINGLE


def test_what_cannot_be_clearer_has_no_repeated_p_value_but_one() -> None:
    """Neither has a p value of 0 any but 0."""
    assert repeated(0.9999, (0.5, 1.0)) == 1.0
    assert repeated(0.9, (0.2,)) == 1.0
    assert repeated(0.0, (0.5, 1.0)) == 0.0


def test_the_noise_between_runs_does_not_shrink_with_requests() -> None:
    """Half of the requests have more than half of the information, the more so the more the runs differ."""
    looks = Looks(before=(60, 120), planned=240)
    alone, *_ = fractions(looks, 240, [10**9], dataclasses.replace(CHANGE, between=0.0))
    found = fractions(looks, 240, [240] * 5, CHANGE)
    noisy = fractions(looks, 240, [240] * 5, dataclasses.replace(CHANGE, between=0.03))
    assert alone == pytest.approx(0.25)
    assert found == tuple(sorted(found))
    assert 0.25 < found[0] < noisy[0] < 1
    assert found[-1] == noisy[-1] == 1


def test_a_run_that_stopped_early_has_part_of_the_information() -> None:
    """Of what its planned requests would have brought."""
    *_, stopped = fractions(Looks(before=(60,), planned=240), 120, [240] * 5, CHANGE)
    assert 0.5 < stopped < 1


@pytest.mark.parametrize("runs", [1, 3])
def test_a_baseline_that_grows_with_the_sample_is_worth_no_more_early(runs: int) -> None:
    """Half of the requests on both sides have half of the information, at each look; one that ended does not grow."""
    beside = (240,) * runs
    requests = dataclasses.replace(CHANGE, between=0.0)
    last = fractions(Looks(before=(60, 120), planned=240, beside=beside), 240, beside, requests)
    second = fractions(Looks(before=(60,), planned=240, beside=beside), 120, (120,) * runs, requests)
    assert last == pytest.approx((0.25, 0.5, 1.0))
    assert second == pytest.approx((0.25, 0.5))
    short = fractions(Looks(before=(60,), planned=240, beside=(60,)), 120, (60,), requests)
    assert short == fractions(Looks(before=(60,), planned=240), 120, (60,), requests)


def test_a_look_that_told_as_much_as_the_next_is_none() -> None:
    """As with latencies that are all the same; neither is one of too few requests."""
    looks = Looks(before=(4, 60, 120), planned=240)
    assert fractions(looks, 240, [240], dataclasses.replace(CHANGE, within=0.0)) == (1.0,)
    assert len(fractions(looks, 240, [240], CHANGE)) == 3


def run(random: np.random.Generator, *, count: int = MOST) -> Floats:
    """Return the latencies of one run; runs of the same code differ by 5 %."""
    values: Floats = np.exp(0.3 * random.standard_normal(count) + 0.05 * random.standard_normal())
    return values


@functools.cache
def grown(change: float) -> Sequence[Sequence[tuple[Verdict, int]]]:
    """Return the verdicts of adaptive suites of which the first series have changed, with the requests they took."""
    found = []
    for seed in range(SUITES):
        random = np.random.default_rng(seed)
        baselines = [[run(random) for _ in range(5)] for _ in range(SERIES)]
        candidates = [(change if number < CHANGED else 1.0) * run(random) for number in range(SERIES)]
        policy = GatePolicy(family=SERIES)
        noise = pool_noise(baselines, policy)
        suite = []
        for number, (baseline, candidate) in enumerate(zip(baselines, candidates, strict=True)):
            if change > 1 and number >= CHANGED:
                break
            for place, count in enumerate((*halves(MOST), MOST)):
                looks = Looks(before=halves(MOST)[:place], planned=MOST)
                series = Series(key=str(number), baseline=baseline, candidate=candidate[:count], looks=looks)
                verdict = gate([series], policy, noise=noise)[0]
                if verdict.status != "inconclusive" or (verdict.information or 0) >= SATURATED:
                    break
            suite.append((verdict, count))
        found.append(suite)
    return found


def test_adaptive_suites_keep_the_level_and_pass_what_has_not_changed_on_few_requests() -> None:
    """A small part of ``benchmarks/adaptive.py``: a quarter of the requests or little more."""
    unchanged = [[verdict.status for verdict, _ in suite] for suite in grown(1.0)]
    for status in ("regressed", "improved"):
        assert sum(status in suite for suite in unchanged) <= 4
    assert np.mean([status == "pass" for suite in unchanged for status in suite]) >= 0.9
    assert np.mean([count for suite in grown(1.0) for _, count in suite]) <= 100


def test_adaptive_suites_find_a_change_on_few_requests() -> None:
    """By 40 %; it is never passed."""
    changed = [each for suite in grown(1.4) for each in suite[:CHANGED]]
    assert np.mean([verdict.status == "regressed" for verdict, _ in changed]) >= 0.9
    assert all(verdict.status != "pass" for verdict, _ in changed)
    assert np.mean([count for _, count in changed]) <= 120


def judged(*, looks: Looks | None, count: int = 120) -> Verdict:
    """Return the verdict on a run that is 10 % slower."""
    random = np.random.default_rng(4)
    baseline = [run(random) for _ in range(3)]
    return gate(
        [Series(key="k", baseline=baseline, candidate=1.1 * run(random, count=count), looks=looks)], GatePolicy()
    )[0]


def test_a_verdict_at_a_look_is_less_sure_of_itself_and_says_so() -> None:
    """By a larger p value, a wider interval, and how much of the information it has."""
    once, twice = judged(looks=None), judged(looks=Looks(before=(60,), planned=240))
    assert once.raw_p_value is not None
    assert twice.raw_p_value is not None
    assert once.interval is not None
    assert twice.interval is not None
    assert twice.raw_p_value > once.raw_p_value
    assert twice.interval[0] < once.interval[0] < once.interval[1] < twice.interval[1]
    assert (once.information, once.ratio) == (None, twice.ratio)
    assert (twice.detectable or 0) > (once.detectable or math.inf)
    assert twice.information is not None
    assert 0.5 < twice.information < 1
    assert "p and the interval allow for 2 looks at the run as it grew" in twice.reasons


def test_a_run_to_its_end_says_how_many_requests_would_settle_it() -> None:
    """As a fixed one does: those that were planned were not enough."""
    random = np.random.default_rng(0)
    *baseline, candidate = (np.exp(0.5 * random.standard_normal(120)) for _ in range(6))
    looks = Looks(before=(60,), planned=120)
    series = Series(key="k", baseline=baseline, candidate=1.15 * candidate, looks=looks)
    (found,) = gate([series], GatePolicy(family=10))
    assert (found.status, found.information) == ("inconclusive", 1.0)
    assert (found.needed or 0) > 120
    assert f"about {found.needed} requests would show" in found.reasons[1]


def test_a_slower_tail_is_excluded_over_all_looks_and_by_its_own_information() -> None:
    """Its bound is wider than at a single look, and where it alone is open more requests tell more of it."""
    random = np.random.default_rng(3)

    def heavy(count: int) -> Floats:
        usual = 0.1 * random.standard_normal(count)
        values: Floats = np.exp(usual + (random.random(count) < 0.08) * random.exponential(1, count))
        return values

    once = Series(key="k", baseline=[heavy(MOST) for _ in range(3)], candidate=heavy(120))
    looked = dataclasses.replace(once, looks=Looks(before=(60,), planned=MOST))
    (first,), (second,) = (gate([each], GatePolicy()) for each in (once, looked))
    bounds = [
        re.search(r"slowest 10 % may have got slower by up to \+(\d+) %", each.reasons[1]) for each in (first, second)
    ]
    assert all(bounds)
    assert int(bounds[0][1]) < int(bounds[1][1])  # type: ignore[index]  (both were found)
    (narrow,) = gate([looked], GatePolicy(margin=0.01))
    assert (second.information or 1) < (narrow.information or 0)


def test_an_error_rate_at_a_look_allows_for_it() -> None:
    """As the latencies do; and passes early where nothing fails, which is all that most runs have to show."""
    once = gate_error_rate("k", [(2, 200)], (8, 100), GatePolicy())
    twice = gate_error_rate("k", [(2, 200)], (8, 100), GatePolicy(), Looks(before=(50,), planned=200))
    assert once.raw_p_value is not None
    assert twice.raw_p_value is not None
    assert twice.raw_p_value > 1.2 * once.raw_p_value
    assert (twice.interval or (1.0, 1.0))[1] > (once.interval or (math.inf, math.inf))[1]
    assert (once.information, round(twice.information or 0, 2)) == (None, 0.67)
    first = Looks(before=(), planned=240)
    assert gate_error_rate("k", [(0, 240)], (0, 60), GatePolicy(), first).status == "pass"
    few = [gate_error_rate("k", [(1, 240)], (2, 60), GatePolicy(), looks).status for looks in (None, first)]
    assert few == ["pass", "inconclusive"]


def stored(*, count: int, looks: tuple[int, ...], **changes: Any) -> Run:
    """Return a stored run that was looked at."""
    plan = nouns.plan(requests=240, adaptive=True, warmup=0)
    latencies = nouns.lognormal(count, median=0.33, sigma=0.3, seed=3)
    return nouns.run(latencies, **{"plan": plan, "looks": looks} | changes)


def verdicts(of: Run) -> dict[str, Verdict]:
    """Return the verdict on each metric and on the errors beside accepted runs of 240 requests."""
    accepted = [nouns.run(nouns.lognormal(240, median=0.3, sigma=0.3, seed=seed)) for seed in (5, 6, 7)]
    return {each.metric: each.verdict for each in compare(of, digest(accepted), GatePolicy(), None)}


def verdict(of: Run) -> Verdict:
    """Return the verdict on the time to the first token."""
    return verdicts(of)["ttft"]


def test_the_looks_of_a_stored_run_are_allowed_for() -> None:
    """So that it is judged later as it was when it was measured."""
    found = verdict(stored(count=120, looks=(60, 120)))
    assert "p and the interval allow for 2 looks at the run as it grew" in found.reasons
    assert found.information is not None
    assert found.information < 1
    assert found.raw_p_value is not None
    unlooked = verdict(stored(count=120, looks=())).raw_p_value
    assert unlooked is not None
    assert unlooked < found.raw_p_value


def test_the_errors_of_a_stored_run_are_those_of_a_look() -> None:
    """Of the requests alone, as no noise between runs is known of them."""
    found = verdicts(stored(count=120, looks=(60, 120)))["error_rate"]
    assert found.information == pytest.approx((1 / 240 + 1 / 720) / (1 / 120 + 1 / 720))


def test_the_looks_count_from_the_end_of_warm_up_and_ramp_in() -> None:
    """Those iterations are no part of the figures either."""
    plain = stored(count=120, looks=(60, 120))
    later = tuple(dataclasses.replace(each, iteration=each.iteration + 20) for each in plain.samples)
    shifted = dataclasses.replace(plain, samples=later, plan=dataclasses.replace(plain.plan, warmup=15, ramp_in=5))
    assert verdicts(shifted) == verdicts(plain)


@pytest.mark.parametrize(
    "ending", [{"count": 240, "looks": (60, 120, 240)}, {"count": 150, "looks": (60, 120), "complete": False}]
)
def test_a_run_to_its_end_has_all_of_the_information(ending: dict[str, Any]) -> None:
    """So has one that a budget ended: no larger one was to come."""
    found = verdict(stored(**ending))
    assert found.information == 1
    assert "p and the interval allow for 3 looks at the run as it grew" in found.reasons


def test_the_beginning_of_a_list_of_prompts_is_compared_with_the_same_beginning() -> None:
    """Of the accepted runs, which have had all of them."""
    first, last = (nouns.lognormal(120, median=median, seed=seed) for median, seed in ((0.2, 1), (0.4, 2)))
    plan = nouns.plan(requests=240, adaptive=True, warmup=0, prompts="240 prompts, in turn")
    beginning = nouns.run(nouns.lognormal(120, median=0.2, seed=3), plan=plan, looks=(60, 120))
    found, ended = (
        compare(beginning, digest([nouns.run(accepted, plan=plan)] * 3), GatePolicy(), None)[0].verdict
        for accepted in ([*first, *last], first)
    )
    assert found.status == "pass"
    assert found.baseline == pytest.approx(found.candidate, rel=0.2)
    assert (found.baseline, found.ratio) == (ended.baseline, ended.ratio)
    assert (found.information or 0) < (ended.information or 0)  # the whole runs would bring more
