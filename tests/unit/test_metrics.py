"""Each metric of the table against stamps that can be added up by hand."""

import dataclasses
import math
from array import array
from typing import Any

import pytest

import nouns
from pytest_llm_latency.metrics import GATED, METRICS, measured, requests, series, steps, total, value
from pytest_llm_latency.model import Sample, Stamps, Usage
from pytest_llm_latency.per_request import icl, itl, tpot

MS = 1_000_000

BY_HAND = {
    "ttft": 0.2,
    "e2e": 0.4,
    "ttfo": 0.25,
    "tpot": 0.2 / 8,
    "itl": 0.2 / 8,
    "icl": 0.2 / 3,
    "max_stall": 0.1,
    "throughput": 25.0,
    "e2e_scheduled": None,
    "server_wait": 0.091,
    "server_processing": 0.09,
    "send_lag": 0.008,
    "paced": 0.03,
    "dns": 0.001,
    "connect": 0.002,
    "tls": 0.003,
    "client_overhead": 0.002,
    "tokens_in": 5,
    "tokens_out": 10,
    "tokens_reasoning": 2,
    "tokens_cached": 0,
    "tokens_cache_written": 3,
    "cost": 0.0001,
}


def by_hand(**changes: Any) -> Sample:
    """Return ten tokens in four deltas after a role chunk: reasoning, two contents and a tool call."""
    sample = Sample(
        index=0,
        iteration=0,
        phase="measure",
        step=None,
        status="ok",
        failure=None,
        http_status=200,
        attempts=1,
        stamps=Stamps(
            started=1_000 * MS,
            scheduled=None,
            connect_start=1_001 * MS,
            dns_end=1_002 * MS,
            tcp_end=1_004 * MS,
            tls_end=1_007 * MS,
            send_start=1_008 * MS,
            send_end=1_009 * MS,
            first_byte=1_100 * MS,
            headers=1_101 * MS,
            closed=1_401 * MS,
        ),
        build_ns=2 * MS,
        connection_reused=False,
        http_version="1.1",
        paced_ns=30 * MS,
        clock="fake",
        server_processing_s=0.09,
        piece_ns=array("q", [at * MS for at in (1_101, 1_200, 1_250, 1_350, 1_400)]),
        piece_bytes=array("q", [10, 20, 30, 20, 20]),
        event_ns=array("q", [at * MS for at in (1_101, 1_200, 1_250, 1_350, 1_400)]),
        event_kinds="xrcct",
        event_characters=array("q", [0, 4, 8, 4, 4]),
        finish_reason="stop",
        usage=Usage(
            tokens_in=5, tokens_out=10, tokens_reasoning=2, tokens_cached=0, tokens_cache_written=3, source="usage"
        ),
        cost_usd=0.0001,
        worker=None,
        host=None,
        region=None,
        side=None,
    )
    return dataclasses.replace(sample, **changes)


def test_every_row_of_the_table_is_computed_by_hand_here() -> None:
    """A new row needs a figure of its own."""
    assert BY_HAND.keys() == METRICS.keys()


@pytest.mark.parametrize("metric", BY_HAND)
def test_a_metric_is_what_its_stamps_add_up_to(metric: str) -> None:
    """The sample has a role chunk, then reasoning, two contents and a tool call."""
    assert METRICS[metric].take(by_hand()) == (
        None if BY_HAND[metric] is None else pytest.approx(BY_HAND[metric], abs=1e-12)
    )


def test_the_rows_are_keyed_by_their_ids_and_say_what_they_are() -> None:
    """Documentation, headings and columns come from the rows."""
    assert all(key == row.id and row.title and row.definition for key, row in METRICS.items())
    assert {row.id for row in METRICS.values() if row.direction == "higher"} == {"throughput"}
    assert {"ttft", "e2e"} <= set(GATED) < set(METRICS)


def test_an_open_loop_counts_from_the_planned_start() -> None:
    """Waiting for the client's own start is part of what a user of an open system waits."""
    sample = by_hand()
    late = dataclasses.replace(sample, stamps=dataclasses.replace(sample.stamps, scheduled=900_000_000))
    assert METRICS["e2e_scheduled"].take(late) == pytest.approx(0.5)
    assert METRICS["e2e"].take(late) == pytest.approx(0.4)


@pytest.mark.parametrize(("paced_ns", "lag_s"), [(None, 0.108), (30 * MS, 0.078)])
def test_what_a_rate_limit_held_back_is_not_the_clients_lateness(paced_ns: int | None, lag_s: float) -> None:
    """A user of an open system waits for it all the same, and no latency has it."""
    stamps = dataclasses.replace(by_hand().stamps, scheduled=900 * MS)
    paced = by_hand(stamps=stamps, paced_ns=paced_ns)
    assert METRICS["send_lag"].take(paced) == pytest.approx(lag_s)
    assert METRICS["e2e_scheduled"].take(paced) == pytest.approx(0.5)
    assert METRICS["e2e"].take(paced) == pytest.approx(0.4)


def test_a_reused_connection_has_no_connection_phases() -> None:
    """A stamp that did not happen gives no duration, never zero."""
    sample = by_hand()
    stamps = dataclasses.replace(sample.stamps, connect_start=None, dns_end=None, tcp_end=None, tls_end=None)
    reused = dataclasses.replace(sample, stamps=stamps)
    assert [METRICS[each].take(reused) for each in ("dns", "connect", "tls")] == [None, None, None]


def test_a_reply_without_generated_deltas_has_no_token_times() -> None:
    """Only control events arrived."""
    empty = by_hand(event_ns=array("q", [1_101_000_000]), event_kinds="x", event_characters=array("q", [0]))
    times = ("ttft", "e2e", "ttfo", "tpot", "icl", "max_stall", "throughput", "e2e_scheduled")
    assert [METRICS[each].take(empty) for each in times] == [None] * len(times)
    assert icl(empty) == []


def test_a_reply_of_reasoning_alone_has_a_first_token_and_no_first_output() -> None:
    """The two differ for reasoning models only."""
    thought = by_hand(event_ns=array("q", [1_200_000_000]), event_kinds="r", event_characters=array("q", [4]))
    assert METRICS["ttft"].take(thought) == pytest.approx(0.2)
    assert METRICS["ttfo"].take(thought) is None


def test_a_tool_call_is_output() -> None:
    """A reply that calls a tool at once has its first output there."""
    call = by_hand(event_ns=array("q", [1_200_000_000]), event_kinds="t", event_characters=array("q", [4]))
    assert METRICS["ttfo"].take(call) == pytest.approx(0.2)


def test_a_sample_without_usage_has_no_token_figures() -> None:
    """Tokens are never guessed from characters."""
    unknown = by_hand(usage=None, cost_usd=None, build_ns=None)
    names = ("tpot", "throughput", "tokens_in", "tokens_out", "tokens_reasoning", "cost", "client_overhead")
    assert [METRICS[each].take(unknown) for each in names] == [None] * len(names)


@pytest.mark.parametrize(
    ("tokens", "characters", "expected"),
    [
        (1, [4, 4, 4, 4], None),
        (None, [4, 4, 4, 4], None),
        (4, [9, 1, 1, 1], 0.2 / 3),
        (8, [4, 4, 4, 4], 0.2 / 6),
        (8, [1, 9, 9, 9], 0.2 / 7),
        (8, [0, 0, 0, 0], 0.2 / 7),
        (8, [4, 0, 0, 0], None),
    ],
    ids=["one", "unknown", "one-a-delta", "by-share", "at-least-one", "no-characters", "all-in-the-first"],
)
def test_the_tokens_of_the_first_delta_are_left_out_of_the_time_per_token(
    tokens: int | None, characters: list[int], expected: float | None
) -> None:
    """They go by the delta's share of the characters, one at least; one a delta where the counts agree."""
    sample = by_hand(event_characters=array("q", [0, *characters]))
    assert sample.usage is not None
    sample = dataclasses.replace(sample, usage=dataclasses.replace(sample.usage, tokens_out=tokens))
    assert METRICS["tpot"].take(sample) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("kinds", "reasoning", "expected"),
    [("xcccc", 6, 0.2 / 3), ("xcccc", None, 0.2 / 7.5), ("xrccc", 6, 0.2 / 7.5), ("xcccc", 9, None)],
    ids=["hidden", "none", "streamed", "a-single-one-left"],
)
def test_reasoning_that_was_not_streamed_is_left_out_of_the_time_per_token(
    kinds: str, reasoning: int | None, expected: float | None
) -> None:
    """Tokens that never arrived as deltas would make each of the others look faster."""
    sample = by_hand(event_kinds=kinds, event_characters=array("q", [0, 4, 4, 4, 4]))
    assert sample.usage is not None
    sample = dataclasses.replace(sample, usage=dataclasses.replace(sample.usage, tokens_reasoning=reasoning))
    assert METRICS["tpot"].take(sample) == (None if expected is None else pytest.approx(expected))


def test_a_single_delta_has_no_time_per_token() -> None:
    """A gap needs two arrivals."""
    single = by_hand(event_ns=array("q", [1_200_000_000]), event_kinds="c", event_characters=array("q", [4]))
    assert METRICS["tpot"].take(single) is None


def test_a_request_that_took_no_time_has_no_throughput() -> None:
    """There is nothing to divide by."""
    instant = by_hand(event_ns=array("q", [1_000_000_000]), event_kinds="c", event_characters=array("q", [4]))
    assert METRICS["throughput"].take(instant) is None


@pytest.mark.parametrize("status", ["error", "timeout", "refused", "cancelled"])
def test_a_failed_request_is_worse_than_every_success(status: str) -> None:
    """Infinitely slow, and with no throughput at all."""
    failed = by_hand(status=status)
    assert value(METRICS["ttft"], failed) == math.inf
    assert value(METRICS["throughput"], failed) == 0.0
    assert value(METRICS["ttft"], by_hand()) == pytest.approx(0.2)


def test_warm_up_is_not_measured() -> None:
    """Neither its samples nor its steps count."""
    run = nouns.run(samples=(by_hand(phase="warmup", step="first"), by_hand(step="second")))
    assert steps(run) == ("second",)
    assert measured(run, "first") == []
    assert [sample.step for sample in measured(run, "second")] == ["second"]


def test_steps_stand_in_the_order_of_their_first_appearance() -> None:
    """Reports show a conversation as it went."""
    run = nouns.run(samples=tuple(by_hand(step=step) for step in ("ask", "answer", "ask", None)))
    assert steps(run) == ("ask", "answer", None)


def test_a_series_has_one_value_for_each_measured_request() -> None:
    """Failed requests stand among the others, in their order."""
    run = nouns.run(samples=(by_hand(), by_hand(status="error", iteration=1), by_hand(iteration=2)))
    assert series(run, None, METRICS["ttft"]) == [pytest.approx(0.2), math.inf, pytest.approx(0.2)]


def test_an_iteration_that_never_reached_a_step_counts_as_failed_there() -> None:
    """Iteration 0 failed after the step and was measured; iteration 1 failed before it."""
    run = nouns.run(samples=(by_hand(step="answer"),), iteration_failures=((0, nouns.failure()), (1, nouns.failure())))
    assert series(run, "answer", METRICS["ttft"]) == [pytest.approx(0.2), math.inf]
    assert series(run, "answer", METRICS["throughput"]) == [pytest.approx(25.0), 0.0]


def test_each_failed_request_is_one_failure() -> None:
    """Iteration 1 is a failed request by its assertion; iteration 2 never reached the step."""
    raised, broken = nouns.failure("AssertionError", "too short"), nouns.failure("KeyError", "'prompt'")
    run = nouns.run(
        samples=(by_hand(), by_hand(iteration=1, status="error", failure=raised)),
        iteration_failures=((1, raised), (2, broken)),
    )
    assert requests(run, None).failures() == [raised, broken]
    assert series(run, None, METRICS["ttft"]) == [pytest.approx(0.2), math.inf, math.inf]


def test_a_metric_that_no_successful_request_has_gives_no_series() -> None:
    """Otherwise its only values would be those of the failures."""
    run = nouns.run(samples=(by_hand(usage=None), by_hand(status="error", iteration=1)))
    assert series(run, None, METRICS["tpot"]) == []


def test_a_run_without_a_success_is_all_failures() -> None:
    """A dead endpoint is the slowest, not an empty sample."""
    run = nouns.run(samples=(by_hand(status="error"), by_hand(status="timeout", iteration=1)))
    assert series(run, None, METRICS["tpot"]) == [math.inf, math.inf]


@pytest.mark.parametrize(("values", "expected"), [([], None), ([1.0, None], None), ([0.1] * 10, 1.0), ([0.0], 0.0)])
def test_a_total_is_known_only_when_every_part_is(values: list[float | None], expected: float | None) -> None:
    """A cost with an unknown part is unknown, and nothing costs nothing only if something was counted."""
    assert total(values) == expected


def test_an_inter_token_latency_is_a_gap_shared_by_the_tokens_of_its_chunk() -> None:
    """Ten tokens in 4, 8, 4 and 4 characters are 2, 4, 2 and 2: gaps of 50, 100 and 50 ms."""
    assert itl(by_hand()) == [
        (pytest.approx(0.0125), pytest.approx(4)),
        (pytest.approx(0.05), pytest.approx(2)),
        (pytest.approx(0.025), pytest.approx(2)),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"event_characters": array("q", [0, 1, 1, 1, 90])},
        {"event_characters": array("q", [0, 90, 1, 1, 1])},
        {"usage": Usage(tokens_in=5, tokens_out=4, tokens_reasoning=0, tokens_cached=0, tokens_cache_written=0,
                        source="usage")},
    ],
    ids=["shares", "a late burst", "an early burst", "a token a delta"],
)  # fmt: skip
def test_the_mean_inter_token_latency_is_the_time_per_output_token(changes: dict[str, Any]) -> None:
    """Whatever the chunks carry: both share the same seconds among the same tokens."""
    sample = by_hand(**changes)
    each = itl(sample)
    mean = sum(seconds * tokens for seconds, tokens in each) / sum(tokens for _, tokens in each)
    assert mean == pytest.approx(tpot(sample))


def test_without_a_token_count_there_is_no_inter_token_latency() -> None:
    """A gap between chunks is never called one."""
    assert itl(by_hand(usage=None)) == []


def test_a_failed_request_weighs_as_much_as_the_others_on_average() -> None:
    """So that a request that failed ranks above every token of those that did not."""
    failed = nouns.sample(1, None)
    run = nouns.run(samples=(by_hand(), failed))
    pairs = requests(run, None).weighted(METRICS["itl"])
    assert pairs[-1] == (math.inf, pytest.approx(8))
    assert len(pairs) == 4
    assert requests(nouns.run([None]), None).weighted(METRICS["itl"]) == []
