"""What a run's warnings say of how it went."""

import nouns
from pytest_llm_latency.execution.notices import notices
from pytest_llm_latency.model import Notice
from pytest_llm_latency.units import nanoseconds

PLAN = nouns.plan(requests=60)


def test_a_run_that_nothing_held_has_none() -> None:
    """Neither has one under limits that it never reached."""
    samples = [nouns.sample(0, 0.1), nouns.sample(1, 0.1, paced_ns=0)]
    assert notices(PLAN, samples, None) == ()


def test_the_waiting_is_summed_with_the_longest() -> None:
    """The warm-up's is not in it: a budget that must know a price lets the first request go alone."""
    samples = [
        nouns.sample(0, 0.1, paced_ns=nanoseconds(1.5), phase="warmup"),
        nouns.sample(1, 0.1, paced_ns=nanoseconds(2.25)),
        nouns.sample(2, 0.1, paced_ns=0),
    ]
    assert notices(PLAN, samples, None) == (
        Notice(
            code="paced",
            message="1 of 2 requests were held back for 2.25 s in all, 2.25 s at most, which is in no latency. "
            "The load was lighter than planned: plan one within the rate limits.",
        ),
    )


def test_refusals_are_counted() -> None:
    """Those of the warm-up too; an error of another kind is none."""
    broken = nouns.sample(2, None, status="error", http_status=500)
    samples = [nouns.sample(0, 0.1, paced_ns=nanoseconds(1)), nouns.sample(1, None, phase="warmup"), broken]
    (notice,) = notices(PLAN, samples, None)
    assert notice.message.startswith(
        "1 of 2 requests were held back for 1.00 s in all, 1.00 s at most, which is in no latency; "
        "the provider refused 1 of 3 requests, which count as errors."
    )
    (alone,) = notices(PLAN, [nouns.sample(1, None)], None)
    assert alone.message.startswith("the provider refused 1 of 1 requests, which count as errors.")


def test_a_run_that_was_stopped_says_how_far_it_came_and_why() -> None:
    """Iterations of the warm-up are none of those that were planned."""
    samples = [nouns.sample(0, 0.1, phase="warmup"), nouns.sample(1, 0.1), nouns.sample(2, 0.1, iteration=1)]
    stopped = Notice(code="budget", message="the test's budget is used up. Raise it.")
    message = "the run was stopped after 1 of 60 iterations: the test's budget is used up. Raise it."
    assert notices(PLAN, samples, stopped) == (Notice(code="budget", message=message),)
