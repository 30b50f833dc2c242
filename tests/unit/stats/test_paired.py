"""The paired comparison: what drifts with both sides fools nobody, and what differs between them is found."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

import nouns
from pytest_llm_latency.errors import UsageError
from pytest_llm_latency.model import Run, Sample, Side
from pytest_llm_latency.stats import GatePolicy, Series, gate, paired

Floats = NDArray[np.float64]
ABBA = np.array([False, True, True, False])


def sides(random: np.random.Generator, count: int, *, drift: float, factor: float = 1.0) -> tuple[Floats, Floats]:
    """Return the latencies of both sides, which took turns while the provider got slower by twice ``drift``."""
    place = np.arange(2 * count)
    level = 1 + drift * (2 * place / (2 * count) - 1)
    values = level * np.exp(0.4 * random.standard_normal(2 * count))
    own = ABBA[place % 4]
    return values[~own], factor * values[own]


def series(before: object, now: object, key: str = "t|ttft") -> Series:
    """Return a series of pairs."""
    return Series(key=key, baseline=[before], candidate=now, paired=True)  # type: ignore[list-item,arg-type]


def suite(seed: int, *, drift: float, factor: float = 1.0) -> list[str]:
    """Return the verdicts on ten series, of which the first has changed."""
    random = np.random.default_rng(seed)
    asked = [
        series(*sides(random, 100, drift=drift, factor=factor if number == 0 else 1.0), key=f"{number}")
        for number in range(10)
    ]
    return [verdict.status for verdict in gate(asked, GatePolicy())]


def test_a_drift_of_thirty_percent_raises_no_false_alarms() -> None:
    """Of forty suites in which nothing differs, four red ones would be too many for a level of 5 %."""
    assert sum("regressed" in suite(seed, drift=0.3) for seed in range(40)) <= 4


def test_a_drift_of_thirty_percent_hides_no_difference_of_thirty() -> None:
    """It is found nine times in ten without one."""
    assert sum(suite(seed, drift=0.3, factor=1.3)[0] == "regressed" for seed in range(20)) >= 16


def test_a_drift_makes_no_interval_wider() -> None:
    """What the pairs have in common is in the spread of neither side: half as wide again it would be otherwise."""
    widths = []
    for drift in (0.0, 0.5):
        asked = [series(*sides(np.random.default_rng(seed), 100, drift=drift)) for seed in range(6)]
        known = [each.interval or (1.0, math.inf) for each in gate(asked, GatePolicy())]
        widths.append(np.mean([math.log(high / low) for low, high in known]))
    assert widths[1] < 1.15 * widths[0]


def test_two_runs_one_after_the_other_are_fooled_by_the_same_drift() -> None:
    """Which is what taking turns is for."""
    random = np.random.default_rng(0)
    rising = np.linspace(0.7, 1.3, 200) * np.exp(0.4 * random.standard_normal(200))
    apart = Series(key="t", baseline=[rising[:100]], candidate=rising[100:])
    assert gate([apart], GatePolicy())[0].status == "regressed"


def test_a_trend_is_what_the_pairs_have_in_common() -> None:
    """A straight line is found but at its ends, a level is none, nor has a short run one."""
    line = np.linspace(-1.0, 1.0, 80)
    assert np.abs(paired.trend(line)[10:-10] - line[10:-10]).max() < 0.02
    assert not paired.trend(line[:31]).any()
    assert paired.trend(np.ones(80)) == pytest.approx(np.zeros(80))


def test_the_same_pairs_give_the_same_verdict_whatever_else_is_asked() -> None:
    """Resampling is seeded by the key."""
    random = np.random.default_rng(3)
    one, other = (series(*sides(random, 50, drift=0.0), key=key) for key in "ab")
    alone, _ = gate([one, other], GatePolicy(family=2))
    assert gate([one], GatePolicy(family=2)) == [alone]


def test_the_verdict_says_how_many_pairs_and_what_the_difference_is_of() -> None:
    """There is one run, so that nothing is known of other days."""
    before, now = sides(np.random.default_rng(1), 60, drift=0.0, factor=1.5)
    (verdict,) = gate([series(before, now)], GatePolicy())
    assert verdict.status == "regressed"
    assert verdict.reasons[0].endswith(" over 60 pairs")
    assert any("the difference is that of now" in reason for reason in verdict.reasons)
    assert not any("run-to-run noise" in reason for reason in verdict.reasons)


def test_a_faster_side_is_improved() -> None:
    """As surely as a slower one regressed."""
    before, now = sides(np.random.default_rng(1), 60, drift=0.0, factor=1.5)
    assert gate([series(now, before)], GatePolicy())[0].status == "improved"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0] * 20, [1.0] * 20),
        ([0.0] * 20, [0.0] * 20),
        ([1.0] * 3, [1.0] * 3),
        ([math.inf] * 20, [1.0] * 20),
        ([1.0] * 20, [math.inf] * 20),
        ([math.inf] * 20, [math.inf] * 20),
        ([math.inf, 1.0] * 20, [1.0, math.inf] * 20),
        ([1.0] * 19 + [math.inf], [1.0] * 20),
        ([], [1.0] * 20),
        ([1.0] * 20, []),
    ],
)
def test_what_tells_little_is_no_crash_and_no_missing_baseline(before: list[float], now: list[float]) -> None:
    """Ties, zeros, few pairs, failures of either side and of both, a side that is lost."""
    (verdict,) = gate([series(before, now)], GatePolicy())
    lost = not before or not now
    assert verdict.status == "inconclusive" if lost else verdict.status in {"pass", "inconclusive", "regressed"}
    if verdict.status == "pass":
        assert all(map(math.isfinite, now))


def test_an_endpoint_that_fails_where_the_other_answers_regressed() -> None:
    """A failed request ranks as slower than every success."""
    before, now = sides(np.random.default_rng(1), 60, drift=0.0)
    (verdict,) = gate([series(before, np.where(np.arange(60) % 3 == 0, math.inf, now))], GatePolicy())
    assert verdict.status == "regressed"


def test_sides_of_different_lengths_are_refused() -> None:
    """There are no pairs in them."""
    with pytest.raises(
        UsageError, match=r"'t\|ttft' is paired.* 3 requests where the candidate has 2: give one run of as many\.$"
    ):
        gate([series([1.0] * 3, [1.0] * 2)], GatePolicy())


def sample(iteration: int, seconds: float | None, **changes: object) -> Sample:
    """Return one request of an iteration that took turns."""
    side: Side = "candidate" if ABBA[iteration % 4] else "baseline"
    return nouns.sample(iteration, seconds, side=side, **changes)


def run(*samples: Sample, **changes: object) -> Run:
    """Return a side of a run."""
    return nouns.run(samples=samples, plan=nouns.plan(ab="x/y", warmup=0), **changes)  # type: ignore[arg-type]


def test_values_stand_beside_those_of_their_pair() -> None:
    """Whatever order the sides had in it; one whose counterpart was never begun is left out."""
    before, now = paired.arrays(
        run(sample(0, 0.1), sample(3, 0.2), sample(4, 0.3)), run(sample(1, 0.11), sample(2, 0.21)), None, "ttft"
    )
    assert (before.tolist(), now.tolist()) == ([0.1, 0.2], [0.11, 0.21])


def test_a_failure_is_one_of_its_pair() -> None:
    """Of the request, and of an iteration that never reached the step; not of one that failed after it."""
    failures = ((0, nouns.failure()), (3, nouns.failure()))
    before, now = paired.arrays(
        run(sample(0, 0.1), iteration_failures=failures), run(sample(1, None), sample(2, 0.2)), None, "ttft"
    )
    assert (before.tolist(), now.tolist()) == ([0.1, math.inf], [math.inf, 0.2])


def test_a_failure_is_the_slowest_where_higher_is_better() -> None:
    """An iteration that never reached the step had no token a second."""
    before, now = paired.arrays(
        run(sample(0, 0.1), iteration_failures=((3, nouns.failure()),)),
        run(sample(1, 0.1), sample(2, 0.2)),
        None,
        "throughput",
    )
    assert before[0] > 0
    assert (before[1], now.size) == (0.0, 2)


def test_neighbours_that_hang_together_tell_less_than_as_many_that_do_not() -> None:
    """Blocks of pairs are resampled: the same pairs in an order of chance would be surer."""
    random = np.random.default_rng(5)
    swing, own = np.zeros(160), random.standard_normal(160)
    for place in range(1, 160):
        swing[place] = 0.85 * swing[place - 1] + 0.5 * own[place]
    before, now = np.exp(0.05 * random.standard_normal(160)), np.exp(0.2 * swing)
    order = random.permutation(160)
    found = [gate([series(*each)], GatePolicy())[0].interval for each in ((before, now), (before[order], now[order]))]
    (low, high), (least, most) = (each or (1.0, 1.0) for each in found)
    assert math.log(high / low) > 1.25 * math.log(most / least)


def test_sides_that_may_be_exchanged_scatter_evenly() -> None:
    """However skewed one of them is: a slow tail of one side alone makes neither direction likelier."""
    random = np.random.default_rng(0)
    before, now = 0.05 * random.standard_normal(100), (random.random(100) < 0.1) * random.exponential(1.0, 100)
    draws = paired._scatter(before, now, GatePolicy().quantiles, (1,)).draws[:, -1]
    assert abs(np.mean(draws**3)) < 0.3 * np.mean(draws**2) ** 1.5


def test_a_side_without_the_figure_is_empty() -> None:
    """And the other is whole, so that the verdict can say which."""
    before, now = paired.arrays(run(), run(sample(1, 0.1), sample(2, 0.2)), None, "ttft")
    assert (before.size, now.tolist()) == (0, [0.1, 0.2])


def test_sides_without_a_pair_in_common_are_empty() -> None:
    """As where a run was stopped in its first pairs: there is nothing to compare."""
    before, now = paired.arrays(run(sample(0, 0.1)), run(sample(2, 0.2)), None, "ttft")
    assert (before.size, now.size) == (0, 0)
