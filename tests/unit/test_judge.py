"""From runs to the result of a test: what is compared, what is refused, what fails."""

import dataclasses
from collections.abc import Iterable
from typing import Any, get_args

import pytest

import nouns
from pytest_llm_latency.judge import Policy, Reaction, digest, judge, knowing, shared_noise, undecided
from pytest_llm_latency.model import WORST_FIRST, Notice, Result, Run, Sample, VerdictStatus
from pytest_llm_latency.stats import GatePolicy


def policy(**changes: Any) -> Policy:
    """Return a policy that warns where there is no clear answer."""
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


def run(times: Iterable[float | None], **changes: Any) -> Run:
    """Return a complete run of one request an iteration, judged by its time to first token."""
    return whole(nouns.samples(times), **changes)


def whole(samples: Any, *, gate: tuple[str, ...] = ("ttft",), plan: Any = None, **changes: Any) -> Run:
    """Return a run whose plan asked for as many iterations as the samples have."""
    iterations = len({each.iteration for each in samples if each.phase == "measure"})
    planned = nouns.plan(requests=iterations, warmup=0, gate=gate, error_limit=1.0, **(plan or {}))
    return nouns.run(samples=tuple(samples), plan=planned, **changes)


def judged(candidate: Run, *baseline: Run, by: Policy | None = None) -> Result:
    """Judge a run against its accepted runs."""
    return judge(candidate, digest(baseline), by or policy(), None)


def times(count: int = 100, median: float = 0.3, seed: int = 1) -> list[float]:
    """Return latencies like a provider's."""
    return nouns.lognormal(count, median=median, seed=seed)


def statuses(result: Result) -> dict[tuple[str | None, str], VerdictStatus]:
    """Return the status of each comparison."""
    return {(each.step, each.metric): each.verdict.status for each in result.comparisons}


def test_every_status_has_its_place_in_the_order() -> None:
    """One that is missing would never be found among the parts of a test."""
    assert sorted(WORST_FIRST) == sorted(get_args(VerdictStatus))


@pytest.mark.parametrize(
    ("reaction", "silent", "fails"), [("pass", True, False), ("warn", False, False), ("fail", False, True)]
)
def test_a_status_that_the_policy_passes_over_is_silent(reaction: Reaction, silent: bool, fails: bool) -> None:  # noqa: FBT001  (parametrised)
    """A missing baseline and an undecided comparison have a policy each; a clear answer has none."""
    missing = judged(run(times()), by=policy(on_no_baseline=reaction))
    undecided = judged(run(times(5)), run(times(5)), by=policy(on_inconclusive=reaction))
    clear = judged(run(times()), run(times()), by=policy(on_no_baseline=reaction, on_inconclusive=reaction))

    assert (missing.status, missing.silent, missing.fails) == ("no_baseline", silent, fails)
    assert (undecided.status, undecided.silent, undecided.fails) == ("inconclusive", silent, fails)
    assert (clear.status, clear.silent, clear.fails) == ("pass", False, False)


def without_usage(count: int = 60) -> tuple[Sample, ...]:
    """Return successes that say nothing of their tokens."""
    return nouns.samples(times(count), usage=None)


@pytest.mark.parametrize("in_baseline", [False, True])
def test_a_gated_metric_that_no_request_has_is_inconclusive(in_baseline: bool) -> None:  # noqa: FBT001  (parametrised)
    """What was not measured is no pass; the reason says which metric, and what to do."""
    before = whole(nouns.samples(times()) if in_baseline else without_usage(), gate=("ttft", "tpot"))
    result = judged(whole(without_usage(), gate=("ttft", "tpot")), before)

    assert (result.status, statuses(result)[None, "tpot"]) == ("inconclusive", "inconclusive")
    [tpot] = [each.verdict for each in result.comparisons if each.metric == "tpot"]
    assert tpot.reasons[0].startswith("inconclusive: no request of this run had a tpot (")
    assert tpot.reasons[0].endswith("remove tpot from gate=...")
    assert ("the baseline has it" in tpot.reasons[0]) is in_baseline


@pytest.mark.parametrize("accepted", [(), ("step",)])
def test_a_gate_over_no_step_at_all_is_never_a_pass(accepted: tuple[str, ...]) -> None:
    """Every body failed before its first call, and the error limit allows it."""
    failures = tuple((iteration, nouns.failure("KeyError", "'prompt'")) for iteration in range(60))
    broken = nouns.run(
        plan=nouns.plan(requests=60, warmup=0, error_limit=1.0), iteration_failures=failures, conditions=()
    )
    before = [
        whole(nouns.samples(times(60), step=step), conditions=(nouns.conditions(step=step),)) for step in accepted
    ]

    result = judged(broken, *before)

    assert result.status == ("regressed" if accepted else "no_baseline")


def test_a_run_without_requests_and_without_failures_is_not_a_pass() -> None:
    """A plan of nothing at all would leave nothing to say no."""
    nothing = nouns.run(plan=nouns.plan(requests=0, warmup=0), conditions=())

    assert judged(nothing).status == "inconclusive"


def test_a_step_that_is_never_the_first_call_does_not_need_a_planned_start() -> None:
    """An open loop plans the first call of an iteration only."""
    first = [
        dataclasses.replace(each, step="plan", stamps=dataclasses.replace(each.stamps, scheduled=each.stamps.started))
        for each in nouns.samples(times(60))
    ]
    run = whole((*first, *nouns.samples(times(60), step="answer")), gate=("e2e_scheduled",), conditions=())

    assert set(statuses(judged(run))) == {("plan", "e2e_scheduled")}


def test_an_iteration_that_left_no_trace_makes_a_complete_run_invalid() -> None:
    """Three of sixty are gone: the others are not the sample that was planned."""
    lossy = whole(nouns.samples(times(60)))
    lossy = dataclasses.replace(
        lossy,
        samples=tuple(each for each in lossy.samples if each.iteration not in {4, 7, 8, 50}),
        iteration_failures=((50, nouns.failure()),),
    )

    result = judged(lossy, run(times(60)))

    assert (result.status, result.fails) == ("invalid", True)
    assert result.reasons[0].startswith("3 of 60 iterations left neither a request nor a failure.")


def test_a_latency_that_drifts_or_a_cache_that_answers_more_is_a_warning() -> None:
    """And no reason to fail."""
    rising = [value * (1 + place / 60) for place, value in enumerate(times(60))]
    found = judged(run(rising))
    assert [warning.code for warning in found.warnings] == ["not_steady"]
    usage = nouns.sample(0, 0.2, 0.4).usage
    assert usage is not None
    cached = nouns.samples(times(60), usage=dataclasses.replace(usage, tokens_cached=256))
    found = judged(whole(cached), run(times(60)))
    assert [warning.code for warning in found.warnings] == ["cache_share"]


def test_the_ramp_in_does_not_stand_for_what_is_measured_either() -> None:
    """Its iterations come between the warm-up and those that count."""
    samples = tuple(
        dataclasses.replace(each, phase="warmup" if each.index < 5 else "measure") for each in nouns.samples(times(65))
    )
    plan = nouns.plan(requests=60, warmup=2, ramp_in=3, gate=("ttft",))
    assert judged(nouns.run(samples=samples, plan=plan)).status == "no_baseline"
    lossy = judged(nouns.run(samples=samples[:-1], plan=plan))
    assert lossy.reasons[0].startswith("1 of 60 iterations left neither")


def test_warm_up_does_not_stand_for_what_is_measured() -> None:
    """The iterations are counted from the end of the warm-up."""
    samples = [
        dataclasses.replace(each, phase="warmup" if each.index < 5 else "measure") for each in nouns.samples(times(65))
    ]
    measured = nouns.run(samples=tuple(samples), plan=nouns.plan(requests=60, warmup=5, gate=("ttft",)))
    late = dataclasses.replace(measured, plan=nouns.plan(requests=60, warmup=6, gate=("ttft",)))

    assert judged(measured).status == "no_baseline"
    assert judged(late).status == "invalid"


STOPPED = Notice(code="budget", message="the run was stopped after some iterations: the budget is used up. Raise it.")


def stopped(count: int, **plan: Any) -> Run:
    """Return a run of a hundred planned iterations that a budget stopped."""
    one = run(times(count), complete=False, warnings=(STOPPED,))
    return dataclasses.replace(one, plan=dataclasses.replace(one.plan, requests=100, **plan))


def test_a_run_that_a_budget_stopped_is_judged_on_what_it_has() -> None:
    """With the warning; enough requests for a p95 may pass or regress like any others."""
    same, slower = judged(stopped(80), run(times())), judged(stopped(80), run(times(median=0.1)))
    assert (same.status, same.reasons, same.warnings) == ("pass", (), (STOPPED,))
    assert (slower.status, slower.fails) == ("regressed", True)


@pytest.mark.parametrize("gate", [("ttft",), ()])
def test_a_run_that_was_stopped_too_early_for_a_p95_never_passes(gate: tuple[str, ...]) -> None:
    """Whether or not something is compared; the same requests as a whole plan may pass."""
    few = judged(stopped(58, gate=gate), run(times(200)))
    assert few.status == "inconclusive"
    assert few.reasons == ("stopped after 58 of 100 iterations: p95 needs 59 requests",)
    assert judged(stopped(58, gate=gate), run(times(200)), by=policy(on_inconclusive="fail")).fails
    assert judged(stopped(59, gate=()), run(times(200))).status == "pass"
    assert judged(run(times(58), gate=()), run(times(200))).status == "pass"


def test_a_run_that_was_stopped_before_anything_was_measured_is_invalid() -> None:
    """It fails with the reason of the stop."""
    nothing = judged(stopped(0), run(times()))
    assert (nothing.status, nothing.fails, nothing.reasons) == ("invalid", True, (STOPPED.message,))


def test_a_limit_that_is_broken_fails_a_run_that_was_stopped() -> None:
    """What it has is enough for that."""
    assert judged(stopped(30, limits=("ttft.p95 < 1ms",))).status == "regressed"


def test_an_interrupted_run_says_so_once() -> None:
    """What was never begun is not lost."""
    result = judged(run(times(30), complete=False, plan={"version": "1"}))

    assert (result.status, len(result.reasons)) == ("invalid", 1)


def test_what_an_interrupted_run_gave_up_is_no_failure_of_who_was_asked() -> None:
    """Where it is stopped, what is under way ends, so that a body has given up what was; so in a whole one."""
    cut = whole((*nouns.samples(times(80)), nouns.sample(80, None, status="cancelled")), complete=False)
    cut = dataclasses.replace(cut, plan=dataclasses.replace(cut.plan, error_limit=0.01))
    stopped_one, complete = dataclasses.replace(cut, warnings=(STOPPED,)), dataclasses.replace(cut, complete=True)

    result = judged(cut)
    assert (result.status, result.limits, len(result.reasons)) == ("invalid", (), 1)
    assert [judged(each).limits[0].value for each in (stopped_one, complete)] == [1 / 81, 1 / 81]


def steps(slower: float = 1.0, *names: str | None) -> Run:
    """Return a run of sixty first calls, the last of which is followed by one call of each name."""
    first = nouns.samples([slower * each for each in times(60)])
    later = [nouns.sample(60 + place, 0.3, 0.6, step=name, iteration=59) for place, name in enumerate(names)]
    conditions = tuple(nouns.conditions(step=step) for step in (None, *names))
    return whole((*first, *later), conditions=conditions)


def test_a_rare_extra_step_does_not_hide_a_regression() -> None:
    """What both have is compared; the new step has no baseline."""
    result = judged(steps(4.0, "call 2"), steps())

    assert result.status == "regressed"
    assert statuses(result) == {
        (None, "ttft"): "regressed",
        ("call 2", "ttft"): "no_baseline",
        (None, "error_rate"): "pass",
    }


def test_a_step_that_only_the_baseline_has_is_a_warning() -> None:
    """Also where only an older accepted run had it."""
    result = judged(steps(1.0), steps(1.0, "call 2"), steps())

    assert result.status == "pass"
    assert [each.code for each in result.warnings] == ["step_missing"]
    assert result.warnings[0].message.startswith("step 'call 2' is in the baseline, not in this run")
    assert judged(steps(1.0), steps()).warnings == ()


def test_a_run_without_any_step_of_its_baseline_is_incomparable() -> None:
    """And says why only there."""
    before = whole(nouns.samples(times(60), step="old"), conditions=(nouns.conditions(step="old"),))
    now = whole(nouns.samples(times(60), step="new"), conditions=(nouns.conditions(step="new"),))

    result = judged(now, before)

    assert (result.status, result.warnings) == ("incomparable", ())
    assert "step 'new' was not measured before" in result.reasons


def test_a_common_step_that_was_measured_otherwise_is_incomparable() -> None:
    """The extra step changes nothing of that."""
    other = dataclasses.replace(steps(), conditions=(nouns.conditions(model="openai/gpt-4o"),))

    assert judged(steps(4.0, "call 2"), other).status == "incomparable"


def test_an_accepted_run_that_lacks_a_step_is_no_failed_run_of_it() -> None:
    """Its failed iterations never reached the step because nothing did."""
    failed = dataclasses.replace(steps(), iteration_failures=((60, nouns.failure()),))
    known = digest([failed, steps(1.0, "call 2")])

    assert known is not None
    assert known.errors["call 2"] == ((0, 1),)
    assert [array.size for array in known.series["call 2", "ttft"]] == [1]


@pytest.mark.parametrize(
    ("metric", "ratio", "open_question"),
    [("ttft", 1.4, True), ("ttft", 0.7, False), ("throughput", 0.7, True), ("throughput", 1.4, False)],
)
def test_what_may_still_regress_is_what_got_worse(metric: str, ratio: float, open_question: bool) -> None:  # noqa: FBT001  (parametrised)
    """For throughput worse is less: a gain is not held against the other tests either."""
    compared = nouns.comparison(metric, "inconclusive", ratio=ratio, raw_p_value=0.03)
    result = nouns.result("inconclusive", comparisons=(compared,))

    assert bool(undecided([result], GatePolicy())) is open_question
    assert knowing(policy(), [result]).gate.elsewhere == ((0.03,) if open_question else (1.0,))


def test_throughput_that_vanished_may_still_regress() -> None:
    """A ratio of 0 is endless slowness."""
    gone = nouns.comparison("throughput", "inconclusive", ratio=0.0, raw_p_value=0.03)

    assert undecided([nouns.result("inconclusive", comparisons=(gone,))], GatePolicy()) == (nouns.TEST_ID,)


def test_noise_of_throughput_is_that_of_the_time_it_is_made_of() -> None:
    """A failed request of 0 tokens a second is the slowest, not the fastest."""
    runs = [whole(nouns.samples([*times(60, seed=seed), None, None], streaming_s=0.0)) for seed in range(4)]
    baseline = digest(runs)
    assert baseline is not None

    tokens = shared_noise({"test": baseline}, {"test": ("throughput",)}, GatePolicy())
    seconds = shared_noise({"test": baseline}, {"test": ("e2e",)}, GatePolicy())

    assert tokens.run_variance == pytest.approx(seconds.run_variance)
    assert tokens.tail_inflation == pytest.approx(seconds.tail_inflation)


def test_a_blocked_event_loop_makes_a_run_invalid_and_is_named() -> None:
    """With its lag and the limit."""
    result = judged(run(times(60), trust=nouns.trust(loop_lag_p99_s=0.5)))

    assert result.status == "invalid"
    assert "event loop was blocked: for 1 % of the time it came 500 ms late or more (limit 200 ms)" in result.reasons[0]


def test_an_adaptive_run_that_stopped_early_is_judged_as_whole() -> None:
    """What it did not measure is not lost; what it should have measured by then is."""
    adaptive = nouns.plan(requests=240, warmup=0, gate=("ttft",), adaptive=True)
    accepted = run(times(240, seed=2))
    early = nouns.run(times(120), plan=adaptive, looks=(60, 120))
    assert judged(early, accepted).status == "pass"
    lossy = nouns.run(times(110), plan=adaptive, looks=(60, 120))
    found = judged(lossy, accepted)
    assert found.status == "invalid"
    assert found.reasons[0].startswith("10 of 120 iterations left neither a request nor a failure.")
