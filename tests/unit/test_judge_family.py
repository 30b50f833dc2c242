"""Precedence, policies, accepting; and a session's tests judged one by one as if they were judged together."""

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nouns
from pytest_llm_latency import judge as judging
from pytest_llm_latency.judge import Policy, Reaction, digest, judge, knowing, session_policy, undecided
from pytest_llm_latency.model import Result, Run
from pytest_llm_latency.options import OPTIONS
from pytest_llm_latency.stats import GatePolicy, Series, gate, pool_noise

TIMES = nouns.lognormal(100, median=0.3)
SLOW_LIMIT = ("ttft.p95 < 1ms",)
REACTIONS = get_args(Reaction)


def policy(**changes: Any) -> Policy:
    """Return a policy that warns."""
    values = Policy(
        gate=GatePolicy(),
        on_inconclusive="warn",
        on_no_baseline="warn",
        accepting=False,
        monthly_requests=None,
        allowed_error_s=0.01,
        folders={},
    )
    return dataclasses.replace(values, **changes)


def run(factor: float = 1.0, *, requests: int = 100, limits: tuple[str, ...] = (), **changes: Any) -> Run:
    """Return a run that is so many times as slow as usual."""
    plan = nouns.plan(requests=requests, warmup=0, gate=("ttft",), limits=limits)
    return nouns.run([factor * each for each in TIMES[:requests]], plan=plan, **changes)


BASELINE = (run(0.98), run(1.0), run(1.02))
OTHERWISE = {"conditions": (nouns.conditions(version="2"),)}
CUT_OFF = {"complete": False}


def judged(candidate: Run, *baseline: Run, by: Policy | None = None) -> Result:
    """Judge a run."""
    return judge(candidate, digest(baseline), by or policy(), None)


@pytest.mark.parametrize(
    ("candidate", "baseline", "status"),
    [
        (run(), BASELINE, "pass"),
        (run(0.5), BASELINE, "improved"),
        (run(2.0), BASELINE, "regressed"),
        (run(), (), "no_baseline"),
        (run(requests=9), (run(requests=9),), "inconclusive"),
        (run(2.0, **OTHERWISE), BASELINE, "incomparable"),
        (run(2.0, **CUT_OFF), BASELINE, "invalid"),
        (run(trust=nouns.trust(send_lag_p99_s=0.3)), BASELINE, "invalid"),
        # A worse part stands before a better one.
        (run(0.5, limits=SLOW_LIMIT), BASELINE, "regressed"),
        (run(limits=SLOW_LIMIT), (), "regressed"),
        (run(limits=SLOW_LIMIT, **OTHERWISE), BASELINE, "regressed"),
        (run(limits=SLOW_LIMIT, **OTHERWISE, **CUT_OFF), BASELINE, "invalid"),
        (run(**OTHERWISE, **CUT_OFF), BASELINE, "invalid"),
        (run(requests=9, limits=("ttft.p95 < 10s",)), (), "inconclusive"),
        (run(requests=9, limits=("ttft.p95 < 10s",), **OTHERWISE), BASELINE, "incomparable"),
    ],
)
def test_a_test_is_what_the_worst_of_its_parts_is(candidate: Run, baseline: tuple[Run, ...], status: str) -> None:
    """And the reason stands with it where no part tells."""
    result = judged(candidate, *baseline)
    assert result.status == status
    assert result.reasons or status not in {"invalid", "incomparable"}
    assert result.baseline_runs == len(baseline)


@pytest.mark.parametrize("reaction", REACTIONS)
@pytest.mark.parametrize("other", REACTIONS)
def test_policies_decide_only_what_has_no_clear_answer(reaction: Reaction, other: Reaction) -> None:
    """A regression, a limit and an invalid run fail whatever they say; each question has its own policy."""
    inconclusive = policy(on_inconclusive=reaction, on_no_baseline=other)
    missing = policy(on_no_baseline=reaction, on_inconclusive=other)
    fails = reaction == "fail"
    assert judged(run(requests=9), run(requests=9), by=inconclusive).fails is fails
    assert judged(run(), by=missing).fails is fails
    assert judged(run(**OTHERWISE), *BASELINE, by=missing).fails is fails
    for red in (run(2.0), run(**CUT_OFF), run(limits=SLOW_LIMIT), run(limits=SLOW_LIMIT, **OTHERWISE)):
        assert judged(red, *BASELINE, by=missing).fails
    for green in (run(), run(0.5)):
        assert not judged(green, *BASELINE, by=missing).fails


def test_accepting_forgives_a_difference_to_the_old_baseline_and_nothing_else() -> None:
    """The policies are silent; limits, errors and distrust are not."""
    accepting = policy(accepting=True, on_inconclusive="fail", on_no_baseline="fail")
    for forgiven in (run(2.0), run(**OTHERWISE), run(requests=9)):
        assert not judged(forgiven, *BASELINE, by=accepting).fails
    assert not judged(run(), by=accepting).fails
    for red in (run(limits=SLOW_LIMIT), run(**CUT_OFF), run(trust=nouns.trust(send_lag_p99_s=0.3))):
        assert judged(red, *BASELINE, by=accepting).fails
    assert judged(run(2.0), *BASELINE, by=accepting).status == "regressed"


def test_the_options_become_the_policy() -> None:
    """The family is the session's."""
    values = {option.name: option.default for option in OPTIONS} | {"alpha": 0.01, "margin": 0.5, "accept": True}
    found = session_policy(values | {"on-no-baseline": "fail"}, 7, {"results": "out"})
    assert found.gate == GatePolicy(alpha=0.01, margin=0.5, family=7)
    assert (found.on_inconclusive, found.on_no_baseline, found.accepting) == ("warn", "fail", True)
    assert found.folders == {"results": "out"}
    assert (found.monthly_requests, found.allowed_error_s) == (None, 0.01)


def test_the_error_limit_gives_way_to_a_limit_of_the_test() -> None:
    """So that one test may fail more often than the others."""
    times = [None if index % 10 == 0 else each for index, each in enumerate(TIMES)]
    strict = nouns.run(times, plan=nouns.plan(warmup=0, gate=()))
    lenient = nouns.run(times, plan=nouns.plan(warmup=0, gate=(), limits=("error_rate < 20%",)))
    assert [(each.limit, each.status) for each in judged(strict).limits] == [("error_rate <= 1 %", "regressed")]
    assert [(each.limit, each.status) for each in judged(lenient).limits] == [("error_rate < 20%", "pass")]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0.9, 1.0, 1.1, 1.12, 1.14, 1.16, 1.18, 1.25]), min_size=2, max_size=6))
def test_tests_judged_one_by_one_and_again_at_the_end_are_as_if_judged_together(factors: list[float]) -> None:
    """What is red at once stays red, what is red in the end was undecided, and no order of the tests matters."""
    runs = [run(factor, test_id=f"t::{number}") for number, factor in enumerate(factors)]
    accepted = digest(BASELINE)
    assert accepted is not None
    noise = pool_noise([accepted.series[None, "ttft"]], GatePolicy())
    alone = policy(gate=GatePolicy(family=len(runs)))
    at_once = [judge(each, accepted, alone, noise) for each in runs]
    again = undecided(at_once, alone.gate)
    final = [
        judge(each, accepted, knowing(alone, [other for other in at_once if other.test_id != each.test_id]), noise)
        if each.test_id in again
        else result
        for each, result in zip(runs, at_once, strict=True)
    ]
    together = gate(
        [
            Series(
                key=result.comparisons[0].verdict.key,
                baseline=accepted.series[None, "ttft"],
                candidate=[
                    judging.metrics.value(judging.metrics.METRICS["ttft"], sample) or 0.0 for sample in each.samples
                ],
                tolerance=each.plan.tolerance,
            )
            for each, result in zip(runs, at_once, strict=True)
        ],
        GatePolicy(),
        noise=noise,
    )
    assert [result.comparisons[0].verdict.status == "regressed" for result in final] == [
        verdict.status == "regressed" for verdict in together
    ]
    for early, late in zip(at_once, final, strict=True):
        assert late.fails or not early.fails
