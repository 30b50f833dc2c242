"""The figures of a run."""

import dataclasses

import pytest

import nouns
from pytest_llm_latency.execution.sampling import blame
from pytest_llm_latency.model import Failure, Run, Sample
from pytest_llm_latency.stats.summary import BINS, by_region, distribution, histogram, pooled, summarise


def times(count: int) -> list[float | None]:
    """Return times to first token from 0.101 s in steps of a millisecond."""
    return [0.1 + number / 1000 for number in range(1, count + 1)]


def test_a_run_of_successes_has_every_figure() -> None:
    """A hundred requests in forty seconds."""
    [summary] = summarise(nouns.run(times(100)))

    assert (summary.requests, summary.successes, summary.error_rate, summary.errors) == (100, 100, 0.0, {})
    assert summary.requests_per_s == pytest.approx(2.5)
    assert summary.tokens_per_s == pytest.approx(100 * 25 / 40)
    assert summary.cost_usd == pytest.approx(0.008)
    assert summary.cost_per_1000_usd == pytest.approx(0.08)
    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (ttft.p50, ttft.p95, ttft.p99) == pytest.approx((0.150, 0.195, None))
    assert (ttft.minimum, ttft.maximum, ttft.mean) == pytest.approx((0.101, 0.2, 0.1505))
    assert ttft.needed == {"p99": 299}
    assert sum(ttft.histogram) == 100
    assert len(ttft.histogram) == BINS


def test_figures_of_counts_are_numbers_as_all_others() -> None:
    """What is stored gives them back so, and a report again has the same bytes."""
    found = distribution("tokens_out", [4, 2] * 40)
    assert [type(each) for each in (found.mean, found.minimum, found.maximum, found.p50)] == [float] * 4


def test_what_was_never_measured_is_absent() -> None:
    """No zero stands for it."""
    [summary] = summarise(nouns.run(times(10)))

    assert summary.distribution("server_processing") is None
    assert summary.distribution("e2e_scheduled") is None
    assert summary.goodput is None


def test_failed_requests_rank_as_slow_and_leave_the_figures_of_the_successes() -> None:
    """Ten of a hundred: p95 falls on them, p90 does not."""
    [summary] = summarise(nouns.run([*times(90), *[None] * 10]))

    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (ttft.count, ttft.successes) == (100, 90)
    assert (ttft.p90, ttft.p95) == (pytest.approx(0.19), None)
    assert ttft.maximum == pytest.approx(0.19)
    assert "p95" not in ttft.needed
    assert (summary.error_rate, summary.errors) == (0.1, {"RateLimitError": 10})
    assert summary.requests_per_s == pytest.approx(90 / 40)


def test_throughput_ranks_from_the_other_side() -> None:
    """Its p95 is what 95 % of the requests reach, and a failed request reaches nothing."""
    [summary] = summarise(nouns.run([*times(97), *[None] * 3]))

    throughput = summary.distribution("throughput")
    assert throughput is not None
    assert throughput.p50 is not None
    assert throughput.p95 is not None
    assert throughput.minimum is not None
    assert throughput.minimum <= throughput.p95 < throughput.p50
    assert throughput.successes == 97


def test_a_run_in_which_everything_failed_has_no_fast_figure() -> None:
    """No mean of nothing, no rate of failures."""
    [summary] = summarise(nouns.run([None] * 60))

    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (ttft.mean, ttft.minimum, ttft.p50, ttft.histogram) == (None, None, None, ())
    assert (summary.error_rate, summary.requests_per_s, summary.tokens_per_s) == (1.0, 0.0, None)
    assert summary.cost_usd is None


def failing(run: Run, *iterations: int) -> Run:
    """Return the run with bodies that raised, as the collecting leaves it."""
    failure = Failure(error_class="AssertionError", message="the reply is empty", phase="assertion")
    failures = dict.fromkeys(iterations, failure)
    return dataclasses.replace(run, samples=blame(run.samples, failures), iteration_failures=tuple(failures.items()))


def test_an_iteration_that_never_reached_a_step_is_a_failed_request_of_it() -> None:
    """A broken body does not make the sample smaller."""
    [summary] = summarise(failing(nouns.run(times(99)), 99))

    assert (summary.requests, summary.successes, summary.errors) == (100, 99, {"AssertionError": 1})
    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (ttft.count, ttft.successes) == (100, 99)


def test_an_assertion_after_the_reply_makes_its_request_a_failed_one() -> None:
    """It counts once as an error, and ranks as slow: the sample itself says that it failed."""
    [summary] = summarise(failing(nouns.run(times(100)), 3))

    assert (summary.requests, summary.successes, summary.errors) == (100, 99, {"AssertionError": 1})
    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (ttft.count, ttft.successes) == (100, 99)


def test_a_body_that_fails_because_its_request_did_counts_once() -> None:
    """The request's own error is the error."""
    [summary] = summarise(failing(nouns.run([*times(9), None]), 9))

    assert (summary.requests, summary.errors) == (10, {"RateLimitError": 1})


def test_a_body_that_never_calls_has_a_step_of_failures() -> None:
    """Its errors are not lost."""
    [summary] = summarise(failing(nouns.run(), 0, 1))

    assert (summary.step, summary.requests, summary.error_rate) == (None, 2, 1.0)
    assert summarise(nouns.run()) == ()


def test_steps_are_summarised_in_their_order() -> None:
    """And a failure between them counts for the second."""
    first = nouns.samples(times(10), step="plan")
    second = nouns.samples(times(8), step="answer")
    run = failing(nouns.run(samples=(*first, *second)), 8, 9)

    plan, answer = summarise(run)

    assert (plan.step, plan.requests, plan.successes) == ("plan", 10, 8)
    assert (answer.step, answer.requests, answer.successes) == ("answer", 10, 8)


def test_warm_up_is_in_no_figure() -> None:
    """Only measured requests count."""
    run = nouns.run(times(10))
    warmed = dataclasses.replace(run, samples=(nouns.sample(99, 9.0, phase="warmup"), *run.samples))

    assert summarise(warmed) == summarise(run)


def test_a_cost_is_absent_when_any_is_unknown_and_complete_without_refused_requests() -> None:
    """A refused request is not billed; a reply without a price is."""

    def cost(*samples: Sample) -> float | None:
        return summarise(nouns.run(samples=samples))[0].cost_usd

    assert cost(nouns.sample(0, 0.1), nouns.sample(1, None)) == pytest.approx(0.00008)
    assert cost(nouns.sample(0, 0.1), nouns.sample(1, 0.1, cost_usd=None)) is None
    assert cost(nouns.sample(0, 0.1), nouns.sample(1, None, http_status=200)) is None


def test_goodput_is_the_share_that_meets_every_limit_on_a_metric() -> None:
    """Thirty of a hundred are slower than the limit, five more failed, and one body raised."""
    plan = nouns.plan(limits=("ttft.p95 < 165.5ms", "cost.mean < $1", "error_rate < 1%"))
    run = failing(nouns.run([*times(95), *[None] * 5], plan=plan), 0)

    assert summarise(run)[0].goodput == pytest.approx(0.64)


def test_accepted_runs_are_pooled_request_by_request() -> None:
    """Two runs of fifty are a hundred requests in twice the time."""
    [summary] = pooled([nouns.run(times(50)), nouns.run(times(50))])

    ttft = summary.distribution("ttft")
    assert ttft is not None
    assert (summary.requests, ttft.count, ttft.p50) == (100, 100, pytest.approx(0.125))
    assert summary.requests_per_s == pytest.approx(100 / 80)
    assert pooled([]) == ()


def test_a_run_without_duration_has_no_rates() -> None:
    """Nothing is divided by nothing."""
    [summary] = summarise(nouns.run(times(5), duration_s=0.0))

    assert (summary.requests_per_s, summary.tokens_per_s) == (None, None)


def test_a_histogram_has_equal_bins_on_a_log_scale() -> None:
    """Equal values stand in the first; what has no logarithm has no histogram."""
    assert histogram([1.0, 10.0, 100.0], bins=2) == (1, 2)
    assert histogram([2.0, 2.0], bins=3) == (2, 0, 0)
    assert histogram([0.0, 1.0]) == ()
    assert histogram([]) == ()


def test_inter_token_latencies_are_over_all_tokens_of_a_step() -> None:
    """Of two requests with 24 tokens after the first delta each, one four times as fast as the other."""
    fast, slow = nouns.sample(0, 0.2, 0.6), nouns.sample(1, 0.2, 1.8)  # 20 tokens in four gaps of 0.1 and 0.4 s
    (summary,) = summarise(nouns.run(samples=(*[fast] * 3, *[slow] * 2)))
    found = summary.distribution("itl")
    assert found is not None
    assert (found.count, found.successes) == (5, 5)
    assert found.p50 == pytest.approx(0.02)
    assert found.p75 is None  # it takes 11 requests
    assert found.mean == pytest.approx((3 * 0.02 + 2 * 0.08) / 5)
    assert (found.minimum, found.maximum) == (pytest.approx(0.02), pytest.approx(0.08))


def test_a_months_cost_is_projected_to_the_stated_volume() -> None:
    """And unknown without one."""
    run = nouns.run([0.2] * 10)
    (summary,) = summarise(run, monthly_requests=250_000)
    assert summary.cost_per_month_usd == pytest.approx(0.00008 * 250_000)
    assert summarise(run)[0].cost_per_month_usd is None
    unknown = nouns.run(samples=nouns.samples([0.2] * 10, cost_usd=None))
    assert summarise(unknown, monthly_requests=250_000)[0].cost_per_month_usd is None


def test_the_regions_of_a_run_have_figures_of_their_own() -> None:
    """They add up to the run's; a request of a worker without a region is one of none."""
    samples = [
        dataclasses.replace(each, region=(None, "eu", "us")[each.index % 3])
        for each in nouns.samples([*times(90), *[None] * 9])
    ]
    run = nouns.run(samples=tuple(samples))

    regions = by_region(run)

    assert list(regions) == ["eu", "no region", "us"]
    assert [found.requests for (found,) in regions.values()] == [33, 33, 33]
    assert sum(found.successes for (found,) in regions.values()) == summarise(run)[0].successes
    assert sum(found.requests_per_s or 0 for (found,) in regions.values()) == pytest.approx(90 / 40)


def test_one_region_alone_is_not_set_apart() -> None:
    """The figures of the run are its own."""
    assert by_region(nouns.run(times(9))) == {}
    assert by_region(nouns.run(samples=nouns.samples(times(9), region="eu"))) == {}
