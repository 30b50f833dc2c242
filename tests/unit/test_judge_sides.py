"""A run with two sides is judged against its other one, and passes only where both are whole."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

import nouns
from pytest_llm_latency import pairs
from pytest_llm_latency.judge import digest, interleaved, judge, session_policy
from pytest_llm_latency.model import Conditions, Notice, Result, Run, Side
from pytest_llm_latency.options import OPTIONS

VALUES = {option.name: option.default for option in OPTIONS}
BESIDE = "openai/gpt-4o"
TURNS: tuple[Side, ...] = ("baseline", "candidate", "candidate", "baseline")


def conditions(side: Side, **changes: Any) -> Conditions:
    """Return what one side was measured under."""
    return nouns.conditions(side=side, model=BESIDE if side == "baseline" else "openai/gpt-4o-mini", **changes)


def run(
    beside: Sequence[float | None],
    own: Sequence[float | None],
    *,
    steps: tuple[str | None, ...] = (None,),
    **changes: Any,
) -> Run:
    """Return a run of these times to first token, the sides by turns."""
    waiting = {"baseline": list(beside), "candidate": list(own)}
    samples = []
    for iteration in range(2 * len(own)):
        side = TURNS[iteration % 4]
        if waiting[side]:
            first = waiting[side].pop(0)
            samples += [
                nouns.sample(iteration, first, None if first is None else first + 1, step=step, side=side)
                for step in steps
            ]
    plan = nouns.plan(ab=BESIDE, requests=len(own), warmup=0, gate=("ttft",), error_limit=1.0)
    values: dict[str, Any] = {
        "samples": tuple(samples),
        "plan": plan,
        "conditions": tuple(conditions(side, step=step) for step in steps for side in ("baseline", "candidate")),
    }
    return nouns.run(**values | changes)


def times(median: float = 0.3, seed: int = 1, count: int = 100) -> list[float]:
    """Return latencies like a provider's."""
    return nouns.lognormal(count, median=median, seed=seed)


def judged(measured: Run, **values: Any) -> Result:
    """Judge a run that has accepted ones as well, which are much faster."""
    accepted = digest([nouns.run(times(0.1))])
    return judge(measured, accepted, session_policy(VALUES | values, 1, {}), None)


def test_a_run_is_judged_against_its_other_side_and_not_against_its_baseline() -> None:
    """A slower test regressed, an equal one passes, a faster one improved."""
    found = [judged(run(times(), times(factor * 0.3, seed=2))) for factor in (1.0, 1.5, 0.6)]
    assert [each.status for each in found] == ["pass", "regressed", "improved"]
    assert all(each.comparisons[0].verdict.reasons[0].endswith(" over 100 pairs") for each in found)


def test_the_figures_of_the_other_side_stand_where_the_baselines_do() -> None:
    """And those of the run, its limits and its conditions are of the test itself."""
    result = judged(run(times(), times(0.6, seed=2)))
    assert (result.summaries[0].requests, result.baseline[0].requests, result.baseline_runs) == (100, 100, 1)
    before, now = (side[0].distribution("ttft") for side in (result.baseline, result.summaries))
    assert before is not None
    assert now is not None
    assert (now.p50 or 0) > 1.7 * (before.p50 or 1)
    verdict = result.comparisons[0].verdict
    assert (verdict.baseline, verdict.candidate) == (before.p95, now.p95)
    assert [each.model for each in result.conditions] == ["openai/gpt-4o-mini"]


@pytest.mark.parametrize(
    ("beside", "own"),
    [([], times()), ([None] * 100, times()), (times(), []), (times()[:1], times()), (times()[:50], times())],
    ids=["nothing beside", "failures beside", "nothing of its own", "one beside", "half beside"],
)
def test_a_lost_or_short_side_never_passes(beside: list[float | None], own: list[float | None]) -> None:
    """Nor is it a missing baseline, over which a policy could pass."""
    whole = run(beside, own or [None])
    missing = (
        whole
        if own
        else dataclasses.replace(whole, samples=tuple(each for each in whole.samples if each.side == "baseline"))
    )
    assert judged(missing).status in {"invalid", "inconclusive"}


def test_a_run_that_a_budget_ended_is_short_where_its_shorter_side_is() -> None:
    """Each side needs as many requests as a p95 does."""
    stopped = Notice(code="budget", message="the budget is used up.")
    whole = run(times(count=120), times(seed=2, count=120))
    for own, beside, short in ((50, 50, True), (110, 110, False), (50, 110, True)):
        ends = {"candidate": 2 * own, "baseline": 2 * beside}
        kept = tuple(each for each in whole.samples if each.side and each.iteration < ends[each.side])
        result = judged(dataclasses.replace(whole, samples=kept, complete=False, warnings=(stopped,)))
        assert bool(result.reasons) == short
        assert not short or result.reasons[0].startswith("stopped after 50 of ")
        assert result.status in ({"inconclusive"} if short else {"pass", "inconclusive"})


def test_more_failures_than_on_the_other_side_regressed() -> None:
    """The error rates are compared as well."""
    result = judged(run(times(), [None if index % 3 == 0 else 0.3 for index in range(100)]))
    assert {each.metric: each.verdict.status for each in result.comparisons}["error_rate"] == "regressed"


def test_sides_that_the_body_asked_differently_are_incomparable() -> None:
    """With a sentence that says what differs."""
    described = (conditions("baseline", prompts="other"), conditions("candidate"))
    result = judged(run(times(), times(seed=2), conditions=described))
    assert result.status == "incomparable"
    assert result.reasons[0].startswith("the step without a name: the prompts of the two sides differ")


def test_a_calibration_says_that_it_is_one() -> None:
    """The same model at the same endpoint on both sides."""
    same = tuple(dataclasses.replace(nouns.conditions(), side=side) for side in ("baseline", "candidate"))
    result = judged(run(times(), times(seed=2), conditions=same))
    assert result.status == "pass"
    assert [each.code for each in result.warnings] == ["calibration"]


def test_accepting_hides_no_regression() -> None:
    """A run with two sides does not become the baseline."""
    result = judged(run(times(), times(0.6, seed=2)), accept=True)
    assert (result.status, result.fails, result.accepting) == ("regressed", True, False)


def test_a_test_with_two_sides_counts_before_it_is_measured() -> None:
    """With the metrics of one step at least, whether it has accepted runs or none."""
    plans = [nouns.plan(ab=BESIDE, gate=("ttft", "e2e")), nouns.plan(gate=("ttft",))]
    assert interleaved(plans) == 2


def test_further_steps_count_among_the_tests_of_the_session() -> None:
    """Beside the three series that were known before it was measured."""
    measured = run(times(), times(0.4, seed=2), steps=("one", "two"))
    found = judge(measured, None, session_policy(VALUES, 3, {}), None).comparisons
    timed = [each.verdict for each in found if each.metric == "ttft"]
    raw, adjusted = (max(getattr(each, name) or 0.0 for each in timed) for name in ("raw_p_value", "p_value"))
    assert adjusted == pytest.approx(raw * 4 / 2)


def test_stored_runs_with_two_sides_count_among_those_that_are_compared() -> None:
    """As they do in the session: the p value of another test allows for theirs."""
    before, now = (
        nouns.run(times(median, seed=3), id=f"{median}", test_id="t::other", plan=nouns.plan(gate=("ttft",), warmup=0))
        for median in (0.3, 0.36)
    )
    found = pairs.pair([before], [dataclasses.replace(run(times(), times(seed=2)), id="sided"), now])
    _, other = pairs.judge_pairs(found.pairs, VALUES)
    verdict = other.comparisons[0].verdict
    assert verdict.p_value == pytest.approx(2 * (verdict.raw_p_value or 0.0))


def test_a_run_with_two_sides_is_nobodys_baseline() -> None:
    """Half of its requests are another's; that is said, as it is of any earlier run that is left out."""
    (refused,) = pairs.trusted([run(times(), times(seed=2))], VALUES).refused
    assert refused.reason == f"measured against {BESIDE}, interleaved, it is judged against that alone."


def test_each_step_is_compared_with_the_same_step() -> None:
    """Of the other side."""
    result = judged(run(times(), times(0.6, seed=2), steps=("one", "two")))
    found = {(each.step, each.metric): each.verdict.status for each in result.comparisons}
    assert found["one", "ttft"] == found["two", "ttft"] == "regressed"
