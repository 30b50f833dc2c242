"""Which stored runs are compared with which, and how they are judged together."""

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import nouns
from pytest_llm_latency import judge, pairs
from pytest_llm_latency.model import Run
from pytest_llm_latency.options import OPTIONS

VALUES = {option.name: option.default for option in OPTIONS}
CHAT, TOOL, OLD, NEW = (f"tests/test_{name}.py::test_{name}" for name in ("chat", "tool", "old", "new"))


def run(number: int, test_id: str = CHAT, *, factor: float = 1.0, count: int = 100, **changes: Any) -> Run:
    """Return a run of latencies about 300 ms."""
    values = {
        "id": f"{test_id}-{number}",
        "test_id": test_id,
        "started_at": f"2026-03-{number:02}T09:15:00+00:00",
        "plan": nouns.plan(warmup=0, requests=count, gate=("ttft",)),
    }
    latencies = nouns.lognormal(count, median=0.3 * factor, seed=number + len(test_id))
    return nouns.run(latencies, **values | changes)


def judged(before: list[Run], now: list[Run], **values: Any) -> dict[str, str]:
    """Return the status of each later run by its id."""
    found = pairs.judge_pairs(pairs.pair(before, now).pairs, VALUES | values)
    return {each.run_id: each.status for each in found}


def test_every_earlier_run_of_a_test_counts() -> None:
    """As several accepted runs do, oldest first."""
    before = [run(3), run(1), run(2), run(1, TOOL)]
    (found,) = pairs.pair(before, [run(9)]).pairs
    assert [each.id for each in found.baseline] == [f"{CHAT}-{number}" for number in (1, 2, 3)]


def test_tests_of_one_side_are_listed() -> None:
    """Neither side drops one silently."""
    found = pairs.pair([run(1), run(1, OLD)], [run(9), run(9, NEW)])
    assert (found.only_before, found.only_now) == ((OLD,), (NEW,))
    assert [each.run.test_id for each in found.pairs] == [CHAT, NEW]


def test_a_slower_run_regresses_and_the_same_code_passes() -> None:
    """By the engine of a test run."""
    before = [run(number, test) for number in range(1, 6) for test in (CHAT, TOOL)]
    assert judged(before, [run(20, factor=1.5), run(20, TOOL)]) == {f"{CHAT}-20": "regressed", f"{TOOL}-20": "pass"}


def test_one_pair_is_judged_as_a_session_judges_it() -> None:
    """The whole result is the same, the reasons included."""
    before, now = [run(number) for number in range(1, 6)], run(20, factor=1.2)
    baseline = judge.digest(before)
    assert baseline is not None
    gates = {CHAT: now.plan.gate}
    policy = judge.session_policy(VALUES, judge.family({CHAT: baseline}, gates), {})
    noise = judge.shared_noise({CHAT: baseline}, gates, policy.gate)
    assert pairs.judge_pairs(pairs.pair(before, [now]).pairs, VALUES) == (judge.judge(now, baseline, policy, noise),)


def test_runs_that_share_a_baseline_tell_of_its_noise_once() -> None:
    """Judging a run twice makes its baseline no surer."""
    before = [run(number, factor=1 + number / 20) for number in range(1, 6)]
    now = run(20, factor=1.3)
    twice = [now, dataclasses.replace(now, id="again")]
    alone, *_ = pairs.judge_pairs(pairs.pair(before, [now]).pairs, VALUES)
    first, second = pairs.judge_pairs(pairs.pair(before, twice).pairs, VALUES)
    assert first.comparisons == second.comparisons
    assert first.comparisons[0].verdict.raw_p_value == alone.comparisons[0].verdict.raw_p_value


def test_the_other_pairs_decide_how_easily_one_is_called() -> None:
    """A change by 18 % is none of eight by itself, and one where all have changed, whatever their order."""
    tests = [f"tests/test_x.py::test_{number:02}" for number in range(8)]
    before = [run(number, test) for number in range(1, 4) for test in tests]
    changed = [run(30 + place, test, factor=1.18) for place, test in enumerate(tests)]
    same = [run(30 + place, test) for place, test in enumerate(tests)]
    assert set(judged(before, changed).values()) == set(judged(before, changed[::-1]).values()) == {"regressed"}
    assert set(judged(before, [*same[:-1], changed[-1]]).values()) == {"pass"}


def test_the_users_thresholds_stand_before_the_plans() -> None:
    """Those of the run that is judged; without one its plan's count."""
    before = [run(number) for number in range(1, 6)]
    assert judged(before, [run(20, factor=1.3)]) == {f"{CHAT}-20": "regressed"}
    assert judged(before, [run(20, factor=1.3)], tolerance=0.6)[f"{CHAT}-20"] != "regressed"
    failing = run(20, samples=nouns.samples([0.3] * 95 + [None] * 5))
    assert judged(before, [failing]) == {f"{CHAT}-20": "regressed"}
    assert "error_rate" not in "".join(
        limit.limit
        for each in pairs.judge_pairs(pairs.pair(before, [failing]).pairs, VALUES | {"error-limit": 0.2})
        for limit in each.limits
        if limit.status == "regressed"
    )


def test_a_run_is_never_its_own_baseline() -> None:
    """It would pass whatever it measured."""
    same = run(1)
    found = pairs.pair([same, run(2)], [same])
    assert [each.id for each in found.pairs[0].baseline] == [f"{CHAT}-2"]
    assert [each.code for each in found.notices] == ["same_run"]
    assert pairs.pair([same], [same]).pairs[0].baseline == ()


def test_earlier_runs_of_something_else_are_left_out_with_a_notice() -> None:
    """The notice names what differs."""
    strange = run(1, conditions=(nouns.conditions(model="openai/gpt-4o"),))
    found = pairs.pair([strange, run(2)], [run(9)])
    assert [each.id for each in found.pairs[0].baseline] == [f"{CHAT}-2"]
    assert "1 of 2 runs in A were measured with something else and left out: the model was openai/gpt-4o in" in (
        found.notices[0].message
    )


def test_runs_that_cannot_be_compared_say_what_differs() -> None:
    """Where no earlier run was measured as the later one was."""
    strange = run(1, conditions=(nouns.conditions(model="openai/gpt-4o"),))
    (found,) = pairs.judge_pairs(pairs.pair([strange], [run(9)]).pairs, VALUES)
    assert (found.status, found.fails) == ("incomparable", False)
    assert found.reasons[0].startswith("the model was openai/gpt-4o in the baseline and is openai/gpt-4o-mini")


def test_another_environment_is_said() -> None:
    """The plugin would not have compared them."""
    found = pairs.pair([run(1)], [run(9, environment=nouns.environment(label="ci"))])
    assert found.notices[0].message.startswith("A was measured in the environment default, B in ci:")


def test_runs_that_cannot_be_trusted_are_no_baseline() -> None:
    """They are refused for the reason that a session would give, and a test without others is spoilt."""
    cut_off, late = run(1, complete=False), run(1, TOOL, trust=nouns.trust(send_lag_p99_s=3.0))
    found = pairs.trusted([cut_off, late, run(2)], VALUES)
    assert [each.id for each in found.runs] == [f"{CHAT}-2"]
    assert ["interrupted" in found.refused[0].reason, "overloaded" in found.refused[1].reason] == [True, True]
    sides = pairs.pair(found.runs, [run(9), run(9, TOOL)], found.refused)
    assert sides.spoilt == (TOOL,)
    assert (sides.only_before, sides.only_now) == ((), ())
    assert [each.code for each in sides.notices] == ["refused", "refused"]


def test_a_run_with_two_sides_says_that_it_stands_alone_where_there_are_earlier_runs() -> None:
    """Where none was named, nobody expects that it is judged against one."""
    beside = run(2, plan=nouns.plan(ab="openai/gpt-4o"))
    assert [each.code for each in pairs.pair([run(1)], [beside]).notices] == ["two_sides"]
    assert pairs.pair([], [beside]).notices == ()


def test_one_request_a_side_is_inconclusive() -> None:
    """It neither passes nor fails for it."""
    assert judged([run(1, count=1)], [run(9, count=1)]) == {f"{CHAT}-9": "inconclusive"}


@settings(derandomize=True, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_order_of_the_runs_does_not_matter(order: list[int]) -> None:
    """Files come in any order."""
    before = [run(number) for number in range(1, 6)]
    assert pairs.pair([before[place] for place in order], [run(9)]) == pairs.pair(before, [run(9)])
