"""Absolute limits: how they are read, and what they say of a run."""

import pytest

import nouns
from pytest_llm_latency.errors import MarkerError
from pytest_llm_latency.limits import check_error_limit, check_limits, parse_limit
from pytest_llm_latency.model import LimitCheck, Run
from pytest_llm_latency.stats.summary import summarise


def times(count: int, start: float = 0.1) -> list[float | None]:
    """Return times to first token in steps of a millisecond."""
    return [start + number / 1000 for number in range(1, count + 1)]


def check(text: str, run: Run) -> LimitCheck:
    """Check one limit against a run of one step."""
    [found] = check_limits([parse_limit(text)], run, summarise(run))
    return found


@pytest.mark.parametrize(
    ("text", "figure", "statistic", "comparison", "threshold"),
    [
        ("ttft.p95 < 800ms", "ttft", "p95", "<", 0.8),
        ("e2e.mean<=1.5s", "e2e", "mean", "<=", 1.5),
        ("tpot.p50 < 20 ms", "tpot", "p50", "<", 0.02),
        ("throughput.p95 > 20", "throughput", "p95", ">", 20.0),
        ("tokens_out.max < 500", "tokens_out", "max", "<", 500.0),
        ("cost.mean < $0.002", "cost", "mean", "<", 0.002),
        ("error_rate < 1%", "error_rate", None, "<", 0.01),
        ("goodput >= 95%", "goodput", None, ">=", 0.95),
        ("requests_per_s > 5", "requests_per_s", None, ">", 5.0),
        ("tokens_per_s > 100", "tokens_per_s", None, ">", 100.0),
    ],
)
def test_limits_are_read(text: str, figure: str, statistic: str | None, comparison: str, threshold: float) -> None:
    """Values are in the unit of their figure."""
    limit = parse_limit(f" {text} ")

    assert (limit.figure, limit.statistic, limit.comparison) == (figure, statistic, comparison)
    assert limit.threshold == pytest.approx(threshold)
    assert limit.text == text


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("tttf.p95 < 1s", "did you mean 'ttft'?"),
        ("error_rat < 1%", "did you mean 'error_rate'?"),
        ("ttft.p96 < 1s", "did you mean 'p95'?"),
        ("ttft.median < 1s", "did you mean 'p50'?"),
        ("ttft < 1s", "write ttft.p95"),
        ("error_rate.p95 < 1%", "write 'error_rate' alone"),
        ("ttft.p95 < 800", "'800ms'"),
        ("cost.mean < 0.002", "'$0.002'"),
        ("tokens_out.p50 < 5ms", "without a unit"),
        ("ttft.p95 = 1s", "'ttft.p95 < 800ms'"),
        ("", "'ttft.p95 < 800ms'"),
        (5, "'ttft.p95 < 800ms'"),
    ],
)
def test_a_limit_that_cannot_be_read_says_what_to_write(text: object, remedy: str) -> None:
    """One message that ends with the remedy."""
    with pytest.raises(MarkerError) as caught:
        parse_limit(text)

    assert remedy in str(caught.value)


def test_a_quantile_that_the_sample_supports_decides() -> None:
    """p95 of a hundred requests is their ninety-fifth."""
    run = nouns.run(times(100))

    kept, broken = check("ttft.p95 < 200ms", run), check("ttft.p95 < 190ms", run)

    assert (kept.status, kept.message) == ("pass", "ttft p95 is 195 ms, within the limit of 200 ms")
    assert (broken.status, broken.message) == ("regressed", "ttft p95 is 195 ms, above the limit of 190 ms")
    assert broken.value == pytest.approx(0.195)
    assert broken.threshold == pytest.approx(0.19)


def test_the_limit_itself_is_within_only_where_it_says_so() -> None:
    """``<`` is strict."""
    run = nouns.run([0.25] * 60)

    assert check("ttft.p95 < 250ms", run).status == "regressed"
    assert check("ttft.p95 <= 250ms", run).status == "pass"


def test_a_small_sample_within_the_limit_is_inconclusive_with_the_number_needed() -> None:
    """Fifty requests do not support p95."""
    found = check("ttft.p95 < 1s", nouns.run(times(50)))

    assert (found.status, found.value) == ("inconclusive", None)
    assert "all of them keep the limit of 1.00 s" in found.message
    assert found.message.endswith("raise requests to at least 59")


def test_a_small_sample_is_regressed_once_too_many_break_the_limit() -> None:
    """Of fifty-nine requests two may exceed p95's limit, so three of thirty are too many."""
    two, three = [*times(28), 5.0, 5.0], [*times(27), 5.0, 5.0, 5.0]

    assert check("ttft.p95 < 1s", nouns.run(two)).status == "inconclusive"
    found = check("ttft.p95 < 1s", nouns.run(three))
    assert found.status == "regressed"
    assert "3 of 30 requests break the limit of 1.00 s, and p95 allows 2 even of 59" in found.message


def test_failed_requests_break_every_limit_on_a_quantile() -> None:
    """In a large sample and in a small one."""
    large = check("ttft.p95 < 10s", nouns.run([*times(90), *[None] * 10]))

    assert (large.status, large.value) == ("regressed", None)
    assert "10 of 100 failed" in large.message
    assert check("ttft.p95 < 10s", nouns.run([*times(20), *[None] * 3])).status == "regressed"
    assert check("ttft.p95 < 10s", nouns.run([None] * 3)).status == "regressed"


def test_a_limit_on_throughput_bounds_from_below() -> None:
    """95 % of the requests must reach it."""
    run = nouns.run(times(100))

    assert check("throughput.p95 > 5", run).status == "pass"
    found = check("throughput.p95 > 500", run)
    assert found.status == "regressed"
    assert "below the limit of 500/s" in found.message
    assert check("throughput.min > 5", nouns.run([*times(99), None])).status == "regressed"


def test_a_limit_from_the_other_side_needs_a_supported_quantile() -> None:
    """At least twenty tokens in the half of the replies."""
    assert check("tokens_out.p50 > 20", nouns.run(times(10))).status == "pass"
    assert check("tokens_out.p50 > 30", nouns.run(times(10))).status == "regressed"
    assert check("tokens_out.p50 > 30", nouns.run(times(4))).status == "inconclusive"
    assert check("tokens_out.p50 > 20", nouns.run([*times(2), *[None] * 8])).status == "regressed"


def test_a_mean_of_few_values_near_the_limit_is_inconclusive() -> None:
    """Far from it, or with many values, it decides."""
    few = nouns.run([0.1, 0.2, 0.3, 0.4, 0.5])

    assert check("ttft.mean < 320ms", few).status == "inconclusive"
    assert check("ttft.mean < 2s", few).status == "pass"
    assert check("ttft.mean < 50ms", few).status == "regressed"
    assert check("ttft.mean < 1s", nouns.run([0.1])).status == "inconclusive"
    assert check("ttft.mean < 116ms", nouns.run(times(30))).status == "pass"
    assert check("ttft.mean < 115ms", nouns.run(times(30))).status == "regressed"
    assert check("cost.mean < $0.002", nouns.run(times(5))).status == "pass"


def test_an_extreme_is_what_it_is_and_a_failure_is_the_worst() -> None:
    """The slowest request of five, and one that never ended."""
    assert check("ttft.max < 300ms", nouns.run(times(5))).status == "pass"
    assert check("ttft.max < 104ms", nouns.run(times(5))).status == "regressed"
    assert check("ttft.max < 300ms", nouns.run([*times(5), None])).status == "regressed"
    assert check("ttft.min > 100ms", nouns.run([*times(5), None])).status == "pass"


def test_an_error_rate_within_its_limit_needs_a_sample_that_can_tell() -> None:
    """None of fifty says little of one percent, none of three hundred enough; two of fifty are too many."""
    assert check("error_rate < 1%", nouns.run(times(50))).message.endswith("raise requests to at least 299")
    assert check("error_rate < 1%", nouns.run(times(300))).status == "pass"
    found = check("error_rate < 1%", nouns.run([*times(48), None, None]))
    assert (found.status, found.message) == ("regressed", "error_rate is 4 %, above the limit of 1 %")


def test_figures_of_the_run_are_checked() -> None:
    """Rates and goodput."""
    plan = nouns.plan(limits=("ttft.p95 < 190ms",))
    run = nouns.run(times(100), plan=plan)

    assert check("requests_per_s > 2", run).status == "pass"
    assert check("requests_per_s > 3", run).message == "requests_per_s is 2.5/s, below the limit of 3/s"
    assert check("tokens_per_s > 60", run).status == "pass"
    assert check("goodput > 80%", run).status == "pass"
    assert check("goodput > 95%", run).status == "regressed"
    assert check("goodput > 95%", nouns.run(times(20), plan=plan)).status == "inconclusive"


@pytest.mark.parametrize(
    "text", ["server_processing.p95 < 1s", "e2e_scheduled.mean < 1s", "goodput > 95%", "requests_per_s > 1"]
)
def test_what_was_never_measured_is_inconclusive_with_the_reason(text: str) -> None:
    """A missing figure is never within its limit."""
    found = check(text, nouns.run(times(60), duration_s=0.0))

    assert (found.status, found.value) == ("inconclusive", None)
    assert "measured" in found.message


def test_every_step_is_checked_and_named() -> None:
    """One check for each step and limit."""
    run = nouns.run(samples=(*nouns.samples(times(60), step="plan"), *nouns.samples(times(60, 0.5), step="answer")))

    plan, answer = check_limits([parse_limit("ttft.p95 < 300ms")], run, summarise(run))

    assert (plan.step, plan.status) == ("plan", "pass")
    assert (answer.step, answer.status) == ("answer", "regressed")
    assert answer.message.startswith("step 'answer': ttft p95 is ")


def test_errors_above_the_limit_are_regressed_with_the_most_frequent_one() -> None:
    """The count, the share, the class and its first message."""
    other = nouns.sample(99, None, failed=nouns.failure("TimeoutError", "no answer after 60 s"))
    run = nouns.run(samples=(other, *nouns.samples([*times(97), None, None])))

    found = check_error_limit(run, 0.01)

    assert found is not None
    assert (found.status, found.value, found.threshold) == ("regressed", pytest.approx(0.03), 0.01)
    assert found.limit == "error_rate <= 1 %"
    assert found.message == (
        "3 of 100 requests failed (3 %), above the error limit of 1 %: mostly (2) RateLimitError: "
        "429: too many requests"
    )


def test_errors_within_the_limit_are_no_check() -> None:
    """One of a hundred is one percent."""
    assert check_error_limit(nouns.run([*times(99), None]), 0.01) is None
    assert check_error_limit(nouns.run(), 0.01) is None


def test_the_step_with_the_largest_share_of_errors_is_named() -> None:
    """A body that fails between its steps fails the second."""
    no_plan = nouns.failure("AssertionError", "no plan")
    blamed = nouns.sample(9, 0.2, 0.4, step="plan", status="error", failure=no_plan)
    samples = (*nouns.samples(times(9), step="plan"), blamed, *nouns.samples(times(9), step="answer"))
    broken = nouns.run(samples=samples, iteration_failures=((9, no_plan),))

    found = check_error_limit(broken, 0.05)

    assert found is not None
    assert found.message.startswith("step 'plan': 1 of 10 requests failed (10 %)")
    assert found.message.endswith("AssertionError: no plan")


def test_a_body_that_never_calls_breaks_the_error_limit() -> None:
    """Its failures have no step."""
    broken = nouns.run(iteration_failures=((0, nouns.failure("KeyError", "'prompt'")),))

    found = check_error_limit(broken, 0.5)

    assert found is not None
    assert found.message == "1 of 1 request failed (100 %), above the error limit of 50 %: KeyError: 'prompt'"


@pytest.mark.parametrize(
    ("limit", "status", "said"),
    [
        ("cost_per_1000_usd < $0.10", "pass", "cost_per_1000_usd is $0.08"),
        ("cost_usd < $0.0001", "regressed", "cost_usd is $0.0048"),
        ("cost_per_month_usd < $10", "inconclusive", "--llm-latency-monthly-requests"),
    ],
)
def test_a_cost_can_be_limited(limit: str, status: str, said: str) -> None:
    """In dollars; one that is unknown is never within a limit."""
    run = nouns.run([0.2] * 60)
    (check,) = check_limits([parse_limit(limit)], run, summarise(run))
    assert check.status == status
    assert said in check.message
